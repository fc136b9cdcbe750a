package billing

import (
	"errors"
	"slices"
	"time"
)

// ErrFormat is returned where something keyed or imported does not have its form: a wrong key count, a
// day that does not exist. It is the only failure that a caller may hear told apart from "we could not
// verify you" (I1: one failure line), because it says nothing of what is on file.
var ErrFormat = errors.New("billing: not in its form")

// Kind is what a billing account is for (B2: each account has one kind).
type Kind string

// The kinds of billing accounts.
const (
	KindHealth Kind = "health"
	KindDental Kind = "dental"
	KindGroup  Kind = "group" // a small employer (B4)
)

// Valid reports whether k is one of the kinds above.
func (k Kind) Valid() bool { return k == KindHealth || k == KindDental || k == KindGroup }

// Status is whether an account may be paid, as billing gives it (B6: we compute none of it).
type Status string

// The statuses of a billing account.
const (
	StatusActive     Status = "active"
	StatusTerminated Status = "terminated" // B10: no payment may look as if it restored coverage
	StatusBlocked    Status = "blocked"    // billing takes no payments for it just now
)

// Valid reports whether s is one of the statuses above.
func (s Status) Valid() bool {
	return s == StatusActive || s == StatusTerminated || s == StatusBlocked
}

// Regime is the rule by which the grace of an unpaid bill ends (G1 to G4). Calendar.GraceEnds applies it.
type Regime string

// The grace regimes.
const (
	MonthEnd Regime = "month-end" // G1: to the end of the due month
	NextDue  Regime = "next-due"  // G2: to the next bill's due instant
	ThirdDue Regime = "third-due" // G3: to the due instant three bills later
	NoGrace  Regime = "none"      // G4: a first bill has none
)

// Regimes lists the four grace regimes.
// The list is new at each call, so a caller may change it.
func Regimes() []Regime { return []Regime{MonthEnd, NextDue, ThirdDue, NoGrace} }

// Valid reports whether r is one of the regimes above.
func (r Regime) Valid() bool { return slices.Contains(Regimes(), r) }

// Account is one billing account, billed and paid by itself (B2: one member may have several). Its numbers
// are text (B1: leading zeros count).
type Account struct {
	Number       string // 9 digits, by policy
	MemberID     string // the member who owns it; 12 digits, by policy
	Kind         Kind
	Status       Status
	Regime       Regime // empty: billing gave none, the default applies (G5)
	AutoPayDay   int    // day of the month on which billing draws; 0: not on AutoPay
	AutoPayLast4 string // of the bank account drawn from; empty: not on AutoPay
}

// OnAutoPay reports whether a draw is made for this account each month (A1).
// The day alone tells: the feed takes day and last four only together.
func (a Account) OnAutoPay() bool { return a.AutoPayDay != 0 }

// Bill is what was billed to an account for one coverage month. Of several revisions only the highest counts
// (B5: it replaces earlier ones); what was paid before stays paid.
// Its key is account, coverage month and revision; a bill is never changed after it came, only revised.
type Bill struct {
	Account     string
	Coverage    Month     // the month that it pays for, which is the month after it is issued (C2)
	Revision    int       // 0 is the first bill of the month
	Billed      Money     // never a remaining balance (B7)
	FirstBill   bool      // the binder payment: it starts coverage (B8)
	GraceEndsAt time.Time // zero: billing gave none (G5)
}

// EntryKind is where a ledger entry comes from.
type EntryKind string

// The kinds of ledger entries.
const (
	EntryPayment  EntryKind = "payment"  // taken by us
	EntryReversal EntryKind = "reversal" // one of ours came back (L5)
	EntryForeign  EntryKind = "foreign"  // booked by billing from another channel (B7)
)

// Entry is one line of an account's ledger: money that came in, or went back.
// Entries are never changed either: a correction is an entry of its own (L1: append-only).
type Entry struct {
	Kind       EntryKind
	Cents      Money     // what it counts towards paid; a reversal's is negative
	ReceivedAt time.Time // when it counts as received (C6), which decides what it paid in time
	Reference  string    // ours, 9 digits; empty for foreign money. A reversal carries the reference of the payment that it takes back
}
