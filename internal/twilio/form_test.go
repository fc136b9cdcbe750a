package twilio_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"duebell/internal/twilio"

	"github.com/google/go-cmp/cmp"
)

func TestDecodeVoice(t *testing.T) {
	standard := "CallSid=CA1&AccountSid=AC1&From=%2B16175550101&To=%2B18776236765&CallStatus=in-progress&Direction=inbound"
	with := func(change func(*twilio.VoiceRequest)) twilio.VoiceRequest {
		v := twilio.VoiceRequest{CallSid: "CA1", AccountSid: "AC1", From: "+16175550101", To: "+18776236765", CallStatus: "in-progress", Direction: "inbound", SequenceNumber: -1}
		change(&v)
		return v
	}
	tests := []struct {
		name, form string
		want       twilio.VoiceRequest
	}{
		{"a call arrives", "&StirVerstat=TN-Validation-Passed-A&ForwardedFrom=%2B1617", with(func(v *twilio.VoiceRequest) {
			v.StirVerstat, v.ForwardedFrom = "TN-Validation-Passed-A", "+1617"
		})},
		{"keys", "&Digits=712345678", with(func(v *twilio.VoiceRequest) { v.Digits, v.HasDigits = "712345678", true })},
		{"no keys", "&Digits=", with(func(v *twilio.VoiceRequest) { v.HasDigits = true })},
		{"speech", "&SpeechResult=I+authorize.&Confidence=0.93", with(func(v *twilio.VoiceRequest) {
			v.SpeechResult, v.Confidence = "I authorize.", "0.93"
		})},
		{"card", "&Result=success&PaymentToken=pm_1&ProfileId=cus_1&PaymentMethod=credit-card&PaymentCardNumber=xxxx-xxxxxx-x4001&PaymentCardType=amex&ExpirationDate=1230&SecurityCode=***&PaymentCardPostalCode=02139",
			with(func(v *twilio.VoiceRequest) {
				v.HasResult, v.Result, v.PaymentToken, v.ProfileID = true, twilio.PaySuccess, "pm_1", "cus_1"
				v.PaymentMethod, v.CardLast4, v.CardType = twilio.PayCard, "4001", "amex"
			})},
		{"card number unmasked", "&Result=success&PaymentCardNumber=4242424242424242", with(func(v *twilio.VoiceRequest) {
			v.HasResult, v.Result, v.CardLast4 = true, twilio.PaySuccess, "4242"
		})},
		{"bank", "&Result=success&PaymentToken=pm_2&PaymentMethod=ach-debit&BankAccountNumber=*******89&BankRoutingNumber=110000000&BankAccountType=consumer-checking&PayConnector_last4=6789&PayConnector_attempt=A1&PayConnector_bank=First+Bank&PayConnector_other=x",
			with(func(v *twilio.VoiceRequest) {
				v.HasResult, v.Result, v.PaymentToken, v.PaymentMethod = true, twilio.PaySuccess, "pm_2", twilio.PayBank
				v.BankLast, v.BankAccountType, v.ConnectorLast4, v.ConnectorAttempt, v.ConnectorBank = "89", "consumer-checking", "6789", "A1", "First Bank"
			})},
		{"gateway declines", "&Result=payment-connector-error&PayErrorCode=64012&PaymentError=card+4242+4242+4242+4242+refused+64012&ConnectorError=card_declined",
			with(func(v *twilio.VoiceRequest) {
				v.HasResult, v.Result, v.PayErrorCode = true, twilio.PayConnectorFault, 64012
				v.PaymentError, v.ConnectorError = "card **** refused 64012", "card_declined"
			})},
		{"older name of a result", "&Result=caller-interrupted", with(func(v *twilio.VoiceRequest) { v.HasResult, v.Result = true, twilio.PayStar })},
		{"unknown result", "&Result=other", with(func(v *twilio.VoiceRequest) { v.HasResult, v.Result = true, "other" })},
		{"empty result", "&Result=", with(func(v *twilio.VoiceRequest) { v.HasResult = true })},
		{"the document ran on past the Pay", "&PaymentToken=pm_1&PaymentCardNumber=x4242", with(func(*twilio.VoiceRequest) {})},
		{"a Pay that charged", "&Result=success&PaymentConfirmationCode=ch_1", with(func(v *twilio.VoiceRequest) {
			v.HasResult, v.Result, v.PaymentConfirmationCode = true, twilio.PaySuccess, "ch_1"
		})},
		{"transfer", "&DialCallStatus=completed&DialCallSid=CA2&DialCallDuration=31&DialBridged=true", with(func(v *twilio.VoiceRequest) {
			v.DialCallStatus, v.DialCallSid, v.DialCallDuration, v.DialBridged = "completed", "CA2", "31", true
		})},
		{"status callback", "&SequenceNumber=0&CallDuration=12&SipResponseCode=487&ParentCallSid=CA9&AnsweredBy=human", with(func(v *twilio.VoiceRequest) {
			v.SequenceNumber, v.CallDuration, v.SipResponseCode, v.ParentCallSid, v.AnsweredBy = 0, "12", "487", "CA9", "human"
		})},
		{"fallback", "&ErrorCode=11205&ErrorUrl=https%3A%2F%2Fx%2Fy", with(func(v *twilio.VoiceRequest) { v.ErrorCode, v.ErrorURL = "11205", "https://x/y" })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			form, err := url.ParseQuery(standard + tt.form)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, twilio.DecodeVoice(form)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCaller(t *testing.T) {
	for from, want := range map[string]string{
		"+16175550101": "+16175550101", "anonymous": "", "unknown": "", "": "", "+266696687": "", "+7378742833": "", "sip:x@y": "",
		"client:agent": "", "6175550101": "", "+1617555010122222": "",
	} {
		if got := (twilio.VoiceRequest{From: from}).Caller(); got != want {
			t.Errorf("caller of %q is %q, want %q", from, got, want)
		}
	}
}

func TestAttestation(t *testing.T) {
	for stir, want := range map[string]string{
		"TN-Validation-Passed-A": "A", "TN-Validation-Passed-B": "B", "TN-Validation-Passed-C": "C", "TN-Validation-Passed-A-Diverted": "",
		"TN-Validation-Failed-A": "", "TN-Validation-Failed": "", "No-TN-Validation": "", "": "", "TN-Validation-Passed-": "",
	} {
		if got := (twilio.VoiceRequest{StirVerstat: stir}).Attestation(); got != want {
			t.Errorf("attestation of %q is %q, want %q", stir, got, want)
		}
	}
}

func TestLastDigits(t *testing.T) {
	for _, tt := range []struct {
		v    twilio.VoiceRequest
		want string
	}{
		{twilio.VoiceRequest{CardLast4: "4242"}, "4242"},
		{twilio.VoiceRequest{BankLast: "89", ConnectorLast4: "6789"}, "6789"},
		{twilio.VoiceRequest{BankLast: "89"}, "89"},
		{twilio.VoiceRequest{}, ""},
	} {
		if got := tt.v.LastDigits(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// secretFields are the fields whose content may not change anything that is printed.
var secretFields = []string{"Digits", "SpeechResult", "Confidence", "PaymentToken", "ProfileId", "PaymentCardNumber", "ExpirationDate", "SecurityCode",
	"PaymentCardPostalCode", "BankAccountNumber", "BankRoutingNumber", "PayConnector_last4", "PayConnector_attempt", "PayConnector_bank",
	"PaymentError", "ConnectorError", "PaymentConfirmationCode"}

func everyForm(v fmt.Stringer, lv slog.LogValuer) string {
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{ReplaceAttr: dropTime})).Info("x", "request", lv)
	slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: dropTime})).Info("x", "request", lv)
	return fmt.Sprintf("%v %+v %#v %s %q %x %d\n", v, v, v, v, v, v, v) + log.String()
}

func dropTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// TestVoiceRequestShowsNoSecret: printed with any verb or logged, a request shows no key, speech or
// token (D1).
func TestVoiceRequestShowsNoSecret(t *testing.T) {
	form := url.Values{"CallSid": {"CA00000000000000000000000000000001"}, "From": {"+16175550101"}, "To": {"+18776236765"}, "CallStatus": {"in-progress"}, "Result": {"success"}}
	for i, name := range secretFields {
		form.Set(name, fmt.Sprintf("canary%dQ73519%dcanary", i, i))
	}
	shown := everyForm(twilio.DecodeVoice(form), twilio.DecodeVoice(form))
	for _, leak := range []string{"canary", "73519", "6175550101", "8776236765"} {
		if strings.Contains(shown, leak) {
			t.Errorf("%q shows in %s", leak, shown)
		}
	}
	for _, want := range []string{"CA00000000000000000000000000000001", "…0101", "success"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is missing in %s", want, shown)
		}
	}
}

// TestDroppedFieldsAreInNothingThatIsKept: what nobody may keep has no field, not even for a sealed
// session.
func TestDroppedFieldsAreInNothingThatIsKept(t *testing.T) {
	form := url.Values{"Result": {"success"}, "BankRoutingNumber": {"CANARY"}, "ExpirationDate": {"CANARY"}, "SecurityCode": {"CANARY"}, "PaymentCardPostalCode": {"CANARY"}}
	kept, err := json.Marshal(twilio.DecodeVoice(form))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(kept, []byte("CANARY")) {
		t.Errorf("kept: %s", kept)
	}
}

func TestDecodeMessage(t *testing.T) {
	got := twilio.DecodeMessage(url.Values{"MessageSid": {"SM1"}, "From": {"+16175550101"}, "To": {"+18776236765"}, "Body": {" pay "}, "OptOutType": {"STOP"}, "NumMedia": {"1"}, "MessagingServiceSid": {"MG1"}})
	want := twilio.MessageRequest{MessageSid: "SM1", From: "+16175550101", To: "+18776236765", Body: " pay ", OptOutType: "STOP", NumMedia: 1, ServiceSid: "MG1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = twilio.DecodeMessage(url.Values{"SmsSid": {"SM2"}, "MessageStatus": {"undelivered"}, "ErrorCode": {"30006"}})
	want = twilio.MessageRequest{MessageSid: "SM2", Status: twilio.MessageUndelivered, ErrorCode: 30006}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	m := twilio.MessageRequest{MessageSid: "SM1", From: "+16175550101", Body: "canary"}
	if shown := everyForm(m, m); strings.Contains(shown, "canary") || strings.Contains(shown, "617555") {
		t.Error(shown)
	}
}

// TestMessageStatusRank: a status never goes back.
func TestMessageStatusRank(t *testing.T) {
	order := []twilio.MessageStatus{"new-word", twilio.MessageAccepted, twilio.MessageQueued, twilio.MessageSending, twilio.MessageSent, twilio.MessageDelivered, twilio.MessageRead}
	for i := 1; i < len(order); i++ {
		if order[i-1].Rank() >= order[i].Rank() {
			t.Errorf("%s does not come before %s", order[i-1], order[i])
		}
	}
}

func TestExplain(t *testing.T) {
	for code, want := range map[int]twilio.Trouble{
		0: "", 20429: twilio.TryLater, 30008: twilio.TryLater, 21211: twilio.WrongNumber, 30005: twilio.WrongNumber, 21614: twilio.Landline, 30006: twilio.Landline,
		21610: twilio.OptedOut, 30004: twilio.OptedOut, 30007: twilio.CarrierFiltered, 30034: twilio.AccountTrouble, 20003: twilio.AccountTrouble, 99999: twilio.Other,
	} {
		if got := twilio.Explain(code); got != want {
			t.Errorf("Explain(%d) = %q, want %q", code, got, want)
		}
	}
	// Whatever has a meaning for the sender has words for the operator, and nothing else has.
	for code := range 100_000 {
		if known := code != 0 && twilio.Explain(code) != twilio.Other; known != (twilio.CodeWords(code) != "") {
			t.Errorf("%d: known %t, words %q", code, known, twilio.CodeWords(code))
		}
	}
	if !twilio.PayUnknownConnector.Ours() || twilio.PayCardRejected.Ours() || twilio.PayCode(1).Ours() {
		t.Error("a pay code is taken for ours, or not, wrongly")
	}
}

// FuzzDecodeVoice: no form breaks the decoder; what it prints does not depend on what any secret
// field holds; what it keeps does not depend on the dropped ones.
func FuzzDecodeVoice(f *testing.F) {
	f.Add("CallSid=CA1&From=%2B16175550101&Digits=1234", "4242")
	f.Add("Result=success&PaymentToken=pm_1&PaymentCardNumber=xxxx4242&ExpirationDate=1230", "\xff")
	f.Add("Result=&SequenceNumber=-1&StirVerstat=x&CallStatus=4242+4242", "")
	f.Fuzz(func(t *testing.T, body, secret string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		v := twilio.DecodeVoice(form)
		for _, last := range []string{v.CardLast4, v.BankLast, v.ConnectorLast4} {
			if len(last) > 4 || strings.Trim(last, "0123456789") != "" {
				t.Fatalf("%q is more than the last 4 digits", last)
			}
		}
		printed := everyForm(v, v)
		for _, name := range secretFields {
			if form.Get(name) != "" {
				form.Set(name, "x"+strings.ToValidUTF8(secret, ""))
			}
		}
		// A field that was nothing but broken bytes counts as empty, so it may have become one.
		if again := twilio.DecodeVoice(form); presence(v) == presence(again) && everyForm(again, again) != printed {
			t.Fatalf("a secret changes what is printed:\n%s\n%s", printed, everyForm(again, again))
		}
		before := twilio.DecodeVoice(form)
		for _, name := range []string{"BankRoutingNumber", "ExpirationDate", "SecurityCode", "PaymentCardPostalCode"} {
			form.Set(name, secret)
		}
		if !reflect.DeepEqual(before, twilio.DecodeVoice(form)) {
			t.Fatal("a dropped field changes what is kept")
		}
	})
}

func presence(v twilio.VoiceRequest) [4]bool {
	return [4]bool{v.Digits != "", v.SpeechResult != "", v.PaymentToken != "", v.PaymentConfirmationCode != ""}
}
