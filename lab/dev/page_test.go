package dev_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"duebell/lab/testenv"
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
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(testenv.Chromium(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1360, 1500),
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

// choose presses what an option that was heard asks for: "by card, press 2".
func (p *page) choose(heard, option string) {
	p.t.Helper()
	found := regexp.MustCompile("(?i)" + option + `[^.]*press (\d)`).FindStringSubmatch(heard)
	if found == nil {
		p.t.Fatalf("nothing of %q is offered in %q", option, heard)
	}
	p.press(found[1])
}

// shows waits until a part of the page shows something.
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

// dial calls from a telephone; attested: the carrier has signed its number.
func (p *page) dial(phone string, attested bool) {
	p.t.Helper()
	grade := map[bool]string{true: "A", false: ""}[attested]
	p.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{ const from = document.getElementById("from");
			from.value = %q; document.getElementById("attestation").value = %q; from.dispatchEvent(new Event("change")); } 0`, phone, grade)),
		chromedp.Click(chromedp.ID("dial")))
}

func (p *page) hangUp() {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.ID("hang-up")))
	p.shows("ask", "The call is over")
}

// identify dials from a sample member's telephone and answers the line's questions from what the page
// says that there is to key. It gives what is heard then.
func (p *page) identify(phone, account, born, zip string) string {
	p.t.Helper()
	p.dial(phone, false)
	p.choose(p.hear("for English"), "English")
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
