package dev_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// What else a caller can come to do, each on the page: Spanish, as a guest, for several accounts, for an employer,
// about texts, in general.
func TestTheBranchesInABrowser(t *testing.T) {
	t.Parallel()
	p := open(t, run(t, nil))

	// In Spanish, from the number on file, which the carrier has signed: no account number is asked for.
	p.dial("+14135550102", true)
	p.hear("oprima 2")
	p.press("2")
	p.hear("oprima 1")
	p.press("1")
	p.hear("fecha de nacimiento")
	p.accessible("in Spanish")
	p.keys("11301975#")
	p.hear("código postal")
	p.keys("01103#")
	p.hear("saldo")
	p.hangUp()

	// The next call from there is in Spanish at once, and offers English.
	p.dial("+14135550102", true)
	p.choose(p.hear("for English"), "for English")
	p.hear("balance")
	p.hangUp()

	// A guest pays 25 dollars by card on somebody's account.
	p.dial("anonymous", false)
	p.choose(p.hear("for English"), "English")
	p.choose(p.hear("guest"), "guest")
	p.hear("account number")
	p.keys("734567890#")
	p.choose(p.hear("if that is right"), "if that is right")
	p.hear("amount")
	p.keys("2500#")
	p.choose(p.hear("if that is right"), "if that is right")
	p.payByCard()
	p.shows("ledger", "$25.00")
	p.hangUp()

	// Health and dental in one call, one after the other.
	p.dial("+16175550101", true)
	p.choose(p.hear("for English"), "English")
	p.choose(p.hear("balance"), "balance")
	p.hear("date of birth")
	p.keys("04121980#")
	p.hear("ZIP code")
	p.keys("02139#")
	p.choose(p.hear("more than one account"), "all")
	p.choose(p.hear("for a card"), "card")
	p.choose(p.hear("if that is right"), "if that is right")
	p.payByCard()
	p.payByCard()
	p.accessible("after two payments in one call")
	p.shows("ledger", "$31.50")
	p.hangUp()

	// An employer proves itself by invoice number.
	p.dial("+16175550105", false)
	p.choose(p.hear("for English"), "English")
	p.choose(p.hear("balance"), "balance")
	p.hear("account number or member ID")
	p.keys("756789012#")
	p.hear("invoice number")
	p.keys("90001234#")
	p.hear("ZIP code")
	p.keys("02110#")
	p.hear("4210 dollars")
	p.hangUp()

	// How to pay, and no more texts.
	p.dial("+15085550103", false)
	p.choose(p.hear("for English"), "English")
	p.choose(p.hear("how and when"), "how and when")
	p.choose(p.hear("when bills are due"), "when bills are due")
	p.choose(p.hear("main menu"), "main menu")
	p.choose(p.hear("text messages"), "text messages")
	p.choose(p.hear("stop all texts"), "stop all texts")
	p.hear("gets no more texts")
	p.shows("texts", "508-555-0103")
	p.hangUp()
}

// payByCard keys the card that the page offers first.
func (p *page) payByCard() {
	p.t.Helper()
	p.hear("card number")
	p.do(chromedp.Click(chromedp.Search(`//button[text()="Key in the card"]`)))
	p.hear("confirmation number")
}

// A person is told whom they are about to talk to; at night a call is promised.
func TestPeopleInABrowser(t *testing.T) {
	t.Parallel()
	p := open(t, run(t, nil))
	p.identify("+15085550103", "734567890", "07081992", "01608")
	p.press("0")
	p.shows("ask", "You are talking to a person.")
	p.shows("log", "Only the person hears")
	p.accessible("with a person who knows")
	p.do(chromedp.Click(chromedp.ID("person")))
	p.shows("ask", "The call is over")
	p.shows("people", "accepted")

	// Whoever does not press 1 does not take the call, and the caller goes on.
	p.do(chromedp.SetValue(chromedp.ID("agent"), "declined"), chromedp.Click(chromedp.Search(`//button[text()="Apply"]`)))
	p.shows("trouble-says", "Applied.")
	p.dial("+15085550103", false)
	p.hear("balance")
	p.press("0")
	p.hear("no one is free")
	p.shows("people", "declined")
	p.hangUp()

	p.do(chromedp.SetValue(chromedp.ID("until"), "2027-02-10T20:00"), chromedp.Click(chromedp.Search(`//button[text()="Move the clock"]`)))
	p.shows("clock-says", "The clock has moved.")
	p.dial("+15085550103", false)
	p.hear("balance")
	p.press("0")
	p.choose(p.hear("to be called back"), "to be called back")
	p.choose(p.hear("if that is right"), "if that is right")
	p.hear("we will call you")
	p.shows("people", "call-back")
	p.accessible("a call is promised")
	p.hangUp()
}
