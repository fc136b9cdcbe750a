package twilio

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Twilio's own words: it answers them itself, before the product hears of them (O2, Twilio's own words). They
// count only as a whole text. YES, which some pages list for START, is left out: twilio.md §6 has it
// unverified.
// Twilio's own words: it answers them itself, before the product hears of them.
var (
	stopWords  = map[string]bool{"STOP": true, "STOPALL": true, "UNSUBSCRIBE": true, "CANCEL": true, "END": true, "QUIT": true, "REVOKE": true, "OPTOUT": true}
	startWords = map[string]bool{"START": true, "UNSTOP": true}
	helpWords  = map[string]bool{"HELP": true, "INFO": true}
)

// Twilio's answers to them. An account may set others, so nothing may depend on the words.
// Twilio's answers to them.
const (
	stopReply  = "You have successfully been unsubscribed. You will not receive any more messages from this number. Reply START to resubscribe."
	startReply = "You have successfully been re-subscribed to messages from this number. Reply HELP for help. Reply STOP to unsubscribe. Msg&Data Rates May Apply."
	helpReply  = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
)

// optOutType sorts a body as Twilio does: STOP, START, HELP, or nothing, with Twilio's answer to it. Only the
// whole body counts, trimmed and in any case; "please stop" is the product's to understand (O2, who answers).
func optOutType(body string) (kind, answer string) {
	switch word := strings.ToUpper(strings.TrimSpace(body)); {
	case stopWords[word]:
		return "STOP", stopReply
	case startWords[word]:
		return "START", startReply
	case helpWords[word]:
		return "HELP", helpReply
	}
	return "", ""
}

// TextFrom sends a text to the product from somebody's phone: Twilio plays its own words first, then posts
// the text, then sends what the answer holds. The error is the Fault, if the product answered wrongly, or
// says that it did not answer; the text is received in any case.
func (t *Twilio) TextFrom(ctx context.Context, from, body string) error {
	if len(t.numbers) == 0 {
		return errors.New("twilio stand-in: the account has no number to text to")
	}
	number, _ := t.number(t.numbers[0].Phone)
	// The block is in force before the product hears of the text: whatever it sends meanwhile is refused with
	// 21610.
	kind, answer := optOutType(body)
	form := t.receive(from, number.Phone, body)
	t.playOptOut(from, number.Phone, kind, answer)
	if kind != "" && t.cfg.AdvancedOptOut {
		form.Set("OptOutType", kind)
	}
	w := webhook{url: t.inboundURL(number), method: http.MethodPost, form: form, port: PortKept, twiml: true}
	res, err := t.deliver(ctx, w)
	// A 4xx is not tried again unless the URL says so (twilio.md §4.2): the member's words are lost for good.
	if refused(err) {
		return t.addFault(Fault{FaultReply, "", w.path(), "an inbound text was refused"})
	}
	if err != nil {
		return fmt.Errorf("text to the product: %w", err)
	}
	return t.reply(w, res, from, number.Phone, kind)
}

// inboundURL returns the URL that a text to a number is posted to: the number's webhook, or its service's.
func (t *Twilio) inboundURL(n Number) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	// A service takes its numbers' inbound texts, unless it is told to leave them to the number's own
	// webhook.
	if s := t.services[t.cfg.MessagingServiceSID]; s != nil && !s.onNumber && s.inboundURL != "" {
		return s.inboundURL
	}
	return n.SMSURL
}

// receive stores an inbound text and returns its fields for the webhook.
func (t *Twilio) receive(from, to, body string) url.Values {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.cfg.Now()
	m := &message{Message: Message{
		SID: t.sidLocked("SM"), To: to, From: from, Body: body, Status: "received", Direction: inbound,
		Segments: segments(body), Created: now, Sent: now, Updated: now,
	}}
	t.add(m)
	// Blank values are sent, and signed, as Twilio does for places that it does not know.
	form := url.Values{
		"MessageSid": {m.SID}, "SmsSid": {m.SID}, "SmsMessageSid": {m.SID}, "AccountSid": {t.cfg.AccountSID}, "ApiVersion": {apiVersion},
		"From": {from}, "To": {to}, "Body": {body}, "NumMedia": {"0"}, "NumSegments": {strconv.Itoa(m.Segments)}, "SmsStatus": {"received"},
		"FromCountry": {"US"}, "FromState": {"MA"}, "FromCity": {""}, "FromZip": {""}, "ToCountry": {"US"}, "ToState": {""}, "ToCity": {""}, "ToZip": {""},
	}
	if t.cfg.MessagingServiceSID != "" {
		form.Set("MessagingServiceSid", t.cfg.MessagingServiceSID)
	}
	return form
}

// playOptOut blocks or opens the number and sends Twilio's own answer. It does nothing for any other text.
func (t *Twilio) playOptOut(from, to, kind, answer string) {
	if kind == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	// Per pair of numbers, as at Twilio: STOP to one of our numbers does not block another.
	pair := [2]string{from, to}
	again := kind == "STOP" && t.blocked[pair]
	switch kind {
	case "STOP":
		t.blocked[pair] = true
	case "START":
		delete(t.blocked, pair)
	}
	if again { // the second STOP in a row is not answered
		return
	}
	now := t.cfg.Now()
	// Delivered at once: it never counts among the product's texts, and has no callback.
	t.add(&message{Message: Message{
		SID: t.sidLocked("SM"), To: from, From: to, Body: answer, Status: "delivered", Direction: "outbound-reply",
		Segments: segments(answer), Created: now, Sent: now, Updated: now, Automatic: true,
	}})
}

// reply reads the answer to an inbound text and sends the messages it holds. 204 and an empty 200 hold none.
// The first thing wrong is recorded and returned, and nothing after it is sent.
func (t *Twilio) reply(w webhook, res reply, from, to, kind string) error {
	blame := func(k FaultKind, detail string) error {
		return t.addFault(Fault{k, "", w.path(), detail})
	}
	// Nothing to say: the usual answer, since the product sends its own texts by REST.
	if res.status == http.StatusNoContent || res.status == http.StatusOK && len(res.body) == 0 {
		return nil
	}
	if res.status != http.StatusOK {
		return blame(FaultReply, fmt.Sprintf("the status is %d", res.status))
	}
	if what := checkContentType(res.contentType); what != "" {
		return blame(FaultReply, "the content type "+what)
	}
	root, problems := readMessaging(res.body)
	if len(problems) > 0 {
		return blame(FaultTwiML, describe(problems))
	}
	for _, verb := range root.Elements() {
		if verb.Name != "Message" {
			return blame(FaultUnsupported, verb.Name+" in a text's answer is not imitated")
		}
		// O2: Twilio answers its own words, so a second answer from us is a fault, and costs a segment.
		if kind != "" {
			return blame(FaultSecondAnswer, "Twilio has answered "+kind+" already")
		}
		t.sendReply(w, verb, from, to)
	}
	return nil
}

// readMessaging reads an answer to a text by the messaging grammar. The root is nil when it cannot be parsed.
func readMessaging(doc []byte) (*Node, []Problem) {
	root, problems := parse(doc, grammars().Messaging)
	if root == nil {
		return nil, problems
	}
	for _, verb := range root.Elements() {
		// Pictures alone are not imitated, so a Message must have words.
		if verb.Name == "Message" && messageBody(verb) == "" {
			problems = append(problems, Problem{verb.Line, "Message", "is empty"})
		}
		if verb.Name == "Message" && len(verb.Elements()) > 0 && verb.text() != "" {
			problems = append(problems, Problem{verb.Line, "Message", "has both text and elements"})
		}
	}
	return root, problems
}

// messageBody returns a Message's text, its own or its Body's.
func messageBody(verb *Node) string {
	for _, kid := range verb.Elements() {
		if kid.Name == "Body" {
			return kid.text()
		}
	}
	return verb.text()
}

// sendReply sends one Message of an answer. A blocked number gets nothing: the text is failed with 21610 at
// once.
func (t *Twilio) sendReply(w webhook, verb *Node, from, to string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := &message{Message: Message{
		SID: t.sidLocked("SM"), To: verb.Attr("to", from), From: verb.Attr("from", to), Body: messageBody(verb), Status: "queued",
		Direction: "outbound-reply", Created: t.cfg.Now(),
	}}
	m.Updated, m.Segments = m.Created, segments(m.Body)
	// A relative callback is taken against the webhook's URL, as Twilio does.
	if callback := verb.Attr("statusCallback", ""); callback != "" {
		m.StatusCallback = callback
		if base, err := url.Parse(w.url); err == nil && !strings.Contains(callback, "://") {
			if ref, err := base.Parse(callback); err == nil {
				m.StatusCallback = ref.String()
			}
		}
	}
	// Created all the same, as a failed text: in TwiML there is nobody to whom a refusal could be returned.
	if t.blocked[[2]string{m.To, m.From}] {
		m.Status, m.ErrorCode = "failed", 21610
	}
	t.add(m)
}
