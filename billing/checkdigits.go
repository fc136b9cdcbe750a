package billing

import (
	"fmt"
	"strconv"
)

// The results of CheckRouting: the first check that fails, in this order (E10).
const (
	RoutingOK       = "ok"
	RoutingNonDigit = "non_digit"
	RoutingLength   = "length"
	RoutingAllZero  = "all_zero"
	RoutingPrefix   = "prefix"
	RoutingChecksum = "checksum"
)

// CheckRouting returns RoutingOK when s can be a bank's routing number, else the first check that it fails.
// It does not say that such a bank exists, and the checksum misses a swap of neighbours that differ by 5,
// which is why the number is keyed twice (E10). The digits are a secret (D1: routing numbers too): the result
// names the check and never the digits.
func CheckRouting(s string) string {
	if !onlyDigits(s) {
		return RoutingNonDigit
	}
	if len(s) != 9 {
		return RoutingLength
	}
	sum, zeros := 0, 0 // ABA checksum: weights 3, 7, 1 over the nine digits, a multiple of 10
	for i, weight := range []int{3, 7, 1, 3, 7, 1, 3, 7, 1} {
		digit := int(s[i] - '0')
		sum += weight * digit
		if digit == 0 {
			zeros++
		}
	}
	prefix := int(s[0]-'0')*10 + int(s[1]-'0')
	switch {
	// Nine zeros would pass the checksum.
	case zeros == 9:
		return RoutingAllZero
	case !debitablePrefix(prefix):
		return RoutingPrefix
	case sum%10 != 0:
		return RoutingChecksum
	}
	return RoutingOK
}

// debitablePrefix reports whether the first two digits belong to banks that can be debited. It leaves out
// the Treasury's 00, travellers' cheques (80) and what is unassigned.
func debitablePrefix(p int) bool {
	return p >= 1 && p <= 12 || p >= 21 && p <= 32 || p >= 61 && p <= 72
}

// NewReference returns a new payment reference, which becomes the confirmation number when the money is taken
// (L4): eight random digits and a Luhn check digit. random(n) must return a number in [0, n). The reference
// may be in use already: the store refuses it then, and the caller draws another. It is no secret: it is
// spoken, texted and printed on letters.
func NewReference(random func(n int) int) string {
	stem := fmt.Sprintf("%08d", random(100_000_000))
	return stem + strconv.Itoa((10-luhnSum(stem+"0")%10)%10)
}

// LuhnValid reports whether s is all digits and its last one is the Luhn check digit of the others.
func LuhnValid(s string) bool {
	return len(s) > 1 && onlyDigits(s) && luhnSum(s)%10 == 0
}

// luhnSum returns the Luhn sum: every second digit from the right doubled, 9 taken off what exceeds 9.
// It takes digits only; the callers have looked.
func luhnSum(digits string) int {
	sum := 0
	for i := range len(digits) {
		digit := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if digit *= 2; digit > 9 {
				digit -= 9
			}
		}
		sum += digit
	}
	return sum
}
