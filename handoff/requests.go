package handoff

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// ErrNoRequest says that no hand-over or call-back has this ID.
var ErrNoRequest = errors.New("handoff: no such request")

// Request is a caller who wanted a person: transferred to one, or promised a call-back (H2). A call-back is
// open until somebody records that it was made.
type Request struct {
	ID       int64 // one series for both kinds
	Kind     Kind
	Number   string // where to call back; of a hand-over, who called
	From     time.Time
	Until    time.Time // the slot that was named to the caller; zero for a hand-over
	Reason   string    // why the caller was transferred
	Account  string
	Lang     string
	Deadline time.Time // the member's due instant: the priority; may be zero
	At       time.Time
	Tier     string       // of a hand-over
	Doing    string       // the step at which the caller was
	Payment  PaymentState // when the caller was transferred
	Outcome  Outcome      // of a hand-over; empty while it rings
	DoneAt   time.Time
	Open     bool // somebody must still see to it
}

// Kind is what a request asks of people. The words are stored and shown; they do not change.
type Kind string

// Kinds of requests.
const (
	HandOver Kind = "hand-over"
	CallBack Kind = "call-back"
)

// Prioritize sorts requests in the order in which people should see to them (H2): open ones first, of these
// the earliest deadline, then call-backs before hand-overs because they were promised, then the earliest
// slot. Closed requests follow, newest first. The order is total: equal requests follow their IDs, so a list
// looks the same each time. It sorts in place.
func Prioritize(list []Request) {
	slices.SortStableFunc(list, func(a, b Request) int {
		// Open before closed, whatever else is true of them.
		if a.Open != b.Open {
			if a.Open {
				return -1
			}
			return 1
		}
		// Nothing waits for these: the newest are what people look for.
		if !a.Open {
			return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.ID, b.ID))
		}
		// "call-back" sorts before "hand-over" as a word, which is the order wanted here.
		return cmp.Or(earlier(a.Deadline, b.Deadline), cmp.Compare(a.Kind, b.Kind),
			earlier(a.From, b.From), a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	})
}

// earlier compares instants; a zero one sorts last.
func earlier(a, b time.Time) int {
	switch {
	case a.IsZero() && b.IsZero():
		return 0
	case a.IsZero():
		return 1
	case b.IsZero():
		return -1
	}
	return a.Compare(b)
}
