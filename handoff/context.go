package handoff

import (
	"errors"

	"duebell/voiceprompts"
)

// AgentLanguage is the language of the whisper, whatever the caller speaks. Its words are in voiceprompts'
// agent.toml, which exists in this language alone.
const AgentLanguage = voiceprompts.Reference

// ErrUnknownRef says that the reference in a whisper's URL is none of ours, or has expired. The person then
// hears that the caller is gone, and nothing about anybody.
var ErrUnknownRef = errors.New("handoff: no hand-over has this reference")

// CallerContext is what the agent hears before taking a call, and sees beside it (H3: hand-off carries the
// context): no secrets, and no digits beyond the last four (D3). The zero value is a call of which nothing
// can be looked up. It is read when the person picks up, so Bill and Payment are as of then; the rest is as
// of the transfer.
type CallerContext struct {
	Tier      string // T0, T1, T2, T3; empty: nothing is known
	Account   string // last four; may be empty
	Lang      string // tag of the caller's language
	Doing     string // the step that the caller came from
	Bill      BillState
	Payment   PaymentState
	TriesLeft int // to prove an identity; below zero: not known
}

// BillState is whether the account owes anything.
type BillState string

// States of a bill. Empty: not known, or the caller has not proven who they are (below T2).
const (
	BillClear BillState = "clear"
	BillDue   BillState = "due"
	BillLate  BillState = "late"
)

// PaymentState is what became of the payment of the call. The words are stored with the transfer; one that is
// not among them is told as unknown (paymentKey).
type PaymentState string

// States of the payment, as far as an agent must tell them apart.
const (
	PaymentNone     PaymentState = ""        // none under way
	PaymentOpen     PaymentState = "open"    // authorized, outcome not known: no other may be taken
	PaymentUnknown  PaymentState = "unknown" // perhaps authorized: no other may be taken before somebody has looked
	PaymentTaken    PaymentState = "taken"
	PaymentDeclined PaymentState = "declined"
)

// Phrase is one prompt and the values of its placeholders. Args are as voiceprompts.Catalog.Say takes them.
type Phrase struct {
	Key  string
	Args map[string]any
}

// WhisperPhrases returns what the agent hears of a caller: what is proven, in which language, at which step,
// how the bill stands, and last the payment, because it must not be forgotten (H5). speaks is the English
// name of the caller's language; empty: it is not said. It is a pure function: the same caller gives the same
// words. The last phrase asks for the key that takes the call.
func WhisperPhrases(c CallerContext, speaks string) []Phrase {
	// Always first: whoever answers must know at once that this is a call of the line.
	said := []Phrase{{Key: "agent-caller"}}
	// Nothing could be looked up: there may be an open payment, and the agent must know that (promise P1).
	if c.Tier == "" {
		said = append(said, Phrase{Key: "agent-nothing-known"})
		c.Payment = PaymentUnknown
	} else {
		said = append(said, who(c)...)
	}
	if speaks != "" {
		said = append(said, Phrase{Key: "agent-speaks", Args: map[string]any{"Language": speaks}})
	}
	if key := doing[c.Doing]; key != "" {
		said = append(said, Phrase{Key: key})
	}
	if key := bills[c.Bill]; key != "" {
		said = append(said, Phrase{Key: key})
	}
	// The payment comes last but for the key, so that it is what the agent remembers.
	return append(said, Phrase{Key: paymentKey(c.Payment)}, Phrase{Key: "agent-accept"})
}

// who returns what is proven, and the tries left only where something is left to prove. A guest's account is
// named as theirs to pay, never as proven.
func who(c CallerContext) []Phrase {
	var account map[string]any
	if last := voiceprompts.LastFour(AgentLanguage, c.Account); last != "" {
		account = map[string]any{"Last": last}
	}
	switch {
	case c.Tier == "T1" && account != nil:
		return []Phrase{{Key: "agent-guest-account", Args: account}}
	case c.Tier == "T1":
		return []Phrase{{Key: "agent-guest"}}
	case c.Tier == "T0":
		said := []Phrase{{Key: "agent-not-proven"}}
		if c.TriesLeft >= 0 {
			said = append(said, Phrase{Key: "agent-tries", Args: map[string]any{"Count": c.TriesLeft}})
		}
		return said
	case account != nil:
		return []Phrase{{Key: "agent-proven-account", Args: account}}
	}
	return []Phrase{{Key: "agent-proven"}}
}

// paymentKey returns the prompt for a payment state. A state that it does not know may be an open payment, so
// the agent is told to look first (promise P1: money moves once).
func paymentKey(p PaymentState) string {
	switch p {
	case PaymentNone:
		return "agent-pay-none"
	case PaymentOpen:
		return "agent-pay-open"
	case PaymentTaken:
		return "agent-pay-taken"
	case PaymentDeclined:
		return "agent-pay-declined"
	}
	return "agent-pay-unknown"
}

// bills are the prompts for bill states. A state that is not here is not mentioned: below T2 nothing is said
// of the bill.
var bills = map[BillState]string{BillClear: "agent-bill-clear", BillDue: "agent-bill-due", BillLate: "agent-bill-late"}

// doing are the prompts that say at which step the caller was. A step that is not here is not mentioned. The
// names are those of the steps in package ivr, which this package does not import; a test compares the two.
var doing = map[string]string{
	"called-back":        "agent-doing-start",
	"reminding":          "agent-doing-start",
	"choose-language":    "agent-doing-start",
	"main-menu":          "agent-doing-start",
	"how-to-pay":         "agent-doing-information",
	"text-choices":       "agent-doing-texts",
	"guest-account":      "agent-doing-guest",
	"guest-read-back":    "agent-doing-guest",
	"guest-name":         "agent-doing-guest",
	"guest-name-back":    "agent-doing-guest",
	"ask-account":        "agent-doing-proof",
	"ask-birth-date":     "agent-doing-proof",
	"ask-zip":            "agent-doing-proof",
	"verify":             "agent-doing-proof",
	"choose-account":     "agent-doing-accounts",
	"tell-all":           "agent-doing-bill",
	"tell-standing":      "agent-doing-bill",
	"payment-in-flight":  "agent-doing-bill",
	"pay-menu":           "agent-doing-bill",
	"ask-amount":         "agent-doing-amount",
	"amount-help":        "agent-doing-amount",
	"amount-meant":       "agent-doing-amount",
	"check-amount":       "agent-doing-amount",
	"second-consent":     "agent-doing-amount",
	"choose-method":      "agent-doing-method",
	"choose-bank-type":   "agent-doing-method",
	"read-back":          "agent-doing-read-back",
	"read-back-all":      "agent-doing-read-back",
	"ask-written-notice": "agent-doing-notice",
	"take-money":         "agent-doing-capture",
	"capture-failed":     "agent-doing-capture",
	"terms":              "agent-doing-terms",
	"terms-again":        "agent-doing-terms",
	"settling":           "agent-doing-waiting",
	"holding":            "agent-doing-waiting",
	"tell-outcome":       "agent-doing-after",
	"after-decline":      "agent-doing-after",
	"offer-text":         "agent-doing-after",
	"offer-calls":        "agent-doing-after",
	"anything-else":      "agent-doing-end",
	"goodbye":            "agent-doing-end",
	"offer-callback":     "agent-doing-callback",
	"callback-number":    "agent-doing-callback",
	"callback-read-back": "agent-doing-callback",
}

// HasWords says whether the agent can be told of a step of the conversation. It is for that test.
func HasWords(step string) bool { return doing[step] != "" }

// Outcome is what became of a transfer.
type Outcome string

// Outcomes, in Twilio's words for a leg; an answered leg is Accepted or Declined.
const (
	Accepted Outcome = "accepted" // the agent took the call by key
	Declined Outcome = "declined" // answered, and hung up in the whisper
	Busy     Outcome = "busy"
	NoAnswer Outcome = "no-answer"
	Failed   Outcome = "failed"
	Canceled Outcome = "canceled"
)

// OutcomeOf returns the outcome that a transfer's DialCallStatus means. bridged: the two sides were
// connected. A status that we do not know is a failure: the caller goes back to their step (H5). Busy, no
// answer and a hang-up in the whisper all lead the caller back; they are told apart for the record.
func OutcomeOf(status string, bridged bool) Outcome {
	switch status {
	case "completed", "answered":
		// Connected: behind a whisper, that takes the agent's key.
		if bridged {
			return Accepted
		}
		return Declined
	case "busy":
		return Busy
	case "no-answer":
		return NoAnswer
	case "canceled":
		return Canceled
	}
	return Failed
}
