package twilio

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
)

// MessageRequest is a decoded messaging webhook: a text that arrived, or the status of one that we
// sent. fmt and slog print neither the body nor a whole number.
// Body of a text that arrived is what a person wrote: personal, and at times a card number.
type MessageRequest struct {
	MessageSid string
	ServiceSid string
	From, To   string
	Body       string
	OptOutType string // STOP, START or HELP; only with Twilio's Advanced Opt-Out
	NumMedia   int

	Status    MessageStatus
	ErrorCode int
}

// MessageStatus is Twilio's word for how far a text has come (twilio.md §6).
type MessageStatus string

// Statuses of a text. "sent" may be the last one: not every carrier reports delivery.
const (
	MessageAccepted    MessageStatus = "accepted"
	MessageScheduled   MessageStatus = "scheduled"
	MessageQueued      MessageStatus = "queued"
	MessageSending     MessageStatus = "sending"
	MessageSent        MessageStatus = "sent"
	MessageDelivered   MessageStatus = "delivered"
	MessageUndelivered MessageStatus = "undelivered"
	MessageFailed      MessageStatus = "failed"
	MessageCanceled    MessageStatus = "canceled"
	MessageRead        MessageStatus = "read"
)

// Rank returns a status's place in the order. Callbacks overtake each other, so a status counts
// only if its rank is higher than that of the last one. An unknown word ranks 0 and so never
// counts.
// Final states have one rank, so the first of them stands. A read text was delivered.
func (s MessageStatus) Rank() int {
	switch s {
	case MessageAccepted, MessageScheduled:
		return 1
	case MessageQueued:
		return 2
	case MessageSending:
		return 3
	case MessageSent, "partially_delivered":
		return 4
	case MessageDelivered, MessageUndelivered, MessageFailed, MessageCanceled:
		return 5
	case MessageRead:
		return 6
	}
	return 0
}

// DecodeMessage returns a messaging webhook's form as a MessageRequest.
// It never fails: unknown fields are dropped, and numbers that do not parse are 0.
func DecodeMessage(form url.Values) MessageRequest {
	get := func(name string) string { return strings.ToValidUTF8(form.Get(name), "") }
	m := MessageRequest{
		MessageSid: get("MessageSid"), ServiceSid: get("MessagingServiceSid"), From: get("From"), To: get("To"),
		Body: get("Body"), OptOutType: get("OptOutType"), NumMedia: parseNumber(get("NumMedia"), 0),
		Status: MessageStatus(get("MessageStatus")), ErrorCode: parseNumber(get("ErrorCode"), 0),
	}
	// The older name of the same field.
	if m.MessageSid == "" {
		m.MessageSid = get("SmsSid")
	}
	return m
}

// LogValue returns what may be logged: no body, numbers as their last 4.
func (m MessageRequest) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("message", loggable(m.MessageSid)), slog.String("from", last4(m.From)), slog.String("to", last4(m.To))}
	if m.Status != "" {
		attrs = append(attrs, slog.String("status", loggable(string(m.Status))))
	}
	if m.ErrorCode != 0 {
		attrs = append(attrs, slog.Int("error", m.ErrorCode))
	}
	return slog.GroupValue(attrs...)
}

// String returns LogValue as text.
func (m MessageRequest) String() string { return m.LogValue().String() }

// Format prints LogValue for every verb of fmt.
func (m MessageRequest) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(m.String())) }
