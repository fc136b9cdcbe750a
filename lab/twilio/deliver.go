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

// webhook is one request that Twilio makes of the product: a voice document, an inbound text, a status
// callback.
type webhook struct {
	// Absolute, fragment and all: the fragment holds the connection overrides.
	url    string
	method string
	// The fields, which are signed. port says what becomes of a port in the URL before that.
	form    url.Values
	port    Port
	callSID string
	// A document is awaited, so a lost reply matters.
	twiml bool
	// I-Twilio-Idempotency-Token, equal across retries; set by deliver.
	token string
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

// reply is what the product answered, in a status below 400. The body is cut just above the limit on
// documents, so that one which is too long is seen as such.
type reply struct {
	status      int
	contentType string
	body        []byte
}

// same says whether two replies are equal to the byte. Other headers than the content type do not count.
func (r reply) same(other reply) bool {
	return r.status == other.status && r.contentType == other.contentType && bytes.Equal(r.body, other.body)
}

// deliveryError is a delivery that failed for good: Twilio's error code, and the kind of failure in the words
// of the connection overrides. Status is 0 where no answer came at all.
type deliveryError struct {
	code int
	// ct (no connection), rt (no answer in time, or one cut short), 4xx or 5xx.
	kind   string
	status int
}

// Error names kind and code.
func (l *deliveryError) Error() string {
	return fmt.Sprintf("delivery failed (%s, error %d)", l.kind, l.code)
}

// connectTime is the key under which a request's context carries the time in which its connection must stand.
type connectTime struct{}

// newClient makes the client of all deliveries. Its transport obeys the connect time of the request being
// sent; it never follows a redirect by itself, because Twilio would not send the form again.
func newClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		var dialer net.Dialer
		transport = &http.Transport{
			// A load run holds thousands of calls against a few replicas; the default of two idle connections
			// a host would open one for nearly every request.
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

// deliver makes the request as the overrides in the URL's fragment and the mode in force say, retries
// included. The error is a *deliveryError when the product failed to answer; any other means that the request
// could not be made. A fragment that Twilio would not obey is a Fault, and its defaults are used.
func (t *Twilio) deliver(ctx context.Context, w webhook) (reply, error) {
	_, fragment, _ := strings.Cut(w.url, "#")
	rules, err := parseOverrides(fragment)
	if err != nil {
		_ = t.addFault(Fault{FaultOverrides, w.callSID, w.path(), err.Error()})
		rules = defaultOverrides()
	}
	// The total is over all tries: what is left of it is the last one's limit.
	ctx, cancel := context.WithTimeout(ctx, rules.total)
	defer cancel()
	// One token for all tries, by which a receiver can tell a retry from a new request (twilio.md §4.2).
	w.token = t.newSID("")
	var failure *deliveryError
	for try := 0; try <= rules.retries; try++ {
		answer, err := t.attempt(ctx, w, rules)
		if err == nil {
			return answer, nil
		}
		// Not a failure of the product: trying again would fail the same way.
		if !errors.As(err, &failure) {
			return reply{}, err
		}
		if !rules.retriesOn(failure.kind) || ctx.Err() != nil {
			break
		}
	}
	return reply{}, failure
}

// attempt is one try, which the mode may repeat or lose. It returns the first answer: it is what Twilio goes
// by.
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
	// Only where a document is awaited: the lost reply of a status callback would change nothing.
	if err == nil && w.twiml && t.takeOnce(ModeDropsNextReply) {
		// The product has worked; its answer is lost on the way.
		return reply{}, &deliveryError{code: 11200, kind: "rt"}
	}
	return answer, err
}

// oneAfterAnother delivers two or three times by turns; every answer must equal the first. A first try that
// failed is not repeated here: the overrides decide about it.
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

// atOnce delivers three times side by side, uses the first answer, and demands that all be equal. It waits
// for all three, so nothing of one webhook is still under way when the next is sent. Failures before the
// first good answer are passed over; the error is returned when all three failed.
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

// compare records a Fault for an answer that is not byte for byte the first one (twilio.md §2.2: the same
// POST twice gets the same TwiML). A repeat that got no answer at all (a killed process) proves nothing.
func (t *Twilio) compare(w webhook, first, again reply, err error) {
	var failure *deliveryError
	// Nothing came back from this one; the product may be restarting.
	if errors.As(err, &failure) && failure.status == 0 {
		return
	}
	if err != nil || !first.same(again) {
		detail := fmt.Sprintf("a repeated request got another answer (status %d and %d, %d and %d bytes)", first.status, again.status, len(first.body), len(again.body))
		_ = t.addFault(Fault{FaultUnequalReplies, w.callSID, w.path(), detail})
	}
}

// send makes one HTTP request, to the next replica that takes connections, as the load balancer in front
// does. A replica that took the connection and then failed is not passed over: the request may have been
// worked on.
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

// bases returns the replicas to try, in turn, each try beginning with the next one. A URL that is not the
// product's own goes where it says: then the one base is empty.
func (t *Twilio) bases(rawURL string) []string {
	bare, _, _ := strings.Cut(rawURL, "#")
	if len(t.cfg.Targets) == 0 || !strings.HasPrefix(bare, t.cfg.PublicURL+"/") {
		return []string{""}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	// Each try begins one replica further on.
	t.target++
	bases := make([]string, 0, len(t.cfg.Targets))
	for i := range t.cfg.Targets {
		bases = append(bases, strings.TrimSuffix(t.cfg.Targets[(t.target+i)%len(t.cfg.Targets)], "/"))
	}
	return bases
}

// sendTo makes the request to one replica within the overrides' times. A 3xx is an answer: what Twilio does
// about it is decided by who asked. 4xx and 5xx are failures with their kind.
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
	// One byte more than a document may have, so that too long is seen as too long.
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

// classify tells a connection that could not be made (ct, error 11205) from an answer that did not come (rt,
// error 11200). A connection cut before the answer counts as the latter: the product may have worked.
func classify(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return &deliveryError{code: 11205, kind: "ct"}
	}
	return &deliveryError{code: 11200, kind: "rt"}
}

// request builds and signs one HTTP request. What is signed is the URL as the product gave it, without the
// fragment (twilio.md §4.5), wherever the bytes go. A GET carries the form in the query, which is then part
// of the URL.
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
	// As Twilio's requests have it; nothing may depend on it.
	req.Header.Set("User-Agent", "TwilioProxy/1.1")
	req.Header.Set("Accept", "*/*")
	req.Header.Set("I-Twilio-Idempotency-Token", w.token)
	req.Header.Set("X-Twilio-Signature", signature)
	return req, nil
}

// addQuery returns a URL with a form added to the query that it may have already.
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
