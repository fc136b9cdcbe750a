package notify

import (
	"context"
	"errors"
	"time"

	"duebell/billing"
	"duebell/payments"
)

// ClaimTime is one instant on both clocks, with the end of a lease taken now. Leases are the machine's,
// because the domain's clock stands still or jumps in scripts and in dev.
type ClaimTime struct {
	Now        time.Time // domain clock
	MachineNow time.Time
	LeaseUntil time.Time // machine clock
}

// NoticeStore stores the notices for Sender and DeliveryTracker. Every write after ClaimNotices names the
// claim's fence; a write with an old fence changes nothing. Package store implements it on PostgreSQL. Each
// write is one transaction. Texts to one number are claimed one after another, and a change of its consent
// runs before or after a claim and never beside it.
type NoticeStore interface {
	// ClaimNotices claims those of the notices that are due, all in one transaction. Planned ones go through
	// decide with the facts as they are in that transaction, and the decisions are written: claimed with a
	// body, put off, or ended. Of several to one number each is decided after the one before it is written
	// (N3: the cap counts it). Those whose create is in doubt, and those to be polled, are returned as well.
	// What is not due, claimed by another sender, or settled is left out.
	ClaimNotices(ctx context.Context, ids []int64, at ClaimTime, decide func([]Facts) ([]Decision, error)) ([]ClaimedNotice, error)
	// RecordNotice writes the result of a claim. ErrSuperseded: the fence is old, or a callback has settled
	// the notice meanwhile.
	RecordNotice(ctx context.Context, c ClaimedNotice, r SendResult, at time.Time) error
	// RecordReports writes the carrier's reports on texts that carry our references, all in one transaction,
	// and returns for each what it changed. States only move forward; a late or repeated report changes nothing.
	RecordReports(ctx context.Context, list []DeliveryReport, at time.Time) ([]ReportResult, error)
	// SimilarTexts returns the other texts to the number of a claim in doubt that a look-up could mistake for it.
	SimilarTexts(ctx context.Context, c ClaimedNotice) (Similar, error)
	// EnqueueDue drops overdue notices, ends leases that ran out, and enqueues jobs for due notices: answers
	// and payment texts first, then reminders, kind by kind in turn (N9).
	EnqueueDue(ctx context.Context, n EnqueueRequest) (EnqueueResult, error)
	// PostponePoll stores when the carrier is next asked for a text; zero: no more.
	PostponePoll(ctx context.Context, c ClaimedNotice, again time.Time) error
	// EndProbe resumes all kinds after a probe has shown that the carrier takes texts again.
	EndProbe(ctx context.Context) error
}

// Errors of a NoticeStore that callers tell apart.
var (
	ErrSuperseded = errors.New("notify: the notice was settled or claimed by somebody else meanwhile")
	ErrNoSuchText = errors.New("notify: no notice carries this reference")
)

// Facts is all that a claim re-reads about one notice, in the transaction that claims it (N2). They are as of
// the claiming transaction: whoever changes one of them later finds the notice claimed.
type Facts struct {
	Kind      Kind
	Channel   Channel
	Number    string
	Language  string
	Zones     []string // IANA names, of the members whose number it is; none: not known
	ByRequest bool     // asked for on that very call or text (O4)
	NotAfter  time.Time

	// What the owner of the number, the carrier and the operator allow.
	Consent         bool // in force for payment texts to this number
	FromApplication bool // it rests on the number given on the coverage application (O1)
	OptedOut        bool // a suppression by its owner or the carrier is in force
	Unreachable     bool // a suppression because no text arrives there (N11)
	Paused          bool // its kind, or every kind, is paused

	Recipient *Recipient // of a reminder: everything that the reminders to its number depend on

	Reasons []Reason   // that it was planned for and that held when last checked; none for a reply
	Recent  []SentText // for RealReply: what went to the number in the last 7 days, newest first
}

// Reason is why a notice goes, with what must still be true of it. A reminder gathers the reasons of one day;
// a text about a payment has one (N1). Owed, InFlight and Terminated are the account's as of the claim; a
// kind looks at those that its words depend on.
type Reason struct {
	Account    string
	DaysBefore int           // the offset, where the kind has one
	Coverage   billing.Month // zero for texts about a payment
	Payment    *PaymentFacts // of kinds that speak of one payment
	Owed       billing.Money // everything billed less everything paid
	InFlight   bool          // another payment on the account is open
	Terminated bool
}

// PaymentFacts is what a text about a payment says or depends on. Cents are whole cents, instants UTC of the
// domain clock.
type PaymentFacts struct {
	State        payments.State
	Cents        billing.Money // with the fee
	BankType     payments.BankType
	Last4        string
	Reference    string
	AuthorizedAt time.Time
	NotBefore    time.Time // when the debit may be submitted; zero while a letter is unposted
	Submitted    bool      // the processor has, or may have, its object
	HeardOnCall  bool      // the caller heard the outcome on the call
}

// SentText is a text that went out. At is when the carrier was asked, not when the text arrived.
type SentText struct {
	Kind Kind
	At   time.Time
}

// Action is what becomes of a notice. ActionWait leaves the notice planned; the others end it or let it go.
type Action string

// The actions.
const (
	ActionSend     Action = "send"
	ActionWait     Action = "wait"
	ActionDrop     Action = "drop"
	ActionSuppress Action = "suppress"
)

// Decision is the answer of the rules on one notice. The zero value is no decision, and the store refuses it.
type Decision struct {
	Action Action
	Body   string    // of ActionSend
	Until  time.Time // of ActionWait
	Why    string    // of ActionDrop and ActionSuppress
	// Dropped are the reasons that are no longer true, whatever becomes of the others.
	Dropped []DroppedReason
}

// DroppedReason is a reason that is no longer true.
type DroppedReason struct {
	Account    string
	DaysBefore int
	Why        string
}

// ClaimedNotice is a notice that one sender has claimed. Its state says for what: Claimed, to create the
// text; Unknown, to look it up; Accepted or Sent, to poll it. Fence rises with every claim. Whoever holds an
// older one can change nothing any more.
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
	Creates   int // requests to create it, this one included
	Lookups   int // that found nothing
	Polls     int // that brought nothing new
	Waits     int // times put off because nothing was sent
	TriedAt   time.Time
	Probe     bool // sent although all kinds are paused, to see whether they must be
}

// SendResult is the result of a claim when the carrier does not have the text; if it has, the result is a
// DeliveryReport. RetryAt is an instant of the domain clock: when the notice may go, or is looked up, next.
type SendResult struct {
	State   State // Planned, Unknown, Failed or Suppressed
	RetryAt time.Time
	// NotSent: the create was never processed, so it does not count.
	NotSent bool
	// LookupMissed: one more look-up found nothing.
	LookupMissed bool
	// NeedsReview: a person must look; nothing is sent or looked up any more.
	NeedsReview bool
	Why         string
	Code        int // the carrier's error code
	Trouble     Trouble
}

// DeliveryReport is the carrier's report on a text. It names no fence: a text that the carrier has exists,
// whoever holds the claim.
type DeliveryReport struct {
	Reference string
	SID       string
	State     State
	Why       string
	Code      int // the carrier's error code
	Trouble   Trouble
	PollAt    time.Time // when to ask if nothing more is reported; zero: never
}

// ReportResult says what a report changed. At most one of NoSuchText, Changed and SentTwice is true; none
// means that the report was late or a repeat.
type ReportResult struct {
	Kind       Kind
	NoSuchText bool // no notice carries the reference
	Changed    bool
	SentTwice  bool // the reference already belonged to another text: the notice went out twice
}

// Similar are the other texts to a number that a look-up could mistake for the one it looks for. InDoubt
// above zero makes one listed text ambiguous, because nothing tells whose it is.
type Similar struct {
	SIDs    []string // that belong to other notices
	InDoubt int      // other notices in doubt with the same words around the same time
}

// EnqueueRequest says what a tick may enqueue. First and Reminders keep a backlog from filling the job queue:
// what is left is found by the next tick.
type EnqueueRequest struct {
	Now, MachineNow time.Time
	// RequeueAfter is when a notice that is enqueued now may be enqueued again (machine clock): its job
	// may have been lost.
	RequeueAfter time.Time
	First        int  // at most so many answers and payment texts are enqueued at once
	Reminders    int  // at most so many of all capped kinds together
	Polls        bool // also texts that the carrier has and reports nothing of
}

// EnqueueResult counts what a tick did. Expired notices are those whose sender died; they are looked up, not
// sent again.
type EnqueueResult struct {
	Due, Expired int    // notices enqueued; leases that ran out
	Dropped      []Kind // of notices that missed their windows
}
