package stripe

import (
	"encoding/json"
	"regexp"
	"slices"

	stripego "github.com/stripe/stripe-go/v85"

	"duebell/payments"
)

// intentStates are Stripe's statuses as IntentStates; any other is IntentOther, which alarms and decides
// nothing. What each of them means for an attempt is in twilio.md §13.2.
var intentStates = map[stripego.PaymentIntentStatus]payments.IntentState{
	stripego.PaymentIntentStatusRequiresConfirmation:  payments.IntentUnconfirmed,
	stripego.PaymentIntentStatusProcessing:            payments.IntentProcessing,
	stripego.PaymentIntentStatusSucceeded:             payments.IntentSucceeded,
	stripego.PaymentIntentStatusRequiresAction:        payments.IntentNeedsAction,
	stripego.PaymentIntentStatusRequiresPaymentMethod: payments.IntentNoMethod,
	stripego.PaymentIntentStatusCanceled:              payments.IntentCanceled,
}

// intentOf returns Stripe's object as an Intent: its state, and why a payment failed or what it waits for.
// Cents and method are not taken over: the attempt's row knows them, and Stripe's answer must not change
// them.
func intentOf(pi *stripego.PaymentIntent) payments.Intent {
	state, known := intentStates[pi.Status]
	if !known {
		state = payments.IntentOther
	}
	intent := payments.Intent{ID: pi.ID, State: state}
	switch {
	case pi.LastPaymentError != nil:
		intent.Code = failureCode(pi.LastPaymentError, isBankDebit(pi), networkCode(pi))
	case state == payments.IntentNeedsAction && isBankDebit(pi):
		intent.Code = payments.CodeWantsVerification
	case state == payments.IntentNeedsAction:
		intent.Code = string(stripego.ErrorCodeAuthenticationRequired)
	}
	return intent
}

// isBankDebit reports whether the object was made for a bank account. Each object has exactly one type,
// because Create asks for one.
func isBankDebit(pi *stripego.PaymentIntent) bool {
	return slices.Equal(pi.PaymentMethodTypes, []string{methodTypes[payments.Bank]})
}

// bankCodes are the ACH network's return codes for Stripe's decline codes, older and newer ones. Where one
// stands for several network codes, the most frequent is given; Stripe publishes no table of its own. The
// codes choose what a return sets off (rules.md §9: table of codes).
var bankCodes = map[string]string{
	"insufficient_funds":           "R01",
	"account_closed":               "R02",
	"bank_account_closed":          "R02",
	"no_account":                   "R03",
	"bank_account_invalid_details": "R03",
	"incorrect_account_details":    "R03",
	"debit_not_authorized":         "R10",
	"bank_account_restricted":      "R16",
	"bank_account_frozen":          "R16",
}

// achCode is the shape of a return code: R01 to R85.
var achCode = regexp.MustCompile(`^R\d\d$`)

// failureCode returns the short code of a failed payment: the network's for a bank debit, the card issuer's
// for a card where there is one, else Stripe's. network is what networkCode found, or empty. generic_decline
// says nothing, so Stripe's own code stands in for it.
func failureCode(e *stripego.Error, bank bool, network string) string {
	code, issuer := string(e.Code), string(e.DeclineCode)
	if bank {
		switch {
		case achCode.MatchString(network):
			return network
		case e.Code == stripego.ErrorCodePaymentIntentActionRequired:
			return payments.CodeWantsVerification
		case bankCodes[code] != "":
			return bankCodes[code]
		case bankCodes[issuer] != "":
			return bankCodes[issuer]
		}
		return code
	}
	if issuer == "" || issuer == string(stripego.DeclineCodeGenericDecline) {
		return code
	}
	return issuer
}

// networkCode reads the bank network's code from the raw answer: stripe-go has no field for it.
func networkCode(pi *stripego.PaymentIntent) string {
	if pi.LastResponse == nil {
		return ""
	}
	return networkCodeIn(pi.LastResponse.RawJSON)
}

// networkCodeIn reads it from a PaymentIntent as JSON; empty when there is none. Neither event nor answer is
// refused for the want of it.
func networkCodeIn(raw []byte) string {
	var shown struct {
		Error struct {
			Network string `json:"network_decline_code"`
		} `json:"last_payment_error"`
	}
	if json.Unmarshal(raw, &shown) != nil {
		return "" // the code is for people; the object's state decides without it
	}
	return shown.Error.Network
}
