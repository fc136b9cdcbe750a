package app

import (
	"context"
	"fmt"
	"net/url"

	"duebell/internal/twilio"
)

// newTwilio returns a client of Twilio's API, made as the roles make theirs. Nothing is sent yet.
func newTwilio(cfg Config) (*twilio.Client, error) {
	return twilio.NewClient(twilio.ClientConfig{AccountSID: cfg.TwilioAccountSID, AuthToken: cfg.TwilioAuthToken, BaseURL: cfg.TwilioAPIURL})
}

// webhooks returns the addresses that the number should call. Those of calls carry the overrides of twilio.md §4.2
// in their fragment: also the status, so that the news of a call's end outlives the replica it was sent to.
func webhooks(cfg Config) twilio.NumberWebhooks {
	return twilio.NumberWebhooks{
		Voice:         twilio.VoiceURL(cfg.PublicURL, "/twilio/voice/incoming"),
		VoiceFallback: twilio.VoiceURL(cfg.PublicURL, "/twilio/voice/fallback"),
		VoiceStatus:   twilio.VoiceURL(cfg.PublicURL, "/twilio/voice/status"),
		SMS:           cfg.PublicURL + "/twilio/sms/incoming",
	}
}

// webhookChange is an address that Twilio calls and the one that it should call instead.
type webhookChange struct{ name, from, to string }

// numberChanges returns what differs between a number and the addresses that it should have. They are compared as
// text: Twilio signs them as text, too.
func numberChanges(n twilio.PhoneNumber, want twilio.NumberWebhooks) []webhookChange {
	return differing([]webhookChange{
		{"voice", n.VoiceURL, want.Voice}, {"voice fallback", n.VoiceFallbackURL, want.VoiceFallback},
		{"call status", n.StatusCallback, want.VoiceStatus}, {"texts", n.SMSURL, want.SMS},
	})
}

// differing returns the changes that change something.
func differing(all []webhookChange) []webhookChange {
	var list []webhookChange
	for _, c := range all {
		if c.from != c.to {
			list = append(list, c)
		}
	}
	return list
}

// ApplyTwilio compares the webhooks of the number, and of the messaging service if there is one, with the
// configuration and, with yes, sets what differs. It returns a line for each difference, or one that says that there
// is none, also when something later fails.
// Repeated it sets the same again. It does not touch other numbers of the account.
func ApplyTwilio(ctx context.Context, cfg Config, yes bool) ([]string, error) {
	client, err := newTwilio(cfg)
	if err != nil {
		return nil, err
	}
	var lines []string
	if cfg.TwilioPhoneNumber != "" {
		number, err := client.FetchNumber(ctx, cfg.TwilioPhoneNumber)
		if err != nil {
			return lines, err
		}
		changes := numberChanges(number, webhooks(cfg))
		if yes && len(changes) > 0 {
			if _, err := client.SetNumberWebhooks(ctx, number.SID, webhooks(cfg)); err != nil {
				return lines, err
			}
		}
		lines = append(lines, described("phone number "+cfg.TwilioPhoneNumber, changes, yes)...)
	}
	if sid := cfg.TwilioMessagingServiceSID; sid != "" {
		service, err := client.FetchService(ctx, sid)
		if err != nil {
			return lines, err
		}
		// Texts go by the service where there is one, so its addresses count besides the number's. A service that
		// leaves texts to each number's own address has none for them, whatever is stored.
		inbound := service.InboundURL
		if service.UseNumberSMS {
			inbound = ""
		}
		texts, status := cfg.PublicURL+"/twilio/sms/incoming", cfg.PublicURL+"/twilio/sms/status"
		changes := differing([]webhookChange{{"texts", inbound, texts}, {"text status", service.StatusCallback, status}})
		if yes && len(changes) > 0 {
			if _, err := client.SetServiceWebhooks(ctx, sid, texts, status); err != nil {
				return lines, err
			}
		}
		lines = append(lines, described("messaging service", changes, yes)...)
	}
	return lines, nil
}

// described returns a line for each change of one thing at Twilio.
func described(what string, changes []webhookChange, done bool) []string {
	if len(changes) == 0 {
		return []string{what + ": set as configured"}
	}
	words := "%s: %s is %s and would become %s"
	if done {
		words = "%s: %s was %s and is now %s"
	}
	lines := make([]string, len(changes))
	for i, c := range changes {
		lines[i] = fmt.Sprintf(words, what, c.name, shown(c.from), c.to)
	}
	return lines
}

// shown returns an address that somebody else may have set, without the password that it may hold.
func shown(address string) string {
	if address == "" {
		return "not set"
	}
	u, err := url.Parse(address)
	if err != nil {
		return "not a URL"
	}
	return u.Redacted()
}
