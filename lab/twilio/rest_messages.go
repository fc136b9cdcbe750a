package twilio

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// messageFields are what a create may hold (twilio.md §6), with their kinds and Twilio's errors for wrong
// values. Pictures and templates are not among them. Most are checked and have no effect here.
var messageFields = map[string]field{
	"To": {kind: "phone", code: 21211}, "From": {kind: "phone", code: 21212}, "MessagingServiceSid": {kind: "string"},
	"Body": {kind: "string"}, "StatusCallback": {kind: "absolute", code: 21609}, "ValidityPeriod": {kind: "range 1 36000"},
	"ScheduleType": {kind: "enum fixed", code: 35118}, "SendAt": {kind: "instant", code: 35112},
	"SmartEncoded": {kind: "bool"}, "ShortenUrls": {kind: "bool"}, "RiskCheck": {kind: "enum enable disable"},
	"ContentRetention": {kind: "enum retain discard"}, "AddressRetention": {kind: "enum retain obfuscate"},
	"ProvideFeedback": {kind: "bool"}, "Attempt": {kind: "range 1 10"}, "MaxPrice": {kind: "string"},
}

// createMessage accepts a text, or refuses it as Twilio does. There is no idempotency key: asked twice, it
// makes two texts. The outcome scripted for the number decides what becomes of it.
func (t *Twilio) createMessage(r *http.Request) response {
	form := r.PostForm
	if form.Get("To") == "" {
		return refuse(http.StatusBadRequest, 21604, "A 'To' phone number is required.")
	}
	if answer, fine := checkForm(form, messageFields); !fine {
		return answer
	}
	// From a number a text is queued at once; through a service it is accepted first (schedule sets that).
	m := &message{Message: Message{
		To: form.Get("To"), From: form.Get("From"), ServiceSID: form.Get("MessagingServiceSid"), Body: form.Get("Body"),
		Direction: outboundAPI, StatusCallback: form.Get("StatusCallback"), Status: "queued",
	}}
	if answer, fine := t.checkMessage(m); !fine {
		return answer
	}
	if answer, fine := t.schedule(m, form.Get("ScheduleType"), form.Get("SendAt")); !fine {
		return answer
	}
	answer := created(t.store(m))
	// Its life begins after the reply, so no callback overtakes the SID that the reply carries.
	if t.cfg.AutoDeliver {
		answer.after = func() {
			t.background.Go(func() { t.moveText(context.WithoutCancel(r.Context()), m) })
		}
	}
	return answer
}

// checkMessage holds the refusals that Twilio makes at create (twilio.md §6); true means none. It takes t.mu.
func (t *Twilio) checkMessage(m *message) (response, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	// The order of the checks is the order of the complaints; Twilio promises none.
	sender := m.From
	ours := slices.ContainsFunc(t.numbers, func(n *Number) bool { return n.Phone == m.From })
	switch {
	case m.From == "" && m.ServiceSID == "":
		return refuse(http.StatusBadRequest, 21603, "A 'From' phone number is required."), false
	case m.From != "" && !ours:
		return refuse(http.StatusBadRequest, 21606, "The 'From' phone number is not a valid, SMS-capable number of your account."), false
	case m.ServiceSID != "" && t.services[m.ServiceSID] == nil:
		return refuse(http.StatusBadRequest, 21701, "The Messaging Service does not exist."), false
	case strings.TrimSpace(m.Body) == "":
		return refuse(http.StatusBadRequest, 21602, "Message body is required."), false
	case utf8.RuneCountInString(m.Body) > 1600:
		return refuse(http.StatusBadRequest, 21617, "The concatenated message body exceeds the 1600 character limit."), false
	case m.StatusCallback != "" && underscoreHost(m.StatusCallback):
		return refuse(http.StatusBadRequest, 21609, "The 'StatusCallback' URL is not a valid URL."), false
	}
	// The pool of a service is the account's first number, so that is whom a member may have blocked.
	if sender == "" {
		if len(t.numbers) == 0 {
			return refuse(http.StatusBadRequest, 21703, "The Messaging Service has no phone numbers."), false
		}
		sender = t.numbers[0].Phone
	}
	// Scripted refusals, such as 21614 for a landline or 21408 for a country.
	if code := t.outcomes[m.To].CreateError; code != 0 {
		return refuse(http.StatusBadRequest, code, "The message cannot be created."), false
	}
	// Blocked between these two numbers by STOP, whatever the product's own list says.
	if t.blocked[[2]string{m.To, sender}] {
		return refuse(http.StatusBadRequest, 21610, "Attempt to send to unsubscribed recipient"), false
	}
	return response{}, true
}

// underscoreHost says whether a URL's host holds an underscore, which Twilio refuses in callbacks.
func underscoreHost(rawURL string) bool {
	_, rest, _ := strings.Cut(rawURL, "://")
	host, _, _ := strings.Cut(rest, "/")
	return strings.Contains(host, "_")
}

// schedule sets a new text's first state, and plays Twilio's rule that without a service a schedule is
// ignored and the text goes out now (twilio.md §11, fact 9). True: it is right. SendAt must be 300 seconds to
// 35 days ahead.
func (t *Twilio) schedule(m *message, kind, at string) (response, bool) {
	if m.ServiceSID != "" {
		m.Status = "accepted"
	}
	// Silently, as Twilio does: a product that forgot the service texts at once, and a script sees it.
	if kind == "" || m.ServiceSID == "" {
		return response{}, true
	}
	sendAt, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return refuse(http.StatusBadRequest, 35111, "SendAt is missing."), false
	}
	// By the stand-in's clock. Twilio has several codes for this (35114, 35115, 35117); here it is the first.
	ahead := sendAt.Sub(t.cfg.Now())
	if ahead < 300*time.Second || ahead > 35*24*time.Hour {
		return refuse(http.StatusBadRequest, 35114, "SendAt is not between 300 seconds and 35 days ahead."), false
	}
	m.Status, m.SendAt = "scheduled", sendAt
	return response{}, true
}

// store accepts a text and returns it as REST shows it. Its segments are counted later when a service sends
// it.
func (t *Twilio) store(m *message) object {
	t.mu.Lock()
	defer t.mu.Unlock()
	m.SID = t.sidLocked("SM")
	m.Created = t.cfg.Now()
	m.Updated = m.Created
	// A service shows "0" at creation (twilio.md §6).
	if m.ServiceSID == "" {
		m.Segments = segments(m.Body)
	}
	t.add(m)
	return t.messageJSON(m)
}

// messageJSON shows a text as REST does. The callback's URL is not in it: a product that looks for a text
// whose create lost its reply has body and time alone (twilio.md §6). The caller holds t.mu.
func (t *Twilio) messageJSON(m *message) object {
	// null and not 0 for a text without an error: twilio-go has pointers for these.
	var code, text any
	if m.ErrorCode != 0 {
		code, text = m.ErrorCode, "The message was not delivered."
	}
	return object{
		"sid": m.SID, "account_sid": t.cfg.AccountSID, "api_version": apiVersion, "to": m.To, "from": nullable(m.From),
		"messaging_service_sid": nullable(m.ServiceSID), "body": m.Body, "status": m.Status, "direction": m.Direction,
		"num_segments": strconv.Itoa(m.Segments), "num_media": "0", "price": nil, "price_unit": "USD",
		"error_code": code, "error_message": text,
		"date_created": apiTime(m.Created), "date_updated": apiTime(m.Updated), "date_sent": apiTime(m.Sent),
		"uri":              t.uri("/Messages/" + m.SID + ".json"),
		"subresource_uris": object{"media": t.uri("/Messages/" + m.SID + "/Media.json")},
	}
}

// listMessages lists texts, newest first, both directions. It filters as Twilio does: its only date is that
// of sending, which a text still queued lacks. DateSent< and DateSent> include their day.
func (t *Twilio) listMessages(r *http.Request) response {
	query := r.URL.Query()
	rules := map[string]field{
		"To": {kind: "string"}, "From": {kind: "string"}, "DateSent": {kind: "string"}, "DateSent<": {kind: "string"}, "DateSent>": {kind: "string"},
		"PageSize": {kind: "range 1 1000"}, "Page": {kind: "range 0 100000"}, "PageToken": {kind: "string"},
	}
	if answer, fine := checkForm(query, rules); !fine {
		return answer
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []any
	for _, m := range slices.Backward(t.messages) { // newest first
		// Days are UTC's, not Eastern ones.
		sent := m.Sent.UTC().Format(time.DateOnly)
		// Only the day of a value is looked at; Twilio takes a day or an instant.
		fits := func(name string, holds func(day string) bool) bool {
			value := query.Get(name)
			return value == "" || !m.Sent.IsZero() && holds(value[:min(len(value), 10)])
		}
		if to := query.Get("To"); to != "" && to != m.To {
			continue
		}
		if from := query.Get("From"); from != "" && from != m.From {
			continue
		}
		if fits("DateSent", func(day string) bool { return sent == day }) &&
			fits("DateSent<", func(day string) bool { return sent <= day }) &&
			fits("DateSent>", func(day string) bool { return sent >= day }) {
			found = append(found, t.messageJSON(m))
		}
	}
	return ok(t.page(r, "Messages.json", "messages", found))
}

// page cuts a list to the size asked for (50 without one), with the link to the next page. A list that grows
// between two pages shifts, as at Twilio.
func (t *Twilio) page(r *http.Request, resource, key string, all []any) object {
	query := r.URL.Query()
	size, _ := strconv.Atoi(query.Get("PageSize"))
	if size == 0 {
		size = 50
	}
	number, _ := strconv.Atoi(query.Get("Page"))
	from := min(number*size, len(all))
	to := min(from+size, len(all))
	var next any
	if to < len(all) {
		// twilio-go follows next_page_uri as it stands, so all three have to be in it.
		query.Set("Page", strconv.Itoa(number+1))
		query.Set("PageSize", strconv.Itoa(size))
		query.Set("PageToken", fmt.Sprintf("PT%d", to))
		next = t.uri("/" + resource + "?" + query.Encode())
	}
	items := all[from:to]
	// An empty list is [] in JSON; nil would be null.
	if items == nil {
		items = []any{}
	}
	return object{
		key: items, "page": number, "page_size": size, "start": from, "end": max(to-1, 0),
		"uri": t.uri("/" + resource), "first_page_uri": t.uri("/" + resource), "next_page_uri": next, "previous_page_uri": nil,
	}
}

// notFound is Twilio's answer for a SID that it does not know.
func notFound() response {
	return refuse(http.StatusNotFound, 20404, "The requested resource was not found")
}

// getMessage shows one text.
func (t *Twilio) getMessage(r *http.Request) response {
	t.mu.Lock()
	defer t.mu.Unlock()
	m, found := t.bySID[sidOf(r)]
	if !found {
		return notFound()
	}
	return ok(t.messageJSON(m))
}

// updateMessage cancels a scheduled text or empties a text's body. Any other state or body is refused.
func (t *Twilio) updateMessage(r *http.Request) response {
	rules := map[string]field{"Status": {kind: "enum canceled"}, "Body": {kind: "string"}}
	if answer, fine := checkForm(r.PostForm, rules); !fine {
		return answer
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	m, found := t.bySID[sidOf(r)]
	if !found {
		return notFound()
	}
	if r.PostForm.Has("Status") {
		// Only what has not gone out can be taken back.
		if m.Status != "scheduled" {
			return refuse(http.StatusBadRequest, 30409, "Message cannot be canceled.")
		}
		m.Status = "canceled"
	}
	if r.PostForm.Has("Body") {
		// Twilio lets a body be redacted, not changed.
		if r.PostForm.Get("Body") != "" {
			return refuse(http.StatusBadRequest, 20001, "The body can only be emptied.")
		}
		m.Body = ""
	}
	m.Updated = t.cfg.Now()
	return ok(t.messageJSON(m))
}
