package bench

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what Twilio signs with
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// caller is one simulated member on the phone: it signs as Twilio does, follows the TwiML and answers by what
// it hears. It reads documents by their anchors only: strictness is the scripts' job. It speaks to serve
// without the stand-in for Twilio in between, which would cost more than what is measured. One caller makes one
// call.
type caller struct {
	client  *http.Client
	target  string // where requests go
	public  string // what signatures are over
	account string
	token   string
	member  member
	think   time.Duration // between hearing a question and answering it
	record  func(sample)
}

// member is whom a caller identifies as, with the answers in the form in which they are keyed (I3: month, day
// and year).
type member struct{ Account, Phone, Born, ZIP string }

// sample is the measured time of one webhook, from the request's first byte to the answer's last. A hold waits
// for the charge on purpose, and is counted apart.
type sample struct {
	Took time.Duration
	Hold bool // it may wait for an outcome on purpose
}

// errUnexpected means that the line went another way than a paying call goes. It is a failure of the run,
// because a call that ends elsewhere costs less than one that pays.
var errUnexpected = errors.New("the line said something that the caller does not know")

// What a caller reads out of a document: where the answer goes (without Twilio's #-overrides), the words without
// markup, the confirmation number (L4).
var (
	// The answer of a question goes to the action of its Gather or Pay, which comes before the Redirect that
	// stands for silence; so the first match is the right one.
	nextURL      = regexp.MustCompile(`(?:action="|<Redirect[^>]*>)([^"<#]+)`)
	tags         = regexp.MustCompile(`<[^>]*>`)
	confirmation = regexp.MustCompile(`confirmation number is ((?:\d\s*){9})`)
)

// call pays one bill by card and returns the confirmation number that was heard, nine digits. It hangs up after
// that. errUnexpected means that the line went another way than a paying call goes. sid is the call's id and
// must be new.
func (c *caller) call(ctx context.Context, sid string) (string, error) {
	form := url.Values{"CallSid": {sid}, "AccountSid": {c.account}, "From": {c.member.Phone}, "To": {"+18776236765"},
		"CallStatus": {"ringing"}, "ApiVersion": {"2010-04-01"}, "Direction": {"inbound"}}
	at, hold := "/twilio/voice/incoming", false
	// A paying call has about ten questions, and holds beside them; a line that goes in circles is no call.
	for range 40 {
		doc, err := c.post(ctx, at, form, hold)
		if err != nil {
			return "", err
		}
		text := strings.Join(strings.Fields(tags.ReplaceAllString(doc, " ")), " ")
		if m := confirmation.FindStringSubmatch(text); m != nil {
			form.Set("CallStatus", "completed")
			// The call's end, as Twilio reports it. It is no turn; its time is kept with the holds'.
			_, err := c.post(ctx, "/twilio/voice/status", form, true)
			return strings.Join(strings.Fields(m[1]), ""), err
		}
		next := nextURL.FindStringSubmatch(doc)
		if next == nil {
			return "", fmt.Errorf("%w: no way on", errUnexpected)
		}
		// URLs in documents are absolute and of the public address; the request goes to target.
		at = strings.TrimPrefix(next[1], c.public)
		form = url.Values{"CallSid": {sid}, "AccountSid": {c.account}, "From": {c.member.Phone}, "To": {"+18776236765"},
			"CallStatus": {"in-progress"}, "ApiVersion": {"2010-04-01"}, "Direction": {"inbound"}}
		// Nothing was asked: the line goes on by a Redirect, which Twilio follows at once.
		if hold = !c.answer(doc, text, form); hold {
			continue
		}
		// Something was asked that answer does not know. The words are cut short; there is no secret in what
		// the line says.
		if form.Get("Digits") == "" && form.Get("Result") == "" {
			return "", fmt.Errorf("%w: %.120s", errUnexpected, text)
		}
		if err := pause(ctx, c.think); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("%w: the call does not end", errUnexpected)
}

// answer fills the form by what is asked; false when nothing is asked and the line only goes on by itself. The
// options stand in reverse order of the call, because a later question may repeat the words of an earlier one.
// A question that it does not know leaves the form empty, and call gives up.
func (c *caller) answer(doc, text string, form url.Values) bool {
	if strings.Contains(doc, "<Pay ") {
		// Twilio's answer to a <Pay> that made a token (twilio.md §1.5). The token is Stripe's published test
		// card, which the processor's stand-in charges.
		for name, value := range map[string]string{"Result": "success", "PaymentToken": "pm_card_visa", "PaymentMethod": "credit-card", "PaymentCardNumber": "xxxxxxxxxxxx4242"} {
			form.Set(name, value)
		}
		return true
	}
	if !strings.Contains(doc, "<Gather") {
		return false
	}
	for _, a := range []struct{ hears, keys string }{
		{"If that is right, press 1", "1"},
		{"For a card, press 2", "2"},
		{"To pay all of it, press 1", "1"},
		{"Enter your ZIP code", c.member.ZIP},
		{"date of birth", c.member.Born},
		{"account number or member ID", c.member.Account},
		{"For your balance, or to pay, press 1", "1"},
		{"For English, press 1", "1"},
	} {
		if strings.Contains(text, a.hears) {
			form.Set("Digits", a.keys)
			return true
		}
	}
	return true
}

// post delivers one signed webhook, measures it and returns the document. Answers other than 2xx are errors, as
// they are for Twilio; they are measured all the same.
func (c *caller) post(ctx context.Context, path string, form url.Values, hold bool) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.target+path, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Twilio-Signature", sign(c.token, c.public+path, form))
	began := time.Now()
	resp, err := c.client.Do(req)
	if err != nil {
		return "", fmt.Errorf("webhook: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return "", fmt.Errorf("webhook: %w", err)
	}
	c.record(sample{Took: time.Since(began), Hold: hold})
	if resp.StatusCode/100 != 2 {
		return "", fmt.Errorf("webhook answered %d", resp.StatusCode)
	}
	return string(body), nil
}

// sign makes Twilio's signature of a form POST: HMAC-SHA1 over the URL and then every field, name and value, in
// the order of names (twilio.md §4.5). It is written anew here, so that a mistake in the product's own does not
// cancel out. Fields that repeat, which callers here never send, are not handled.
func sign(token, address string, form url.Values) string {
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(address))
	for _, name := range names {
		mac.Write([]byte(name + form.Get(name)))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// pause waits for d, or returns the context's error when that ends first. Nothing to wait for still asks the
// context.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
