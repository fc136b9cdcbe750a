package app

import (
	"context"
	"time"

	"duebell/internal/twilio"
	"duebell/notify"
)

// carrier sends texts and places calls through Twilio's API.
// It translates only: what a code means is package twilio's, when to send or look up is notify's.
type carrier struct {
	client        *twilio.Client
	from, service string // the line's number, and the messaging service that sends instead of it
	publicURL     string // below which the webhooks of calls lie
}

// SendSMS creates one text with a single request and returns its SID and state. Any error is a *notify.SendError.
// A text is never created twice here: the client makes no repeat of its own.
func (c carrier) SendSMS(ctx context.Context, to, body, statusCallback string) (sid, status string, err error) {
	m := twilio.SMS{To: to, Body: body, StatusCallback: statusCallback, MessagingServiceSID: c.service}
	// With a service Twilio picks the sender, and From must not be set as well.
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
// The list's date filter works on the sending date, which a queued text lacks (twilio.md §6), so the client
// lists by number and the creation instant is compared here. Ours marks texts of our own sender: others may
// text the same number from the same account.
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
//
// Refused: the carrier answered and did not take it. RateLimited and Unreachable: it was never processed, so
// it may be tried again. Misconfigured: our account or credentials are at fault. All else: the text may have
// gone, and only a look-up tells.
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
