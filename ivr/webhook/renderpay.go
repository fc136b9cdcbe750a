package webhook

import (
	"fmt"

	"duebell/internal/twilio"
	"duebell/ivr"
	"duebell/payments"
	"duebell/voiceprompts"
)

// captureAttempts is how often <Pay> asks for one field before it gives up.
const captureAttempts = 3

// cardsTaken names Discover too, which <Pay> refuses by default (twilio.md §1.1).
var cardsTaken = []string{"visa", "mastercard", "amex", "discover"}

// bankTypes are <Pay>'s words for the account types that the caller can name. Business savings are not among
// them.
var bankTypes = map[payments.BankType]twilio.BankAccountType{
	payments.Checking:         twilio.ConsumerChecking,
	payments.Savings:          twilio.ConsumerSavings,
	payments.BusinessChecking: twilio.CommercialChecking,
}

// takePayment writes the <Pay> that captures a card or bank account. It makes a token and never moves money
// (rule P3). Behind it stands a <Redirect> to the same turn: Twilio goes on to it when the tries are used up. The
// connector and the token type are always written, because <Pay>'s defaults would keep a lasting credential
// (twilio.md §2.1). There is no chargeAmount, and the type for <Pay> has no field for one.
func (d *draft) takePayment(t ivr.TakePayment) error {
	pay := twilio.Pay{
		Action: d.at.Next, Timeout: d.KeySeconds, MaxAttempts: captureAttempts, Language: d.Speakers[d.lang].Capture,
	}
	if d.at.Slow {
		pay.Timeout *= 2
	}
	prompts := voiceprompts.CardPrompts()
	switch t.Method {
	case payments.Card:
		pay.Connector, pay.TokenType, pay.Method = d.CardConnector, twilio.TokenPaymentMethod, twilio.PayCard
		pay.ValidCardTypes = cardsTaken
		pay.Parameters = []twilio.Parameter{{Name: "attempt", Value: t.Attempt}}
	case payments.Bank:
		known := false
		if pay.BankAccountType, known = bankTypes[t.BankType]; !known {
			return fmt.Errorf("a capture of the bank account type %q", t.BankType)
		}
		prompts = voiceprompts.BankPrompts()
		pay.Connector, pay.TokenType, pay.Method = d.BankConnector, twilio.TokenOneTime, twilio.PayBank
		// <Pay> asks for neither of the first two, and our bank connector needs both.
		pay.Parameters = []twilio.Parameter{
			{Name: "account_type", Value: string(t.BankType)}, {Name: "holder_name", Value: t.Holder}, {Name: "attempt", Value: t.Attempt},
		}
	default:
		return fmt.Errorf("a capture of the method %q", t.Method)
	}
	for _, p := range prompts {
		prompt, err := d.capturePrompt(p)
		if err != nil {
			return err
		}
		pay.Prompts = append(pay.Prompts, prompt)
	}
	d.add(pay)
	d.add(d.redirect())
	return nil
}

// capturePrompt returns one of the prompts that replace the words of <Pay>. A step without a prompt would be
// spoken in Twilio's own voice and words, in English for bank accounts (twilio.md §1.2).
func (d *draft) capturePrompt(p voiceprompts.PayPrompt) (twilio.Prompt, error) {
	speech, err := d.prompts.Say(d.lang, p.Key, nil)
	if err != nil {
		return twilio.Prompt{}, err
	}
	said, err := d.say(d.lang, speech)
	if err != nil {
		return twilio.Prompt{}, fmt.Errorf("prompt %s: %w", p.Key, err)
	}
	return twilio.Prompt{
		For: twilio.PayStep(p.For), Attempts: p.Attempts, CardTypes: p.Cards, ErrorTypes: p.Errors,
		RequireMatchingInputs: p.SecondEntry, Inside: []twilio.Utterance{said},
	}, nil
}
