package billing

import "fmt"

// Money is an amount in whole US cents (M1); a negative one is a credit or a reversal.
type Money int64

// Cents is the amount as a plain number, for stores and processors.
func (m Money) Cents() int64 { return int64(m) }

// IsPositive says whether there is something to pay.
func (m Money) IsPositive() bool { return m > 0 }

// String writes the amount as dollars and cents: 214.50, -3.07.
func (m Money) String() string {
	sign, cents := "", uint64(m) //nolint:gosec // G115: a negative one is turned round below
	if m < 0 {
		sign, cents = "-", -uint64(m) //nolint:gosec // G115: two's complement gives the size of any negative amount
	}
	return fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100)
}
