package twilio

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Message is a text as the stand-in knows it. The functions that return one return a copy, as it was then.
type Message struct {
	SID string
	// From is empty for a text of a Messaging Service until that has picked its sender.
	To, From   string
	ServiceSID string
	Body       string
	// Twilio's words (twilio.md §6), from queued, accepted or scheduled on; received for an inbound one.
	Status string
	// Why it was not delivered; 0 for none.
	ErrorCode int
	// outbound-api, outbound-reply (in answer to an inbound text) or inbound.
	Direction string
	// The text's own; empty goes to its service's.
	StatusCallback string
	// How many segments it is billed as; 0 until a service has sent it.
	Segments int
	// Instants by the stand-in's clock. Sent is zero until it was sent, Updated is the last change of its
	// state.
	Created time.Time
	Sent    time.Time
	Updated time.Time
	// Of a scheduled text; zero for all others.
	SendAt time.Time
	// Twilio's own answer to STOP, START or HELP.
	Automatic bool
}

// message is a text as it changes, guarded by Twilio.mu. moving: one goroutine takes it through its states,
// and no second one may, or its callbacks would come twice.
type message struct {
	Message
	moving bool
}

// Outcome is what becomes of texts to a number. The zero value delivers them.
type Outcome struct {
	// Refused at create with this code, as a 400; 0 accepts.
	CreateError int
	// The state in which a text ends: delivered (also empty), sent, undelivered, failed. At Twilio sent may
	// be final too: not every carrier reports delivery.
	Final string
	// Of undelivered and failed; 30006 if zero.
	ErrorCode int
	// It stays in its present state until another outcome is set.
	Held bool
}

// SetOutcome scripts what becomes of texts to a number from now on, those on their way included. The last
// call counts.
func (t *Twilio) SetOutcome(number string, o Outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.outcomes[number] = o
}

// Texts returns the texts that the product sent to a number, oldest first: refused ones are not among them,
// failed ones are.
func (t *Twilio) Texts(to string) []Message {
	return t.textsWhere(func(m *message) bool {
		return m.To == to && m.Direction != inbound && !m.Automatic
	})
}

// AllTexts returns every text that the product sent, oldest first.
func (t *Twilio) AllTexts() []Message {
	return t.textsWhere(func(m *message) bool { return m.Direction != inbound && !m.Automatic })
}

// AutoReplies returns Twilio's own answers to STOP, START and HELP of a number, oldest first (O2, Twilio
// answers these).
func (t *Twilio) AutoReplies(to string) []Message {
	return t.textsWhere(func(m *message) bool { return m.To == to && m.Automatic })
}

// textsWhere returns the texts that fit, oldest first.
func (t *Twilio) textsWhere(fits func(*message) bool) []Message {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []Message
	for _, m := range t.messages {
		if fits(m) {
			found = append(found, m.Message)
		}
	}
	return found
}

// moveTexts brings texts to their final state, as far as their outcomes let them. It says whether any moved.
func (t *Twilio) moveTexts(ctx context.Context) bool {
	moved := false
	t.mu.Lock()
	// A copy, because a callback may have the product create the next text meanwhile.
	texts := slices.Clone(t.active)
	t.mu.Unlock()
	for _, m := range texts {
		moved = t.moveText(ctx, m) || moved
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.active = slices.DeleteFunc(t.active, func(m *message) bool { return final[m.Status] })
	return moved
}

// final are the states that a text does not leave. sent is not among them: a later outcome may still end it.
var final = map[string]bool{"delivered": true, "undelivered": true, "failed": true, "canceled": true, "received": true}

// add makes a text known to lists and look-ups. Only what the product sent can still change. The caller holds
// t.mu.
func (t *Twilio) add(m *message) {
	t.messages = append(t.messages, m)
	t.bySID[m.SID] = m
	if !m.Automatic && m.Direction != inbound {
		t.active = append(t.active, m)
	}
}

// moveText takes one text through its states, with a callback at each, and says whether it moved. t.mu is not
// held while the product is told.
func (t *Twilio) moveText(ctx context.Context, m *message) bool {
	t.mu.Lock()
	if m.moving {
		t.mu.Unlock()
		return false
	}
	m.moving = true
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		m.moving = false
		t.mu.Unlock()
	}()
	moved := false
	for ctx.Err() == nil {
		w, more := t.nextState(m)
		if !more {
			return moved
		}
		moved = true
		if w.url != "" {
			t.callback(ctx, w)
		}
	}
	return moved
}

// nextState moves a text by one state and returns the callback for it. False: it stays where it is, for now
// or for good. The initial state has no callback (twilio.md §6).
func (t *Twilio) nextState(m *message) (w webhook, moved bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	outcome := t.outcomes[m.To]
	now := t.cfg.Now()
	if outcome.Held {
		return w, false
	}
	switch m.Status {
	case "scheduled":
		if now.Before(m.SendAt) {
			return w, false
		}
		m.Status = "queued"
	case "accepted":
		m.Status = "queued"
	case "queued":
		m.Status = "sending"
		// failed comes before anything was sent, undelivered after it.
		if outcome.Final == "failed" {
			m.Status, m.ErrorCode = "failed", laterError(outcome)
		}
	case "sending":
		m.Status, m.Sent = "sent", now
	case "sent":
		switch outcome.Final {
		case "sent":
			return w, false
		case "undelivered":
			m.Status, m.ErrorCode = "undelivered", laterError(outcome)
		default:
			m.Status = "delivered"
		}
	default:
		return w, false
	}
	m.Updated = now
	m.Segments = segments(m.Body)
	if m.From == "" { // a service picks its sender once the text is queued
		m.From = t.numbers[0].Phone
	}
	return t.messageCallback(m, now), true
}

// laterError returns the code with which a text fails after it was accepted: 30006 (landline or unreachable
// carrier) unless the outcome names another.
func laterError(o Outcome) int {
	if o.ErrorCode != 0 {
		return o.ErrorCode
	}
	return 30006
}

// messageCallback returns the status callback for a text's present state, to the text's own URL or its
// service's; an empty URL means that nobody asked. The caller holds t.mu.
func (t *Twilio) messageCallback(m *message, now time.Time) webhook {
	target := m.StatusCallback
	if s := t.services[m.ServiceSID]; target == "" && s != nil {
		target = s.statusCallback
	}
	form := url.Values{
		"MessageSid": {m.SID}, "SmsSid": {m.SID}, "MessageStatus": {m.Status}, "SmsStatus": {m.Status},
		"To": {m.To}, "From": {m.From}, "AccountSid": {t.cfg.AccountSID}, "ApiVersion": {apiVersion},
	}
	if m.ServiceSID != "" {
		form.Set("MessagingServiceSid", m.ServiceSID)
	}
	if m.ErrorCode != 0 {
		form.Set("ErrorCode", strconv.Itoa(m.ErrorCode))
	}
	if m.Status == "delivered" || m.Status == "undelivered" {
		form.Set("RawDlrDoneDate", now.UTC().Format("0601021504"))
	}
	return webhook{url: target, method: http.MethodPost, form: form, port: PortKept}
}

// gsm is the basic alphabet of texts; gsmTwice are the characters that count
// two. Anything else turns the whole text into UCS-2.
const (
	gsm = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmTwice = "\f^{}\\[~]|€"
)

// segments counts what a text is billed as (twilio.md §6): 160 units in one GSM-7 segment, 153 in each of
// several; 70 and 67 in UCS-2, where a character outside the basic plane counts two. It is a count for prices
// and lists, not for limits: a pair at the border of two segments may make it one too few. The
// product counts for its own limits (N7, one GSM-7 segment).
func segments(body string) int {
	units, single, several := 0, 160, 153
	for _, r := range body {
		switch {
		case strings.ContainsRune(gsm, r):
			units++
		case strings.ContainsRune(gsmTwice, r):
			units += 2
		// One such character is enough for the whole text.
		default:
			single = 70
		}
	}
	if single == 70 {
		units, several = 0, 67
		for _, r := range body {
			units++
			if r > 0xffff {
				units++
			}
		}
	}
	if units <= single {
		return 1
	}
	return (units + several - 1) / several
}
