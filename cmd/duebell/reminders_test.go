package main

import (
	"testing"
	"time"

	"duebell/notify"
)

// A pause that a carrier caused says what its code means, by the reasons that the sender writes.
func TestPausesSayWhatTheCodeMeans(t *testing.T) {
	filtered := notify.PauseFor(notify.DueSoon, 30007, notify.CarrierFiltered, time.Time{})
	for why, want := range map[string]string{
		filtered.Why:                            "filtered by a carrier, code 30007 (the carrier takes our words for spam: change them, or ask Twilio's support)",
		"account or sender refused, code 39999": "account or sender refused, code 39999 (see https://www.twilio.com/docs/api/errors/39999)",
		"counsel reads the words":               "counsel reads the words",
		"":                                      "",
	} {
		if got := withCodeWords(why); got != want {
			t.Errorf("%q: %q, want %q", why, got, want)
		}
	}
}
