package notify

import (
	"context"
	"errors"
	"time"

	"duebell/billing"
	"duebell/payments"
)

// Clock tells a time: the domain's for windows, the machine's for leases.
type Clock interface{ Now() time.Time }

// Moment is one instant on both clocks, with the end of a lease taken now.
type Moment struct {
	Now        time.Time // domain clock
	MachineNow time.Time
	LeaseUntil time.Time // machine clock
}

// Book keeps the notices; package store does. Every write after a Take names its fence.
type Book interface {
	// TakeNotices puts what is due of these notices into one courier's hands, all in one transaction.
	// Planned ones go through decide with the facts as they are in that transaction, and their
	// verdicts are written: claimed with a body, put off, or ended. Of several to one number each is
	// decided when the one before it is written. Those whose create is in doubt come back to be looked
	// for. What is not due, in other hands, or settled does not come back.
	TakeNotices(ctx context.Context, ids []int64, at Moment, decide func([]Facts) ([]Verdict, error)) ([]Claim, error)
	// RecordNotice writes what came of a claim. ErrOvertaken: the fence is old, or a callback
	// knew better meanwhile.
	RecordNotice(ctx context.Context, c Claim, r Result, at time.Time) error
	// ReportNotices writes what the carrier says of texts that carry our references, all in one
	// transaction, and says of each what that changed. States only move forward; a report that is late
	// or repeated changes nothing.
	ReportNotices(ctx context.Context, list []Report, at time.Time) ([]Reported, error)
	// NoticeSiblings tells what else was sent to the number of a claim in doubt.
	NoticeSiblings(ctx context.Context, c Claim) (Siblings, error)
	// NudgeNotices ends what is overdue, gives up leases that ran out, and puts due notices in line:
	// answers and payment texts first, then reminders, kind by kind in turn.
	NudgeNotices(ctx context.Context, n Nudge) (Nudged, error)
	// PutPollOff says when a text that the carrier has is asked for again; zero: no more.
	PutPollOff(ctx context.Context, c Claim, again time.Time) error
	// EndProbe resumes all kinds after a probe has shown that the carrier takes texts again.
	EndProbe(ctx context.Context) error
}

// Errors that a Book's callers tell apart.
var (
	ErrOvertaken  = errors.New("notify: the notice has moved on")
	ErrNoSuchText = errors.New("notify: no notice carries this reference")
)

// Facts is all that a claim re-reads about one notice, in the transaction that claims it (N2).
type Facts struct {
	Kind      Kind
	Channel   Channel
	Number    string
	Language  string
	Zones     []string // the recipient's, from the members whose number it is; none: not known
	ByRequest bool     // asked for on that very call or text (O4)
	NotAfter  time.Time

	Consent         bool // in force for payment texts to this number
	FromApplication bool // it rests on the number given on the coverage application (O1)
	OptedOut        bool // a suppression by its owner or the carrier is in force
	Unreachable     bool // a suppression because no text arrives there (N11)
	Paused          bool // its kind, or every kind, is stopped

	Household *Household // of a reminder: all that its number's reminders rest on

	Reasons []Reason   // that it was planned for and that held when last looked at; none for a reply
	Recent  []SentText // for RealReply: what went to the number in the last 7 days, newest first
}

// Reason is why a notice goes, with what must hold for it. A reminder gathers those of one day, a
// text about a payment has one (N1).
type Reason struct {
	Account    string
	DaysBefore int           // the offset, where the kind has one
	Coverage   billing.Month // zero for texts about a payment
	Payment    *Payment      // of kinds that speak of one payment
	Owed       billing.Money // everything billed less everything paid
	InFlight   bool          // another payment on the account is open
	Terminated bool
}

// Payment is what a text about a payment rests on.
type Payment struct {
	State        payments.State
	Cents        billing.Money // with the fee
	BankType     payments.BankType
	Last4        string
	Reference    string
	AuthorizedAt time.Time
	NotBefore    time.Time // zero while a letter is unposted
	Submitted    bool      // the processor has, or may have, its object
	Heard        bool      // the caller heard the outcome on the call
}

// SentText is a text that went out.
type SentText struct {
	Kind Kind
	At   time.Time
}

// Do is what becomes of a notice that was looked at.
type Do string

const (
	DoSend     Do = "send"
	DoWait     Do = "wait"
	DoDrop     Do = "drop"
	DoSuppress Do = "suppress"
)

// Verdict is the answer of the rules.
type Verdict struct {
	Do    Do
	Body  string    // of DoSend
	Until time.Time // of DoWait
	Why   string    // of DoDrop and DoSuppress
	// Untrue are the reasons that do not hold any more, whatever becomes of the others.
	Untrue []Untrue
}

// Untrue is a reason that does not hold any more.
type Untrue struct {
	Account    string
	DaysBefore int
	Why        string
}

// Claim is a notice in one courier's hands: Claimed to be created, Unsure to be looked for, Accepted
// or Sent to be asked for.
type Claim struct {
	ID        int64
	Reference string
	Kind      Kind
	Channel   Channel
	State     State
	Number    string
	Body      string
	SID       string // of a text that the carrier has
	Fence     int64
	Creates   int // this one included
	Looks     int // that found nothing
	Polls     int // that brought nothing new
	Waits     int // times put off because nothing was sent
	TriedAt   time.Time
	Probe     bool // sent although all kinds are paused, to see whether they must be
}

// Result is what came of a claim, other than that the carrier has it: that is a Report.
type Result struct {
	State State // Planned, Unsure, Failed or Suppressed
	Again time.Time
	// NotSent: the create was never processed, so it does not count.
	NotSent bool
	// Looked: one look more found nothing.
	Looked bool
	// Stuck: a person looks; nothing is sent or looked for any more.
	Stuck   bool
	Why     string
	Code    int
	Trouble Trouble
}

// Report is the carrier's word on a text.
type Report struct {
	Reference string
	SID       string
	State     State
	Why       string
	Code      int
	Trouble   Trouble
	PollAt    time.Time // when to ask, if nothing more is said; zero: never
}

// Reported says what a report changed.
type Reported struct {
	Kind    Kind
	Nobody  bool // no notice carries the reference
	Changed bool
	Twice   bool // the reference was already another text's: it went out twice
}

// Siblings are the other texts to a number that a look-up could mistake for the one it looks for.
type Siblings struct {
	Known []string // SIDs that belong to other notices
	Twins int      // other notices in doubt with the same words around the same time
}

// Nudge says what a tick may put in line.
type Nudge struct {
	Now, MachineNow time.Time
	// Again is when what is put in line now may be put in line again (machine clock): its job may
	// have been lost.
	Again     time.Time
	First     int  // at most so many answers and payment texts are in line
	Reminders int  // at most so many of all capped kinds together
	Polls     bool // also texts that the carrier has and says nothing of
}

// Nudged counts what a tick did.
type Nudged struct {
	Due, Expired int
	Dropped      []Kind // out of their windows
}
