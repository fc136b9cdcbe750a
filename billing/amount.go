package billing

import "strings"

// AmountError is why a keyed amount is not taken (M5); AmountOK when it is.
type AmountError string

// The reasons, in the order in which they are checked: the first that holds is reported.
const (
	AmountOK       AmountError = ""
	AmountBadKey   AmountError = "bad_key"   // a star, or anything that is no digit
	AmountNoInput  AmountError = "no_input"  // no key, with or without #
	AmountZero     AmountError = "zero"      // zeros alone
	AmountTooLong  AmountError = "too_long"  // more digits than amount_max_digits, leading zeros aside
	AmountBelowMin AmountError = "below_min" // M3
	AmountAboveMax AmountError = "above_max" // M4
)

// AmountWarning is what a caller must hear before paying an amount; WarnNone when that is nothing.
type AmountWarning string

// The warnings.
const (
	WarnNone    AmountWarning = ""
	WarnPartial AmountWarning = "partial" // less than all that is due may not keep coverage (M2)
	WarnCredit  AmountWarning = "credit"  // more than is due stays as credit (M4)
	WarnGeneral AmountWarning = "general" // a guest is told nothing of the balance (I2)
)

// AmountRules holds what bounds an amount. For a guest only the policy counts, so that a refusal
// tells nothing of the balance (M4: one ceiling for every guest).
// Policy is the whole policy, of which the amount keys are read. All amounts are cents.
type AmountRules struct {
	Guest    bool
	TotalDue Money // not known to a guest
	Month    Money // the latest month's charge
	Policy   Policy
}

// AmountEntry is what ParseAmount makes of keyed digits.
// Err and DidYouMean may both be set: "2 dollars and 14 cents" may be below the minimum where 214 dollars is
// not.
type AmountEntry struct {
	Cents      Money // zero when Err says why not
	Err        AmountError
	Warning    AmountWarning
	DidYouMean Money // the same keys as whole dollars, when that is likely (M6); else zero
}

// minimum returns the least that may be paid, in cents. A whole balance below it may be paid too (M3).
// With partial payments switched off the whole balance is the least; a guest, who may not learn it, keeps the
// plain minimum.
func (r AmountRules) minimum() Money {
	if !r.Guest && !r.Policy.PartialAllowed { // M2: then all of it or more
		return max(r.TotalDue, r.Policy.MinPaymentCents)
	}
	return r.Policy.MinPaymentCents
}

// maximum returns the most that may be paid, in cents: what is owed and some months ahead (M4).
// TotalDue may be a credit, below zero: then less than the months ahead may be paid.
func (r AmountRules) maximum() Money {
	if r.Guest {
		return r.Policy.GuestMaxCents
	}
	return r.TotalDue + Money(r.Policy.MaxOverMonths)*r.Month
}

// wholeBalance reports whether an amount is exactly what is owed. For a guest it never is: we may not tell.
func (r AmountRules) wholeBalance(m Money) bool { return !r.Guest && m == r.TotalDue }

// ParseAmount reads an amount keyed in cents and checks it against the rules: 21450# is $214.50 (M5). The #
// is missing when the time-out ended the entry. What Err refuses has Cents 0.
//
// keys is what was keyed, with its # where there was one; anything after a # is ignored. It never fails
// otherwise than by Err: what was keyed is no secret (D1: amounts are none) but may be nonsense. The order of
// the checks is M5's, and the test vectors (amount_entry.csv) hold it.
func ParseAmount(keys string, r AmountRules) AmountEntry {
	// A bare # and silence are one event: Twilio posts neither (M5: no_input).
	keys, _, _ = strings.Cut(keys, "#")
	digits := strings.TrimLeft(keys, "0")
	switch {
	case !onlyDigits(keys):
		return AmountEntry{Err: AmountBadKey}
	case keys == "":
		return AmountEntry{Err: AmountNoInput}
	case digits == "":
		return AmountEntry{Err: AmountZero}
	// Leading zeros were cut off, so 0021450 has five digits.
	case len(digits) > r.Policy.AmountMaxDigits:
		return AmountEntry{Err: AmountTooLong}
	}
	var cents Money
	for _, digit := range digits { // the policy keeps the number of digits within int64
		cents = cents*10 + Money(digit-'0')
	}

	// M6, cents forgotten: few keys whose value as dollars would be allowed are perhaps whole dollars. It is
	// offered beside the keyed amount, or instead of a refusal below the minimum.
	entry := AmountEntry{Cents: cents, Warning: r.warning(cents)}
	if dollars := cents * 100; len(keys) <= 3 && !r.wholeBalance(cents) && dollars >= r.minimum() && dollars <= r.maximum() {
		entry.DidYouMean = dollars
	}
	switch {
	// M3: a whole balance below the minimum may be paid exactly.
	case cents < r.minimum() && !r.wholeBalance(cents):
		entry.Cents, entry.Err, entry.Warning = 0, AmountBelowMin, WarnNone
	case cents > r.maximum():
		entry.Cents, entry.Err, entry.Warning = 0, AmountAboveMax, WarnNone
	}
	return entry
}

// warning returns what must be heard before cents are paid.
// A guest always hears the general one, whatever the balance: another would tell something of it (I2: guests
// hear no balance).
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

// onlyDigits reports whether s holds nothing but ASCII digits; an empty string too.
func onlyDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}
