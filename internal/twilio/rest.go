package twilio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twilio/twilio-go/client"
	api "github.com/twilio/twilio-go/rest/api/v2010"
	lookups "github.com/twilio/twilio-go/rest/lookups/v2"
	messaging "github.com/twilio/twilio-go/rest/messaging/v1"
)

// ClientConfig holds the settings of a Client.
// Account and token are required. BaseURL may have a path of its own, below which Twilio's paths lie.
type ClientConfig struct {
	AccountSID string
	AuthToken  string
	BaseURL    string            // instead of Twilio's hosts (TWILIO_API_URL); empty = Twilio
	Timeout    time.Duration     // of one request; 0 = 10 s
	Transport  http.RoundTripper // nil = one of its own
}

// Client calls Twilio's REST API. It repeats nothing by itself: creating a text or a call is not
// idempotent (twilio.md §5, §6), so whoever asked decides by the Error's Kind.
// It is safe for concurrent use.
type Client struct {
	account   string
	token     string
	base      *url.URL
	timeout   time.Duration
	transport http.RoundTripper
}

const (
	defaultTimeout = 10 * time.Second
	maxReply       = 4 << 20 // a page of texts is the largest reply

	// originalHost is the header that tells a stand-in which of Twilio's hosts was meant.
	originalHost = "X-Twilio-Host"
)

var (
	credentialShape = regexp.MustCompile(`^[A-Za-z0-9]+$`) // what twilio-go lets through
	sidShape        = regexp.MustCompile(`^[A-Z]{2}[A-Za-z0-9]{4,64}$`)
)

// NewClient makes a Client and checks its settings; it sends nothing. Its errors do not quote the
// credentials.
func NewClient(cfg ClientConfig) (*Client, error) {
	// Shapes only: whether the credentials are right shows at the first request.
	if !sidShape.MatchString(cfg.AccountSID) {
		return nil, errors.New("twilio: the account SID is missing or has an odd shape")
	}
	if !credentialShape.MatchString(cfg.AuthToken) {
		return nil, errors.New("twilio: the auth token is missing or holds something else than letters and digits")
	}
	c := &Client{account: cfg.AccountSID, token: cfg.AuthToken, timeout: cfg.Timeout, transport: cfg.Transport}
	if cfg.BaseURL != "" {
		u, err := url.Parse(cfg.BaseURL)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, errors.New("twilio: the API URL is not an absolute http(s) URL")
		}
		c.base = u
	}
	if c.timeout <= 0 {
		c.timeout = defaultTimeout
	}
	if c.transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 64 // all requests go to one host; the default of 2 would open a connection each
		c.transport = t
	}
	return c, nil
}

// String hides the token.
func (c Client) String() string { return "twilio client of account " + loggable(c.account) }

// Format hides the token from every verb of fmt.
func (c Client) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// services are twilio-go's services, made for one request.
type services struct {
	api       *api.ApiService
	messaging *messaging.ApiService
	lookups   *lookups.ApiService
}

// do runs one request of twilio-go's under ctx and returns nil or an *Error. twilio-go takes no
// context, gives a client of one's own no time-out, follows redirects (and posts again on a 307),
// reads an edge and a region from the environment, and loses the status of an answer that is not
// JSON (twilio.md §9). So each request gets a client of its own, whose transport binds the context
// and records what happened.
//
// call may make several requests of one service; the outcome is that of the last. Nothing of twilio-go's is
// shared between requests, so there is nothing to lock.
func (c *Client) do(ctx context.Context, op string, call func(services) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	wire := &exchange{ctx: ctx, base: c.base, next: c.transport}
	tc := &client.Client{
		Credentials: client.NewCredentials(c.account, c.token),
		HTTPClient: &http.Client{
			Transport:     wire,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	tc.SetAccountSid(c.account)
	h := client.NewRequestHandler(tc)
	// They change the host, and a stray variable of the environment must not.
	h.Edge, h.Region = "", ""
	return wire.outcome(op, call(services{api: api.NewApiService(h), messaging: messaging.NewApiService(h), lookups: lookups.NewApiService(h)}))
}

// exchange is the transport of one request. It records how far the request came, so that a failure
// can say what it proves.
// The flags are atomic because the transport may set them from another goroutine.
type exchange struct {
	ctx  context.Context
	base *url.URL
	next http.RoundTripper

	tried              bool        // the request was handed to the next transport
	connAsked, connGot atomic.Bool // that transport asked for a connection; it got one, so the request may have arrived
	status             int         // 0 = no answer
	retryAfter         string
}

// neverSent reports whether it is certain that nothing was sent: no transport was asked, or it
// asked for a connection and got none. A transport that traces nothing gives no such certainty, and
// then the request may have been carried out.
// Only this makes a create safe to send again, so every doubt counts as sent.
func (w *exchange) neverSent() bool { return !w.tried || w.connAsked.Load() && !w.connGot.Load() }

// RoundTrip sends the request, to BaseURL if one is set, and reads the whole answer, so that the
// connection is used again even where twilio-go forgets to close a body.
// RoundTrip implements http.RoundTripper. A reply that cannot be read whole is an error without a status:
// what was done is not known.
func (w *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := w.ctx.Err(); err != nil {
		return nil, err
	}
	w.tried = true
	trace := &httptrace.ClientTrace{
		GetConn: func(string) { w.connAsked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { w.connGot.Store(true) },
	}
	// The original belongs to twilio-go, and a RoundTripper may not change it.
	req = req.Clone(httptrace.WithClientTrace(w.ctx, trace))
	// A stand-in serves all of Twilio's hosts at one address and is told which was meant.
	if w.base != nil {
		req.Header.Set(originalHost, req.URL.Host)
		moved := *w.base
		moved.Path, moved.RawQuery = strings.TrimRight(w.base.Path, "/")+req.URL.Path, req.URL.RawQuery
		req.URL, req.Host = &moved, ""
	}
	res, err := w.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	// A longer reply is cut off; what is left is no JSON then, and the outcome Unknown.
	body, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
	if err != nil {
		return nil, err
	}
	w.status, w.retryAfter = res.StatusCode, res.Header.Get("Retry-After")
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}
