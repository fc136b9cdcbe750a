package voiceprompts

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// payErrors are the errors that Twilio tells apart for each field of <Pay>.
var payErrors = map[string][]string{
	"payment-card-number": {"timeout", "invalid-card-number", "invalid-card-type"},
	"expiration-date":     {"timeout", "invalid-date"},
	"security-code":       {"timeout", "invalid-security-code"},
	"postal-code":         {"timeout", "invalid-postal-code"},
	"bank-routing-number": {"timeout", "invalid-bank-routing-number", "input-matching-failed"},
	"bank-account-number": {"timeout", "invalid-bank-account-number", "input-matching-failed"},
	"payment-processing":  {},
}

var payCards = []string{"visa", "mastercard", "amex", "maestro", "discover", "optima", "jcb", "diners-club", "enroute"}

// fits says whether Twilio would speak p.
func (p PayPrompt) fits(field, card, errorType string, attempt int, again bool) bool {
	return p.For == field && p.SecondEntry == again &&
		(len(p.Cards) == 0 || slices.Contains(p.Cards, card)) &&
		(len(p.Attempts) == 0 || slices.Contains(p.Attempts, attempt)) &&
		(errorType == "" && len(p.Errors) == 0 || slices.Contains(p.Errors, errorType))
}

// A gap is filled by Twilio's own voice in its own words and, for banks, in English
// whatever the language; two that fit leave the choice to chance.
func TestEveryPayPromptIsThereOnce(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prompts []PayPrompt
		fields  []string
		again   []string
	}{
		{"card", CardPrompts(), []string{"payment-card-number", "expiration-date", "security-code", "postal-code", "payment-processing"}, nil},
		{"bank", BankPrompts(), []string{"bank-routing-number", "bank-account-number", "payment-processing"}, []string{"bank-routing-number", "bank-account-number"}},
	} {
		expect := func(field, card, errorType string, attempt int, again bool) {
			var fitting []string
			for _, p := range tt.prompts {
				if p.fits(field, card, errorType, attempt, again) {
					fitting = append(fitting, p.Key)
				}
			}
			if len(fitting) != 1 {
				t.Errorf("%s: %s, card %q, error %q, attempt %d, again %t: prompts %v, want one", tt.name, field, card, errorType, attempt, again, fitting)
			}
		}
		for _, field := range tt.fields {
			for _, card := range payCards {
				for attempt := 1; attempt <= 4; attempt++ {
					for _, errorType := range append([]string{""}, payErrors[field]...) {
						expect(field, card, errorType, attempt, false)
					}
				}
			}
		}
		for _, field := range tt.again {
			expect(field, "", "", 1, true)
		}
	}
}

func TestPayPromptsCanBeSpokenWithoutArguments(t *testing.T) {
	c := mustLoad(t)
	for _, p := range slices.Concat(CardPrompts(), BankPrompts()) {
		for _, l := range completeLanguages(c) {
			if _, err := c.Say(l.Tag, p.Key, nil); err != nil {
				t.Error(err)
			}
		}
	}
}

// wholeLanguages are those that a caller could be served in, approved or not.
func completeLanguages(c *Catalog) []Language {
	return slices.DeleteFunc(c.Languages(), func(l Language) bool { return !l.Complete })
}

// unspoken finds what <Pay> must not say, and nine what it must: a language that
// becomes complete gets its line here.
var unspoken = map[string]struct {
	counts, star *regexp.Regexp
	nine         string
}{
	"en": {
		regexp.MustCompile(`(?i)\d+[- ]digits?|(two|three|four|five|nine|ten|sixteen)[- ]digits?`),
		regexp.MustCompile(`(?i)\*|\bstar\b|\basterisk\b`), "9 digits",
	},
	"es": {
		regexp.MustCompile(`(?i)(\d+|dos|tres|cuatro|cinco|nueve|diez|dieciséis) (dígitos?|cifras?)`),
		regexp.MustCompile(`(?i)\*|\basterisco\b|\bestrella\b`), "9 dígitos",
	},
}

// V6: the number of digits is said for the routing number and for no secret else.
// V2: the star key ends <Pay>; nothing may invite a caller to press it.
func TestPayPromptsKeepTheirSilence(t *testing.T) {
	c := mustLoad(t)
	for _, l := range completeLanguages(c) {
		rule, ok := unspoken[l.Tag]
		if !ok {
			t.Fatalf("what must not be said in %s?", l.Name)
		}
		for _, key := range c.Keys() {
			if c.messages[Reference].byKey[key].file != "pay.toml" {
				continue
			}
			said, err := c.Say(l.Tag, key, nil)
			if err != nil {
				t.Fatal(err)
			}
			if rule.counts.MatchString(said.Text()) && !strings.HasPrefix(key, "pay-routing") {
				t.Errorf("%s says how many digits a secret has: %s", key, said.Text())
			}
			if rule.star.MatchString(said.Text()) {
				t.Errorf("%s speaks of the star key: %s", key, said.Text())
			}
		}
		for _, key := range []string{"pay-routing", "pay-routing-timeout", "pay-routing-invalid"} {
			if said, _ := c.Say(l.Tag, key, nil); !strings.Contains(said.Text(), rule.nine) {
				t.Errorf("%s does not say that there are 9 digits: %s", key, said.Text())
			}
		}
	}
}

// Help grows shorter as patience does.
func TestTheLastTryIsTheShortest(t *testing.T) {
	c := mustLoad(t)
	prompts := slices.Concat(CardPrompts(), BankPrompts())
	for _, l := range completeLanguages(c) {
		length := func(key string) int {
			said, err := c.Say(l.Tag, key, nil)
			if err != nil {
				t.Fatal(err)
			}
			return len(said.Text())
		}
		for _, final := range prompts {
			if !slices.Equal(final.Attempts, lastAttempts) {
				continue
			}
			for _, p := range prompts {
				if p.For == final.For && slices.Equal(p.Cards, final.Cards) && slices.Equal(p.Attempts, earlierAttempts) && length(p.Key) <= length(final.Key) {
					t.Errorf("%s: %s is not longer than %s", l.Tag, p.Key, final.Key)
				}
			}
		}
	}
}
