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

// ClaimTime is one instant on both clocks, with the end of a lease taken now.
type ClaimTime struct {
	Now        time.Time // domain clock
	MachineNow time.Time
	LeaseUntil time.Time // machine clock
}

// NoticeStore keeps the notices; package store does. Every write after a Take names its fence.
type NoticeStore interface {
	// ClaimNotices puts what is due of these notices into one courier's hands, all in one transaction.
	// Planned ones go through decide with the facts as they are in that transaction, and their
	// verdicts are written: claimed with a body, put off, or ended. Of several to one number each is
	// decided when the one before it is written. Those whose create is in doubt come back to be looked
	// for. What is not due, in other hands, or settled does not come back.
	ClaimNotices(ctx context.Context, ids []int64, at ClaimTime, decide func([]Facts) ([]Decision, error)) ([]ClaimedNotice, error)
	// RecordNotice writes what came of a claim. ErrSuperseded: the fence is old, or a callback
	// knew better meanwhile.
	RecordNotice(ctx context.Context, c ClaimedNotice, r SendResult, at time.Time) error
	// RecordReports writes what the carrier says of texts that carry our references, all in one
	// transaction, and says of each what that changed. States only move forward; a report that is late
	// or repeated changes nothing.
	RecordReports(ctx context.Context, list []DeliveryReport, at time.Time) ([]ReportResult, error)
	// SimilarTexts tells what else was sent to the number of a claim in doubt.
	SimilarTexts(ctx context.Context, c ClaimedNotice) (Similar, error)
	// EnqueueDue ends what is overdue, gives up leases that ran out, and puts due notices in line:
	// answers and payment texts first, then reminders, kind by kind in turn.
	EnqueueDue(ctx context.Context, n EnqueueRequest) (EnqueueResult, error)
	// PostponePoll says when a text that the carrier has is asked for again; zero: no more.
	PostponePoll(ctx context.Context, c ClaimedNotice, again time.Time) error
	// EndProbe resumes all kinds after a probe has shown that the carrier takes texts again.
	EndProbe(ctx context.Context) error
}

// Errors that a Book's callers tell apart.
var (
	ErrSuperseded = errors.New("notify: the notice has moved on")
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

	Recipient *Recipient // of a reminder: all that its number's reminders rest on

	Reasons []Reason   // that it was planned for and that held when last looked at; none for a reply
	Recent  []SentText // for RealReply: what went to the number in the last 7 days, newest first
}

// Reason is why a notice goes, with what must hold for it. A reminder gathers those of one day, a
// text about a payment has one (N1).
type Reason struct {
	Account    string
	DaysBefore int           // the offset, where the kind has one
	Coverage   billing.Month // zero for texts about a payment
	Payment    *PaymentFacts // of kinds that speak of one payment
	Owed       billing.Money // everything billed less everything paid
	InFlight   bool          // another payment on the account is open
	Terminated bool
}

// PaymentFacts is what a text about a payment rests on.
type PaymentFacts struct {
	State        payments.State
	Cents        billing.Money // with the fee
	BankType     payments.BankType
	Last4        string
	Reference    string
	AuthorizedAt time.Time
	NotBefore    time.Time // zero while a letter is unposted
	Submitted    bool      // the processor has, or may have, its object
	HeardOnCall  bool      // the caller heard the outcome on the call
}

// SentText is a text that went out.
type SentText struct {
	Kind Kind
	At   time.Time
}

// Action is what becomes of a notice that was looked at.
type Action string

const (
	ActionSend     Action = "send"
	ActionWait     Action = "wait"
	ActionDrop     Action = "drop"
	ActionSuppress Action = "suppress"
)

// Decision is the answer of the rules.
type Decision struct {
	Action Action
	Body   string    // of ActionSend
	Until  time.Time // of ActionWait
	Why    string    // of ActionDrop and ActionSuppress
	// Dropped are the reasons that do not hold any more, whatever becomes of the others.
	Dropped []DroppedReason
}

// DroppedReason is a reason that does not hold any more.
type DroppedReason struct {
	Account    string
	DaysBefore int
	Why        string
}

// ClaimedNotice is a notice in one courier's hands: Claimed to be created, Unsure to be looked for, Accepted
// or Sent to be asked for.
type ClaimedNotice struct {
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
	Lookups   int // that found nothing
	Polls     int // that brought nothing new
	Waits     int // times put off because nothing was sent
	TriedAt   time.Time
	Probe     bool // sent although all kinds are paused, to see whether they must be
}

// SendResult is what came of a claim, other than that the carrier has it: that is a Report.
type SendResult struct {
	State   State // Planned, Unsure, Failed or Suppressed
	RetryAt time.Time
	// NotSent: the create was never processed, so it does not count.
	NotSent bool
	// LookupMissed: one look more found nothing.
	LookupMissed bool
	// NeedsReview: a person looks; nothing is sent or looked for any more.
	NeedsReview bool
	Why         string
	Code        int
	Trouble     Trouble
}

// DeliveryReport is the carrier's word on a text.
type DeliveryReport struct {
	Reference string
	SID       string
	State     State
	Why       string
	Code      int
	Trouble   Trouble
	PollAt    time.Time // when to ask, if nothing more is said; zero: never
}

// ReportResult says what a report changed.
type ReportResult struct {
	Kind       Kind
	NoSuchText bool // no notice carries the reference
	Changed    bool
	SentTwice  bool // the reference was already another text's: it went out twice
}

// Similar are the other texts to a number that a look-up could mistake for the one it looks for.
type Similar struct {
	SIDs    []string // SIDs that belong to other notices
	InDoubt int      // other notices in doubt with the same words around the same time
}

// EnqueueRequest says what a tick may put in line.
type EnqueueRequest struct {
	Now, MachineNow time.Time
	// RequeueAfter is when what is put in line now may be put in line again (machine clock): its job may
	// have been lost.
	RequeueAfter time.Time
	First        int  // at most so many answers and payment texts are in line
	Reminders    int  // at most so many of all capped kinds together
	Polls        bool // also texts that the carrier has and says nothing of
}

// EnqueueResult counts what a tick did.
type EnqueueResult struct {
	Due, Expired int
	Dropped      []Kind // out of their windows
}
