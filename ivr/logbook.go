package ivr

import (
	"context"
	"errors"
	"time"
)

// Logbook keeps milestones and hand-overs.
type Logbook interface {
	Milestone(ctx context.Context, m Milestone) error
	// Recover gives the last milestone of a call, or ErrNoMilestone.
	Recover(ctx context.Context, call string) (Milestone, error)
	HandOff(ctx context.Context, h HandOff) error
	// Accepted says whether the person of that hand-off took the call by key (H5).
	Accepted(ctx context.Context, call string, turn int) (bool, error)
	// Language is the one chosen on the newest call of a number; empty: none was.
	Language(ctx context.Context, caller string) (string, error)
	// Dropped gives the newest earlier call of a number that owes its caller news of a payment, or ErrNoMilestone (I7).
	Dropped(ctx context.Context, e Earlier) (Milestone, error)
	// Book keeps a call-back appointment, once for each call and turn.
	Book(ctx context.Context, b Booking) error
}

// ErrNoMilestone says that nothing is known of a call.
var ErrNoMilestone = errors.New("ivr: no milestone of this call")

// Earlier asks for an earlier call of the same caller about the same member or, where there is none, for a guest's about
// the same account.
type Earlier struct {
	Call, Caller    string // of this call
	Member, Account string
	Since           time.Time // calls that broke off since then
	PromisedSince   time.Time // calls since then that were told to call again for an outcome, and have not heard it (L3)
}

// HandOff is a caller on the way to a person.
type HandOff struct {
	Call     string
	Turn     int
	Reason   string
	Verified bool
	Account  string
	Attempt  string
	Lang     string
	Step     StepName
	At       time.Time
	Ref      string // opaque: the whisper's address
	Context  Context
}

// Context is what the person hears before taking the call, and sees beside it (H3). No secrets, no digits beyond last four.
type Context struct {
	Tier      string // T0, T1, T2
	Account   string // last four
	Doing     StepName
	Payment   string // empty, open, unknown, taken or declined; of open and unknown no other may be taken
	TriesLeft int
}

// Booking is a call-back appointment (H2).
type Booking struct {
	Call     string
	Turn     int
	Number   string
	From     time.Time
	Until    time.Time
	Reason   string
	Account  string
	Lang     string
	Deadline time.Time // the member's due instant: the priority
	At       time.Time
}
