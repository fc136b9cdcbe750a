package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/pgxpool"

	"duebell/billing"
	"duebell/handoff"
	"duebell/ivr"
	"duebell/store"
)

func membersOf(t *testing.T, s *store.Store) *store.Members {
	t.Helper()
	p := billing.DefaultPolicy()
	calendar, err := billing.NewCalendar(p)
	if err != nil {
		t.Fatal(err)
	}
	return s.Members(p, calendar)
}

func exec(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(context.Background(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// sent is a verified caller who pressed 0 while an amount was read back.
func sent() ivr.HandOff {
	return ivr.HandOff{
		Call: "CA1", Turn: 7, Reason: "asked", Verified: true, Account: "712345678", Lang: "es", Step: ivr.ReadBack,
		At: callAt.Add(3 * time.Minute), Ref: "REF1",
		Context: ivr.AgentContext{Tier: "T2", Account: "5678", Doing: ivr.ReadBack, TriesLeft: 2},
	}
}

func handOff(t *testing.T, s *store.Store, h ivr.HandOff) {
	t.Helper()
	if err := s.RecordHandOff(context.Background(), h); err != nil {
		t.Fatal(err)
	}
}

func TestHandOffByEveryRefOfItsTurn(t *testing.T) {
	t.Parallel()
	s, _ := openCalls(t)
	ctx, people := context.Background(), membersOf(t, s)
	handOff(t, s, sent())
	again := sent() // a turn that was taken over draws another reference; which one is spoken is not ours to know
	again.Ref, again.Context.Doing = "REF2", ivr.Holding
	handOff(t, s, again)
	handOff(t, s, again)
	want := handoff.CallerContext{Tier: "T2", Account: "5678", Lang: "es", Doing: "read-back", TriesLeft: 2}
	for _, ref := range []string{"REF1", "REF2"} {
		got, err := people.HandOffContext(ctx, ref, callAt)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", ref, diff)
		}
	}
	if _, err := people.HandOffContext(ctx, "REF3", callAt); !errors.Is(err, handoff.ErrUnknownRef) {
		t.Errorf("an unknown reference: %v", err)
	}
}

// Nothing is known of a call whose milestone could not be read.
func TestHandOffOfNothing(t *testing.T) {
	t.Parallel()
	s, _ := openCalls(t)
	handOff(t, s, ivr.HandOff{Call: "CA1", Turn: 4, Reason: "trouble", Ref: "R", At: callAt, Context: ivr.AgentContext{TriesLeft: -1, Payment: "unknown"}})
	got, err := membersOf(t, s).HandOffContext(context.Background(), "R", callAt)
	if diff := cmp.Diff(handoff.CallerContext{TriesLeft: -1, Payment: handoff.PaymentUnknown}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

// inState is a payment attempt with what its state must have.
const inState = `INSERT INTO payment_attempts (key, call_sid, turn, account, cents, method, state, offered_at,
		token_sealed, authorized_at, reference, intent_id, settled_at)
	SELECT $1::text, $2, $3, $4, 19800, 'card', $5::text, $6::timestamptz,
		CASE WHEN $5 IN ('tokenized', 'authorized', 'confirming', 'unknown') THEN 'x'::bytea END,
		CASE WHEN $5 NOT IN ('offered', 'tokenized', 'closed') THEN $6 END,
		CASE WHEN $5 NOT IN ('offered', 'tokenized', 'closed') THEN left(lpad(abs(hashtext($1))::text, 9, '0'), 9) END,
		CASE WHEN $5 IN ('confirming', 'unknown', 'taken') THEN $1 END,
		CASE WHEN $5 IN ('taken', 'declined', 'closed') THEN $6 END`

// The money is told as it is when it is told (promise P1).
func TestHandOffTellsTheMoneyAsItIs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		then  string // as it was written down
		own   string // state of the call's attempt now; empty: there is none
		other string // state of another call's attempt on the account
		want  handoff.PaymentState
	}{
		{"nothing", "", "", "", handoff.PaymentNone},
		{"offered is not under way", "", "offered", "", handoff.PaymentNone},
		{"still open", "open", "confirming", "", handoff.PaymentOpen},
		{"open then, taken now", "open", "taken", "", handoff.PaymentTaken},
		{"open then, declined now", "open", "declined", "", handoff.PaymentDeclined},
		{"in doubt, and it was recorded", "unknown", "authorized", "", handoff.PaymentOpen},
		{"in doubt, and no more is known", "unknown", "tokenized", "", handoff.PaymentUnknown},
		{"in doubt, without an attempt", "unknown", "", "", handoff.PaymentUnknown},
		{"in doubt, and it was closed", "unknown", "closed", "", handoff.PaymentNone},
		{"open by another call", "", "", "unknown", handoff.PaymentOpen},
		{"taken, and open by another call", "taken", "taken", "authorized", handoff.PaymentOpen},
		{"taken by another call", "", "", "taken", handoff.PaymentNone},
	}
	s, pool := openCalls(t)
	ctx, people := context.Background(), membersOf(t, s)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			account, call := "71234560"+string(rune('0'+i%10)), "CAmoney"+string(rune('a'+i))
			exec(t, pool, `DELETE FROM payment_attempts`)
			exec(t, pool, `INSERT INTO accounts (account, member_id, kind, status) VALUES ($1, '100200300401', 'health', 'active') ON CONFLICT DO NOTHING`, account)
			h := sent()
			h.Call, h.Account, h.Ref, h.Context.Payment = call, account, "REF-"+call, tt.then
			if tt.own != "" {
				h.Attempt = "own-" + call
				exec(t, pool, inState, h.Attempt, call, 5, account, tt.own, callAt)
			}
			if tt.other != "" {
				exec(t, pool, inState, "other-"+call, "CAother", i, account, tt.other, callAt)
			}
			handOff(t, s, h)
			got, err := people.HandOffContext(ctx, h.Ref, callAt)
			if err != nil {
				t.Fatal(err)
			}
			if got.Payment != tt.want {
				t.Errorf("told %q, want %q", got.Payment, tt.want)
			}
		})
	}
}

func TestHandOffTellsTheBillOfProvenCallers(t *testing.T) {
	t.Parallel()
	s, pool := openCalls(t)
	ctx, people := context.Background(), membersOf(t, s)
	exec(t, pool, `INSERT INTO accounts (account, member_id, kind, status) VALUES ('712345678', '100200300401', 'health', 'active')`)
	exec(t, pool, `INSERT INTO bills (account, coverage_month, revision, billed_cents) VALUES ('712345678', '2027-03-01', 1, 19800)`)
	guest := sent()
	guest.Call, guest.Ref, guest.Verified, guest.Context.Tier = "CA2", "GUEST", false, "T1"
	handOff(t, s, sent())
	handOff(t, s, guest)
	for _, tt := range []struct {
		ref  string
		at   time.Time
		want handoff.BillState
	}{
		{"REF1", callAt, handoff.BillDue},
		{"REF1", callAt.AddDate(0, 0, 20), handoff.BillLate},
		{"GUEST", callAt, ""}, // what is owed is nobody's business at T1
	} {
		got, err := people.HandOffContext(ctx, tt.ref, tt.at)
		if err != nil || got.Bill != tt.want {
			t.Errorf("%s at %s: %q, %v; want %q", tt.ref, tt.at, got.Bill, err, tt.want)
		}
	}
}

func TestTransferOver(t *testing.T) {
	t.Parallel()
	accepted := callAt.Add(4 * time.Minute)
	tests := []struct {
		name   string
		takes  bool
		ends   []handoff.Outcome
		want   bool
		stored handoff.Outcome
	}{
		{"taken by key", true, []handoff.Outcome{handoff.Accepted}, true, handoff.Accepted},
		{"taken by key, and the leg's end says less", true, []handoff.Outcome{handoff.Declined}, true, handoff.Accepted},
		{"bridged, and the key was not noted", false, []handoff.Outcome{handoff.Accepted}, true, handoff.Accepted},
		{"hung up in the whisper", false, []handoff.Outcome{handoff.Declined}, false, handoff.Declined},
		{"busy", false, []handoff.Outcome{handoff.Busy}, false, handoff.Busy},
		{"the first news counts", false, []handoff.Outcome{handoff.NoAnswer, handoff.Failed}, false, handoff.NoAnswer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, pool := openCalls(t)
			ctx := context.Background()
			handOff(t, s, sent())
			if tt.takes {
				for _, at := range []time.Time{accepted, accepted.Add(time.Second)} {
					if err := s.AcceptHandOff(ctx, "REF1", at); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, o := range tt.ends {
				got, err := s.EndHandOff(ctx, "CA1", 7, o, accepted.Add(time.Minute))
				if err != nil || got != tt.want {
					t.Errorf("%s: taken %t, %v", o, got, err)
				}
			}
			if got, err := s.HandOffAccepted(ctx, "CA1", 7); err != nil || got != tt.want {
				t.Errorf("accepted %t, %v", got, err)
			}
			var outcome string
			var at *time.Time
			if err := pool.QueryRow(ctx, `SELECT outcome, accepted_at FROM handoffs`).Scan(&outcome, &at); err != nil {
				t.Fatal(err)
			}
			if outcome != string(tt.stored) || tt.takes != (at != nil) || at != nil && !at.Equal(accepted) {
				t.Errorf("stored %s, accepted at %v", outcome, at)
			}
		})
	}
}

func TestTransferThatWasNeverRecorded(t *testing.T) {
	t.Parallel()
	s, _ := openCalls(t)
	ctx := context.Background()
	if err := s.AcceptHandOff(ctx, "nothing", callAt); !errors.Is(err, handoff.ErrUnknownRef) {
		t.Errorf("accept: %v", err)
	}
	if yes, err := s.HandOffAccepted(ctx, "CA9", 3); yes || err != nil {
		t.Errorf("accepted %t, %v", yes, err)
	}
	for o, want := range map[handoff.Outcome]bool{handoff.Accepted: true, handoff.Busy: false} {
		if got, err := s.EndHandOff(ctx, "CA9", 3, o, callAt); got != want || err != nil {
			t.Errorf("%s: taken %t, %v", o, got, err)
		}
	}
}

func booked(call string) ivr.CallbackBooking {
	slot := time.Date(2027, time.February, 11, 13, 0, 0, 0, time.UTC)
	return ivr.CallbackBooking{
		Call: call, Turn: 9, Number: "+16175550101", From: slot, Until: slot.Add(30 * time.Minute), Reason: "asked",
		Account: "712345678", Lang: "es", Deadline: time.Date(2027, time.February, 23, 22, 0, 0, 0, time.UTC), At: callAt,
	}
}

func TestCallbacksAndHandOffsByPriority(t *testing.T) {
	t.Parallel()
	s, _ := openCalls(t)
	ctx := context.Background()
	if err := s.SaveMilestone(ctx, verified()); err != nil {
		t.Fatal(err)
	}
	none, late := booked("CA2"), booked("CA3")
	none.Deadline, late.Deadline = time.Time{}, callAt.AddDate(0, 0, -20)
	for _, b := range []ivr.CallbackBooking{booked("CA5"), none, late} {
		twice := b
		twice.Number, twice.At = "+16175550999", b.At.Add(time.Second) // the turn that booked it runs again
		for _, one := range []ivr.CallbackBooking{b, twice} {
			if err := s.BookCallback(ctx, one); err != nil {
				t.Fatal(err)
			}
		}
	}
	missed, taken, promised := sent(), sent(), sent()
	taken.Call, taken.Ref = "CA4", "REF4"
	promised.Call, promised.Ref = "CA5", "REF5" // nobody took it, and the caller booked a call-back
	for _, h := range []ivr.HandOff{missed, taken, promised} {
		handOff(t, s, h)
	}
	if err := s.AcceptHandOff(ctx, "REF4", callAt); err != nil {
		t.Fatal(err)
	}
	if _, err := s.EndHandOff(ctx, "CA1", 7, handoff.Busy, callAt); err != nil {
		t.Fatal(err)
	}
	list, err := s.HandOffs(ctx, true, 10)
	if err != nil {
		t.Fatal(err)
	}
	callBack := func(b ivr.CallbackBooking) handoff.Request {
		return handoff.Request{
			Kind: handoff.CallBack, Number: b.Number, From: b.From, Until: b.Until, Reason: "asked", Account: "712345678", Lang: "es",
			Deadline: b.Deadline, At: b.At, Open: true,
		}
	}
	want := []handoff.Request{callBack(late), callBack(booked("CA5")), callBack(none), {
		Kind: handoff.HandOver, Number: "+16175550101", Reason: "asked", Account: "712345678", Lang: "es", At: missed.At, Tier: "T2",
		Doing: "read-back", Outcome: handoff.Busy, Open: true,
	}}
	if diff := cmp.Diff(want, list, sameInstant, cmpopts.IgnoreFields(handoff.Request{}, "ID")); diff != "" {
		t.Error(diff)
	}

	done := callAt.Add(time.Hour)
	for _, r := range list[1:] {
		for _, at := range []time.Time{done, done.Add(time.Hour)} { // seen to twice
			if got, err := s.HandOffDone(ctx, r.ID, at); err != nil || !got.Equal(done) {
				t.Errorf("done at %v, %v", got, err)
			}
		}
	}
	if _, err := s.HandOffDone(ctx, 999, done); !errors.Is(err, handoff.ErrNoRequest) {
		t.Errorf("an unknown number: %v", err)
	}
	left, err := s.HandOffs(ctx, true, 10)
	if err != nil || len(left) != 1 || left[0].ID != list[0].ID {
		t.Errorf("%d are left, %v", len(left), err)
	}
	all, err := s.HandOffs(ctx, false, 10)
	if err != nil || len(all) != 6 || !all[0].Open || all[1].Open {
		t.Errorf("%d in all, %v", len(all), err)
	}
	if few, err := s.HandOffs(ctx, false, 2); err != nil || len(few) != 2 || few[0].ID != list[0].ID {
		t.Errorf("%d of two, %v", len(few), err)
	}
}
