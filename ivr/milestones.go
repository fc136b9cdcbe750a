package ivr

import (
	"context"
	"errors"
	"time"
)

// Milestones keeps in the database how far a call has come, so that it can go on when Redis has lost its
// session, and so that a later call of the same number knows what this one left unfinished. A call goes on
// without them as long as Redis has its session: a failed SaveMilestone is logged and no more.
// Implementations may be called for one call by two processes at once; the turn's number decides which is
// newer.
type Milestones interface {
	// SaveMilestone keeps the newest milestone of a call. One of an earlier turn than the kept one is ignored.
	SaveMilestone(ctx context.Context, m Milestone) error
	// LastMilestone returns the newest milestone of a call, or ErrNoMilestone.
	LastMilestone(ctx context.Context, call string) (Milestone, error)
	// CallerLanguage returns the language chosen on the newest call of a number, or "" where none was.
	CallerLanguage(ctx context.Context, caller string) (string, error)
	// DroppedCall returns the newest earlier call of a number that owes its caller news of a payment, or
	// ErrNoMilestone (I7).
	DroppedCall(ctx context.Context, q DroppedCallQuery) (Milestone, error)
}

// ErrNoMilestone says that nothing is known of a call.
var ErrNoMilestone = errors.New("ivr: no milestone of this call")

// Milestone is how far a call has come: what the call can go on from without its session. It holds no secret
// and no amount: those are asked again. Member and Account are what was proven and chosen by then.
type Milestone struct {
	Call, Caller, Called string
	Lang                 string
	LangKnown            bool // chosen or on file, not taken for granted
	Step                 StepName
	Turn                 int
	Member               Member
	Account              string
	Attempt              string // key of the payment attempt in progress; may be empty
	HandedOver           bool
	PlacedFor            PlacedFor // read, never written: the row of the placed call knows it
	StartedAt            time.Time
	At                   time.Time
}

// milestone returns what the session would have to be rebuilt from, at a step. At is the domain's instant of
// the turn. HandedOver is written by RecordHandOff, not here.
func (s Session) milestone(step StepName, at time.Time) Milestone {
	return Milestone{
		Call: s.Call, Caller: s.Caller, Called: s.Called, Lang: s.Language.Tag, LangKnown: s.Language.Known, Step: step, Turn: s.Turn,
		Member: s.Member, Account: s.Account.Number, Attempt: s.Attempt, StartedAt: s.StartedAt, At: at,
	}
}

// DroppedCallQuery asks for an earlier call of the same caller about the same member or, where there is none,
// for a guest's about the same account. The caller has proven who they are again by then, or keyed the
// account again (I7).
type DroppedCallQuery struct {
	Call, Caller    string // of this call
	Member, Account string
	Since           time.Time // calls that broke off since then
	PromisedSince   time.Time // calls since then that were told to call again for an outcome, and have not heard it (L3)
}

// HandOffs keeps who is on the way to a person, and who is to be called back by one. A transfer is unique by
// call and turn, so one that is recorded twice stays one.
type HandOffs interface {
	// RecordHandOff records a transfer that is being tried; the same call and turn again adds only its reference.
	RecordHandOff(ctx context.Context, h HandOff) error
	// HandOffAccepted says whether the person of that transfer took the call by key (H5).
	HandOffAccepted(ctx context.Context, call string, turn int) (bool, error)
	// BookCallback keeps a call-back appointment, once for each call and turn (H2).
	BookCallback(ctx context.Context, b CallbackBooking) error
}

// HandOff is a caller on the way to a person. Account is the whole number, for the record; the whisper speaks
// Context alone.
type HandOff struct {
	Call     string
	Turn     int
	Reason   string
	Verified bool
	Account  string
	Attempt  string
	Lang     string
	Step     StepName // that the caller came from
	At       time.Time
	Ref      string // opaque reference in the whisper's address
	Context  AgentContext
}

// AgentContext is what the person hears before taking the call, and sees beside it (H3). It holds no
// secrets, and no digits beyond the last four.
type AgentContext struct {
	Tier      string // T0, T1, T2
	Account   string // last four
	Doing     StepName
	Payment   string // empty, open, unknown, taken or declined; of open and unknown no other may be taken
	TriesLeft int    // to prove an identity; below zero: not known
}

// CallbackBooking is a call-back appointment that a caller has taken (H2). Number may be another one than the
// caller's. Deadline is zero where no balance was told.
type CallbackBooking struct {
	Call     string
	Turn     int
	Number   string // E.164
	From     time.Time
	Until    time.Time
	Reason   string
	Account  string
	Lang     string
	Deadline time.Time // the member's due instant; earlier ones are called first
	At       time.Time
}
