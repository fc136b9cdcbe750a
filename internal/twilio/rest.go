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

// ClientConfig is what a Client needs.
type ClientConfig struct {
	AccountSID string
	AuthToken  string
	BaseURL    string            // instead of Twilio's hosts (TWILIO_API_URL); empty = Twilio
	Timeout    time.Duration     // of one request; 0 = 10 s
	Transport  http.RoundTripper // nil = one of its own
}

// Client talks to Twilio's REST API. Nothing is repeated by itself: creating a text or a call is
// not idempotent, so the caller decides by the kind of the Error.
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

	// originalHost carries Twilio's own host name to whatever stands in for it.
	originalHost = "X-Twilio-Host"
)

var (
	credentialShape = regexp.MustCompile(`^[A-Za-z0-9]+$`) // what twilio-go lets through
	sidShape        = regexp.MustCompile(`^[A-Z]{2}[A-Za-z0-9]{4,64}$`)
)

// NewClient checks the configuration; it sends nothing. Its errors do not quote the credentials.
func NewClient(cfg ClientConfig) (*Client, error) {
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

// services are twilio-go's, made for one request.
type services struct {
	api       *api.ApiService
	messaging *messaging.ApiService
	lookups   *lookups.ApiService
}

// do runs one request of twilio-go's under ctx. twilio-go knows no context, no time-out for a
// client of one's own, follows redirects (and posts again on a 307), reads an edge and a region
// from the environment, and loses the status of an answer that is not JSON. So each request gets
// a client of its own, whose transport binds the context and takes down what happened.
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
	h.Edge, h.Region = "", ""
	return wire.outcome(op, call(services{api: api.NewApiService(h), messaging: messaging.NewApiService(h), lookups: lookups.NewApiService(h)}))
}

// wire carries one request and remembers what became of it.
type exchange struct {
	ctx  context.Context
	base *url.URL
	next http.RoundTripper

	tried              bool        // handed to the next transport
	connAsked, connGot atomic.Bool // that transport asked for a connection; it got one, so the request may have arrived
	status             int         // 0 = no answer
	retryAfter         string
}

// unsent is certain that nothing left us. A transport that traces nothing gives no such certainty.
func (w *exchange) neverSent() bool { return !w.tried || w.connAsked.Load() && !w.connGot.Load() }

// RoundTrip sends the request, to the stand-in if one is set, and reads the whole answer, so that
// connections are used again even where twilio-go forgets to close a body.
func (w *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := w.ctx.Err(); err != nil {
		return nil, err
	}
	w.tried = true
	trace := &httptrace.ClientTrace{
		GetConn: func(string) { w.connAsked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { w.connGot.Store(true) },
	}
	req = req.Clone(httptrace.WithClientTrace(w.ctx, trace))
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
	body, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
	if err != nil {
		return nil, err
	}
	w.status, w.retryAfter = res.StatusCode, res.Header.Get("Retry-After")
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}
