package twilio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"duebell/internal/twilio"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const (
	account = "ACdev00000000000000000000000000000"
	token   = "devtoken0000000000000000000000000"
	smSID   = "SM00000000000000000000000000000001"
)

// server is a Twilio that answers as told and keeps the requests.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	forms    []url.Values
}

func serve(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		s.requests, s.forms = append(s.requests, r), append(s.forms, form)
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// seen are the requests so far and their forms.
func (s *server) seen() ([]*http.Request, []url.Values) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests, s.forms
}

func (s *server) request(i int) *http.Request { r, _ := s.seen(); return r[i] }
func (s *server) form(i int) url.Values       { _, f := s.seen(); return f[i] }
func (s *server) count() int                  { r, _ := s.seen(); return len(r) }

func reply(status int, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func dial(t *testing.T, base string) *twilio.Client {
	t.Helper()
	c, err := twilio.NewClient(twilio.ClientConfig{AccountSID: account, AuthToken: token, BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func text() twilio.SMS {
	return twilio.SMS{To: "+16175550101", MessagingServiceSID: "MG00000000000000000000000000000001", Body: "Health Connector: hello.", StatusCallback: "https://pay.example.org/twilio/sms/status/n1"}
}

func TestSendSMS(t *testing.T) {
	s := serve(t, reply(201, `{"sid":"`+smSID+`","status":"accepted","num_segments":"0"}`))
	m := text()
	m.ValidityPeriod = 2 * time.Hour
	got, err := dial(t, s.URL).SendSMS(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(twilio.SentMessage{SID: smSID, Status: twilio.MessageAccepted}, got); diff != "" {
		t.Error(diff)
	}
	r := s.request(0)
	if want := "/2010-04-01/Accounts/" + account + "/Messages.json"; r.URL.Path != want || r.Method != http.MethodPost {
		t.Errorf("%s %s, want POST %s", r.Method, r.URL.Path, want)
	}
	if user, password, ok := r.BasicAuth(); !ok || user != account || password != token {
		t.Error("credentials are not ours")
	}
	if got := r.Header.Get("X-Twilio-Host"); got != "api.twilio.com" {
		t.Errorf("original host %q", got)
	}
	want := url.Values{"To": {m.To}, "MessagingServiceSid": {m.MessagingServiceSID}, "Body": {m.Body}, "StatusCallback": {m.StatusCallback}, "ValidityPeriod": {"7200"}}
	if diff := cmp.Diff(want, s.form(0)); diff != "" {
		t.Error(diff)
	}

	m = text()
	m.MessagingServiceSID, m.From = "", "+18776236765"
	if _, err := dial(t, s.URL+"/under/a/path").SendSMS(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if s.form(1).Get("From") != m.From || s.form(1).Has("MessagingServiceSid") || s.form(1).Has("ValidityPeriod") {
		t.Errorf("sent %v", s.form(1))
	}
	if !strings.HasPrefix(s.request(1).URL.Path, "/under/a/path/2010-04-01/") {
		t.Errorf("path %s", s.request(1).URL.Path)
	}
}

func TestSendSMSRefusesBeforeSending(t *testing.T) {
	s := serve(t, reply(201, `{"sid":"`+smSID+`"}`))
	c := dial(t, s.URL)
	for name, tt := range map[string]struct {
		change func(*twilio.SMS)
		kind   twilio.ErrorKind
	}{
		"to a word":        {func(m *twilio.SMS) { m.To = "anonymous" }, twilio.Refused},
		"to a path":        {func(m *twilio.SMS) { m.To = "+1617/../5" }, twilio.Refused},
		"empty":            {func(m *twilio.SMS) { m.Body = "" }, twilio.Misconfigured},
		"long":             {func(m *twilio.SMS) { m.Body = strings.Repeat("a", 1601) }, twilio.Misconfigured},
		"two senders":      {func(m *twilio.SMS) { m.From = "+18776236765" }, twilio.Misconfigured},
		"no sender":        {func(m *twilio.SMS) { m.MessagingServiceSID = "" }, twilio.Misconfigured},
		"no callback":      {func(m *twilio.SMS) { m.StatusCallback = "" }, twilio.Misconfigured},
		"relative":         {func(m *twilio.SMS) { m.StatusCallback = "/twilio/sms/status" }, twilio.Misconfigured},
		"valid for a week": {func(m *twilio.SMS) { m.ValidityPeriod = 7 * 24 * time.Hour }, twilio.Misconfigured},
		"valid for no time": {func(m *twilio.SMS) {
			m.ValidityPeriod = time.Millisecond
		}, twilio.Misconfigured},
	} {
		m := text()
		tt.change(&m)
		_, err := c.SendSMS(t.Context(), m)
		if e, ok := twilio.AsError(err); !ok || e.Kind != tt.kind {
			t.Errorf("%s: %v, want kind %s", name, err, tt.kind)
		}
	}
	if s.count() != 0 {
		t.Errorf("%d requests were sent", s.count())
	}
}

// TestErrorKinds: each answer, or lack of one, gets the kind that says whether the request may have
// been carried out.
func TestErrorKinds(t *testing.T) {
	twilioError := func(status, code int) func(http.ResponseWriter, *http.Request) {
		return reply(status, fmt.Sprintf(`{"code":%d,"message":"The 'To' number +16175550101 is bad","more_info":"x","status":%d}`, code, status))
	}
	tests := []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request)
		want   twilio.Error
	}{
		{"bad number", twilioError(400, 21211), twilio.Error{Kind: twilio.Refused, Code: 21211, Status: 400, Trouble: twilio.WrongNumber}},
		{"opted out", twilioError(400, 21610), twilio.Error{Kind: twilio.Refused, Code: 21610, Status: 400, Trouble: twilio.OptedOut}},
		{"a code nobody knows", twilioError(400, 29999), twilio.Error{Kind: twilio.Refused, Code: 29999, Status: 400, Trouble: twilio.Other}},
		{"our sender", twilioError(400, 21606), twilio.Error{Kind: twilio.Misconfigured, Code: 21606, Status: 400, Trouble: twilio.AccountTrouble}},
		{"our token", twilioError(401, 20003), twilio.Error{Kind: twilio.Misconfigured, Code: 20003, Status: 401, Trouble: twilio.AccountTrouble}},
		{"our token, in HTML", reply(403, "<html>"), twilio.Error{Kind: twilio.Misconfigured, Status: 403}},
		{"too many", twilioError(429, 20429), twilio.Error{Kind: twilio.RateLimited, Code: 20429, Status: 429, Trouble: twilio.TryLater}},
		{"too many, in words", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(429)
		}, twilio.Error{Kind: twilio.RateLimited, Status: 429, RetryAfter: 7 * time.Second}},
		{"their fault, in JSON", twilioError(500, 20500), twilio.Error{Kind: twilio.Unknown, Code: 20500, Status: 500, Trouble: twilio.Other}},
		{"their fault, in HTML", reply(503, "<html>down</html>"), twilio.Error{Kind: twilio.Unknown, Status: 503}},
		{"something between us answers", reply(404, "<html>not here</html>"), twilio.Error{Kind: twilio.Unknown, Status: 404}},
		{"success in HTML", reply(200, "<html>fine</html>"), twilio.Error{Kind: twilio.Unknown, Status: 200}},
		{"success without a body", reply(201, ""), twilio.Error{Kind: twilio.Unknown, Status: 201}},
		{"success without a SID", reply(201, "{}"), twilio.Error{Kind: twilio.Unknown, Status: 200}},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, twilio.Error{Kind: twilio.Unknown, Status: 307}},
		{"redirect with a SID", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusPermanentRedirect)
			_, _ = io.WriteString(w, `{"sid":"`+smSID+`"}`)
		}, twilio.Error{Kind: twilio.Unknown, Status: 308}},
		{"accepted, then the reply is lost", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		}, twilio.Error{Kind: twilio.Unknown}},
		{"the reply breaks off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(201)
			_, _ = io.WriteString(w, `{"sid":"SM0`)
		}, twilio.Error{Kind: twilio.Unknown}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, tt.answer)
			_, err := dial(t, s.URL).SendSMS(t.Context(), text())
			got, ok := twilio.AsError(err)
			if !ok {
				t.Fatalf("error %v, want one of ours", err)
			}
			tt.want.Op = "send text"
			if diff := cmp.Diff(tt.want, *got, cmpopts.IgnoreUnexported(twilio.Error{})); diff != "" {
				t.Error(diff)
			}
			if want := got.Kind == twilio.RateLimited; got.Retryable() != want {
				t.Errorf("may repeat: %v", got.Retryable())
			}
			if s.count() != 1 {
				t.Errorf("%d requests, want 1: a create is not idempotent", s.count())
			}
			if strings.Contains(fmt.Sprintf("%v %+v", err, err), "617") {
				t.Errorf("the error quotes the number: %v", err)
			}
		})
	}
}

func TestNothingListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = dial(t, base).SendSMS(t.Context(), text())
	if e, ok := twilio.AsError(err); !ok || e.Kind != twilio.Unreachable || !e.Retryable() {
		t.Errorf("%v, want unreachable", err)
	}
}

// TestFailureOfASilentTransportIsUnknown: a transport that tells nothing of connections gives no
// certainty that nothing was sent.
func TestFailureOfASilentTransportIsUnknown(t *testing.T) {
	c, err := twilio.NewClient(twilio.ClientConfig{AccountSID: account, AuthToken: token, Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("broken")
	})})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.SendSMS(t.Context(), text())
	if e, ok := twilio.AsError(err); !ok || e.Kind != twilio.Unknown {
		t.Errorf("%v, want unknown", err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTimeOut(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	c, err := twilio.NewClient(twilio.ClientConfig{AccountSID: account, AuthToken: token, BaseURL: s.URL, Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.SendSMS(t.Context(), text())
	if e, ok := twilio.AsError(err); !ok || e.Kind != twilio.Unknown || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want unknown, deadline exceeded", err)
	}
}

func TestContext(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	var arrived atomic.Int32
	s := serve(t, func(http.ResponseWriter, *http.Request) {
		arrived.Add(1)
		cancel()
		<-release
	})
	_, err := dial(t, s.URL).SendSMS(ctx, text())
	if e, ok := twilio.AsError(err); !ok || e.Kind != twilio.Unknown || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled on the way: %v, want unknown, canceled", err)
	}
	_, err = dial(t, s.URL).SendSMS(ctx, text())
	if e, ok := twilio.AsError(err); !ok || e.Kind != twilio.Unreachable {
		t.Errorf("cancelled before: %v, want unreachable: nothing was sent", err)
	}
	if arrived.Load() != 1 {
		t.Errorf("%d requests arrived", arrived.Load())
	}
}

// TestTheEnvironmentChangesNothing: twilio-go would read an edge and a region from it.
func TestTheEnvironmentChangesNothing(t *testing.T) {
	t.Setenv("TWILIO_EDGE", "dublin")
	t.Setenv("TWILIO_REGION", "ie1")
	t.Setenv("TWILIO_ACCOUNT_SID", "ACother")
	t.Setenv("TWILIO_AUTH_TOKEN", "other")
	s := serve(t, reply(201, `{"sid":"`+smSID+`"}`))
	if _, err := dial(t, s.URL).SendSMS(t.Context(), text()); err != nil {
		t.Fatal(err)
	}
	r := s.request(0)
	if user, _, _ := r.BasicAuth(); user != account || r.Header.Get("X-Twilio-Host") != "api.twilio.com" {
		t.Errorf("sent as %s to %s", user, r.Header.Get("X-Twilio-Host"))
	}
}

func TestWithoutOverrideTwilioItselfIsAsked(t *testing.T) {
	var asked string
	c, err := twilio.NewClient(twilio.ClientConfig{AccountSID: account, AuthToken: token, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		asked = r.URL.Scheme + "://" + r.URL.Host + r.Header.Get("X-Twilio-Host")
		return &http.Response{StatusCode: 201, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"sid":"` + smSID + `"}`))}, nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SendSMS(t.Context(), text()); err != nil || asked != "https://api.twilio.com" {
		t.Errorf("asked %s (%v)", asked, err)
	}
}

func TestNewClientRefuses(t *testing.T) {
	for name, cfg := range map[string]twilio.ClientConfig{
		"nothing":      {},
		"no token":     {AccountSID: account},
		"odd token":    {AccountSID: account, AuthToken: "a-b_SECRET"},
		"odd account":  {AccountSID: "AC/../x", AuthToken: token},
		"relative URL": {AccountSID: account, AuthToken: token, BaseURL: "localhost:1"},
	} {
		if _, err := twilio.NewClient(cfg); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := dial(t, "")
	if shown := fmt.Sprintf("%v %+v %#v %s", c, c, *c, c); strings.Contains(shown, token) {
		t.Error("the token shows")
	}
}
