package dev_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

//go:embed testdata/axe/axe.min.js
var axe string

// page is the telephone's page in a real browser.
type page struct {
	t    *testing.T
	ctx  context.Context
	shot string // where pictures go; empty: nowhere
}

// open shows a dev's page in Chromium.
func open(t *testing.T, r running) *page {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Fatal("Chromium is not installed, and without it nobody knows whether the phone works: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1360, 1500),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-background-networking", true),
		chromedp.UserDataDir(t.TempDir()))
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	p := &page{t: t, ctx: ctx, shot: os.Getenv("DUEBELL_SCREENSHOTS")}
	if err := chromedp.Do(ctx); err != nil { // the browser lives as long as the context of the first call
		t.Fatalf("Chromium does not start: %v", err)
	}
	p.do(chromedp.Navigate(r.phone), chromedp.WaitVisible(chromedp.ID("dial")))
	return p
}

// do runs actions of the browser, or ends the test with what the page then shows.
func (p *page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatalf("%v\n%s", err, p.said())
	}
}

// get runs an action that gives something.
func get[T any](p *page, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		p.t.Fatalf("%v\n%s", err, p.said())
	}
	return v
}

// said is the conversation so far, for reading a failure.
func (p *page) said() string {
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`["log", "ask", "error"].map((id) => document.getElementById(id).innerText).join("\n")`))
	if err != nil {
		return err.Error()
	}
	return text
}

// hear waits until the line has said this since the caller's last act, and asks for something.
func (p *page) hear(words string) string {
	p.t.Helper()
	const since = `(() => {
		if (document.getElementById("ask").innerText.includes("at work") || document.getElementById("ask").innerText.includes("Dialing")) return "";
		const lines = [...document.querySelectorAll("#log p")];
		return lines.slice(lines.findLastIndex((l) => l.className === "caller") + 1).map((l) => l.innerText).join(" ");
	})()`
	return get(p, chromedp.Poll[string](fmt.Sprintf(`(() => { const heard = %s; return heard.toLowerCase().includes(%q) ? heard : null })()`, since, strings.ToLower(words)),
		chromedp.WithPollingTimeout(patience)))
}

// press presses a key of the pad, as with a finger.
func (p *page) press(key string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(fmt.Sprintf(`[data-key=%q]`, key))))
}

// keys types keys into the field for several, and presses them.
func (p *page) keys(keys string) {
	p.t.Helper()
	p.do(chromedp.SendKeys(chromedp.ID("keys"), keys+"\r"))
}

// choose presses what an option that was heard asks for: "a card, press 2".
func (p *page) choose(heard, option string) {
	p.t.Helper()
	found := regexp.MustCompile("(?i)" + option + `[^.]*press (\d)`).FindStringSubmatch(heard)
	if found == nil {
		p.t.Fatalf("nothing of %q is offered in %q", option, heard)
	}
	p.press(found[1])
}

// shows waits until a part of the desk shows something.
func (p *page) shows(id, words string) {
	p.t.Helper()
	get(p, chromedp.Poll[bool](fmt.Sprintf(`document.getElementById(%q).innerText.toLowerCase().includes(%q)`, id, strings.ToLower(words)), chromedp.WithPollingTimeout(patience)))
}

// accessible has axe look at the page as it stands, and looks itself for what spills over. Everything that
// is found fails.
func (p *page) accessible(when string) {
	p.t.Helper()
	p.picture(when)
	found := get(p, chromedp.Evaluate[string](axe+`; axe.run(document, {resultTypes: ["violations"]}).then((r) => JSON.stringify(
		r.violations.map((v) => ({id: v.id, help: v.help, nodes: v.nodes.map((n) => n.html + " " + n.failureSummary)}))))`, chromedp.EvalAwaitPromise))
	spilt := get(p, chromedp.Evaluate[[]string](`[...document.querySelectorAll(".card *")].filter((e) => !e.closest(".scroll, #log") &&
		e.getBoundingClientRect().right > e.closest(".card").getBoundingClientRect().right).map((e) => e.outerHTML)`))
	if len(spilt) > 0 {
		p.t.Errorf("%s: beyond the edge of its card: %v", when, spilt)
	}
	var violations []struct {
		ID, Help string
		Nodes    []string
	}
	if err := json.Unmarshal([]byte(found), &violations); err != nil {
		p.t.Fatal(err)
	}
	for _, v := range violations {
		p.t.Errorf("%s: axe finds %s: %s\n%s", when, v.ID, v.Help, strings.Join(v.Nodes, "\n"))
	}
}

// picture keeps what the page looks like, for whoever asks for it by DUEBELL_SCREENSHOTS.
func (p *page) picture(name string) {
	if p.shot == "" {
		return
	}
	png := get(p, chromedp.FullScreenshot(100))
	if err := os.WriteFile(filepath.Join(p.shot, strings.ReplaceAll(name, " ", "-")+".png"), png, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// identify dials from a sample member's telephone and answers the line's questions from what the page
// says that there is to key. It gives what is heard then.
func (p *page) identify(phone, account, born, zip string) string {
	p.t.Helper()
	p.do(chromedp.SetValue(chromedp.ID("from"), phone),
		chromedp.Evaluate[chromedp.Void](`document.getElementById("from").dispatchEvent(new Event("change"))`),
		chromedp.Click(chromedp.ID("dial")))
	p.choose(p.hear("balance"), "balance")
	p.hear("account number or member ID")
	p.do(chromedp.Click(chromedp.Search(fmt.Sprintf(`//ul[not(@hidden)]//button[contains(., %q)]`, account))))
	p.hear("date of birth")
	p.keys(born + "#")
	p.hear("ZIP code")
	p.do(chromedp.Focus(chromedp.ID("keypad")))
	for _, digit := range zip + "#" { // on the keyboard
		p.do(chromedp.KeyEvent(string(digit)))
	}
	return p.hear("you owe")
}

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
		chromedp.Click(chromedp.Search(`//button[text()="Let it be so"]`)))
	p.shows("trouble-says", "So it is.")
	p.do(chromedp.Click(chromedp.ID("dial")))
	p.hear("press 0")
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
