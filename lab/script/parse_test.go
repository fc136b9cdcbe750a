package script_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"duebell/lab/script"
)

func TestParseReportsEveryProblem(t *testing.T) {
	tests := map[string]string{ // line: what is said about it
		"shout 1":                                  "unknown word \"shout\"; all words stand in docs/scripts.md",
		"press1":                                   "unknown word \"press1\"; did you mean press?",
		"handed-ovre":                              "did you mean handed-over?",
		"chraged 712345678":                        "did you mean charged?",
		"charged 712345678":                        "charged: missing: an amount; write: charged ACCOUNT AMOUNT card|bank [CCD] (for example: charged 712345678 198.00 card)",
		"\"hear\" me":                              "a line begins with a word",
		"hear \"not closed":                        "a quotation mark is not closed",
		"hear press":                               "the words in quotation marks are missing",
		"charged 712345678 198 card":               "no amount of the form 198.00",
		"charged 812345678 198.00 card":            "no account number",
		"charged 712345678 198.00 cash":            "not one of: card, bank",
		"texted 6175550101 \"x\"":                  "no phone number",
		"wait soon":                                "no time span",
		"until tomorrow":                           "no instant",
		"processor slow":                           "how slow",
		"processor broken":                         "not one of",
		"twilio sleeps":                            "not one of",
		"undelivered soon +16175550101":            "no code such as 30006",
		"accounts many 712345678":                  "no number from 1 to 1000",
		"kill-worker sometime":                     "not one of",
		"answer 5550101":                           "no phone number",
		"redis up up":                              "unknown word \"up\"",
		"say \"I authorize\" confidence high":      "no confidence",
		"handed-over reason=asked colour=blue":     "nothing is known of colour",
		"when \"hold\" shout":                      "unknown word \"shout\"",
		"call from +16175550101\nclock 2027-02-10": "after the first call the clock is moved",
		"call from +16175550101\npolicy x = 1":     "policy stands before the first call",
		"# nothing but a comment":                  "there is nothing in it",
	}
	for text, want := range tests {
		_, err := script.Parse("x.call", text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", text, err, want)
		}
	}
	_, err := script.Parse("x.call", "shout\nsample\nredis sideways\n")
	if err == nil || !strings.Contains(err.Error(), "x.call:1: ") || !strings.Contains(err.Error(), "x.call:3: redis: ") {
		t.Errorf("not every problem with its line: %v", err)
	}
}

func TestParseReadsWhatSupervisorsWrite(t *testing.T) {
	s, err := script.Parse("x.call", `# A story.
# proves: P1 §7.redis, holding
policy agent_dial = ""   # TOML
policy pay_tries_call = 4
sample    import file paid.csv    # two words on a line
call from +16175550101 attested B to +18776236765
press #
press "#" # the same
hear “curly … marks”
processor slow 20s all once
when "hold" redis empty
`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"P1", "§7.redis", "holding"}, s.Proves); diff != "" {
		t.Error(diff)
	}
	if want := "agent_dial = \"\"   # TOML\npay_tries_call = 4\n"; s.Policy != want {
		t.Errorf("policy %q, want %q", s.Policy, want)
	}
	if diff := cmp.Diff([]string{"paid.csv"}, s.Files); diff != "" {
		t.Error(diff)
	}
	if !s.Uses("redis empty") || s.Uses("redis down") || !s.Uses("kill-before-answering", "when") {
		t.Error("the words used are not known")
	}
}

// Every word of the language is there, as the contract lists them.
func TestTheWordsOfTheContract(t *testing.T) {
	contract := `clock 2027-02-10T10:00
sample
account 712345678 owes 198.00 phone +16175550101 born 1980-04-12 zip 02139
processor declines
processor slow 20s
processor down
processor charges-then-drops-the-reply
processor wants-verification
processor up
twilio repeats-every-webhook
twilio repeats-at-once
twilio drops-next-reply
twilio api-down
twilio api-accepts-then-drops-the-reply
twilio normal
redis empty
redis down
redis up        database down
database up
database drops-next-commit-reply        restart        kill-before-answering
import stale
import file paid-on-the-web.csv
call from +16175550101
call from +16175550101 attested A
call from +16175550101 attested C to +18776236765
hear "words the caller hears, in order; '…' skips"
press 1        say "I authorize"        silence        wait 3s
say "I authorize" confidence 0.4
pay-card 4242424242424242 12/29 123 02139
pay-bank 110000000 000123456789        star        hang-up        over
text-from +16175550101 "STOP"       texted +16175550101 "…"       no-texts
advance 2h    until 2027-02-23T17:00
charged 712345678 198.00 bank
charged-nothing       owes 712345678 0.00
handed-over reason=asked verified=yes account=712345678
receipt
`
	if _, err := script.Parse("contract.call", contract); err != nil {
		t.Error(err)
	}
}
