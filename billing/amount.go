package billing

import "strings"

// AmountError says why a keyed amount is not taken (M5).
type AmountError string

// The reasons, in the order in which they are looked for.
const (
	AmountOK       AmountError = ""
	AmountBadKey   AmountError = "bad_key"
	AmountNoInput  AmountError = "no_input"
	AmountZero     AmountError = "zero"
	AmountTooLong  AmountError = "too_long"
	AmountBelowMin AmountError = "below_min"
	AmountAboveMax AmountError = "above_max"
)

// AmountWarning is what a caller must hear before paying an amount.
type AmountWarning string

// The warnings.
const (
	WarnNone    AmountWarning = ""
	WarnPartial AmountWarning = "partial" // less than all that is due may not keep coverage (M2)
	WarnCredit  AmountWarning = "credit"  // more than is due stays as credit (M4)
	WarnGeneral AmountWarning = "general" // a guest is told nothing of the balance (I2)
)

// AmountRules is what bounds an amount. For a guest only the policy counts, so that a refusal
// tells nothing about the account (M4).
type AmountRules struct {
	Guest    bool
	TotalDue Money
	Month    Money // the latest month's charge
	Policy   Policy
}

// AmountEntry is what became of a keyed amount.
type AmountEntry struct {
	Cents      Money // zero when Err says why not
	Err        AmountError
	Warning    AmountWarning
	DidYouMean Money // the same keys as whole dollars, when that is likely (M6); else zero
}

// minimum is the least that may be paid; a whole balance below it is allowed beside it (M3).
func (r AmountRules) minimum() Money {
	if !r.Guest && !r.Policy.PartialAllowed { // M2: then all of it or more
		return max(r.TotalDue, r.Policy.MinPaymentCents)
	}
	return r.Policy.MinPaymentCents
}

// maximum is the most that may be paid (M4).
func (r AmountRules) maximum() Money {
	if r.Guest {
		return r.Policy.GuestMaxCents
	}
	return r.TotalDue + Money(r.Policy.MaxOverMonths)*r.Month
}

// wholeBalance says whether an amount is exactly what is owed; nobody knows for a guest.
func (r AmountRules) wholeBalance(m Money) bool { return !r.Guest && m == r.TotalDue }

// ParseAmount reads an amount keyed in cents, 21450# being $214.50; the # may be missing when
// the time-out ended the entry (M3-M6).
func ParseAmount(keys string, r AmountRules) AmountEntry {
	keys, _, _ = strings.Cut(keys, "#")
	digits := strings.TrimLeft(keys, "0")
	switch {
	case !onlyDigits(keys):
		return AmountEntry{Err: AmountBadKey}
	case keys == "":
		return AmountEntry{Err: AmountNoInput}
	case digits == "":
		return AmountEntry{Err: AmountZero}
	case len(digits) > r.Policy.AmountMaxDigits:
		return AmountEntry{Err: AmountTooLong}
	}
	var cents Money
	for _, digit := range digits { // the policy keeps the number of digits within int64
		cents = cents*10 + Money(digit-'0')
	}

	entry := AmountEntry{Cents: cents, Warning: r.warning(cents)}
	if dollars := cents * 100; len(keys) <= 3 && !r.wholeBalance(cents) && dollars >= r.minimum() && dollars <= r.maximum() {
		entry.DidYouMean = dollars
	}
	switch {
	case cents < r.minimum() && !r.wholeBalance(cents):
		entry.Cents, entry.Err, entry.Warning = 0, AmountBelowMin, WarnNone
	case cents > r.maximum():
		entry.Cents, entry.Err, entry.Warning = 0, AmountAboveMax, WarnNone
	}
	return entry
}

func (r AmountRules) warning(cents Money) AmountWarning {
	switch {
	case r.Guest:
		return WarnGeneral
	case cents < r.TotalDue:
		return WarnPartial
	case cents > r.TotalDue:
		return WarnCredit
	}
	return WarnNone
}

// onlyDigits says whether s holds nothing but ASCII digits; it holds for the empty string.
func onlyDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}
