package twilio

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
)

// MessageRequest is a messaging webhook, decoded: a text that arrived, or the status of one that we
// sent. fmt and slog leave the body out.
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

// MessageStatus is Twilio's word for where a text is.
type MessageStatus string

// Statuses of a text. "sent" may be the last one.
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

// Rank orders the statuses so that one which overtook another never goes back: a status counts only
// if its rank is higher. A word that is not known ranks 0.
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

// DecodeMessage reads a messaging webhook's form.
func DecodeMessage(form url.Values) MessageRequest {
	get := func(name string) string { return strings.ToValidUTF8(form.Get(name), "") }
	m := MessageRequest{
		MessageSid: get("MessageSid"), ServiceSid: get("MessagingServiceSid"), From: get("From"), To: get("To"),
		Body: get("Body"), OptOutType: get("OptOutType"), NumMedia: parseNumber(get("NumMedia"), 0),
		Status: MessageStatus(get("MessageStatus")), ErrorCode: parseNumber(get("ErrorCode"), 0),
	}
	if m.MessageSid == "" {
		m.MessageSid = get("SmsSid")
	}
	return m
}

// LogValue shows what may be logged: no body, numbers as their last 4.
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

// String is LogValue as text.
func (m MessageRequest) String() string { return m.LogValue().String() }

// Format keeps every verb of fmt to what may be logged.
func (m MessageRequest) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(m.String())) }
