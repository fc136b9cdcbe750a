package webhook_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"duebell/internal/twilio"
	"duebell/ivr/webhook"
	standin "duebell/lab/twilio"
)

// FuzzWebhook posts anything, rightly signed, to any of our URLs. What comes back is TwiML that
// Twilio takes, the same when the same is posted again, or a refusal of the request as such.
func FuzzWebhook(f *testing.F) {
	paths := []string{
		webhook.IncomingPath, turnPath(0), turnPath(1), turnPath(2), turnPath(999999), again(0, 1), again(1, 3),
		webhook.FallbackPath, webhook.StatusPath,
	}
	f.Add(0, "CallSid=CA1&From=%2B16175550101&To=%2B18776236765&StirVerstat=TN-Validation-Passed-A")
	f.Add(2, "CallSid=CA1&Digits=712345678")
	f.Add(3, "CallSid=CA1&SpeechResult=I+authorize&Confidence=0.9&Digits=")
	f.Add(2, "CallSid=CA1&Result=success&PaymentToken=pm_1&PaymentCardNumber=xxxxxxxxxxxx4242&PayErrorCode=64012")
	f.Add(2, "CallSid=CA1&DialCallStatus=completed&DialBridged=true")
	f.Add(7, "CallSid=CA1&ErrorCode=11200&ErrorUrl=https%3A%2F%2Fpay.example.org%2Ftwilio%2Fvoice%2Fturn%2F1")
	f.Add(8, "CallSid=CA1&CallStatus=completed")
	f.Add(2, "CallSid=%7BCA1%7D&Digits=%00%FF*%23&From=anonymous&To=x")
	f.Fuzz(func(t *testing.T, which int, body string) {
		l := open(t, inMemory(&memory{}), withAgents)
		l.says("turn 0", webhook.IncomingPath)
		path := paths[max(which, -which)&0xff%len(paths)]
		form, _ := url.ParseQuery(body)
		post := func() *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("X-Twilio-Signature", standin.Sign(token, publicURL+path, form, standin.PortKept))
			w := httptest.NewRecorder()
			l.router.ServeHTTP(w, r)
			return w
		}
		first, repeat := post(), post()
		switch first.Code {
		case http.StatusOK:
			if first.Header().Get("Content-Type") != twilio.ContentType {
				t.Errorf("content type %q", first.Header().Get("Content-Type"))
			}
			for _, problem := range standin.CheckVoice(first.Body.Bytes(), true) {
				t.Errorf("Twilio would not take %s\n%s", first.Body, problem)
			}
			// A fallback that does not say which URL failed has nothing to repeat.
			if path != webhook.FallbackPath && first.Body.String() != repeat.Body.String() {
				t.Errorf("%s\nrepeated:\n%s", first.Body, repeat.Body)
			}
		case http.StatusNoContent, http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusBadRequest:
		default:
			t.Errorf("status %d", first.Code)
		}
		if log := l.log.String(); strings.Contains(log, `"level":"ERROR"`) {
			t.Errorf("an error of ours: %s", log)
		}
	})
}
