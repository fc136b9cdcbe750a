package twilio

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// What stops a call that would run for ever. Each is a Fault or an apology, so a loop ends the test at once.
const (
	maxRedirects = 10  // Twilio's error 11215
	maxDocuments = 200 // between two acts of the caller
	maxFailures  = 5   // fallbacks between two acts of the caller
)

// fetch asks the product for the next document and makes it the one to run. Extra fields are added to the
// standard ones. The caller holds c.turn.
//
// A product that cannot answer is asked at its fallback URL, as Twilio does. A wrong answer, a 4xx included,
// is a Fault and ends the call at once: Twilio would try the fallback then too, and hide the mistake. The
// error is the Fault, or the context's when that is over.
func (c *Call) fetch(ctx context.Context, rawURL, method string, extra url.Values) error {
	// Every fetch counts as a redirect until a verb that is none is played.
	c.redirects++
	c.documents++
	if c.redirects > maxRedirects {
		return c.fail(ctx, FaultLoop, "more than %d redirects in a row (error 11215)", maxRedirects)
	}
	if c.documents > maxDocuments {
		return c.fail(ctx, FaultLoop, "more than %d documents without asking the caller anything", maxDocuments)
	}
	target := c.resolve(rawURL)
	// The standard fields first, so that an act's own ones may replace them.
	form := c.params()
	for name, values := range extra {
		form[name] = values
	}
	answer, err := c.deliver(ctx, target, method, form)
	// The fallback comes only after the retries of the overrides: deliver has made them.
	if err == nil {
		return c.load(ctx, target, method, answer)
	}
	var failure *deliveryError
	// Whoever plays the call has given up, or the request cannot be made: the product is not to blame.
	if !errors.As(err, &failure) || ctx.Err() != nil {
		return fmt.Errorf("call: %w", err)
	}
	// Signature, path or method did not fit: a mistake, which the fallback would hide.
	if failure.kind == "4xx" {
		c.url = target
		return c.fail(ctx, FaultReply, "the status is %d", failure.status)
	}
	return c.fallBack(ctx, target, failure.code)
}

// deliver asks the product and writes a line of it. The first request of a call carries ringing as its
// CallStatus, all later ones in-progress.
func (c *Call) deliver(ctx context.Context, target, method string, form url.Values) (reply, error) {
	answer, err := c.t.deliver(ctx, webhook{url: target, method: method, form: form, port: PortDropped, callSID: c.SID, twiml: true})
	if err != nil {
		c.line("twilio: %s %s: %v", method, pathOf(target), err)
	} else {
		c.line("twilio: %s %s: %d", method, pathOf(target), answer.status)
	}
	if c.status == "ringing" {
		c.status = "in-progress"
	}
	return answer, err
}

// fallBack asks the number's fallback URL what to say, with ErrorCode and ErrorUrl. The lost request's input
// is not in it (twilio.md §4.2), so the product can only ask again. Where that fails too the caller hears
// Twilio's apology.
func (c *Call) fallBack(ctx context.Context, failed string, code int) error {
	c.failures++
	fallback := c.urls.fallback
	// Without a limit a product whose every document fails would be asked for ever.
	if fallback == "" || c.failures > maxFailures {
		return c.apologize(ctx, failed)
	}
	form := c.params()
	form.Set("ErrorCode", strconv.Itoa(code))
	// The overrides are instructions to Twilio and no part of the URL that it reports.
	bare, _, _ := strings.Cut(failed, "#")
	form.Set("ErrorUrl", bare)
	answer, err := c.deliver(ctx, fallback, http.MethodPost, form)
	if err != nil {
		return c.apologize(ctx, failed)
	}
	return c.load(ctx, fallback, http.MethodPost, answer)
}

// apologize lets the caller hear Twilio's apology and ends the call: the end that no caller of the product
// should ever meet.
func (c *Call) apologize(ctx context.Context, failed string) error {
	c.url = failed
	if c.Direction == outboundDial { // a whisper that cannot be fetched only loses the agent
		c.finish(ctx, "application error", "failed")
		return nil
	}
	c.hear(Heard{Text: "We are sorry, an application error has occurred. Goodbye.", During: duringPlain})
	f := c.addFault(FaultApplicationError, "neither the webhook nor the fallback answered")
	c.finish(ctx, "application error", "completed")
	return f
}

// load judges an answer and makes it the document to run. A redirect (3xx) is a Fault: Twilio would follow it
// and lose the digits (twilio.md §3).
func (c *Call) load(ctx context.Context, target, method string, answer reply) error {
	c.url, c.method = target, method
	if answer.status != http.StatusOK {
		return c.fail(ctx, FaultReply, "the status is %d", answer.status)
	}
	if what := checkContentType(answer.contentType); what != "" {
		return c.fail(ctx, FaultReply, "the content type %s", what)
	}
	where := onCall
	if c.Direction == outboundDial {
		where = onWhisper
	}
	return c.loadDocument(ctx, answer.body, where)
}

// loadDocument makes a document the one to run. One that Twilio would reject ends the call. Questions of the
// document before it are over; a Dial is ended by who asks for the new document.
func (c *Call) loadDocument(ctx context.Context, doc []byte, where documentContext) error {
	root, problems := readVoice(doc, c.t.cfg.OverridesRequired, where)
	if len(problems) > 0 {
		return c.fail(ctx, FaultTwiML, "%s", describe(problems))
	}
	c.verbs, c.next = root.Elements(), 0
	c.gather, c.pay = nil, nil
	c.t.cfg.OnSpoken(c.SID, pathOf(c.url), doc)
	return nil
}

// describe joins problems into one sentence.
func describe(problems []Problem) string {
	texts := make([]string, 0, len(problems))
	for _, p := range problems {
		texts = append(texts, p.String())
	}
	return strings.Join(texts, "; ")
}

// checkContentType returns "" for the two types that are always read as TwiML, else what is wrong, to be read
// after "the content type". Text in any other type is spoken aloud, played, or refused by Twilio (12300).
func checkContentType(value string) string {
	if value == "" {
		return "is missing"
	}
	kind, params, err := mime.ParseMediaType(value)
	if err != nil {
		return "cannot be read"
	}
	if kind != "text/xml" && kind != "application/xml" {
		return "is neither text/xml nor application/xml"
	}
	if charset, given := params["charset"]; given && !strings.EqualFold(charset, "utf-8") {
		return "has a charset other than UTF-8"
	}
	return ""
}
