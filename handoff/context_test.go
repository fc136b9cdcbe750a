package handoff_test

import (
	"strings"
	"testing"

	"duebell/handoff"
	"duebell/voiceprompts"
)

// TestWords: the whole whisper for each kind of caller and each state of the payment (H3, H5).
func TestWords(t *testing.T) {
	prompts, err := voiceprompts.Load()
	if err != nil {
		t.Fatal(err)
	}
	proven := handoff.CallerContext{Tier: "T2", Account: "5678", Doing: "read-back", Bill: handoff.BillDue, TriesLeft: 2}
	with := func(change func(*handoff.CallerContext)) handoff.CallerContext {
		c := proven
		change(&c)
		return c
	}
	tests := []struct {
		name   string
		c      handoff.CallerContext
		speaks string
		want   string
	}{
		{
			"proven, nothing under way", proven, "Spanish",
			"Identity proven, account ending in 5678. The caller speaks Spanish. The caller was confirming a payment. A bill is due. No payment is under way.",
		},
		{
			"0 while a charge is in flight", with(func(c *handoff.CallerContext) { c.Doing, c.Payment = "holding", handoff.PaymentOpen }), "English",
			"Identity proven, account ending in 5678. The caller speaks English. The caller was waiting for the outcome of a payment. A bill is due. " +
				"Payment authorized, outcome not known. Do not take another.",
		},
		{
			"an authorization in doubt", with(func(c *handoff.CallerContext) { c.Doing, c.Payment = "terms", handoff.PaymentUnknown }), "English",
			"Identity proven, account ending in 5678. The caller speaks English. The caller was hearing the terms of a bank payment. A bill is due. " +
				"Whether a payment was authorized is not known. Do not take another before you have looked.",
		},
		{
			"taken", with(func(c *handoff.CallerContext) {
				c.Doing, c.Payment, c.Bill = "offer-text", handoff.PaymentTaken, handoff.BillClear
			}), "",
			"Identity proven, account ending in 5678. The caller had heard the outcome of a payment. Nothing is owed. The payment was taken.",
		},
		{
			"declined", with(func(c *handoff.CallerContext) {
				c.Doing, c.Payment, c.Bill = "after-decline", handoff.PaymentDeclined, handoff.BillLate
			}), "",
			"Identity proven, account ending in 5678. The caller had heard the outcome of a payment. The account is past due. The payment was declined. Nothing was charged.",
		},
		{
			"a payment state that we have no words for is taken for an open payment", with(func(c *handoff.CallerContext) { c.Payment = "returned" }), "",
			"Identity proven, account ending in 5678. The caller was confirming a payment. A bill is due. " +
				"Whether a payment was authorized is not known. Do not take another before you have looked.",
		},
		{
			"proven, no account yet", handoff.CallerContext{Tier: "T2", Doing: "choose-account"}, "",
			"Identity proven. The caller was choosing an account. No payment is under way.",
		},
		{
			"a guest", handoff.CallerContext{Tier: "T1", Account: "5678", Doing: "ask-amount"}, "",
			"Paying as a guest, for the account ending in 5678. Identity not proven. The caller was keying an amount. No payment is under way.",
		},
		{
			"a guest without an account", handoff.CallerContext{Tier: "T1", Doing: "guest-account"}, "",
			"Paying as a guest. Identity not proven. The caller was saying what to pay for. No payment is under way.",
		},
		{
			"nothing proven", handoff.CallerContext{Tier: "T0", Doing: "ask-zip", TriesLeft: 1}, "",
			"Identity not proven. 1 try left to prove it. The caller was proving who they are. No payment is under way.",
		},
		{
			"no try left", handoff.CallerContext{Tier: "T0", Doing: "ask-account"}, "",
			"Identity not proven. 0 tries left to prove it. The caller was proving who they are. No payment is under way.",
		},
		{
			"nothing proven, and no more is known", handoff.CallerContext{Tier: "T0", TriesLeft: -1}, "",
			"Identity not proven. No payment is under way.",
		},
		{
			"nothing can be looked up", handoff.CallerContext{}, "",
			"What was said so far cannot be looked up just now. Whether a payment was authorized is not known. Do not take another before you have looked.",
		},
		{
			"a step that we have no words for", with(func(c *handoff.CallerContext) { c.Doing, c.Bill = "new", "" }), "",
			"Identity proven, account ending in 5678. No payment is under way.",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var said []string
			for _, p := range handoff.WhisperPhrases(tt.c, tt.speaks) {
				speech, err := prompts.Say(handoff.AgentLanguage, p.Key, p.Args)
				if err != nil {
					t.Fatal(err)
				}
				said = append(said, speech.Text())
			}
			got := strings.Join(said, " ")
			if want := "A caller from the payment line. " + tt.want + " Press 1 to take the call."; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// TestOutcomeOf: an answered leg counts as taken only when both sides were connected (H5).
func TestOutcomeOf(t *testing.T) {
	tests := []struct {
		status  string
		bridged bool
		want    handoff.Outcome
	}{
		{"completed", true, handoff.Accepted},
		{"completed", false, handoff.Declined}, // hung up in the whisper
		{"answered", false, handoff.Declined},
		{"busy", false, handoff.Busy},
		{"no-answer", false, handoff.NoAnswer},
		{"failed", false, handoff.Failed},
		{"canceled", false, handoff.Canceled},
		{"something new", false, handoff.Failed},
	}
	for _, tt := range tests {
		if got := handoff.OutcomeOf(tt.status, tt.bridged); got != tt.want {
			t.Errorf("%s, bridged %t: %s, want %s", tt.status, tt.bridged, got, tt.want)
		}
	}
}
