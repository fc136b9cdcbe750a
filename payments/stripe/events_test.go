package stripe_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/payments"
	"duebell/payments/stripe"
)

func TestEvents(t *testing.T) {
	r := newFixture(t)
	pay := func(key string, c payments.Charge) string {
		in := r.create(key+"/create", c)
		if _, err := r.Confirm(t.Context(), key+"/confirm/1", in.ID, c); err != nil {
			wantGatewayError(t, err, payments.GatewayRefused)
		}
		return in.ID
	}
	start := r.Now()
	card := pay("a", r.charge(payments.Card, "pm_card_visa"))
	declined := pay("b", r.charge(payments.Card, "pm_card_visa_chargeDeclined"))
	bounced := pay("c", r.charge(payments.Bank, "pm_usBankAccount_accountClosed"))
	settled := pay("d", r.charge(payments.Bank, "pm_usBankAccount_success"))
	if _, err := r.Cancel(t.Context(), declined); err != nil {
		t.Fatal(err)
	}
	r.advance(48 * time.Hour)
	if err := r.processor.Dispute(settled); err != nil {
		t.Fatal(err)
	}
	if err := r.processor.Dispute(card); err != nil {
		t.Fatal(err)
	}
	r.advance(time.Second)

	end := start.Add(48 * time.Hour)
	want := []payments.Event{
		{Kind: payments.EventSettled, IntentID: card, Created: start},
		{Kind: payments.EventReturned, IntentID: declined, Code: "card_declined", Created: start},
		{Kind: payments.EventProcessing, IntentID: bounced, Created: start},
		{Kind: payments.EventProcessing, IntentID: settled, Created: start},
		{Kind: payments.EventCanceled, IntentID: declined, Created: start},
		{Kind: payments.EventReturned, IntentID: bounced, Code: "R02", Created: end},
		{Kind: payments.EventSettled, IntentID: settled, Created: end},
		{Kind: payments.EventDisputed, IntentID: settled, Code: "R10", Created: end},
		{Kind: payments.EventDisputed, IntentID: card, Code: "fraudulent", Created: end},
	}
	got := r.events.take(t)
	ids := make(map[string]bool)
	for i := range got {
		ids[got[i].ID] = true
		got[i].ID = ""
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(ids) != len(want) {
		t.Errorf("%d ids for %d events", len(ids), len(want))
	}
}

func TestEventsThatAreNotTheProcessors(t *testing.T) {
	r := newFixture(t)
	in := r.create("a/create", r.charge(payments.Card, "pm_card_visa"))
	if _, err := r.Cancel(t.Context(), in.ID); err != nil {
		t.Fatal(err)
	}
	r.advance(0)
	good := r.events.deliveries[0]
	if _, err := stripe.ParseEvent(good.payload, good.header, secret); err != nil {
		t.Fatalf("the good one, long before the machine's clock: %v", err)
	}
	changed := []byte(strings.Replace(string(good.payload), "canceled", "succeeded", 1))
	tests := map[string]struct {
		payload        []byte
		header, secret string
	}{
		"changed":      {changed, good.header, secret},
		"not signed":   {good.payload, "", secret},
		"nonsense":     {good.payload, "v1", secret},
		"other secret": {good.payload, good.header, "whsec_other"},
		"no secret":    {good.payload, good.header, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e, err := stripe.ParseEvent(tt.payload, tt.header, tt.secret)
			if !errors.Is(err, payments.ErrEventSignature) || e != (payments.Event{}) {
				t.Errorf("event %+v, error %v", e, err)
			}
		})
	}
}

func TestUnreadableAndForeignEvents(t *testing.T) {
	const head = `{"id":"evt_1","object":"event","api_version":"2026-03-25.dahlia","created":1800000000,"type":"`
	tests := map[string]struct {
		payload string
		want    payments.EventKind // empty: an error, and not one of the signature
	}{
		"something else":        {head + `customer.created","data":{"object":{"id":"cus_1","object":"customer"}}}`, payments.EventOther},
		"no JSON":               {`hello`, ""},
		"a thin event":          {`{"id":"evt_1","object":"v2.core.event"}`, ""},
		"other release train":   {strings.Replace(head, "dahlia", "basil", 1) + `payment_intent.succeeded","data":{"object":{"id":"pi_1"}}}`, ""},
		"no data":               {head + `payment_intent.succeeded"}`, ""},
		"no intent":             {head + `payment_intent.succeeded","data":{"object":{"object":"payment_intent"}}}`, ""},
		"dispute of a charge":   {head + `charge.dispute.created","data":{"object":{"object":"dispute","charge":"ch_1"}}}`, ""},
		"succeeded, newer date": {strings.Replace(head, "2026-03-25", "2026-06-30", 1) + `payment_intent.succeeded","data":{"object":{"id":"pi_1","object":"payment_intent"}}}`, payments.EventSettled},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e, err := stripe.ParseEvent([]byte(tt.payload), sign(tt.payload), secret)
			switch {
			case tt.want == "" && (err == nil || errors.Is(err, payments.ErrEventSignature)):
				t.Errorf("event %+v, error %v", e, err)
			case tt.want != "" && (err != nil || e.Kind != tt.want || e.ID != "evt_1"):
				t.Errorf("event %+v, error %v", e, err)
			}
		})
	}
}
