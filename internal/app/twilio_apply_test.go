package app

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"duebell/lab/twilio"
)

// TestTwilioApply: the command says what would change and changes nothing until it may; then Twilio holds the addresses
// that the doctor asks for, and nothing is left to change.
func TestTwilioApply(t *testing.T) {
	const phone, service = "+18776236765", "MG00000000000000000000000000000001"
	account, err := twilio.New(twilio.Config{
		Now: time.Now, PublicURL: "https://old.example.org", OverridesRequired: true,
		Numbers: []twilio.Number{{Phone: phone}}, MessagingServiceSID: service,
	})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(account.Handler())
	t.Cleanup(api.Close)
	cfg := Config{Settings: Settings{
		TwilioAccountSID: twilio.DevAccountSID, TwilioAuthToken: twilio.DevAuthToken, TwilioAPIURL: api.URL,
		TwilioPhoneNumber: phone, TwilioMessagingServiceSID: service, PublicURL: "https://pay.example.org",
	}}
	apply := func(yes bool) string {
		t.Helper()
		lines, err := ApplyTwilio(t.Context(), cfg, yes)
		if err != nil {
			t.Fatalf("%v\n%s", err, strings.Join(lines, "\n"))
		}
		return strings.Join(lines, "\n")
	}
	said := apply(false)
	for _, what := range []string{"voice fallback", "call status", "texts"} {
		if !strings.Contains(said, "phone number "+phone+": "+what+" is https://old.example.org/twilio/") {
			t.Errorf("it does not say that %q would change:\n%s", what, said)
		}
	}
	if err := checkTwilio(t.Context(), cfg); err == nil {
		t.Error("without --yes the number was changed")
	}
	if said := apply(true); !strings.Contains(said, "messaging service: ") {
		t.Errorf("the messaging service was not set:\n%s", said)
	}
	if err := checkTwilio(t.Context(), cfg); err != nil {
		t.Error(err)
	}
	if said := apply(false); strings.Contains(said, "https://") {
		t.Errorf("there is still something to change:\n%s", said)
	}
}
