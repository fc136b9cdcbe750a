package webhook_test

import (
	"regexp"
	"strings"
	"sync"
	"testing"

	"duebell/billing"
	"duebell/internal/twilio"
	"duebell/ivr"
	"duebell/ivr/webhook"
	"duebell/payments"
	"duebell/voiceprompts"
)

const publicURL = "https://pay.example.org"

var place = webhook.Place{Next: twilio.VoiceURL(publicURL, "/twilio/voice/turn/8"), Line: "+18776236765"}

var loaded = sync.OnceValues(voiceprompts.Load)

func catalog(t testing.TB) *voiceprompts.Catalog {
	t.Helper()
	c, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func settings(t testing.TB) webhook.Settings {
	return webhook.NewSettings(catalog(t), billing.DefaultPolicy(), "stripe_prod", "bank_prod")
}

func spoken(speech voiceprompts.Speech) ivr.Spoken {
	return ivr.Spoken{Key: "test", Lang: "en", Speech: speech}
}

func terms(speech voiceprompts.Speech) ivr.Spoken {
	s := spoken(speech)
	s.NoBargeIn = true
	return s
}

func said(s ...ivr.Spoken) []ivr.Spoken { return s }

// replies holds every kind of reply once; its file under testdata/twiml is what Twilio gets.
func replies() map[string]ivr.Reply {
	menu := ivr.Ask{Keys: true, MaxKeys: 1, Seconds: 7}
	return map[string]ivr.Reply{
		"menu": {Say: said(spoken("At any time, press 0."), spoken("To pay, press 1.")), Wait: menu},
		"menu-behind-what-must-be-heard": {
			Say: said(spoken("First."), terms("The fee is 1 dollar."), spoken("To pay, press 1.")), Wait: menu,
		},
		"digits": {Say: said(spoken("Enter your account number, then press pound.")), Wait: ivr.Ask{Keys: true, Until: true, Seconds: 10}},
		"assent": {
			Say:  said(terms(`Card ending in <say-as interpret-as="digits">4242</say-as> &amp; more.`), terms("Say: I authorize.")),
			Wait: ivr.Ask{Keys: true, Speech: true, MaxKeys: 1, Seconds: 7, Hints: []string{"I authorize", "no"}},
		},
		"speech-only": {Say: said(spoken("Say something.")), Wait: ivr.Ask{Speech: true, Seconds: 7}},
		"another-voice": {
			Say:  said(spoken("For English, press 1."), ivr.Spoken{Lang: "es", Speech: "Para español, oprima 2."}),
			Wait: menu,
		},
		"pay-card": {Say: said(spoken("Use your keypad.")), Wait: ivr.TakePayment{Method: payments.Card, Attempt: "a1", Holder: "Ann Sample"}},
		"pay-bank": {
			Say:  said(spoken("Use your keypad.")),
			Wait: ivr.TakePayment{Method: payments.Bank, BankType: payments.Savings, Attempt: "a1", Holder: `Ann "O'Hara" & <Sons>`},
		},
		"hold":         {Say: said(spoken("One moment.")), Wait: ivr.Continue{Seconds: 3}},
		"on-at-once":   {Wait: ivr.Continue{}},
		"transfer":     {Say: said(spoken("We are connecting you.")), Wait: ivr.Transferring{To: "+16175550190", Seconds: 25}},
		"transfer-sip": {Wait: ivr.Transferring{To: "sip:desk@pbx.example.org", Seconds: 25}},
		"hang-up":      {Say: said(spoken("Good-bye.")), Wait: ivr.HangUp{}},
	}
}

var captureWords = regexp.MustCompile(`(<Prompt[^>]*>\n<Say[^>]*>)[^<]*`)

// indent puts elements on lines of their own, so that a golden file can be read, and leaves out the
// words of the capture's prompts, which have a golden file of their own.
func indent(doc string) string {
	lines := strings.ReplaceAll(doc, "><", ">\n<") + "\n"
	return captureWords.ReplaceAllString(lines, "$1…")
}

// A reply that Twilio could not carry out is an error and not a document.
func TestRenderRefuses(t *testing.T) {
	broken := place
	broken.Next = publicURL + "/twilio/voice/turn/8" // without the connection overrides
	for name, tt := range map[string]struct {
		reply ivr.Reply
		at    webhook.Place
	}{
		"nothing to wait for":          {ivr.Reply{Lang: "en"}, place},
		"a question without an answer": {ivr.Reply{Lang: "en", Wait: ivr.Ask{Seconds: 7}}, place},
		"a language nobody speaks":     {ivr.Reply{Lang: "en", Say: said(ivr.Spoken{Lang: "ht", Speech: "Alo"}), Wait: ivr.HangUp{}}, place},
		"an unknown language":          {ivr.Reply{Lang: "en", Say: said(ivr.Spoken{Lang: "xx", Speech: "?"}), Wait: ivr.HangUp{}}, place},
		"speech that is not heard":     {ivr.Reply{Lang: "ht", Wait: ivr.Ask{Speech: true, Seconds: 7}}, place},
		"a capture without a method":   {ivr.Reply{Lang: "en", Wait: ivr.TakePayment{Attempt: "a1"}}, place},
		"a bank without a type":        {ivr.Reply{Lang: "en", Wait: ivr.TakePayment{Method: payments.Bank, Attempt: "a1"}}, place},
		"a capture in no language":     {ivr.Reply{Lang: "xx", Wait: ivr.TakePayment{Method: payments.Card, Attempt: "a1"}}, place},
		"a URL without overrides":      {ivr.Reply{Lang: "en", Wait: ivr.Continue{}}, broken},
		"a wrong number to dial":       {ivr.Reply{Lang: "en", Wait: ivr.Transferring{To: "5550190", Seconds: 25}}, place},
	} {
		t.Run(name, func(t *testing.T) {
			if doc, err := webhook.Render(tt.reply, tt.at, catalog(t), settings(t)); err == nil {
				t.Errorf("rendered %s", doc)
			}
		})
	}
}

// A voice of the policy replaces the catalog's, together with its language.
func TestChosenVoices(t *testing.T) {
	policy := billing.DefaultPolicy()
	policy.Voices = map[string]string{"en": "Google.en-GB-Neural2-A"}
	s := webhook.NewSettings(catalog(t), policy, "c", "b")
	reply := ivr.Reply{Lang: "en", Say: said(spoken("Hello.")), Wait: ivr.HangUp{}}
	doc, err := webhook.Render(reply, place, catalog(t), s)
	if err != nil {
		t.Fatal(err)
	}
	if want := `<Say voice="Google.en-GB-Neural2-A">Hello.</Say>`; !strings.Contains(string(doc), want) {
		t.Errorf("%s\nwants %s", doc, want)
	}
}

// V4: after the first silence the capture's time-out is doubled, too.
func TestASlowCallerHasMoreTimeForTheCapture(t *testing.T) {
	at := place
	at.Slow = true // V4
	reply := ivr.Reply{Lang: "en", Wait: ivr.TakePayment{Method: payments.Card, Attempt: "a1"}}
	doc, err := webhook.Render(reply, at, catalog(t), settings(t))
	if err != nil {
		t.Fatal(err)
	}
	if want := `timeout="10"`; !strings.Contains(string(doc), want) {
		t.Errorf("%.300s wants %s", doc, want)
	}
}

// TestNoChargeIsEverAsked: money moves only through our own charge, never through Pay.
func TestNoChargeIsEverAsked(t *testing.T) {
	for name, reply := range replies() {
		reply.Lang = "en"
		doc, err := webhook.Render(reply, place, catalog(t), settings(t))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(doc), "chargeAmount") {
			t.Errorf("%s asks Twilio to charge", name)
		}
	}
}
