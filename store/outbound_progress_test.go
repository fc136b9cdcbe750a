package store_test

import (
	"context"
	"testing"
	"time"
)

// TestCallsInProgress counts both directions, each call once, and forgets those whose end was never told.
func TestCallsInProgress(t *testing.T) {
	t.Parallel()
	p := openPost(t)
	call := func(sid string, ago time.Duration, ended bool) {
		p.exec(`INSERT INTO calls (call_sid, language, step, turn, started_at, ended_at) VALUES ($1, 'en', 'main-menu', 1, $2, CASE WHEN $3 THEN $2::timestamptz END)`, sid, postAt.Add(-ago), ended)
	}
	notice := func(state, sid string, ago time.Duration) {
		p.exec(`INSERT INTO notices (reference, number, channel, kind, language, local_day, cause, state, created_at, not_before, tried_at, message_sid)
			VALUES ($1, $2, 'voice', 'call_back', 'en', '2027-02-10', $1, $3, $4, $4, $4, nullif($5, ''))`, "ref "+state+sid, ana, state, postAt.Add(-ago), sid)
	}
	call("CA1", time.Minute, false)
	call("CA2", time.Minute, true)
	call("CA3", 3*time.Hour, false)
	call("CA4", time.Minute, false) // answered: known from both sides
	notice("sent", "CA4", time.Minute)
	notice("accepted", "CA5", time.Minute)
	notice("claimed", "", time.Minute)
	notice("unknown", "", time.Minute)
	notice("delivered", "CA6", time.Minute)
	notice("accepted", "CA7", 3*time.Hour)
	if n, err := p.store.CallsInProgress(context.Background(), postAt); err != nil || n != 5 {
		t.Errorf("%d calls, %v", n, err)
	}
}
