package store_test

import (
	"context"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"duebell/internal/seal"
	"duebell/ivr"
	"duebell/lab/testenv"
	"duebell/store"
)

var callAt = time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC)

func openCalls(t *testing.T) (*store.Store, *pgxpool.Pool) {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), testenv.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	keys, err := seal.ParseKeys("k1:" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	const member = `INSERT INTO members (member_id, name, phone, language, time_zone)
		VALUES ('100200300401', 'Ann Sample', '+16175550101', 'en', 'America/New_York')`
	if _, err := pool.Exec(context.Background(), member); err != nil {
		t.Fatal(err)
	}
	return store.New(pool, nil, keys, keys, nil), pool
}

// greeted and verified are two milestones of one call.
func greeted() ivr.Milestone {
	return ivr.Milestone{
		Call: "CA1", Caller: "+16175550101", Called: "+18776236765", Lang: "en", Step: ivr.MainMenu, Turn: 0, StartedAt: callAt, At: callAt,
	}
}

func verified() ivr.Milestone {
	m := greeted()
	m.Step, m.Turn, m.At = ivr.TellStanding, 5, callAt.Add(time.Minute)
	m.Member = ivr.Member{ID: "100200300401", Name: "Ann Sample", Phone: "+16175550101", VerifiedAt: m.At}
	m.Account, m.Attempt = "712345678", "attempt-1"
	return m
}

// kept is a milestone as it comes back: when it was written is not asked again.
func kept(m ivr.Milestone) ivr.Milestone {
	m.At = time.Time{}
	return m
}

var sameInstant = cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })

func TestMilestones(t *testing.T) {
	t.Parallel()
	over := verified()
	over.HandedOver = true
	backTo := verified()
	backTo.Turn, backTo.Account = 6, ""

	tests := []struct {
		name  string
		write []ivr.Milestone
		want  ivr.Milestone
	}{
		{"the first", []ivr.Milestone{greeted()}, greeted()},
		{"a later one replaces it", []ivr.Milestone{greeted(), verified()}, verified()},
		{"the same turn again", []ivr.Milestone{verified(), verified()}, verified()},
		{"a late one never sets the call back", []ivr.Milestone{verified(), greeted()}, verified()},
		{"what a snapshot does not have is gone", []ivr.Milestone{verified(), backTo}, backTo},
		{"handed over stays handed over", []ivr.Milestone{over, verified()}, over},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := openCalls(t)
			ctx := context.Background()
			for _, m := range tt.write {
				if err := s.SaveMilestone(ctx, m); err != nil {
					t.Fatal(err)
				}
			}
			got, err := s.LastMilestone(ctx, "CA1")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(kept(tt.want), got, sameInstant); diff != "" {
				t.Error(diff)
			}
			if _, err := s.LastMilestone(ctx, "CA2"); !errors.Is(err, ivr.ErrNoMilestone) {
				t.Errorf("another call: %v, want ErrNoMilestone", err)
			}
		})
	}
}

func TestCallEndedOnce(t *testing.T) {
	t.Parallel()
	s, pool := openCalls(t)
	ctx := context.Background()
	if err := s.CallEnded(ctx, "CA1", callAt); err != nil {
		t.Errorf("a call without a milestone: %v", err)
	}
	if err := s.SaveMilestone(ctx, greeted()); err != nil {
		t.Fatal(err)
	}
	end := callAt.Add(2 * time.Minute)
	for _, at := range []time.Time{end, end.Add(time.Hour)} { // told twice
		if err := s.CallEnded(ctx, "CA1", at); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SaveMilestone(ctx, verified()); err != nil { // a turn that ran on behind the end
		t.Fatal(err)
	}
	var ended time.Time
	if err := pool.QueryRow(ctx, "SELECT ended_at FROM calls WHERE call_sid = 'CA1'").Scan(&ended); err != nil {
		t.Fatal(err)
	}
	if !ended.Equal(end) {
		t.Errorf("ended at %v, want %v: the first note counts", ended, end)
	}
}

func TestHandOffOnceATurn(t *testing.T) {
	t.Parallel()
	s, pool := openCalls(t)
	ctx := context.Background()
	if err := s.SaveMilestone(ctx, verified()); err != nil {
		t.Fatal(err)
	}
	h := ivr.HandOff{
		Call: "CA1", Turn: 7, Reason: "asked", Verified: true, Account: "712345678", Attempt: "attempt-1",
		Lang: "en", Step: ivr.PayMenu, At: callAt.Add(3 * time.Minute),
	}
	again := h
	again.Reason, again.At = "tries", h.At.Add(time.Second) // a turn that was taken over
	for _, one := range []ivr.HandOff{h, again} {
		if err := s.RecordHandOff(ctx, one); err != nil {
			t.Fatal(err)
		}
	}
	var count int
	var reason string
	if err := pool.QueryRow(ctx, "SELECT count(*), min(reason) FROM handoffs").Scan(&count, &reason); err != nil {
		t.Fatal(err)
	}
	if count != 1 || reason != "asked" {
		t.Errorf("%d hand-overs, %q; want the first one only", count, reason)
	}
	got, err := s.LastMilestone(ctx, "CA1")
	if err != nil || !got.HandedOver {
		t.Errorf("handed over %v, %v", got.HandedOver, err)
	}
}
