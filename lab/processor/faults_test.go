package processor

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestKeysReplayTheFirstAnswer(t *testing.T) {
	r := newRig(t, nil)
	id := r.created("a/create", "pm_card_visa_chargeDeclined")
	if again := r.post("/v1/payment_intents", "a/create", cardFields+"pm_card_visa_chargeDeclined"); !again.replayed || again.text("id") != id {
		t.Errorf("create again: %+v", again)
	}
	first, again := r.confirm("a/confirm/1", id, hard), r.confirm("a/confirm/1", id, hard)
	if first.status != 402 || first.replayed || again.status != 402 || !again.replayed {
		t.Errorf("a decline: %+v, then %+v", first, again)
	}
	if diff := cmp.Diff(first.body, again.body); diff != "" {
		t.Errorf("another answer: %s", diff)
	}
	other := r.post("/v1/payment_intents", "a/create", "amount=100&currency=usd")
	if other.status != 400 || other.text("error", "type") != idempotency {
		t.Errorf("other parameters: %+v", other)
	}
	if s := r.confirm("a/create", id, hard); s.text("error", "type") != idempotency {
		t.Errorf("other path: %+v", s)
	}
	if s := r.post("/v1/payment_intents", strings.Repeat("k", 256), cardFields+"pm_card_visa"); s.text("error", "type") != idempotency {
		t.Errorf("long key: %+v", s)
	}
}

func TestKeysAreForgottenAfterADay(t *testing.T) {
	r := newRig(t, nil)
	id := r.created("a/create", "pm_card_visa")
	r.advance(24*time.Hour - time.Second)
	if again := r.created("a/create", "pm_card_visa"); again != id {
		t.Error("forgotten too early")
	}
	r.advance(time.Second)
	if again := r.created("a/create", "pm_card_visa"); again == id {
		t.Error("remembered too long")
	}
}

func TestValidationFailuresAreNotStored(t *testing.T) {
	r := newRig(t, nil)
	if s := r.post("/v1/payment_intents", "a/create", "currency=usd"); s.status != 400 {
		t.Fatalf("%+v", s)
	}
	r.created("a/create", "pm_card_visa") // the key is still free
}

func TestFaultWords(t *testing.T) {
	r := newRig(t, nil)
	for _, words := range []string{"", "broken", "slow", "slow soon", "slow -3s", "slow 3s most", "down twice", "up all"} {
		if err := r.SetFault(words); err == nil {
			t.Errorf("%q was taken", words)
		}
	}
	for _, words := range []string{
		"up", "declines", "declines once", "slow 20s", "slow 20s once", "slow 1m30s all", "slow 20s all once", "down", "500s", "too-many once",
		"charges-then-drops-the-reply", "drops-create-reply", "charges-then-500s", "wants-verification",
	} {
		r.fault(words)
	}
}

func TestDeclines(t *testing.T) {
	r := newRig(t, nil)
	r.fault("declines")
	for _, token := range []string{"pm_card_visa", "pm_usBankAccount_success"} {
		fields := hard
		if strings.Contains(token, "usBank") {
			fields += mandated
		}
		if s := r.confirm("", r.created("", token), fields); s.status != 402 || s.text("error", "payment_intent", "status") != requiresMethod {
			t.Errorf("%s: %+v", token, s)
		}
	}
	r.fault("declines once")
	r.confirm("", r.created("", "pm_card_visa"), hard)
	if s := r.confirm("", r.created("", "pm_card_visa"), hard); s.text("status") != succeeded {
		t.Errorf("after once: %+v", s)
	}
}

func TestDownDoesNothing(t *testing.T) {
	r := newRig(t, nil)
	id := r.created("", "pm_card_visa")
	r.fault("down")
	if s := r.confirm("a/confirm", id, hard); s.err == nil {
		t.Errorf("answered: %+v", s)
	}
	if s := read(http.Get(r.url + "/v1/payment_intents")); s.status != 200 {
		t.Errorf("the checks' window is shut: %+v", s)
	}
	r.fault("up")
	if got := r.status(id); got != requiresConfirmation {
		t.Errorf("status %s", got)
	}
}

func TestRepliesThatBreakOff(t *testing.T) {
	t.Run("confirm", func(t *testing.T) {
		r := newRig(t, nil)
		r.fault("charges-then-drops-the-reply")
		id := r.created("", "pm_card_visa")
		for range 2 { // also when the key is tried again
			if s := r.confirm("a/confirm", id, hard); s.err == nil {
				t.Errorf("answered: %+v", s)
			}
		}
		if got := r.status(id); got != succeeded || len(r.Charges()) != 1 {
			t.Errorf("status %s, charges %v", got, r.Charges())
		}
	})
	t.Run("create", func(t *testing.T) {
		r := newRig(t, nil)
		r.fault("drops-create-reply")
		if s := r.post("/v1/payment_intents", "a/create", cardFields+"pm_card_visa"); s.err == nil {
			t.Errorf("answered: %+v", s)
		}
		r.created("a/create", "pm_card_visa")
		if all, _ := r.get("/v1/payment_intents").body["data"].([]any); len(all) != 1 {
			t.Errorf("%d intents", len(all))
		}
	})
}

func TestStored500s(t *testing.T) {
	r := newRig(t, nil)
	id := r.created("", "pm_card_visa")
	r.fault("500s once")
	if s := r.confirm("a/confirm/1", id, hard); s.status != 500 || s.replayed {
		t.Fatalf("%+v", s)
	}
	if s := r.confirm("a/confirm/1", id, hard); s.status != 500 || !s.replayed {
		t.Errorf("not replayed: %+v", s)
	}
	if got := r.status(id); got != requiresConfirmation {
		t.Errorf("status %s", got)
	}
	r.fault("charges-then-500s")
	if s := r.confirm("a/confirm/2", id, hard); s.status != 500 {
		t.Errorf("%+v", s)
	}
	if got := r.status(id); got != succeeded {
		t.Errorf("status %s", got)
	}
	r.fault("too-many once")
	if s := r.post("/v1/payment_intents", "b/create", cardFields+"pm_card_visa"); s.status != 429 {
		t.Errorf("%+v", s)
	}
	r.created("b/create", "pm_card_visa") // a 429 is not stored
}

func TestSlowHoldsTheAnswerUntilTheClockHasMoved(t *testing.T) {
	r := newRig(t, nil)
	r.fault("slow 20s")
	id := r.created("", "pm_card_visa")
	answer := make(chan said)
	go func() { answer <- r.confirm("a/confirm", id, hard) }()
	awaitHeld(t, r, 1)
	if got := r.status(id); got != succeeded {
		t.Errorf("carried out at once, but the status is %s", got)
	}
	if s := r.confirm("a/confirm", id, hard); s.status != http.StatusConflict || s.text("error", "code") != "idempotency_key_in_use" {
		t.Errorf("the key in use: %+v", s)
	}
	r.advance(19 * time.Second)
	if n := r.Held(); n != 1 {
		t.Fatalf("%d held after 19 s", n)
	}
	r.advance(time.Second)
	if s := <-answer; s.status != 200 || s.text("status") != succeeded {
		t.Errorf("%+v", s)
	}
	if s := r.confirm("a/confirm", id, hard); !s.replayed || s.status != 200 {
		t.Errorf("afterwards: %+v", s)
	}
}

func TestSlowAllAndClose(t *testing.T) {
	r := newRig(t, nil)
	r.fault("slow 1m all")
	answers := make(chan said, 2)
	go func() { answers <- r.get("/v1/account") }()
	go func() { answers <- r.post("/v1/payment_methods", "tx", testBank+"000123456789") }()
	awaitHeld(t, r, 2)
	r.Close()
	for range 2 {
		if s := <-answers; s.err == nil {
			t.Errorf("answered after Close: %+v", s)
		}
	}
}

// awaitHeld waits, by yielding to the server's goroutines, until n answers are held.
func awaitHeld(t *testing.T, r *rig, n int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 5000 {
		if r.Held() == n {
			return
		}
		<-tick.C
	}
	t.Fatalf("%d answers held, want %d", r.Held(), n)
}
