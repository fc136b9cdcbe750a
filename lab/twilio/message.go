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

// Message is a text as the stand-in knows it.
type Message struct {
	SID            string
	To, From       string
	ServiceSID     string
	Body           string
	Status         string
	ErrorCode      int
	Direction      string // outbound-api, outbound-reply or inbound
	StatusCallback string
	Segments       int
	Created        time.Time
	Sent           time.Time
	Updated        time.Time
	SendAt         time.Time // of a scheduled text
	Automatic      bool      // Twilio's own answer to STOP, START or HELP
}

// message is a text as it changes, guarded by Twilio.mu.
type message struct {
	Message
	moving bool
}

// Outcome is what becomes of texts to a number.
type Outcome struct {
	CreateError int    // refused at create with this code (400)
	Final       string // delivered (also empty), sent, undelivered, failed
	ErrorCode   int    // of undelivered and failed; 30006 if zero
	Held        bool   // stays in its first state until another outcome is set
}

// SetOutcome scripts what becomes of texts to a number from now on.
func (t *Twilio) SetOutcome(number string, o Outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.outcomes[number] = o
}

// Texts returns the texts that the product sent to a number, oldest first.
func (t *Twilio) Texts(to string) []Message {
	return t.textsWhere(func(m *message) bool {
		return m.To == to && m.Direction != inbound && !m.Automatic
	})
}

// AllTexts returns every text that the product sent.
func (t *Twilio) AllTexts() []Message {
	return t.textsWhere(func(m *message) bool { return m.Direction != inbound && !m.Automatic })
}

// AutoReplies returns Twilio's own answers to STOP, START and HELP.
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

// moveTexts brings texts to their final state. It says whether any moved.
func (t *Twilio) moveTexts(ctx context.Context) bool {
	moved := false
	t.mu.Lock()
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

// final are the states that a text does not leave.
var final = map[string]bool{"delivered": true, "undelivered": true, "failed": true, "canceled": true, "received": true}

// add makes a text known. The caller holds t.mu.
func (t *Twilio) add(m *message) {
	t.messages = append(t.messages, m)
	t.bySID[m.SID] = m
	if !m.Automatic && m.Direction != inbound {
		t.active = append(t.active, m)
	}
}

// moveText takes one text through its states, with a callback at each.
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

// nextState moves a text by one state and gives the callback for it.
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

// laterError returns the code with which a text fails after it was accepted: 30006 (landline or unreachable) unless
// said otherwise.
func laterError(o Outcome) int {
	if o.ErrorCode != 0 {
		return o.ErrorCode
	}
	return 30006
}

// messageCallback returns the status callback for a text's present state, to the text's own URL or its service's.
// The caller holds t.mu.
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

// segments counts what a text is billed as.
func segments(body string) int {
	units, single, several := 0, 160, 153
	for _, r := range body {
		switch {
		case strings.ContainsRune(gsm, r):
			units++
		case strings.ContainsRune(gsmTwice, r):
			units += 2
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
