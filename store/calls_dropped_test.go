package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"duebell/ivr"
)

func TestDropped(t *testing.T) {
	t.Parallel()
	since := callAt.Add(-5 * time.Minute)
	call := func(sid string, started time.Duration, change ...func(*ivr.Milestone)) ivr.Milestone {
		m := verified()
		m.Call, m.StartedAt = sid, callAt.Add(started)
		m.At, m.Attempt = m.StartedAt.Add(time.Minute), "of "+sid
		for _, c := range change {
			c(&m)
		}
		return m
	}
	goodbye := func(m *ivr.Milestone) { m.Step = ivr.Goodbye }
	told := func(m *ivr.Milestone) { m.Attempt = "of CA2" } // what became of another call's payment
	idle := func(m *ivr.Milestone) { m.Attempt = "" }
	relative := func(m *ivr.Milestone) { m.Member.ID = "100200300407" }
	stranger := func(m *ivr.Milestone) { m.Caller = "+16175550102" }
	unproven := func(m *ivr.Milestone) { m.Member, m.Account = ivr.Member{}, "" }
	guest := func(account string) func(*ivr.Milestone) {
		return func(m *ivr.Milestone) { m.Member, m.Account = ivr.Member{}, account }
	}
	member := ivr.DroppedCallQuery{Call: "CA1", Caller: "+16175550101", Member: "100200300401", Account: "712345678", Since: since, PromisedSince: since}
	aGuest := member
	aGuest.Member = ""
	tests := []struct {
		name  string
		asks  ivr.DroppedCallQuery
		calls []ivr.Milestone
		want  string
	}{
		{"none", member, nil, ""},
		{"one", member, []ivr.Milestone{call("CA2", -4*time.Minute)}, "CA2"},
		{"not this very call", member, []ivr.Milestone{call("CA1", -4*time.Minute)}, ""},
		{"not another caller's", member, []ivr.Milestone{call("CA2", -4*time.Minute, stranger)}, ""},
		{"not one that ended with good-bye", member, []ivr.Milestone{call("CA2", -4*time.Minute, goodbye)}, ""},
		{"not one without a payment begun", member, []ivr.Milestone{call("CA2", -4*time.Minute, idle)}, ""},
		{"too long ago", member, []ivr.Milestone{call("CA2", -7*time.Minute)}, ""},
		{"begun before, broken off within", member, []ivr.Milestone{call("CA2", -7*time.Minute, func(m *ivr.Milestone) { m.At = callAt.Add(-time.Minute) })}, "CA2"},
		{"the newest", member, []ivr.Milestone{call("CA2", -4*time.Minute), call("CA3", -3*time.Minute)}, "CA3"},
		{"behind one that broke off before anything was begun", member, []ivr.Milestone{call("CA2", -4*time.Minute), call("CA3", -3*time.Minute, unproven, idle)}, "CA2"},
		{"gone on with, and ended", member, []ivr.Milestone{call("CA2", -4*time.Minute), call("CA3", -3*time.Minute, goodbye)}, ""},
		{"another call of the household ended", member, []ivr.Milestone{call("CA2", -4*time.Minute), call("CA3", -3*time.Minute, unproven, goodbye)}, "CA2"},
		{"another member's of the household", member, []ivr.Milestone{call("CA2", -4*time.Minute), call("CA3", -3*time.Minute, relative)}, "CA2"},
		{"one that was told of another's payment", member, []ivr.Milestone{call("CA2", -20*time.Minute), call("CA3", -3*time.Minute, told)}, ""},
		{"a guest's for a member", member, []ivr.Milestone{call("CA2", -4*time.Minute, guest("712345678"))}, ""},
		{"a guest hears nothing of a member's", aGuest, []ivr.Milestone{call("CA2", -4*time.Minute)}, ""},
		{"a guest's of another account", aGuest, []ivr.Milestone{call("CA2", -4*time.Minute, guest("712345686"))}, ""},
		{"a guest's", aGuest, []ivr.Milestone{call("CA2", -4*time.Minute, guest("712345678"))}, "CA2"},
		{"a guest's, and another account's end", aGuest, []ivr.Milestone{
			call("CA2", -4*time.Minute, guest("712345678")), call("CA3", -3*time.Minute, guest("712345679"), goodbye),
		}, "CA2"},
		{"a guest's, gone on with", aGuest, []ivr.Milestone{
			call("CA2", -4*time.Minute, guest("712345678")), call("CA3", -3*time.Minute, guest("712345678"), goodbye),
		}, ""},
	}
	s, pool := openCalls(t)
	ctx := context.Background()
	inBooks(t, pool)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := pool.Exec(ctx, "DELETE FROM calls"); err != nil {
				t.Fatal(err)
			}
			for _, m := range tt.calls {
				if err := s.SaveMilestone(ctx, m); err != nil {
					t.Fatal(err)
				}
			}
			got, err := s.DroppedCall(ctx, tt.asks)
			if tt.want == "" {
				if !errors.Is(err, ivr.ErrNoMilestone) {
					t.Errorf("%q, %v", got.Call, err)
				}
				return
			}
			if err != nil || got.Call != tt.want || got.Attempt != "of "+tt.want {
				t.Errorf("call %q with %q, %v; want %s", got.Call, got.Attempt, err, tt.want)
			}
		})
	}
}

func TestDroppedCountsFromTheEndOfACall(t *testing.T) {
	t.Parallel()
	s, pool := openCalls(t)
	ctx := context.Background()
	inBooks(t, pool)
	m := verified()
	m.Call, m.Attempt, m.At = "CA2", "of CA2", m.StartedAt
	if err := s.SaveMilestone(ctx, m); err != nil {
		t.Fatal(err)
	}
	since := callAt.Add(time.Hour)
	asks := ivr.DroppedCallQuery{Call: "CA1", Caller: m.Caller, Member: m.Member.ID, Since: since, PromisedSince: since}
	if _, err := s.DroppedCall(ctx, asks); !errors.Is(err, ivr.ErrNoMilestone) {
		t.Errorf("before its end was told: %v", err)
	}
	if err := s.CallEnded(ctx, "CA2", since.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	got, err := s.DroppedCall(ctx, asks)
	if diff := cmp.Diff(kept(m), got, sameInstant); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

// inBooks has a payment that came to nothing in each of the calls, and the members that they are about.
func inBooks(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	const books = `
		INSERT INTO members (member_id, name, phone, language, time_zone) VALUES ('100200300407', 'Bob Sample', '+16175550101', 'en', 'America/New_York');
		INSERT INTO accounts (account, member_id, kind, status, grace_regime) VALUES ('712345678', '100200300401', 'health', 'active', 'month-end');
		INSERT INTO payment_attempts (key, call_sid, turn, account, cents, method, state, offered_at, settled_at)
			SELECT 'of ' || call, call, 5, '712345678', 100, 'card', 'closed', now(), now() FROM unnest(ARRAY['CA1', 'CA2', 'CA3']) AS call`
	if _, err := pool.Exec(context.Background(), books); err != nil {
		t.Fatal(err)
	}
}

// L3: who was told to call again for an outcome hears it on the next call, unless a text or a call has told it.
func TestOutcomeThatWasPromised(t *testing.T) {
	t.Parallel()
	const authorized = `state = 'taken', authorized_at = now(), reference = '123456782', intent_id = 'pi_1'`
	tests := []struct {
		name, attempt string
		age           time.Duration
		want          bool
	}{
		{"not known then", authorized, time.Hour, true},
		{"heard since", authorized + `, heard = true`, time.Hour, false},
		{"texted", authorized + `, text_number = '+16175550101'`, time.Hour, false},
		{"waits for its letter", authorized + `, awaits_letter = true`, time.Hour, false},
		{"never authorized", `state = 'closed'`, time.Hour, false},
		{"too long ago", authorized, 25 * time.Hour, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, pool := openCalls(t)
			inBooks(t, pool)
			ctx := context.Background()
			m := verified()
			m.Call, m.Attempt, m.Step, m.StartedAt, m.At = "CA2", "of CA2", ivr.Goodbye, callAt.Add(-tt.age), callAt.Add(-tt.age)
			if err := s.SaveMilestone(ctx, m); err != nil {
				t.Fatal(err)
			}
			if _, err := pool.Exec(ctx, "UPDATE payment_attempts SET "+tt.attempt+" WHERE key = 'of CA2'"); err != nil {
				t.Fatal(err)
			}
			asks := ivr.DroppedCallQuery{Call: "CA1", Caller: m.Caller, Member: m.Member.ID, Since: callAt, PromisedSince: callAt.Add(-24 * time.Hour)}
			got, err := s.DroppedCall(ctx, asks)
			if err != nil && !errors.Is(err, ivr.ErrNoMilestone) {
				t.Fatal(err)
			}
			if (got.Call == "CA2") != tt.want {
				t.Errorf("%q, %v", got.Call, err)
			}
		})
	}
}
