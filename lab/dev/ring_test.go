package dev_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// Who texts PAY is called at once: the page rings, and behind the answer is the line's own conversation.
func TestTheLineCallsBackInABrowser(t *testing.T) {
	t.Parallel()
	p := open(t, run(t, nil))
	answer := chromedp.Search(`//button[text()="Answer"]`)
	p.do(chromedp.SendKeys(chromedp.ID("text-body"), "PAY\r"))
	p.shows("ringing", "The line calls")
	p.shows("texts", "we are calling you now")
	p.accessible("a phone that rings")
	p.do(chromedp.Click(answer))
	p.hear("You asked us to call you")
	p.shows("ringing", "")
	p.press("1")
	p.hear("account number")
	p.do(chromedp.Click(chromedp.ID("hang-up")))
	p.shows("ask", "The call is over")

	p.do(chromedp.SetValue(chromedp.ID("text-from"), "+14135550102"), chromedp.SendKeys(chromedp.ID("text-body"), "LLAMAR\r"))
	p.shows("ringing", "0102")
	p.do(chromedp.Click(chromedp.Search(`//button[text()="Turn it away"]`)))
	p.shows("ringing", "")
}
