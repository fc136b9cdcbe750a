package twilio

import (
	"context"
	"errors"
	"net/http"

	api "github.com/twilio/twilio-go/rest/api/v2010"
	messaging "github.com/twilio/twilio-go/rest/messaging/v1"
)

// ErrNoSuchNumber says that the account does not have a telephone number.
var ErrNoSuchNumber = errors.New("twilio: the account has no such number")

// PhoneNumber is a number of the account as it is set up at Twilio.
// Empty fields are not set at Twilio.
type PhoneNumber struct {
	SID              string
	E164             string
	VoiceURL         string
	VoiceMethod      string
	VoiceFallbackURL string
	StatusCallback   string
	SMSURL           string
	SMSMethod        string
	// Where one of these is set, Twilio ignores the URLs above.
	VoiceApplicationSID, SMSApplicationSID, TrunkSID string
}

// NumberWebhooks are the URLs to set on a number. The voice ones are as VoiceURL makes them.
// SetNumberWebhooks refuses a voice one without the connection overrides.
type NumberWebhooks struct {
	Voice         string
	VoiceFallback string
	VoiceStatus   string
	SMS           string
}

// MessagingService is a messaging service as it is set up at Twilio.
type MessagingService struct {
	SID            string
	InboundURL     string
	InboundMethod  string
	StatusCallback string
	UseNumberSMS   bool // texts go to the number's own URL instead of InboundURL
	SmartEncoding  bool // Twilio changes quotes and dashes, so a stored body differs from the one sent
}

// FetchNumber returns a number of the account, given in E.164, or ErrNoSuchNumber.
func (c *Client) FetchNumber(ctx context.Context, e164 string) (PhoneNumber, error) {
	const op = "fetch number"
	if !e164Shape.MatchString(e164) {
		return PhoneNumber{}, ErrNoSuchNumber
	}
	var found PhoneNumber
	err := c.do(ctx, op, func(s services) error {
		size := 20
		list, err := s.api.PageIncomingPhoneNumber(&api.ListIncomingPhoneNumberParams{PhoneNumber: &e164, PageSize: &size}, "", "")
		if err != nil {
			return err
		}
		for _, n := range list.IncomingPhoneNumbers {
			if deref(n.PhoneNumber) == e164 { // the filter takes patterns and parts
				found = phoneNumber(&n)
			}
		}
		return nil
	})
	if err != nil {
		return PhoneNumber{}, err
	}
	if found.SID == "" {
		return PhoneNumber{}, ErrNoSuchNumber
	}
	return found, nil
}

// SetNumberWebhooks sets a number's webhooks, all by POST, and returns the number as it then is.
// It overwrites what was set, by hand too. SMS is not checked: it carries no overrides.
func (c *Client) SetNumberWebhooks(ctx context.Context, sid string, hooks NumberWebhooks) (PhoneNumber, error) {
	const op = "set number webhooks"
	if !sidShape.MatchString(sid) {
		return PhoneNumber{}, errNotSent(op, Misconfigured, AccountTrouble)
	}
	for _, u := range []string{hooks.Voice, hooks.VoiceFallback, hooks.VoiceStatus} {
		if checkVoiceURL(u) != nil {
			return PhoneNumber{}, errNotSent(op, Misconfigured, AccountTrouble)
		}
	}
	params := (&api.UpdateIncomingPhoneNumberParams{}).
		SetVoiceUrl(hooks.Voice).SetVoiceMethod(http.MethodPost).
		SetVoiceFallbackUrl(hooks.VoiceFallback).SetVoiceFallbackMethod(http.MethodPost).
		SetStatusCallback(hooks.VoiceStatus).SetStatusCallbackMethod(http.MethodPost).
		SetSmsUrl(hooks.SMS).SetSmsMethod(http.MethodPost)
	var set PhoneNumber
	err := c.do(ctx, op, func(s services) error {
		n, err := s.api.UpdateIncomingPhoneNumber(sid, params)
		if err != nil {
			return err
		}
		if set = phoneNumber(n); set.SID != sid {
			return errIncompleteReply(op, http.StatusOK)
		}
		return nil
	})
	if err != nil {
		return PhoneNumber{}, err
	}
	return set, nil
}

// phoneNumber reads twilio-go's record, whose fields may all be missing.
func phoneNumber(n *api.ApiV2010IncomingPhoneNumber) PhoneNumber {
	return PhoneNumber{
		SID: deref(n.Sid), E164: deref(n.PhoneNumber),
		VoiceURL: deref(n.VoiceUrl), VoiceMethod: deref(n.VoiceMethod), VoiceFallbackURL: deref(n.VoiceFallbackUrl), StatusCallback: deref(n.StatusCallback),
		SMSURL: deref(n.SmsUrl), SMSMethod: deref(n.SmsMethod),
		VoiceApplicationSID: deref(n.VoiceApplicationSid), SMSApplicationSID: deref(n.SmsApplicationSid), TrunkSID: deref(n.TrunkSid),
	}
}

// FetchService returns a messaging service of the account.
func (c *Client) FetchService(ctx context.Context, sid string) (MessagingService, error) {
	return c.service(ctx, "fetch messaging service", sid, func(s services) (*messaging.MessagingV1Service, error) {
		return s.messaging.FetchService(sid)
	})
}

// SetServiceWebhooks sets a messaging service's webhooks, by POST and over those of its numbers,
// and returns the service as it then is.
// Repeated it sets the same again.
func (c *Client) SetServiceWebhooks(ctx context.Context, sid, inbound, status string) (MessagingService, error) {
	params := (&messaging.UpdateServiceParams{}).SetInboundRequestUrl(inbound).SetInboundMethod(http.MethodPost).
		// Otherwise texts would still go to each number's own address.
		SetStatusCallback(status).SetUseInboundWebhookOnNumber(false)
	return c.service(ctx, "set messaging service webhooks", sid, func(s services) (*messaging.MessagingV1Service, error) {
		return s.messaging.UpdateService(sid, params)
	})
}

// service runs one request about a messaging service and reads its answer.
func (c *Client) service(ctx context.Context, op, sid string, call func(services) (*messaging.MessagingV1Service, error)) (MessagingService, error) {
	if !sidShape.MatchString(sid) {
		return MessagingService{}, errNotSent(op, Misconfigured, AccountTrouble)
	}
	var found MessagingService
	err := c.do(ctx, op, func(s services) error {
		m, err := call(s)
		if err != nil {
			return err
		}
		found = MessagingService{
			SID: deref(m.Sid), InboundURL: deref(m.InboundRequestUrl), InboundMethod: deref(m.InboundMethod), StatusCallback: deref(m.StatusCallback),
			UseNumberSMS: deref(m.UseInboundWebhookOnNumber), SmartEncoding: deref(m.SmartEncoding),
		}
		if found.SID != sid {
			return errIncompleteReply(op, http.StatusOK)
		}
		return nil
	})
	if err != nil {
		return MessagingService{}, err
	}
	return found, nil
}
