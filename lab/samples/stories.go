// Package samples is the billing system of the sample members: people with a story each, and the
// files that billing would deliver about them on a given day.
//
// It owns the seven members that `duebell-lab dev` knows and that scripts mean by "sample", the script
// word "account", and how a standing lives on from month to month. It refuses to write to the
// database by any other way than an import: what dev shows has come in as real data would.
package samples

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"duebell/billing"
)

// Story is one account and the member it belongs to, with the standing that billing's files give it at any
// time: a current bill, and perhaps last month's still unpaid. Amounts are whole cents. Stories of one member
// repeat that member's data. The zero value of a field means that there is none of it.
type Story struct {
	MemberID        string
	Name            string
	Phone           string // mobile; consent to texts comes with it. Empty: none
	Language        string
	Born            string // YYYY-MM-DD; empty for an employer
	ZIP             string
	SSNLast4        string
	Invoice         string
	InvoicePrevious string // of last month's bill, for employers

	Account      string
	Kind         billing.Kind
	Status       billing.Status
	Grace        billing.Regime // empty: the policy's default
	AutoPayDay   int
	AutoPayLast4 string

	Billed  billing.Money // the current bill
	Paid    bool          // … is paid as soon as it is issued
	PastDue billing.Money // last month's bill, unpaid
	First   bool          // the current bill is a first (binder) payment
	Credit  billing.Money // paid beyond what was billed
}

// owes returns the balance that the story is about. A Credit counts apart: it is booked once, and then used up.
func (s Story) owes() billing.Money {
	if s.Paid {
		return 0
	}
	return s.Billed + s.PastDue
}

// Stories returns the sample members' accounts, as design §2 lists them, in that order. The slice is the
// caller's own.
func Stories() []Story {
	// Two accounts of one member, so that a caller is asked which one.
	anna := Story{
		MemberID: "100200300401", Name: "Anna Whitfield", Phone: "+16175550101", Language: "en",
		Born: "1980-04-12", ZIP: "02139", SSNLast4: "4821", Status: billing.StatusActive,
	}
	annaHealth, annaDental := anna, anna
	annaHealth.Account, annaHealth.Kind, annaHealth.Billed = "712345678", billing.KindHealth, 19800
	annaDental.Account, annaDental.Kind, annaDental.Billed = "712345686", billing.KindDental, 3150
	return []Story{
		annaHealth,
		annaDental,
		{
			MemberID: "100200300402", Name: "Luis Ortega", Phone: "+14135550102", Language: "es",
			Born: "1975-11-30", ZIP: "01103", SSNLast4: "9034",
			Account: "723456789", Kind: billing.KindHealth, Status: billing.StatusActive, Billed: 16400, Paid: true,
		},
		{
			MemberID: "100200300403", Name: "Denise Palmer", Phone: "+15085550103", Language: "en",
			Born: "1992-07-08", ZIP: "01608", SSNLast4: "1177",
			Account: "734567890", Kind: billing.KindHealth, Status: billing.StatusActive, Grace: billing.ThirdDue,
			Billed: 23500, PastDue: 23500,
		},
		{
			MemberID: "100200300404", Name: "Marcos Silva", Phone: "+17815550104", Language: "pt",
			Born: "1968-02-29", ZIP: "02151", SSNLast4: "6650",
			Account: "745678901", Kind: billing.KindHealth, Status: billing.StatusActive,
			AutoPayDay: 21, AutoPayLast4: "6789", Billed: 15200,
		},
		{
			MemberID: "100200300405", Name: "Harbor Bakery", Phone: "+16175550105", Language: "en",
			ZIP: "02110", Invoice: "90001234",
			Account: "756789012", Kind: billing.KindGroup, Status: billing.StatusActive, Billed: 421075,
		},
		{
			MemberID: "100200300406", Name: "Elena Rivas", Phone: "+18575550106", Language: "es",
			Born: "1999-12-31", ZIP: "02301", SSNLast4: "3308",
			Account: "767890123", Kind: billing.KindHealth, Status: billing.StatusActive, Billed: 15200, First: true,
		},
		{ // of Anna's household, on the same telephone
			MemberID: "100200300407", Name: "Owen Whitfield", Phone: "+16175550101", Language: "en",
			Born: "2001-05-05", ZIP: "02139", SSNLast4: "2916",
			Account: "778901234", Kind: billing.KindHealth, Status: billing.StatusActive, Billed: 8820,
		},
	}
}

// words are what a script can say of an account, each followed by its value; Parse documents them. Values are
// set as they are where their form is the import's to judge.
var words = map[string]func(s *Story, value string) error{
	"owes":             func(s *Story, v string) error { return owes(s, v) },
	"past-due":         func(s *Story, v string) (err error) { s.PastDue, err = dollars(v); return err },
	"member":           func(s *Story, v string) error { s.MemberID = v; return nil },
	"name":             func(s *Story, v string) error { s.Name = strings.ReplaceAll(v, "_", " "); return nil },
	"phone":            func(s *Story, v string) error { s.Phone = v; return nil },
	"language":         func(s *Story, v string) error { s.Language = v; return nil },
	"born":             func(s *Story, v string) error { s.Born = v; return nil },
	"zip":              func(s *Story, v string) error { s.ZIP = v; return nil },
	"ssn":              func(s *Story, v string) error { s.SSNLast4 = v; return nil },
	"invoice":          func(s *Story, v string) error { s.Invoice = v; return nil },
	"invoice-previous": func(s *Story, v string) error { s.InvoicePrevious = v; return nil },
	"kind":             func(s *Story, v string) error { s.Kind = billing.Kind(v); return nil },
	"status":           func(s *Story, v string) error { s.Status = billing.Status(v); return nil },
	"grace":            func(s *Story, v string) error { s.Grace = billing.Regime(v); return nil },
	"first":            func(s *Story, v string) (err error) { s.First, err = strconv.ParseBool(v); return err },
	"autopay": func(s *Story, v string) (err error) {
		day, last4, _ := strings.Cut(v, "/")
		s.AutoPayDay, err = strconv.Atoi(day)
		s.AutoPayLast4 = last4
		return err
	},
}

// Parse reads what follows the script word account: the account number, then pairs of a word and
// its value, in any order.
//
//	712345678 owes 198.00 phone +16175550101 born 1980-04-12 zip 02139
//
// owes is the current bill, past-due last month's beside it; a negative owes is a credit. Besides:
// member, name (with _ for a blank), language, ssn, invoice, invoice-previous, kind, status, grace, first (true),
// autopay (21/6789). The forms of the values are the import's to judge.
func Parse(fields []string) (Story, error) {
	if len(fields) == 0 || len(fields)%2 == 0 {
		return Story{}, errors.New("account: want an account number and then pairs, as owes 198.00")
	}
	// What a script does not say: a member of its own whose number is made from the account's, an active health
	// account.
	s := Story{
		Account: fields[0], MemberID: "900" + fields[0], Name: "Sample Member", Language: "en",
		Kind: billing.KindHealth, Status: billing.StatusActive,
	}
	for i := 1; i < len(fields); i += 2 {
		// Any order, and a word twice: the later value counts.
		set, known := words[fields[i]]
		if !known {
			return Story{}, fmt.Errorf("account: nothing can be said of %q", fields[i])
		}
		if err := set(&s, fields[i+1]); err != nil {
			return Story{}, fmt.Errorf("account: %s: %w", fields[i], err)
		}
	}
	return s, nil
}

// Like returns the story of somebody else with the same standing: account, member and phone numbers are n
// higher, with their leading zeros; name and secrets are the same. A number that is none is an error.
func (s Story) Like(n int) (Story, error) {
	for _, number := range []*string{&s.Account, &s.MemberID, &s.Phone} {
		digits, plus := strings.CutPrefix(*number, "+")
		// A story without a phone: there is none to count up.
		if digits == "" {
			continue
		}
		v, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return Story{}, fmt.Errorf("account: %w", err)
		}
		next := fmt.Sprintf("%0*d", len(digits), v+int64(n))
		if plus {
			next = "+" + next
		}
		*number = next
	}
	return s, nil
}

// owes sets the current bill, or a credit where the amount has a minus.
func owes(s *Story, v string) error {
	negative, isCredit := strings.CutPrefix(v, "-")
	amount, err := dollars(negative)
	if isCredit {
		s.Credit = amount
	} else {
		s.Billed = amount
	}
	return err
}

// dollarsForm is an amount as scripts write it, with both decimals.
var dollarsForm = regexp.MustCompile(`^(\d{1,7})\.(\d\d)$`)

// dollars returns an amount such as 198.00 in cents.
func dollars(v string) (billing.Money, error) {
	parts := dollarsForm.FindStringSubmatch(v)
	if parts == nil {
		return 0, errors.New("want dollars and cents, as 198.00")
	}
	cents, err := strconv.ParseInt(parts[1]+parts[2], 10, 64)
	return billing.Money(cents), err
}
