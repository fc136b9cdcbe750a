package twilio

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// take adds keys to the field. The pound key ends every field; card number, date, security code and routing
// number also end by their length. Keys beyond the end are refused, all of them, and nothing of p is changed.
func (p *paying) take(keys string) (typed string, complete bool, err error) {
	typed = p.typed
	for i, key := range strings.Split(keys, "") {
		if key == "#" {
			complete = true
		} else {
			typed += key
			// A length of 0, never, cannot be met: at least one digit is typed.
			complete = len(typed) == p.fullLength(typed)
		}
		if complete && i < len(keys)-1 {
			return "", false, fmt.Errorf("%w: the %s is complete after %d of %d keys", ErrRefused, p.step(), i+1, len(keys))
		}
	}
	return typed, complete, nil
}

// fullLength returns the length at which the field ends by itself, as far as it can be told from what is
// typed; 0 = never.
func (p *paying) fullLength(typed string) int {
	switch p.step() {
	case stepNumber:
		// From the digits so far: the brand is known long before the last one.
		return cardLength(cardType(typed))
	case stepDate:
		return 4
	case stepCode:
		return codeLength(p.cardType)
	case stepRouting:
		return 9
	}
	return 0
}

// judge returns "" for a good entry, or the error in a Prompt's words. Now decides whether a card has
// expired. It checks what Twilio can check; whether there is such a card or account only the processor knows.
func (p *paying) judge(value string, now time.Time) string {
	switch p.step() {
	// The number itself comes before its brand: a mistyped one is invalid, not of a wrong type.
	case stepNumber:
		kind := cardType(value)
		switch {
		case !luhn(value) || len(value) < 12 || kind != "" && len(value) != cardLength(kind):
			return "invalid-card-number"
		// A brand that cannot be told counts as one that is not taken.
		case !slices.Contains(p.validCardTypes(), kind):
			return "invalid-card-type"
		}
	case stepDate:
		if !goodExpiry(value, now) {
			return "invalid-date"
		}
	case stepCode:
		if len(value) != codeLength(p.cardType) {
			return "invalid-security-code"
		}
	case stepPostal:
		// Five digits unless the document says otherwise, as US ZIP codes have; Twilio itself has no default.
		least, _ := strconv.Atoi(p.node.Attr("minPostalCodeLength", "5"))
		if len(value) < least || len(value) > 10 {
			return "invalid-postal-code"
		}
	case stepRouting:
		if !goodRouting(value) {
			return "invalid-bank-routing-number"
		}
	// E11 has the same bounds: 4 to 17 digits.
	case stepAccount:
		if len(value) < 4 || len(value) > 17 {
			return "invalid-bank-account-number"
		}
	}
	return ""
}

// cardType returns a card's brand by its first digits, in the words of validCardTypes; "" when they say
// nothing (yet). It is right for the ranges that published test numbers use, not a full table of issuers.
func cardType(number string) string {
	// -1 matches no range, so a number too short to tell goes on to the next case.
	lead := func(n int) int {
		if len(number) < n {
			return -1
		}
		v, _ := strconv.Atoi(number[:n])
		return v
	}
	one, two, three, four := lead(1), lead(2), lead(3), lead(4)
	switch {
	case one == 4:
		return "visa"
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720:
		return "mastercard"
	case two == 34, two == 37:
		return "amex"
	case four == 6011, two == 65, three >= 644 && three <= 649:
		return "discover"
	case two == 35:
		return "jcb"
	case two == 36, two == 38, three >= 300 && three <= 305:
		return "diners-club"
	case two == 50, two >= 56 && two <= 69:
		return "maestro"
	}
	return ""
}

// cardLength returns how many digits a card of this brand has; 16 also where the brand is unknown.
func cardLength(kind string) int {
	switch kind {
	case "amex":
		return 15
	case "diners-club":
		return 14
	}
	return 16
}

// codeLength returns how many digits the security code of a card of this brand has.
func codeLength(kind string) int {
	if kind == "amex" {
		return 4
	}
	return 3
}

// luhn says whether a number's check digit is right (ISO/IEC 7812-1). Number is digits; an empty one is
// wrong.
func luhn(number string) bool {
	sum := 0
	for i := range len(number) {
		d := int(number[len(number)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return len(number) > 0 && sum%10 == 0
}

// goodExpiry says whether MMYY is a month that is not past, and at most 20 years ahead: a card is good to the
// end of its month. Years are those of now's century.
func goodExpiry(value string, now time.Time) bool {
	if len(value) != 4 {
		return false
	}
	month, _ := strconv.Atoi(value[:2])
	year, _ := strconv.Atoi(value[2:])
	if month < 1 || month > 12 {
		return false
	}
	// Two digits have no century of their own.
	year += now.Year() / 100 * 100
	left := (year-now.Year())*12 + month - int(now.Month())
	return left >= 0 && left <= 20*12
}

// goodRouting says whether nine digits pass the ABA check, weights 3, 7, 1 (E10, without the prefixes and the
// directory, which are the product's to check).
func goodRouting(value string) bool {
	if len(value) != 9 || value == "000000000" {
		return false
	}
	sum := 0
	for i := range 9 {
		// Digits alone come here: keys are 0 to 9, and # and * end the field.
		sum += int(value[i]-'0') * []int{3, 7, 1}[i%3]
	}
	return sum%10 == 0
}
