package billing

import (
	"errors"
	"slices"
	"time"
)

// ErrFormat says that something keyed or imported does not have its form. It is the only
// failure that callers may be told apart from "we could not verify you" (I1).
var ErrFormat = errors.New("billing: not in its form")

// Kind of a billing account (B2).
type Kind string

// The kinds of billing accounts.
const (
	KindHealth Kind = "health"
	KindDental Kind = "dental"
	KindGroup  Kind = "group" // a small employer (B4)
)

// Valid says whether k is one of the kinds above.
func (k Kind) Valid() bool { return k == KindHealth || k == KindDental || k == KindGroup }

// Status of a billing account, as billing gives it (B6).
type Status string

// The statuses of a billing account.
const (
	StatusActive     Status = "active"
	StatusTerminated Status = "terminated" // B10: no payment may look as if it restored coverage
	StatusBlocked    Status = "blocked"
)

// Valid says whether s is one of the statuses above.
func (s Status) Valid() bool {
	return s == StatusActive || s == StatusTerminated || s == StatusBlocked
}

// Regime says how long an unpaid bill may still be cured (G1-G4).
type Regime string

// The grace regimes.
const (
	MonthEnd Regime = "month-end" // G1: to the end of the due month
	NextDue  Regime = "next-due"  // G2: to the next bill's due instant
	ThirdDue Regime = "third-due" // G3: to the due instant three bills later
	NoGrace  Regime = "none"      // G4: a first bill has none
)

// Regimes lists them.
func Regimes() []Regime { return []Regime{MonthEnd, NextDue, ThirdDue, NoGrace} }

// Valid says whether r is one of the regimes above.
func (r Regime) Valid() bool { return slices.Contains(Regimes(), r) }

// Account is one billing account: billed and paid by itself (B2). Its numbers are text (B1).
type Account struct {
	Number       string
	MemberID     string
	Kind         Kind
	Status       Status
	Regime       Regime // empty: billing gave none, the default applies (G5)
	AutoPayDay   int    // 0: not on AutoPay
	AutoPayLast4 string
}

// OnAutoPay says whether a draw is made for this account each month (A1).
func (a Account) OnAutoPay() bool { return a.AutoPayDay != 0 }

// Bill is what was billed to an account for one coverage month; the highest revision counts (B5).
type Bill struct {
	Account     string
	Coverage    Month
	Revision    int
	Billed      Money     // never a remaining balance (B7)
	FirstBill   bool      // the binder payment: it starts coverage (B8)
	GraceEndsAt time.Time // zero: billing gave none (G5)
}

// EntryKind says where a ledger entry comes from.
type EntryKind string

// The kinds of ledger entries.
const (
	EntryPayment  EntryKind = "payment"  // taken by us
	EntryReversal EntryKind = "reversal" // one of ours came back (L5)
	EntryForeign  EntryKind = "foreign"  // booked by billing from another channel (B7)
)

// Entry is one line of an account's ledger.
type Entry struct {
	Kind       EntryKind
	Cents      Money // what it counts towards paid; a reversal's is negative
	ReceivedAt time.Time
	Reference  string // a reversal carries the reference of the payment that it takes back
}
