package processor

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEventsAreSignedAndTyped(t *testing.T) {
	r := newRig(t, nil)
	r.confirm("", r.created("", "pm_card_visa"), hard)
	r.advance(0)
	at, hash, ok := strings.Cut(r.inbox.signs[0], ",v1=")
	if !ok || !strings.HasPrefix(at, "t=") {
		t.Fatalf("header %q", r.inbox.signs[0])
	}
	mac := hmac.New(sha256.New, []byte("whsec_test"))
	mac.Write([]byte(at[2:] + "."))
	mac.Write(r.inbox.raw[0])
	if want := hex.EncodeToString(mac.Sum(nil)); hash != want {
		t.Errorf("signature %s, want %s", hash, want)
	}
	e := r.inbox.events[0]
	if e.text("type") != "payment_intent.succeeded" || e.text("data", "object", "status") != succeeded || e.text("api_version") != eventVersion {
		t.Errorf("event %v", e.body)
	}
}

func TestEventsAreSentUntilTaken(t *testing.T) {
	r := newRig(t, nil)
	r.inbox.answer(503)
	r.confirm("", r.created("", "pm_card_visa"), hard)
	r.confirm("", r.created("", "pm_card_visa_chargeDeclined"), hard)
	r.advance(time.Second)
	both := []string{"payment_intent.succeeded", "payment_intent.payment_failed"}
	if diff := cmp.Diff(both, r.inbox.kinds()); diff != "" || r.Undelivered() != 2 {
		t.Errorf("refused ones (%d wait): %s", r.Undelivered(), diff)
	}
	r.inbox.answer(200)
	r.advance(time.Second)
	r.advance(time.Second)
	if diff := cmp.Diff(both, r.inbox.kinds()); diff != "" || r.Undelivered() != 0 {
		t.Errorf("taken ones (%d wait): %s", r.Undelivered(), diff)
	}
}

func TestDeliveries(t *testing.T) {
	tests := map[Delivery][]string{
		Normal:   {"payment_intent.processing", "payment_intent.canceled"},
		Twice:    {"payment_intent.processing", "payment_intent.processing", "payment_intent.canceled", "payment_intent.canceled"},
		Reversed: {"payment_intent.canceled", "payment_intent.processing"},
		Withheld: nil,
	}
	for d, want := range tests {
		t.Run(string(d), func(t *testing.T) {
			r := newRig(t, nil)
			if err := r.SetDelivery(d); err != nil {
				t.Fatal(err)
			}
			r.confirm("", r.created("", "pm_usBankAccount_success"), hard+mandated)
			r.post("/v1/payment_intents/"+r.created("", "pm_card_visa")+"/cancel", "", "")
			r.advance(time.Second)
			if diff := cmp.Diff(want, r.inbox.kinds()); diff != "" {
				t.Error(diff)
			}
		})
	}
	if err := newRig(t, nil).SetDelivery("sideways"); err == nil {
		t.Error("an unknown word was taken")
	}
}

func TestDispute(t *testing.T) {
	r := newRig(t, nil)
	id := r.created("", "pm_usBankAccount_success")
	if err := r.Dispute("123456782"); err == nil {
		t.Error("disputed before any money moved")
	}
	r.confirm("", id, hard+mandated)
	if err := r.Dispute("123456782"); err != nil {
		t.Fatal(err)
	}
	if err := r.Dispute(id); err == nil {
		t.Error("disputed twice")
	}
	if err := r.Dispute("999999998"); err == nil {
		t.Error("disputed an unknown payment")
	}
	r.advance(100 * time.Hour)
	last := r.inbox.events[len(r.inbox.events)-1]
	if last.text("type") != "charge.dispute.created" || last.text("data", "object", "payment_intent") != id {
		t.Errorf("event %v", last.body)
	}
	if c := r.Charges(); !c[0].Returned {
		t.Errorf("charge %+v", c[0])
	}
}

func TestWithoutSubscriberNoEvents(t *testing.T) {
	r := newRig(t, func(c *Config) { c.WebhookURL = "" })
	r.confirm("", r.created("", "pm_card_visa"), hard)
	if r.Undelivered() != 0 {
		t.Error("events pile up for nobody")
	}
	r.SetWebhook("http://127.0.0.1:1/nobody", "whsec")
	r.confirm("", r.created("", "pm_card_visa"), hard)
	r.advance(time.Second) // nobody listens: no error, it waits
	if r.Undelivered() != 1 {
		t.Errorf("%d wait", r.Undelivered())
	}
}

func TestForce(t *testing.T) {
	r := newRig(t, nil)
	id := r.created("", "pm_card_visa")
	if err := r.Force(id, "requires_capture"); err != nil {
		t.Fatal(err)
	}
	if got := r.status(id); got != "requires_capture" {
		t.Errorf("status %s", got)
	}
	if err := r.Force("pi_none", canceled); err == nil {
		t.Error("forced nothing without a complaint")
	}
}
