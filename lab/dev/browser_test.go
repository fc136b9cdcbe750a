package dev_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"duebell/lab/dev"
)

func TestPayingByCardInABrowser(t *testing.T) {
	t.Parallel()
	p := open(t, run(t, nil))
	p.shows("now", "February 10, 2027")
	p.accessible("idle")
	heard := p.identify("+16175550101", "712345678", "04121980", "02139")
	if !strings.Contains(heard, "you owe 198 dollars") {
		t.Errorf("heard %q", heard)
	}
	p.accessible("in a call")
	p.choose(heard, "To pay all of it")
	p.choose(p.hear("card"), "card")
	p.choose(p.hear("if that is right, press 1"), "if that is right")
	p.hear("card number")
	p.accessible("at the payment keypad for a card")
	p.do(chromedp.Click(chromedp.Search(`//button[text()="Key in the card"]`)))
	p.hear("confirmation number")
	p.shows("payments", "712345678")
	p.shows("payments", "taken")
	p.shows("ledger", "$198.00")
	p.shows("texts", "payment received")
	p.accessible("after a payment by card")
	p.do(chromedp.Click(chromedp.ID("hang-up")))
	p.shows("ask", "The call is over")
	p.accessible("after the call")
}

func TestPayingByBankInABrowser(t *testing.T) {
	t.Parallel()
	p := open(t, run(t, nil))
	heard := p.identify("+15085550103", "734567890", "07081992", "01608")
	p.choose(heard, "To pay all of it")
	p.choose(p.hear("bank account"), "bank account")
	p.choose(p.hear("checking"), "checking")
	p.choose(p.hear("if that is right, press 1"), "if that is right")
	p.hear("routing number")
	p.accessible("at the payment keypad for a bank account")
	p.do(chromedp.Click(chromedp.Search(`//button[text()="Key in the bank account"]`)))
	p.hear("say: I authorize")
	p.accessible("at the assent")
	p.do(chromedp.SendKeys(chromedp.ID("say"), "I authorize\r"))
	p.hear("confirmation number")
	p.shows("payments", "bank")
	p.shows("payments", "taken")
	p.shows("ledger", "$470.00")
	p.do(chromedp.Click(chromedp.Search(`//button[@data-move="banking-days"]`)))
	p.shows("clock-says", "The clock has moved.")
	p.shows("now", "February 12, 2027")
	p.accessible("two banking days later")
}

// What else a caller can do, and what can be done to them.
func TestTheRestOfThePhone(t *testing.T) {
	t.Parallel()
	p := open(t, run(t, nil))
	p.do(chromedp.SetValue(chromedp.ID("from"), "other"),
		chromedp.Evaluate[chromedp.Void](`document.getElementById("from").dispatchEvent(new Event("change"))`),
		chromedp.SendKeys(chromedp.ID("number"), "nonsense\r"))
	p.shows("error", "not a phone number")
	p.accessible("a number that is none")
	p.do(chromedp.SetValue(chromedp.ID("number"), "(617) 555-0142"), chromedp.Click(chromedp.ID("dial")))
	p.choose(p.hear("for English"), "English")
	p.hear("balance")

	// Silence counts when the time is up, and only where the phone is told so.
	p.shows("left", "")
	p.do(chromedp.Click(chromedp.ID("impatient")))
	p.shows("left", "Silence counts in")
	p.do(chromedp.Evaluate[chromedp.Void](`const real = Date.now; Date.now = () => real() + 600_000; 0`))
	p.shows("log", "is silent")
	p.do(chromedp.Evaluate[chromedp.Void](`Date.now = real; 0`), chromedp.Click(chromedp.ID("impatient")))
	p.hear("balance")
	p.keys("77")
	p.shows("error", "The line would not take that")

	// A person is one key away.
	p.press("0")
	p.shows("ask", "You are talking to a person.")
	p.accessible("with a person")
	p.do(chromedp.Click(chromedp.ID("person")))
	p.shows("ask", "The call is over")

	// Texts to the line, and trouble.
	p.do(chromedp.SendKeys(chromedp.ID("text-body"), "STOP\r"))
	p.shows("texts", "sent to the line")
	p.shows("texts", "Twilio's own answer")
	p.do(chromedp.SetValue(chromedp.ID("trouble-database"), "down"), chromedp.SetValue(chromedp.ID("agent"), "busy"),
		chromedp.Click(chromedp.Search(`//button[text()="Apply"]`)))
	p.shows("trouble-says", "Applied.")
	p.do(chromedp.Click(chromedp.ID("dial")))
	p.hear("for English")
	p.accessible("without a database")
}

// The line is heard, one prompt after another, and pressing a key cuts it short.
func TestSpeakingAloud(t *testing.T) {
	t.Parallel()
	p := open(t, run(t, nil))
	// Debian's Chromium has no voices: one is put in that remembers, and ends a prompt when told.
	p.do(chromedp.Evaluate[chromedp.Void](`
		window.spoken = []; window.cut = 0;
		speechSynthesis.getVoices = () => [{}];
		speechSynthesis.speak = (u) => { spoken.push(u.lang + " " + u.text); window.finish = () => u.onend(); };
		speechSynthesis.cancel = () => { cut++; };
		speechSynthesis.dispatchEvent(new Event("voiceschanged")); 0`))
	if !get(p, chromedp.Evaluate[bool](`document.getElementById("aloud").checked && document.getElementById("impatient").checked`)) {
		t.Error("with a voice the phone speaks, and is impatient")
	}
	p.do(chromedp.Click(chromedp.ID("dial")))
	p.hear("English")
	spoken := func() []string { return get(p, chromedp.Evaluate[[]string]("spoken")) }
	if got := spoken(); len(got) != 1 || !strings.HasPrefix(got[0], "en-US Massachusetts Health Connector") {
		t.Errorf("spoken at first: %q", got)
	}
	p.do(chromedp.Evaluate[chromedp.Void](`finish(); 0`))
	if got := spoken(); len(got) != 2 || !strings.Contains(got[1], "For English") {
		t.Errorf("spoken after the first prompt: %q", got)
	}
	p.press("1")
	p.hear("balance")
	if got := spoken(); len(got) != 3 || !strings.Contains(got[2], "balance") || !get(p, chromedp.Evaluate[bool]("cut > 0")) {
		t.Errorf("spoken after the key: %q", got)
	}
	if got := get(p, chromedp.Evaluate[string](`document.getElementById("log").getAttribute("aria-live")`)); got != "off" {
		t.Errorf("a screen reader speaks at the same time: %s", got)
	}
}

// What somebody has tried by hand is shown as a script, attestation and receipt included, and that script passes as
// it stands: a supervisor's first one.
func TestTheScriptOfThePagePassesAtTheFirstTry(t *testing.T) {
	t.Parallel()
	r := run(t, nil)
	p := open(t, r)
	p.accessible("before a script")

	// A member pays by card from the number on file, which the carrier has signed.
	p.dial("+16175550101", true)
	p.choose(p.hear("for English"), "English")
	p.choose(p.hear("balance"), "balance")
	p.hear("date of birth")
	p.keys("04121980#")
	p.hear("ZIP code")
	p.do(chromedp.Focus(chromedp.ID("keypad")))
	for _, digit := range "02139#" { // on the keyboard, one by one
		p.do(chromedp.KeyEvent(string(digit)))
	}
	p.choose(p.hear("more than one account"), "all")
	p.choose(p.hear("for a card"), "card")
	p.choose(p.hear("if that is right"), "if that is right")
	p.payByCard()
	p.payByCard()
	p.hangUp()

	// Another one asks for a person, who hangs up; then two banking days pass, and somebody has enough of texts.
	p.dial("+14135550102", false)
	p.hear("oprima 2")
	p.press("2")
	p.hear("saldo")
	p.press("0")
	p.shows("ask", "You are talking to a person.")
	p.do(chromedp.Click(chromedp.ID("person")))
	p.shows("ask", "The call is over")
	p.do(chromedp.Click(chromedp.Search(`//button[@data-move="banking-days"]`)))
	p.shows("clock-says", "The clock has moved.")
	p.do(chromedp.SetValue(chromedp.ID("text-from"), "+16175550101"), chromedp.SendKeys(chromedp.ID("text-body"), "STOP\r"))
	p.shows("texts", "sent to the line")

	p.do(chromedp.Click(chromedp.ID("story-show")))
	p.shows("story-says", "everything so far")
	p.accessible("with a script")
	text := get(p, chromedp.Evaluate[string](`document.getElementById("story").value`))
	for _, words := range []string{"attested A", "\nreceipt\n", "pay-card 4242424242424242 12/34 123 02139", "charged 712345678 198.00 card", "owes 712345678 0.00", "text-from"} {
		if !strings.Contains(text, words) {
			t.Errorf("the script lacks %q", words)
		}
	}
	file := filepath.Join(t.TempDir(), "story.call")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	control, err := dev.ControlURL("", r.dir)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := dev.Play(t.Context(), control, file, &out); err != nil {
		t.Errorf("%v\n%s\nthe script:\n%s", err, &out, text)
	}
}
