package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" // what Twilio signs with
	"encoding/base64"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"duebell/internal/twilio"
	"duebell/notify"
	"duebell/notify/webhook"
)

const (
	token     = "devtoken0000000000000000000000000"
	publicURL = "https://pay.example.org"
)

// spy records what the handlers pass on.
type spy struct {
	incoming []notify.Incoming
	reports  []notify.StatusCallback
	err      error
}

func (s *spy) Receive(_ context.Context, t notify.Incoming) error {
	s.incoming = append(s.incoming, t)
	return s.err
}

func (s *spy) Delivered(_ context.Context, d notify.StatusCallback) error {
	s.reports = append(s.reports, d)
	return s.err
}

// post sends a form as Twilio does, signed with a token, and returns the response.
func post(t *testing.T, s *spy, signedWith, pathAndQuery string, form url.Values) *http.Response {
	t.Helper()
	v, err := twilio.NewValidator(publicURL, token)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	log := slog.New(slog.DiscardHandler)
	mux.Handle("POST "+webhook.IncomingPath, webhook.Incoming(v, s, log))
	mux.Handle("POST "+webhook.StatusPath, webhook.Status(v, s, log))
	signed := publicURL + pathAndQuery
	for _, name := range slices.Sorted(maps.Keys(form)) {
		signed += name + form.Get(name)
	}
	mac := hmac.New(sha1.New, []byte(signedWith))
	mac.Write([]byte(signed))
	r := httptest.NewRequest(http.MethodPost, pathAndQuery, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w.Result()
}

var text = url.Values{"MessageSid": {"SM1"}, "From": {"+16175550101"}, "To": {"+18776236765"}, "Body": {"alto"}, "OptOutType": {"STOP"}}

// TestIncoming: a signed text reaches the inbox, and the answer is an empty document.
func TestIncoming(t *testing.T) {
	s := &spy{}
	res := post(t, s, token, webhook.IncomingPath, text)
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/xml") {
		t.Errorf("status %d, content type %q", res.StatusCode, res.Header.Get("Content-Type"))
	}
	want := []notify.Incoming{{SID: "SM1", From: "+16175550101", Body: "alto", OptOutType: "STOP"}}
	if diff := cmp.Diff(want, s.incoming); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestStatus: the reference in our own URL comes back with the carrier's status and what it means.
func TestStatus(t *testing.T) {
	s := &spy{}
	form := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"undelivered"}, "ErrorCode": {"30006"}}
	res := post(t, s, token, webhook.StatusPath+"?n=abc", form)
	if res.StatusCode != http.StatusNoContent {
		t.Errorf("status %d", res.StatusCode)
	}
	want := []notify.StatusCallback{{Reference: "abc", SID: "SM1", Status: "undelivered", Code: 30006, Trouble: notify.Landline}}
	if diff := cmp.Diff(want, s.reports); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRefusals: nothing is accepted without a valid signature, also when only the reference was exchanged.
func TestRefusals(t *testing.T) {
	status := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"sent"}}
	tests := []struct {
		name, token, path string
		form              url.Values
		err               error
		want              int
		reached           bool
	}{
		{"another's signature on a text", "x", webhook.IncomingPath, text, nil, http.StatusForbidden, false},
		{"another's signature on a status", "x", webhook.StatusPath + "?n=abc", status, nil, http.StatusForbidden, false},
		{"no reference", token, webhook.StatusPath, status, nil, http.StatusBadRequest, false},
		{"no text", token, webhook.IncomingPath, url.Values{"From": {"+16175550101"}}, nil, http.StatusBadRequest, false},
		{"the text cannot be stored", token, webhook.IncomingPath, text, errors.New("down"), http.StatusInternalServerError, true},
		{"the status cannot be stored", token, webhook.StatusPath + "?n=abc", status, errors.New("down"), http.StatusInternalServerError, true},
		{"the status of a stranger's text", token, webhook.StatusPath + "?n=abc", status, notify.ErrNoSuchText, http.StatusNoContent, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &spy{err: tt.err}
			if res := post(t, s, tt.token, tt.path, tt.form); res.StatusCode != tt.want {
				t.Errorf("status %d, want %d", res.StatusCode, tt.want)
			}
			if got := len(s.incoming)+len(s.reports) > 0; got != tt.reached {
				t.Errorf("reached: %v, want %v", got, tt.reached)
			}
		})
	}
}
