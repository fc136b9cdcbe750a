package canary

import (
	"slices"
	"strings"
	"testing"

	"duebell/billing"
)

// secret is a value that nobody may find, in every form in which it is keyed or could be stored.
type secret struct {
	name  string
	forms []string
	last4 bool // its last four may be kept and spoken (D3)
}

// The secrets of the story. Every run of four characters holds one of 8, 9, 0 and 1, and nothing else
// in the story does by chance what they do: members, accounts and amounts are made of 2 to 7, and so
// are the digits of what is random in base 32 (holders, references of texts).
const (
	born          = "08061964"
	bornStored    = "1964-08-06"
	bornWrong     = "09281978"
	zip           = "01896"
	zipWrong      = "90817"
	ssn           = "6198"
	invoice       = "81940738"
	invoiceBefore = "90183095"
	card          = "378921903810951"
	cardExpiry    = "09/38"
	cardCode      = "9814"
	cardZIP       = "08819"
	bankRouting   = "021918346"
	bankAccount   = "90481829318095"
	bankMisplaced = "908180291840" // as long as a member ID
)

var secrets = []secret{
	{name: "birth date", forms: []string{born, bornStored, "08/06/1964", "080664", "19640806"}},
	{name: "wrong birth date", forms: []string{bornWrong, "1978-09-28", "09/28/1978", "092878", "19780928"}},
	{name: "ZIP", forms: []string{zip}},
	{name: "wrong ZIP", forms: []string{zipWrong}},
	{name: "SSN", forms: []string{ssn}},
	{name: "invoice number", forms: []string{invoice}},
	{name: "previous invoice number", forms: []string{invoiceBefore}},
	{name: "card number", forms: []string{card}, last4: true},
	{name: "expiry", forms: []string{cardExpiry, "0938", "09/2038", "092038", "2038-09"}},
	{name: "security code", forms: []string{cardCode}},
	{name: "ZIP of the card", forms: []string{cardZIP}},
	{name: "routing number", forms: []string{bankRouting}},
	{name: "bank account number in the wrong place", forms: []string{bankMisplaced}},
	{name: "bank account number", forms: []string{bankAccount}, last4: true},
}

const run = 4

// runs are all that is looked for, and whose it is.
func runs() map[string]string {
	found, spoken := map[string]string{}, []string{}
	for _, s := range secrets {
		for _, form := range s.forms {
			for i := range len(form) - run + 1 {
				found[form[i:i+run]] = s.name
			}
			if s.last4 {
				spoken = append(spoken, form[len(form)-run:])
			}
		}
	}
	for _, last := range spoken {
		delete(found, last)
	}
	return found
}

// place is somewhere that a secret could lie, and what lies there.
type place struct{ where, text string }

// leak is a run of a secret in a place where it may not be.
type leak struct{ where, whose, text string }

// leaks looks for every run in every place.
func leaks(places []place) []leak {
	wanted := runs()
	var found []leak
	for _, p := range places {
		for i := range len(p.text) - run + 1 {
			if whose, is := wanted[p.text[i:i+run]]; is {
				found = append(found, leak{p.where, whose, around(p.text, i)})
				break
			}
		}
	}
	return found
}

func around(s string, i int) string { return s[max(0, i-60):min(len(s), i+60)] }

// What is looked for can be found, and cannot be found by chance.
func TestTheValuesAreFitForTheirWork(t *testing.T) {
	for _, s := range secrets {
		for _, form := range s.forms {
			digits := strings.NewReplacer("-", "", "/", "").Replace(form)
			for i := range len(digits) - run + 1 {
				if !strings.ContainsAny(digits[i:i+run], "8901") {
					t.Errorf("%s: the run %s can occur by chance", s.name, digits[i:i+run])
				}
			}
		}
	}
	if got := billing.CheckRouting(bankRouting); got != "ok" {
		t.Errorf("the routing number: %s", got)
	}
	if found := runs(); len(found) < 60 || found[card[len(card)-run:]] != "" {
		t.Errorf("%d runs are looked for", len(found))
	}
	if found := leaks([]place{{"a log", "keyed " + zip[1:]}}); len(found) != 1 || found[0].whose != "ZIP" {
		t.Errorf("part of a ZIP was not found: %v", found)
	}
	if found := leaks([]place{{"a text", "card ending " + card[len(card)-run:]}}); len(found) != 0 {
		t.Errorf("the last four may be kept: %v", found)
	}
	if !slices.IsSorted([]string{bornStored, "1978-09-28"}) {
		t.Error("the wrong birth date is another one")
	}
}
