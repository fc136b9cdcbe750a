package app

import (
	"context"
	"time"

	"duebell/internal/twilio"
	"duebell/notify"
)

// texter carries texts by Twilio.
type texter struct {
	client        *twilio.Client
	from, service string
}

// SendSMS creates one text, once.
func (t texter) SendSMS(ctx context.Context, to, body, statusCallback string) (sid, status string, err error) {
	m := twilio.SMS{To: to, Body: body, StatusCallback: statusCallback, MessagingServiceSID: t.service}
	if t.service == "" {
		m.From = t.from
	}
	sent, err := t.client.SendSMS(ctx, m)
	if err != nil {
		return "", "", sendError(err)
	}
	return sent.SID, string(sent.Status), nil
}

// FindSMS lists the texts to a number that were created in a stretch of time.
func (t texter) FindSMS(ctx context.Context, to string, from, until time.Time) ([]notify.CarrierText, error) {
	list, err := t.client.FindMessages(ctx, to, from)
	if err != nil {
		return nil, sendError(err)
	}
	var found []notify.CarrierText
	for _, m := range list {
		if m.CreatedAt.After(until) {
			continue
		}
		found = append(found, notify.CarrierText{
			SID: m.SID, Body: m.Body, Status: string(m.Status), Code: m.ErrorCode, Trouble: notify.Trouble(twilio.Explain(m.ErrorCode)),
			Ours: (t.service != "" && m.ServiceSID == t.service) || (t.from != "" && m.From == t.from), CreatedAt: m.CreatedAt,
		})
	}
	return found, nil
}

// sendError says in the notifier's words what a failed request proves.
func sendError(err error) error {
	e, ok := twilio.AsError(err)
	if !ok {
		return &notify.SendError{Kind: notify.SendUnknown, Err: err}
	}
	kind := notify.SendUnknown
	switch e.Kind {
	case twilio.Refused:
		kind = notify.SendRefused
	case twilio.RateLimited, twilio.Unreachable:
		kind = notify.SendRateLimited
	case twilio.Misconfigured:
		kind = notify.SendAccountFault
	}
	return &notify.SendError{Kind: kind, Code: e.Code, Trouble: notify.Trouble(e.Trouble), Err: err}
}
