package twilio

import (
	"slices"
	"strconv"
	"strings"
)

// stepErrors are the errors that each step can be asked again for, in the words of Prompt's errorType
// (twilio.md §1.3). A step that is not in it does not exist. internal-error is left out: it may come at any
// step and is never played here.
var stepErrors = map[string][]string{
	stepNumber:     {"timeout", "invalid-card-number", "invalid-card-type"},
	stepDate:       {"timeout", "invalid-date"},
	stepCode:       {"timeout", "invalid-security-code"},
	stepPostal:     {"timeout", "invalid-postal-code"},
	stepRouting:    {"timeout", "invalid-bank-routing-number", "input-matching-failed"},
	stepAccount:    {"timeout", "invalid-bank-account-number", "input-matching-failed"},
	stepProcessing: {},
}

// stepMethod returns the paymentMethod that asks a step; payment-processing, which belongs to both, counts as
// a card's.
func stepMethod(step string) string {
	switch step {
	case stepRouting, stepAccount:
		return "ach-debit"
	}
	return "credit-card"
}

// prompts returns the document's prompts for a step, in their order.
func (p *paying) prompts(step string) []*Node {
	var found []*Node
	for _, kid := range p.node.Elements() {
		if kid.Name == "Prompt" && kid.Attr("for", "") == step {
			found = append(found, kid)
		}
	}
	return found
}

// promptState is the moment that Pay chooses a prompt for: which step, which try, why it is asked again, and
// what is known of the card.
type promptState struct {
	step     string
	attempt  int
	err      string
	cardType string
	matching bool
}

// pick returns the prompt for the present moment, nil where the document has none and Twilio speaks its own
// words. Exact is false when the prompt says nothing of the error that the step is asked again for.
func (p *paying) pick(step string) (prompt *Node, exact bool) {
	if step == stepProcessing {
		return p.choose(promptState{step: step, attempt: 1, cardType: p.cardType})
	}
	return p.choose(promptState{step, p.attempt, p.err, p.cardType, p.matching})
}

// choose returns the prompt whose attributes name the moment most closely, the first of equals. How Twilio
// itself ranks them is not documented; errorType before attempt before cardType is what its long example
// implies.
func (p *paying) choose(m promptState) (best *Node, exact bool) {
	bestScore := -1
	for _, n := range p.prompts(m.step) {
		if score := promptScore(n, m); score > bestScore {
			best, bestScore = n, score
		}
	}
	return best, best != nil && (m.err == "" || best.Has("errorType"))
}

// promptScore returns how closely a prompt fits a moment, or -1 when one of its conditions does not hold. A
// prompt without any condition scores 0: it fits everything but a second entry.
func promptScore(n *Node, m promptState) int {
	score := 0
	if n.Has("errorType") {
		if m.err == "" || !has(n, "errorType", m.err) {
			return -1
		}
		score += 8
		// Without an error, a prompt for the second entry fits that alone, and every other prompt fits the first
		// alone. With an error, only prompts that are not for the second entry do: a mismatch begins the field
		// anew.
	} else if want := n.Attr("requireMatchingInputs", "false") == "true"; m.err == "" && want != m.matching || m.err != "" && want {
		return -1
	}
	if n.Has("attempt") {
		if !has(n, "attempt", strconv.Itoa(m.attempt)) {
			return -1
		}
		score += 4
	}
	if n.Has("cardType") {
		if !has(n, "cardType", m.cardType) {
			return -1
		}
		score += 2
	}
	return score
}

// has says whether an attribute's list of words, separated by spaces, holds the word.
func has(n *Node, attr, word string) bool {
	return slices.Contains(strings.Fields(n.Attr(attr, "")), word)
}

// missingPrompts walks every moment that this Pay can come to and returns those that Twilio would fill with
// its own words, each named once. Those are English, so a caller in another language would hear the language
// change.
func (p *paying) missingPrompts() []string {
	var missing []string
	note := func(m promptState, name string) {
		if _, exact := p.choose(m); !exact && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
	}
	for _, step := range p.steps {
		// Two entries can only differ where two are asked for.
		matching := slices.ContainsFunc(p.prompts(step), func(n *Node) bool { return n.Attr("requireMatchingInputs", "false") == "true" })
		for _, kind := range p.cardTypesAt(step) {
			note(promptState{step: step, attempt: 1, cardType: kind}, step)
			for attempt := 2; attempt <= p.tries; attempt++ {
				for _, wrong := range stepErrors[step] {
					if wrong != "input-matching-failed" || matching {
						note(promptState{step: step, attempt: attempt, err: wrong, cardType: kind}, step+" after "+wrong)
					}
				}
			}
		}
	}
	for _, kind := range p.cardTypesAt(stepProcessing) {
		note(promptState{step: stepProcessing, attempt: 1, cardType: kind}, stepProcessing)
	}
	return missing
}

// cardTypesAt returns the card types that can be known at a step: the empty one before the number is in and
// for bank accounts, afterwards any that the document takes.
func (p *paying) cardTypesAt(step string) []string {
	if step == stepNumber || p.method == "ach-debit" {
		return []string{""}
	}
	return p.validCardTypes()
}

// validCardTypes returns the brands that the document takes. Twilio's default leaves Discover out (twilio.md
// §1.1).
func (p *paying) validCardTypes() []string {
	return strings.Fields(p.node.Attr("validCardTypes", "visa mastercard amex"))
}
