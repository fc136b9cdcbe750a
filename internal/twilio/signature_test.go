package twilio_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"duebell/internal/twilio"
)

type vector struct {
	Name        string     `json:"name"`
	Valid       bool       `json:"valid"`
	Note        string     `json:"note"`
	AuthToken   string     `json:"authToken"`
	Method      string     `json:"method"`
	URL         string     `json:"url"`
	ContentType string     `json:"contentType"`
	Params      url.Values `json:"params"`
	Body        string     `json:"body"`
	Signature   string     `json:"signature"`
}

// request splits the vector's URL into the public URL of the configuration and the request as a
// server sees it.
func (v vector) request(t *testing.T) (publicURL string, r *http.Request, body []byte) {
	t.Helper()
	scheme, rest, _ := strings.Cut(v.URL, "://")
	host, path, _ := strings.Cut(rest, "/")
	path, _, _ = strings.Cut("/"+path, "#") // a client does not send the fragment
	body = []byte(v.Body)
	if v.Body == "" && len(v.Params) > 0 {
		body = []byte(v.Params.Encode())
	}
	r = httptest.NewRequest(v.Method, "/", strings.NewReader(string(body)))
	r.RequestURI = path
	r.Host = "inner.internal:8080" // must not matter
	if v.ContentType != "" {
		r.Header.Set("Content-Type", v.ContentType)
	}
	if v.Signature != "" {
		r.Header.Set("X-Twilio-Signature", v.Signature)
	}
	return scheme + "://" + host, r, body
}

func vectors(t *testing.T) []vector {
	t.Helper()
	raw, err := os.ReadFile("../../testdata/vectors/signature.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 33 {
		t.Fatalf("%d vectors, want 33", len(all))
	}
	return all
}

func TestSignatureVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			publicURL, r, body := v.request(t)
			validator, err := twilio.NewValidator(publicURL, v.AuthToken)
			if err != nil {
				t.Fatal(err)
			}
			if err := validator.Verify(r, body); (err == nil) != v.Valid {
				t.Errorf("verify: %v; valid should be %v: %s", err, v.Valid, v.Note)
			}
			// The same during a rotation, whichever of the two tokens signs.
			for _, tokens := range [][]string{{v.AuthToken, "other"}, {"other", v.AuthToken}, {"", v.AuthToken}} {
				validator, err := twilio.NewValidator(publicURL, tokens...)
				if err != nil {
					t.Fatal(err)
				}
				if err := validator.Verify(r, body); (err == nil) != v.Valid {
					t.Errorf("rotation: %v; valid should be %v", err, v.Valid)
				}
			}
			// And through the handler: a refused request reaches nobody and is a 403.
			reached := false
			w := httptest.NewRecorder()
			validator.Handle(func(_ http.ResponseWriter, _ *http.Request, form url.Values) {
				reached = true
				for _, dropped := range []string{"BankRoutingNumber", "ExpirationDate", "SecurityCode", "PaymentCardPostalCode"} {
					if form.Has(dropped) {
						t.Errorf("%s reached the handler", dropped)
					}
				}
			}).ServeHTTP(w, r)
			formOrGet := v.Body == ""
			if reached != (v.Valid && formOrGet) {
				t.Errorf("handler reached: %v", reached)
			}
			if !v.Valid && w.Code != http.StatusForbidden {
				t.Errorf("status %d, want 403", w.Code)
			}
		})
	}
}

func signed(t *testing.T, contentType, body, signature string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/twilio/voice/incoming", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	if signature != "" {
		r.Header.Set("X-Twilio-Signature", signature)
	}
	return r
}

func TestVerifyCornerCases(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	v, err := twilio.NewValidator("https://ivr.example.org", "12345")
	if err != nil {
		t.Fatal(err)
	}
	bodyWithSemicolon := "Body=a;b"
	// Made by hand, with: printf %s URL+fields | openssl dgst -sha1 -hmac 12345 -binary | base64
	const semicolonSignature = "74osSYSuMupg5t8/7T1pr358WGY="
	const emptySignature = "JPF7l8caDrAccAFHwHnhNrtTB78="
	tests := []struct {
		name string
		r    *http.Request
		body string
		ok   bool
	}{
		{"raw semicolon", signed(t, form, bodyWithSemicolon, semicolonSignature), bodyWithSemicolon, true},
		{"charset in the content type", signed(t, form+"; charset=UTF-8", bodyWithSemicolon, semicolonSignature), bodyWithSemicolon, true},
		{"nothing at all", signed(t, "", "", emptySignature), "", true},
		{"unsigned body under the signature of the URL", signed(t, "", "Digits=1", emptySignature), "Digits=1", false},
		{"unsigned text body", signed(t, "text/plain", "Digits=1", emptySignature), "Digits=1", false},
		{"bad percent", signed(t, form, "a=%zz", emptySignature), "a=%zz", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := v.Verify(tt.r, []byte(tt.body)); (err == nil) != tt.ok {
				t.Errorf("verify: %v", err)
			}
		})
	}

	two := signed(t, form, bodyWithSemicolon, semicolonSignature)
	two.Header.Add("X-Twilio-Signature", semicolonSignature)
	absolute := signed(t, form, bodyWithSemicolon, semicolonSignature)
	absolute.RequestURI = "https://ivr.example.org/twilio/voice/incoming"
	put := signed(t, form, bodyWithSemicolon, semicolonSignature)
	put.Method = http.MethodPut
	getWithBody := signed(t, form, bodyWithSemicolon, emptySignature)
	getWithBody.Method = http.MethodGet
	for name, r := range map[string]*http.Request{"two signatures": two, "absolute request URI": absolute, "PUT": put, "GET with a body": getWithBody} {
		if err := v.Verify(r, []byte(bodyWithSemicolon)); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestVerifyIPv6Host(t *testing.T) {
	// Twilio dropped the port; the brackets hold colons that are no port.
	v, err := twilio.NewValidator("https://[2001:db8::1]:8443", "12345")
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Verify(signed(t, "", "", "BeZmrtIem1spz8V+T4VEdg8Z0W0="), nil); err != nil {
		t.Error(err)
	}
}

func TestHandleReadsNoMoreThanTheLimit(t *testing.T) {
	v, err := twilio.NewValidator("https://ivr.example.org", "12345")
	if err != nil {
		t.Fatal(err)
	}
	h := v.Handle(func(http.ResponseWriter, *http.Request, url.Values) { t.Error("reached") })
	body := strings.Repeat("a", twilio.MaxBody+1)

	w := httptest.NewRecorder()
	h.ServeHTTP(w, signed(t, "application/x-www-form-urlencoded", body, "x"))
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d, want 413", w.Code)
	}

	unread := strings.NewReader(body)
	w = httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/", unread)
	h.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden || unread.Len() != len(body) {
		t.Errorf("without a signature: status %d, %d bytes read, want 403 and none", w.Code, len(body)-unread.Len())
	}
}

// TestHandleHidesTheRawBody: the handler gets the form without the dropped fields, and no body to
// parse again.
func TestHandleHidesTheRawBody(t *testing.T) {
	for _, v := range vectors(t) {
		if v.Name != "form-post-pay-action" {
			continue
		}
		publicURL, r, _ := v.request(t)
		validator, err := twilio.NewValidator(publicURL, v.AuthToken)
		if err != nil {
			t.Fatal(err)
		}
		validator.Handle(func(_ http.ResponseWriter, r *http.Request, form url.Values) {
			if form.Get("PaymentToken") != "pm_test_0001" {
				t.Error("the form lacks its token")
			}
			if err := r.ParseForm(); err != nil {
				t.Error(err)
			}
			if len(r.PostForm) != 0 {
				t.Errorf("the body can be read again: %d fields", len(r.PostForm))
			}
		}).ServeHTTP(httptest.NewRecorder(), r)
		return
	}
	t.Fatal("the vector is gone")
}

func TestNewValidatorRefuses(t *testing.T) {
	for _, tt := range [][]string{
		{"https://ivr.example.org"}, {"https://ivr.example.org", ""}, {"", "t"}, {"ivr.example.org", "t"}, {"ftp://x", "t"},
		{"https://x/?a=1", "t"}, {"https://x/#f", "t"}, {"https://%zz", "t"},
	} {
		if _, err := twilio.NewValidator(tt[0], tt[1:]...); err == nil {
			t.Errorf("%q was accepted", tt)
		}
	}
}

func TestValidatorHidesItsTokens(t *testing.T) {
	v, err := twilio.NewValidator("https://ivr.example.org", "tokenSECRET")
	if err != nil {
		t.Fatal(err)
	}
	if shown := fmt.Sprintf("%v %+v %#v %s %q %x", v, v, *v, v, v, v); strings.Contains(shown, "SECRET") {
		t.Error(shown)
	}
}
