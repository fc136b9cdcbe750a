package app

import (
	"context"
	"duebell/lab/testenv"
	"errors"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"duebell/billing"
	"duebell/internal/telemetry"
	"duebell/ivr"
	"duebell/notify"
	"duebell/payments"
)

// TestTextsAreSeen: what an operator must know of the texts moves when it happens, and back.
func TestTextsAreSeen(t *testing.T) {
	e, pool, clock := openEraser(t)
	clock.at = time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC)
	look := func(when string, want map[string]float64) {
		t.Helper()
		seen, err := e.store.TextBacklog(t.Context(), clock.at)
		if err != nil {
			t.Fatal(err)
		}
		e.metrics.SetBacklog(telemetry.Backlog{Texts: seen}, clock.at)
		for what, n := range map[string]float64{
			"first":     testenv.Metric(t, e.metrics.Registry, "duebell_texts_due", map[string]string{"line": "first"}),
			"reminders": testenv.Metric(t, e.metrics.Registry, "duebell_texts_due", map[string]string{"line": "reminders"}),
			"oldest":    testenv.Metric(t, e.metrics.Registry, "duebell_reminders_oldest_due_seconds", nil),
			"2m":        testenv.Metric(t, e.metrics.Registry, "duebell_texts_unknown", map[string]string{"age": "2m"}),
			"10m":       testenv.Metric(t, e.metrics.Registry, "duebell_texts_unknown", map[string]string{"age": "10m"}),
			"1h":        testenv.Metric(t, e.metrics.Registry, "duebell_texts_unknown", map[string]string{"age": "1h"}),
			"over":      testenv.Metric(t, e.metrics.Registry, "duebell_texts_unknown", map[string]string{"age": "over"}),
			"carrier":   testenv.Metric(t, e.metrics.Registry, "duebell_texts_stopped", map[string]string{"by": "carrier", "kind": "due_soon"}),
			"operator":  testenv.Metric(t, e.metrics.Registry, "duebell_texts_stopped", map[string]string{"by": "operator", "kind": "past_due"}),
		} {
			if n != want[what] {
				t.Errorf("%s: %s is %v, want %v", when, what, n, want[what])
			}
		}
	}
	look("at first", nil)
	plant(t, pool, `INSERT INTO notices (reference, number, kind, language, local_day, state, created_at, not_before, tried_at, cause) VALUES
		('r1', '+16175550101', 'due_soon', 'en', '2027-02-10', 'planned', $1, $1::timestamptz - interval '2 hours', NULL, NULL),
		('r2', '+16175550102', 'due_soon', 'en', '2027-02-10', 'planned', $1, $1, NULL, NULL),
		('r3', '+16175550103', 'due_soon', 'en', '2027-02-10', 'planned', $1, $1::timestamptz + interval '1 second', NULL, NULL),
		('r4', '+16175550104', 'help_reply', 'en', '2027-02-10', 'planned', $1, $1, NULL, 'SM4'),
		('r5', '+16175550105', 'due_soon', 'en', '2027-02-10', 'unknown', $1, $1, $1::timestamptz - interval '2 minutes', NULL),
		('r6', '+16175550106', 'due_soon', 'en', '2027-02-10', 'unknown', $1, $1, $1::timestamptz - interval '3 minutes', NULL),
		('r7', '+16175550107', 'due_soon', 'en', '2027-02-10', 'unknown', $1, $1, $1::timestamptz - interval '1 hour', NULL),
		('r8', '+16175550108', 'due_soon', 'en', '2027-02-10', 'unknown', $1, $1, $1::timestamptz - interval '1 day', NULL);
		INSERT INTO paused_kinds (kind, paused_at, why, by_whom) VALUES ('due_soon', $1, '', 'carrier'), ('past_due', $1, '', 'D. Palmer')`, clock.at)
	look("in trouble", map[string]float64{"first": 1, "reminders": 2, "oldest": 7200, "2m": 1, "10m": 1, "1h": 1, "over": 1, "carrier": 1, "operator": 1})
	plant(t, pool, `UPDATE notices SET state = 'sent'; DELETE FROM paused_kinds`, clock.at)
	look("afterwards", nil)
}

// TestWhatComesInIsCounted: each text by its class, and an opt-out once, however often it is said.
func TestWhatComesInIsCounted(t *testing.T) {
	e, _, clock := openEraser(t)
	clock.at = time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC)
	inbox := notify.NewInbox(telemetry.InboundStore(e.store, e.metrics), e.policy, e.calendar, clock, slog.New(slog.DiscardHandler))
	for sid, text := range map[string]string{"SM1": "alto", "SM2": "no more", "SM3": "help me", "SM4": "what"} {
		for range 2 { // Twilio says it twice
			if err := inbox.Receive(t.Context(), notify.Incoming{SID: sid, From: "+16175550101", Body: text}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := inbox.OptOut(t.Context(), "+16175550102", notify.FromKey, "7", "CA1/3"); err != nil {
		t.Fatal(err)
	}
	for class, want := range map[string]float64{"opt_out": 2, "help": 1, "none": 1} {
		if got := testenv.Metric(t, e.metrics.Registry, "duebell_texts_in_total", map[string]string{"class": class}); got != want {
			t.Errorf("%v texts of class %s, want %v", got, class, want)
		}
	}
	for source, want := range map[string]float64{"text": 1, "key": 1} {
		if got := testenv.Metric(t, e.metrics.Registry, "duebell_opt_outs_total", map[string]string{"source": source}); got != want {
			t.Errorf("%v opt-outs by %s, want %v", got, source, want)
		}
	}
}

// spentLimits is a store by which everybody has reached every limit.
type spentLimits struct{ payments.CheckoutStore }

func (spentLimits) LimitCounts(context.Context, payments.Attempt, time.Time) (payments.LimitCounts, error) {
	return payments.LimitCounts{DeclinesCaller: 10}, nil
}

// TestI5LimitsAlarm: a limit that is met is counted under its key in the policy, of payments and of tries to prove an identity.
func TestI5LimitsAlarm(t *testing.T) {
	e, pool, clock := openEraser(t)
	clock.at = time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC)
	checkout := payments.NewCheckout(spentLimits{}, clock, nil, e.policy).OnLimitReached(e.metrics.LimitReached)
	if _, err := checkout.Offer(t.Context(), payments.Attempt{Caller: "+16175550101", Method: payments.Card}); !errors.Is(err, payments.ErrLimit) {
		t.Fatal(err)
	}
	people := e.store.Members(e.policy, e.calendar).TellLimits(e.metrics.LimitReached)
	guess := func(account, call string, turn int) {
		t.Helper()
		keyed := ivr.Identification{Selector: billing.Selector{Kind: billing.SelectAccount, Value: account}, BirthDate: "1980-04-12", ZIP: "02139"}
		try := ivr.VerifyTry{Keyed: keyed, Call: call, Turn: turn, Caller: "+16175550101", At: clock.at}
		if _, err := people.Verify(t.Context(), try); !errors.Is(err, ivr.ErrNotVerified) {
			t.Fatal(err)
		}
	}
	for turn := range e.policy.IDTriesPerAccountDay {
		guess("712345678", "CA1", turn)
	}
	plant(t, pool, `INSERT INTO verifications (call_sid, turn, subject, caller, passed, at) SELECT 'CA2', n, 'other ' || n, '+16175550101', false, $1
		FROM generate_series(1, 10) n`, clock.at)
	guess("712345679", "CA3", 1)
	keys := map[string]bool{}
	for f := range reflect.TypeFor[billing.Policy]().Fields() {
		keys[f.Tag.Get("toml")] = true
	}
	for _, limit := range []string{"declines_per_caller_day", "id_tries_per_account_day", "id_accounts_per_caller_day"} {
		if n := testenv.Metric(t, e.metrics.Registry, "duebell_limits_reached_total", map[string]string{"limit": limit}); n != 1 || !keys[limit] {
			t.Errorf("%s was met %v times; a key of the policy: %t", limit, n, keys[limit])
		}
	}
}
