package handoff_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"duebell/handoff"
)

// TestPrioritize: open before closed, then deadline, promised call-backs, slot (H2).
func TestPrioritize(t *testing.T) {
	now := instant(t, "2027-02-10T15:00:00Z")
	hours := func(n int) time.Time { return now.Add(time.Duration(n) * time.Hour) }
	want := []handoff.Request{ // in the order in which people should see to them
		{ID: 9, Kind: handoff.CallBack, Open: true, Deadline: hours(-30), From: hours(20), At: hours(-1)},
		{ID: 8, Kind: handoff.CallBack, Open: true, Deadline: hours(30), From: hours(19), At: hours(-1)},
		{ID: 7, Kind: handoff.CallBack, Open: true, Deadline: hours(30), From: hours(20), At: hours(-2)},
		{ID: 6, Kind: handoff.CallBack, Open: true, Deadline: hours(30), From: hours(20), At: hours(-1)},
		{ID: 5, Kind: handoff.CallBack, Open: true, From: hours(18), At: hours(-1)},
		{ID: 3, Kind: handoff.HandOver, Open: true, At: hours(-5)},
		{ID: 4, Kind: handoff.HandOver, Open: true, At: hours(-4)},
		{ID: 2, Kind: handoff.HandOver, At: hours(-1)},
		{ID: 1, Kind: handoff.CallBack, Deadline: hours(-40), At: hours(-9)},
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		got := slices.Clone(want)
		r.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
		handoff.Prioritize(got)
		if !slices.Equal(got, want) {
			t.Fatalf("%v", got)
		}
	}
}
