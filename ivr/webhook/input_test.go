package webhook

import (
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/internal/twilio"
	"duebell/ivr"
)

func form(pairs ...string) url.Values {
	f := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		f.Set(pairs[i], pairs[i+1])
	}
	return f
}

// What Twilio posts, field by field, as an input of the conversation.
func TestInputOf(t *testing.T) {
	capture := func(c ivr.Capture) ivr.Input { return ivr.Input{Kind: ivr.Captured, Capture: &c} }
	tests := []struct {
		name string
		form url.Values
		want ivr.Input
	}{
		{"nothing", form(), ivr.Input{Kind: ivr.Silent}},
		{"no key before the end key", form("Digits", ""), ivr.Input{Kind: ivr.Silent}},
		{"keys", form("Digits", "712345678"), ivr.Input{Kind: ivr.Keyed, Keys: "712345678"}},
		{"speech", form("SpeechResult", "I authorize", "Confidence", "0.9"), ivr.Input{Kind: ivr.Spoke, Speech: "I authorize", Confidence: "0.9"}},
		{"speech without confidence", form("SpeechResult", "no"), ivr.Input{Kind: ivr.Spoke, Speech: "no"}},
		{"keys win", form("Digits", "0", "SpeechResult", "oh"), ivr.Input{Kind: ivr.Keyed, Keys: "0"}},
		{
			"a person, through", form("DialCallStatus", "completed", "DialBridged", "true"),
			ivr.Input{Kind: ivr.Dialled, Transfer: &ivr.Transfer{Status: "completed", Bridged: true}},
		},
		{"nobody", form("DialCallStatus", "no-answer"), ivr.Input{Kind: ivr.Dialled, Transfer: &ivr.Transfer{Status: "no-answer"}}},
		{
			"a card", form("Result", "success", "PaymentToken", "pm_1", "PaymentCardNumber", "xxxxxxxxxxxx4242", "PaymentMethod", "credit-card"),
			capture(ivr.Capture{Result: "success", Token: "pm_1", Last: "4242"}),
		},
		{
			"a bank account", form("Result", "success", "PaymentToken", "pm_2", "BankAccountNumber", "*******92",
				"PayConnector_last4", "6792", "PayConnector_bank", "First Bank", "PayConnector_attempt", "a1"),
			capture(ivr.Capture{Result: "success", Token: "pm_2", Last: "6792", Bank: "First Bank", Attempt: "a1"}),
		},
		{"success without a token", form("Result", "success"), capture(ivr.Capture{Result: "success"})},
		{
			"it says that it charged", form("Result", "success", "PaymentToken", "pm_1", "PaymentConfirmationCode", "ch_1"),
			capture(ivr.Capture{Result: "success", Token: "pm_1", Charged: true}),
		},
		{
			"charged beside a failure", form("Result", "internal-error", "PaymentConfirmationCode", "ch_1"),
			capture(ivr.Capture{Result: "internal-error", Charged: true}),
		},
		{"star", form("Result", "caller-interrupted-with-star"), capture(ivr.Capture{Result: "caller-interrupted-with-star"})},
		{"out of tries, by its older name", form("Result", "max-failed-attempts"), capture(ivr.Capture{Result: "too-many-failed-attempts"})},
		{
			"the card is refused, by code", form("Result", "payment-connector-error", "PayErrorCode", "64012"),
			capture(ivr.Capture{Result: "payment-connector-error", Declined: true, ErrorCode: "64012"}),
		},
		{
			"the card is refused, by words", form("Result", "payment-connector-error", "ConnectorError", "Your card was DECLINED."),
			capture(ivr.Capture{Result: "payment-connector-error", Declined: true}),
		},
		{
			"the gateway is down", form("Result", "payment-connector-error", "ConnectorError", "gateway timeout"),
			capture(ivr.Capture{Result: "payment-connector-error"}),
		},
		{"a result of tomorrow, its token ignored", form("Result", "deferred", "PaymentToken", "pm_1"), capture(ivr.Capture{Result: "deferred"})},
		{"an empty result", form("Result", ""), capture(ivr.Capture{})},
	}
	for _, code := range []string{"64004", "64005", "64007", "64013", "64017", "64022"} {
		tests = append(tests, struct {
			name string
			form url.Values
			want ivr.Input
		}{"our configuration, " + code, form("Result", "payment-connector-error", "PayErrorCode", code),
			capture(ivr.Capture{Result: "payment-connector-error", Config: true, ErrorCode: code})})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, inputOf(twilio.DecodeVoice(tt.form))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Who calls whom, by a request of Twilio.
func TestPayloadOf(t *testing.T) {
	at := time.Date(2027, 2, 10, 15, 0, 0, 0, time.UTC)
	tests := []struct {
		name string
		form url.Values
		want payload
	}{
		{
			"a number, vouched for", form("From", "+16175550101", "To", "+18776236765", "StirVerstat", "TN-Validation-Passed-A"),
			payload{Caller: "+16175550101", Called: "+18776236765", Attested: "A", At: at},
		},
		{"withheld", form("From", "anonymous", "To", "+18776236765"), payload{Called: "+18776236765", At: at}},
		{"a word keyed as a number", form("From", "+266696687", "To", "+18776236765"), payload{Called: "+18776236765", At: at}},
		{"by SIP", form("From", "sip:ann@example.org", "To", "sip:line@example.org"), payload{At: at}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, payloadOf(twilio.DecodeVoice(tt.form), ivr.Input{}, at)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
