package twilio

import (
	"errors"
	"io"
	"net/http"
	"net/url"
)

// MaxBody is the largest webhook body that is read, in bytes. Twilio's are a few kB.
const MaxBody = 64 << 10

// droppedFields are parts of a payment result that Twilio repeats in clear and that nobody here
// needs (twilio.md §2.1 (9)). They are dropped right after the check of the signature, which covers
// them: no session, stored input or log ever holds them (D1: secrets).
var droppedFields = []string{"BankRoutingNumber", "ExpirationDate", "SecurityCode", "PaymentCardPostalCode"}

// Handle returns a handler that calls h with the form of each request that Twilio signed, without
// the fields that nobody may keep. A missing or wrong signature is a 403; h never sees the raw
// body. The body is read once and no further than MaxBody.
//
// A GET passes with an empty form, if it is signed. Errors are plain text, not TwiML: whoever gets them is
// not Twilio, or sent what Twilio never sends.
func (v *Validator) Handle(h func(w http.ResponseWriter, r *http.Request, form url.Values)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(signatureHeader) == "" { // before anything is read
			http.Error(w, "signature missing", http.StatusForbidden)
			return
		}
		// The signature covers the body, so it must be read whole before anything is believed.
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			http.Error(w, "body too large", http.StatusRequestEntityTooLarge)
			return
		}
		if err != nil {
			http.Error(w, "body not read", http.StatusBadRequest)
			return
		}
		if err := v.Verify(r, body); err != nil {
			http.Error(w, "signature wrong", http.StatusForbidden)
			return
		}
		// Signed, but no form: no webhook of ours has another body.
		if r.Method == http.MethodPost && len(body) > 0 && !isForm(r) {
			http.Error(w, "want a form", http.StatusUnsupportedMediaType)
			return
		}
		form := url.Values{}
		if r.Method == http.MethodPost {
			if form, err = parseForm(body); err != nil {
				http.Error(w, "form not read", http.StatusBadRequest)
				return
			}
		}
		for _, name := range droppedFields {
			form.Del(name)
		}
		// The raw body still holds the dropped fields: it goes, and the request cannot be parsed
		// again.
		clear(body)
		r.Body, r.Form, r.PostForm = http.NoBody, nil, nil
		h(w, r, form)
	})
}
