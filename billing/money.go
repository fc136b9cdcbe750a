package billing

import "fmt"

// Money is an amount in whole US cents (M1: integers everywhere). A negative one is a credit or a reversal.
// Sums of premiums stay far below the type's end: the feed refuses single amounts above a billion dollars.
type Money int64

// Cents returns the amount as a plain number of cents, for stores and processors.
func (m Money) Cents() int64 { return int64(m) }

// IsPositive reports whether the amount is above zero.
func (m Money) IsPositive() bool { return m > 0 }

// String returns the amount as dollars and cents: 214.50, -3.07. It is for logs and pages; what a caller
// hears is worded by voiceprompts.
func (m Money) String() string {
	sign, cents := "", uint64(m) //nolint:gosec // G115: a negative one is turned round below
	if m < 0 {
		sign, cents = "-", -uint64(m) //nolint:gosec // G115: two's complement gives the size of any negative amount
	}
	return fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100)
}
