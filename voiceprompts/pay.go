package voiceprompts

import "slices"

// PayPrompt is one prompt of a <Pay>: when Twilio speaks it, and which message it is (twilio.md §1.3). Its
// field, card and error names are Twilio's. Webhook.capturePrompt makes TwiML of it. No prompt has
// placeholders: what is keyed is never read back (E10).
type PayPrompt struct {
	For         string   // the field
	Attempts    []int    // empty = every attempt
	Cards       []string // empty = every card
	Errors      []string // empty = the field's first question
	SecondEntry bool     // the second entry that must match the first (requireMatchingInputs)
	Key         string   // of the message
}

// A <Pay> of ours asks for a field three times. Twilio's pages leave open whether an error prompt
// counts the attempt that failed or the one that begins, and whether its limit counts tries or
// repeats (twilio.md §12); whichever it is, these two lists leave no attempt without a prompt and
// none with two.
var (
	earlierAttempts = []int{1, 2}
	lastAttempts    = []int{3, 4}
)

// The security code is on the front of an American Express card and on the back of all others.
// Every other card that <Pay> knows is listed, accepted by us or not: without a prompt the code
// would be asked for in Twilio's own voice and language.
var (
	codeOnBack  = []string{"visa", "mastercard", "discover", "maestro", "jcb", "diners-club", "optima", "enroute"}
	codeOnFront = []string{"amex"}
)

// CardPrompts returns all prompts of a card payment: every field and every error. Every field has a first
// question, an error prompt for each way to fail, and one for the last attempt; the order is that of the questions.
func CardPrompts() []PayPrompt {
	return slices.Concat(
		[]PayPrompt{
			{For: "payment-card-number", Key: "pay-card-number"},
			{For: "payment-card-number", Errors: []string{"timeout"}, Attempts: earlierAttempts, Key: "pay-card-number-timeout"},
			{For: "payment-card-number", Errors: []string{"invalid-card-number"}, Attempts: earlierAttempts, Key: "pay-card-number-invalid"},
			{For: "payment-card-number", Errors: []string{"invalid-card-type"}, Attempts: earlierAttempts, Key: "pay-card-type-invalid"},
			{
				For: "payment-card-number", Errors: []string{"timeout", "invalid-card-number", "invalid-card-type"},
				Attempts: lastAttempts, Key: "pay-card-number-last",
			},

			{For: "expiration-date", Key: "pay-date"},
			{For: "expiration-date", Errors: []string{"timeout"}, Attempts: earlierAttempts, Key: "pay-date-timeout"},
			{For: "expiration-date", Errors: []string{"invalid-date"}, Attempts: earlierAttempts, Key: "pay-date-invalid"},
			{For: "expiration-date", Errors: []string{"timeout", "invalid-date"}, Attempts: lastAttempts, Key: "pay-date-last"},
		},
		codePrompts(codeOnBack, "pay-cvv", "pay-cvv-timeout", "pay-cvv-invalid", "pay-cvv-last"),
		codePrompts(codeOnFront, "pay-cvv-amex", "pay-cvv-amex-timeout", "pay-cvv-amex-invalid", "pay-cvv-amex-last"),
		[]PayPrompt{
			{For: "postal-code", Key: "pay-zip"},
			{For: "postal-code", Errors: []string{"timeout"}, Attempts: earlierAttempts, Key: "pay-zip-timeout"},
			{For: "postal-code", Errors: []string{"invalid-postal-code"}, Attempts: earlierAttempts, Key: "pay-zip-invalid"},
			{For: "postal-code", Errors: []string{"timeout", "invalid-postal-code"}, Attempts: lastAttempts, Key: "pay-zip-last"},

			{For: "payment-processing", Key: "pay-processing"},
		},
	)
}

// codePrompts asks for the security code of one group of cards. Three digits on the back, or four on the
// front: the words differ, so each group has its own.
func codePrompts(cards []string, first, timeout, invalid, final string) []PayPrompt {
	const field = "security-code"
	return []PayPrompt{
		{For: field, Cards: cards, Key: first},
		{For: field, Cards: cards, Errors: []string{"timeout"}, Attempts: earlierAttempts, Key: timeout},
		{For: field, Cards: cards, Errors: []string{"invalid-security-code"}, Attempts: earlierAttempts, Key: invalid},
		{For: field, Cards: cards, Errors: []string{"timeout", "invalid-security-code"}, Attempts: lastAttempts, Key: final},
	}
}

// BankPrompts returns all prompts of a bank payment. Both numbers are keyed twice: the routing number's check
// misses some swaps (E10: keyed twice, never read back), and the account number has no check (E11). A pair
// that differs has an error of its own (input-matching-failed) and starts that field again.
func BankPrompts() []PayPrompt {
	return []PayPrompt{
		{For: "bank-routing-number", Key: "pay-routing"},
		{For: "bank-routing-number", SecondEntry: true, Key: "pay-routing-again"},
		{For: "bank-routing-number", Errors: []string{"timeout"}, Attempts: earlierAttempts, Key: "pay-routing-timeout"},
		{For: "bank-routing-number", Errors: []string{"invalid-bank-routing-number"}, Attempts: earlierAttempts, Key: "pay-routing-invalid"},
		{For: "bank-routing-number", Errors: []string{"input-matching-failed"}, Attempts: earlierAttempts, Key: "pay-routing-differs"},
		{
			For: "bank-routing-number", Errors: []string{"timeout", "invalid-bank-routing-number", "input-matching-failed"},
			Attempts: lastAttempts, Key: "pay-routing-last",
		},

		{For: "bank-account-number", Key: "pay-account"},
		{For: "bank-account-number", SecondEntry: true, Key: "pay-account-again"},
		{For: "bank-account-number", Errors: []string{"timeout"}, Attempts: earlierAttempts, Key: "pay-account-timeout"},
		{For: "bank-account-number", Errors: []string{"invalid-bank-account-number"}, Attempts: earlierAttempts, Key: "pay-account-invalid"},
		{For: "bank-account-number", Errors: []string{"input-matching-failed"}, Attempts: earlierAttempts, Key: "pay-account-differs"},
		{
			For: "bank-account-number", Errors: []string{"timeout", "invalid-bank-account-number", "input-matching-failed"},
			Attempts: lastAttempts, Key: "pay-account-last",
		},

		{For: "payment-processing", Key: "pay-processing"},
	}
}
