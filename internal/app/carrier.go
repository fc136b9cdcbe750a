package app

import (
	"context"
	"time"

	"duebell/internal/twilio"
	"duebell/notify"
)

// carrier sends texts and places calls through Twilio's API.
type carrier struct {
	client        *twilio.Client
	from, service string // the line's number, and the messaging service that sends instead of it
	publicURL     string // below which the webhooks of calls lie
}

// SendSMS creates one text with a single request and returns its SID and state. Any error is a *notify.SendError.
func (c carrier) SendSMS(ctx context.Context, to, body, statusCallback string) (sid, status string, err error) {
	m := twilio.SMS{To: to, Body: body, StatusCallback: statusCallback, MessagingServiceSID: c.service}
	if c.service == "" {
		m.From = c.from
	}
	sent, err := c.client.SendSMS(ctx, m)
	if err != nil {
		return "", "", sendError(err)
	}
	return sent.SID, string(sent.Status), nil
}

// FindSMS lists the texts to a number that were created between two instants.
func (c carrier) FindSMS(ctx context.Context, to string, from, until time.Time) ([]notify.CarrierText, error) {
	list, err := c.client.FindMessages(ctx, to, from)
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
			Ours: (c.service != "" && m.ServiceSID == c.service) || (c.from != "" && m.From == c.from), CreatedAt: m.CreatedAt,
		})
	}
	return found, nil
}

// sendError returns what a failed request proves, in notify's words. An error that proves nothing leaves it unknown
// whether the text went.
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
