package twilio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// webhook is one request that Twilio makes of the product.
type webhook struct {
	url     string // absolute, fragment and all
	method  string
	form    url.Values
	port    Port
	callSID string
	twiml   bool   // a document is awaited, so a lost reply matters
	token   string // I-Twilio-Idempotency-Token, equal across retries
}

// path is how faults and transcripts name the webhook.
func (w webhook) path() string { return pathOf(w.url) }

// pathOf returns the path of a URL, or ? when it is none.
func pathOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "?"
	}
	return u.Path
}

// reply is what the product answered.
type reply struct {
	status      int
	contentType string
	body        []byte
}

// same says whether two replies are equal to the byte.
func (r reply) same(other reply) bool {
	return r.status == other.status && r.contentType == other.contentType && bytes.Equal(r.body, other.body)
}

// deliveryError is a delivery that failed for good: Twilio's error code, and the kind of failure in the words of
// the connection overrides (ct, rt, 4xx, 5xx).
type deliveryError struct {
	code   int
	kind   string // ct, rt, 4xx, 5xx
	status int
}

// Error names kind and code.
func (l *deliveryError) Error() string {
	return fmt.Sprintf("delivery failed (%s, error %d)", l.kind, l.code)
}

// connectTime is the key under which a request's context carries the time in which its connection must stand.
type connectTime struct{}

// newClient makes the client of all deliveries. Its transport obeys the connect
// time of the request at hand; it never follows a redirect by itself.
func newClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		var dialer net.Dialer
		transport = &http.Transport{
			MaxIdleConns:        2048,
			MaxIdleConnsPerHost: 1024,
			IdleConnTimeout:     30 * time.Second,
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				if d, ok := ctx.Value(connectTime{}).(time.Duration); ok {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, d)
					defer cancel()
				}
				return dialer.DialContext(ctx, network, addr)
			},
		}
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// deliver makes the request as the overrides and the mode in force say. The
// error is a *lost when the product failed to answer.
func (t *Twilio) deliver(ctx context.Context, w webhook) (reply, error) {
	_, fragment, _ := strings.Cut(w.url, "#")
	rules, err := parseOverrides(fragment)
	if err != nil {
		_ = t.addFault(Fault{FaultOverrides, w.callSID, w.path(), err.Error()})
		rules = defaultOverrides()
	}
	ctx, cancel := context.WithTimeout(ctx, rules.total)
	defer cancel()
	w.token = t.newSID("")
	var failure *deliveryError
	for try := 0; try <= rules.retries; try++ {
		answer, err := t.attempt(ctx, w, rules)
		if err == nil {
			return answer, nil
		}
		if !errors.As(err, &failure) {
			return reply{}, err
		}
		if !rules.retriesOn(failure.kind) || ctx.Err() != nil {
			break
		}
	}
	return reply{}, failure
}

// attempt is one try, repeated where the mode says so.
func (t *Twilio) attempt(ctx context.Context, w webhook, rules overrides) (reply, error) {
	var answer reply
	var err error
	switch mode := t.webhookMode(); mode {
	case ModeRepeats:
		answer, err = t.oneAfterAnother(ctx, w, rules)
	case ModeRepeatsAtOnce:
		answer, err = t.atOnce(ctx, w, rules)
	default:
		answer, err = t.send(ctx, w, rules)
	}
	if err == nil && w.twiml && t.takeOnce(ModeDropsNextReply) {
		// The product has worked; its answer is lost on the way.
		return reply{}, &deliveryError{code: 11200, kind: "rt"}
	}
	return answer, err
}

// oneAfterAnother delivers two or three times; every answer must be the first.
func (t *Twilio) oneAfterAnother(ctx context.Context, w webhook, rules overrides) (reply, error) {
	first, err := t.send(ctx, w, rules)
	if err != nil {
		return first, err
	}
	t.mu.Lock()
	more := 1 + t.modes.counts[ModeRepeats]%2
	t.mu.Unlock()
	for range more {
		again, err := t.send(ctx, w, rules)
		t.compare(w, first, again, err)
	}
	return first, nil
}

// atOnce delivers three times side by side, uses the first answer, and demands
// that all be equal.
func (t *Twilio) atOnce(ctx context.Context, w webhook, rules overrides) (reply, error) {
	type result struct {
		reply
		err error
	}
	results := make(chan result, 3)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			answer, err := t.send(ctx, w, rules)
			results <- result{answer, err}
		})
	}
	all.Wait()
	close(results)
	first := <-results
	for next := range results {
		if first.err != nil {
			first = next
			continue
		}
		t.compare(w, first.reply, next.reply, next.err)
	}
	return first.reply, first.err
}

// compare blames an answer that is not byte for byte the first one. A repeat
// that got no answer at all (a killed process) proves nothing.
func (t *Twilio) compare(w webhook, first, again reply, err error) {
	var failure *deliveryError
	if errors.As(err, &failure) && failure.status == 0 {
		return
	}
	if err != nil || !first.same(again) {
		detail := fmt.Sprintf("a repeated request got another answer (status %d and %d, %d and %d bytes)", first.status, again.status, len(first.body), len(again.body))
		_ = t.addFault(Fault{FaultUnequalReplies, w.callSID, w.path(), detail})
	}
}

// send makes one HTTP request, to the next replica that takes connections.
func (t *Twilio) send(ctx context.Context, w webhook, rules overrides) (reply, error) {
	bases := t.bases(w.url)
	var answer reply
	var err error
	for _, base := range bases {
		answer, err = t.sendTo(ctx, w, rules, base)
		var failure *deliveryError
		if !errors.As(err, &failure) || failure.kind != "ct" {
			break
		}
	}
	return answer, err
}

// bases returns the replicas to try, in turn. A URL that is not the product's own
// goes where it says.
func (t *Twilio) bases(rawURL string) []string {
	bare, _, _ := strings.Cut(rawURL, "#")
	if len(t.cfg.Targets) == 0 || !strings.HasPrefix(bare, t.cfg.PublicURL+"/") {
		return []string{""}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.target++
	bases := make([]string, 0, len(t.cfg.Targets))
	for i := range t.cfg.Targets {
		bases = append(bases, strings.TrimSuffix(t.cfg.Targets[(t.target+i)%len(t.cfg.Targets)], "/"))
	}
	return bases
}

// sendTo makes the request to one replica within the overrides' times. A 3xx is an answer: Twilio's rules for it
// are the caller's.
func (t *Twilio) sendTo(ctx context.Context, w webhook, rules overrides, base string) (reply, error) {
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, connectTime{}, rules.connect), rules.read)
	defer cancel()
	req, err := t.request(ctx, w, base)
	if err != nil {
		return reply{}, err
	}
	res, err := t.client.Do(req)
	if err != nil {
		return reply{}, classify(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxDocument+1))
	if err != nil {
		return reply{}, &deliveryError{code: 11200, kind: "rt"}
	}
	switch res.StatusCode / 100 {
	case 5:
		return reply{}, &deliveryError{code: 11200, kind: "5xx", status: res.StatusCode}
	case 4:
		return reply{}, &deliveryError{code: 11200, kind: "4xx", status: res.StatusCode}
	}
	return reply{status: res.StatusCode, contentType: res.Header.Get("Content-Type"), body: body}, nil
}

// classify tells a connection that could not be made from an answer that did
// not come. A connection cut before the answer counts as the latter.
func classify(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return &deliveryError{code: 11205, kind: "ct"}
	}
	return &deliveryError{code: 11200, kind: "rt"}
}

// request builds and signs one HTTP request. What is signed is the URL as the
// product gave it, wherever the bytes go.
func (t *Twilio) request(ctx context.Context, w webhook, base string) (*http.Request, error) {
	target, _, _ := strings.Cut(w.url, "#")
	var body io.Reader
	form := w.form
	if w.method == http.MethodGet {
		target = addQuery(target, w.form)
		form = nil
	} else {
		body = strings.NewReader(w.form.Encode())
	}
	signature := Sign(t.cfg.AuthToken, target, form, w.port)
	if base != "" {
		target = base + strings.TrimPrefix(target, t.cfg.PublicURL)
	}
	req, err := http.NewRequestWithContext(ctx, w.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("webhook %s: %w", w.path(), err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	}
	req.Header.Set("User-Agent", "TwilioProxy/1.1")
	req.Header.Set("Accept", "*/*")
	req.Header.Set("I-Twilio-Idempotency-Token", w.token)
	req.Header.Set("X-Twilio-Signature", signature)
	return req, nil
}

// addQuery appends a form to a URL that may have a query already.
func addQuery(target string, form url.Values) string {
	if len(form) == 0 {
		return target
	}
	joint := "?"
	if strings.Contains(target, "?") {
		joint = "&"
	}
	return target + joint + form.Encode()
}
