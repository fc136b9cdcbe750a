package twilio

import (
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// VoiceRequest is a decoded voice webhook: what a turn, a payment result, a transfer, a whisper, a
// status callback or a fallback brings (twilio.md §1.5, §4.1). It holds what the caller keyed and
// said, and may hold a token: keep it sealed. fmt and slog print only what may be logged. The
// routing number, expiry, security code and ZIP that Twilio repeats in a payment result have no
// field.
//
// Every webhook fills in a part of it; empty fields were not sent. It is a plain value, and copies hold the
// same secrets.
type VoiceRequest struct {
	CallSid       string
	ParentCallSid string
	AccountSid    string
	From, To      string // as Twilio gives them; Caller is the number to use
	ForwardedFrom string
	CallStatus    string
	Direction     string // inbound, outbound-api, outbound-dial
	AnsweredBy    string
	StirVerstat   string

	Digits       string // the terminator left out
	HasDigits    bool   // the field was there, even if empty
	SpeechResult string
	Confidence   string // may be absent

	HasResult               bool // a payment result; without it the document went on after the Pay
	Result                  PayResult
	PaymentToken            string
	ProfileID               string
	PaymentMethod           PayMethod
	CardType                string
	CardLast4               string
	BankAccountType         string
	BankLast                string // trailing digits that Twilio shows, usually 2
	ConnectorLast4          string // of the bank account, from our own connector
	ConnectorAttempt        string // our attempt's reference, sent out as a Parameter and returned
	ConnectorBank           string
	PaymentConfirmationCode string // only a misconfigured Pay that charged brings one
	PaymentError            string
	PayErrorCode            int
	ConnectorError          string

	DialCallStatus   string
	DialCallSid      string
	DialCallDuration string
	DialBridged      bool

	SequenceNumber  int // of a status callback; -1 where there is none
	CallDuration    string
	SipResponseCode string

	ErrorCode string // of a fallback
	ErrorURL  string
}

// PayResult is the outcome of a Pay (twilio.md §2.2: what each proves).
type PayResult string

// Outcomes of a Pay. A success means that we hold a token, not that money moved.
const (
	PaySuccess         PayResult = "success"
	PayTooManyAttempts PayResult = "too-many-failed-attempts"
	PayConnectorFault  PayResult = "payment-connector-error"
	PayStar            PayResult = "caller-interrupted-with-star"
	PayHungUp          PayResult = "caller-hung-up"
	PayValidationFault PayResult = "validation-error"
	PayInternalFault   PayResult = "internal-error"
)

// payResultAliases are older names of the same outcomes, seen in public code.
var payResultAliases = map[string]PayResult{
	"max-failed-attempts": PayTooManyAttempts,
	"caller-interrupted":  PayStar,
}

// DecodeVoice returns a voice webhook's form as a VoiceRequest. Fields that it does not know are
// dropped; it never fails, because Twilio adds fields and values unannounced.
//
// Decode only what Handle has passed: the signature covers the whole form, and the fields that nobody may
// keep are gone. Broken UTF-8 is cut out, so whatever is stored or spoken of it is valid.
func DecodeVoice(form url.Values) VoiceRequest {
	// Only the first value of a field counts; the signature has covered all of them.
	get := func(name string) string { return strings.ToValidUTF8(form.Get(name), "") }
	v := VoiceRequest{
		CallSid: get("CallSid"), ParentCallSid: get("ParentCallSid"), AccountSid: get("AccountSid"),
		From: get("From"), To: get("To"), ForwardedFrom: get("ForwardedFrom"),
		CallStatus: get("CallStatus"), Direction: get("Direction"), AnsweredBy: get("AnsweredBy"), StirVerstat: get("StirVerstat"),

		Digits: get("Digits"), HasDigits: form.Has("Digits"), SpeechResult: get("SpeechResult"), Confidence: get("Confidence"),

		DialCallStatus: get("DialCallStatus"), DialCallSid: get("DialCallSid"), DialCallDuration: get("DialCallDuration"),
		DialBridged: strings.EqualFold(get("DialBridged"), "true"),

		// 0 is the first callback's number, so absence needs another value.
		SequenceNumber: parseNumber(get("SequenceNumber"), -1), CallDuration: get("CallDuration"), SipResponseCode: get("SipResponseCode"),

		ErrorCode: get("ErrorCode"), ErrorURL: get("ErrorUrl"),
	}
	// A POST without Result is the fall-through after a Pay, or no Pay at all: its payment fields
	// would mean nothing.
	if v.HasResult = form.Has("Result"); v.HasResult {
		v.decodePay(get)
	}
	return v
}

// decodePay reads the fields of a payment result. Masks and free texts keep nothing but what may be
// spoken or logged.
func (v *VoiceRequest) decodePay(get func(string) string) {
	v.Result = PayResult(get("Result"))
	// An unknown word stays as it is: it counts as failed, and never as paid (twilio.md §2.2).
	if known, ok := payResultAliases[get("Result")]; ok {
		v.Result = known
	}
	v.PaymentToken, v.ProfileID = get("PaymentToken"), get("ProfileId")
	v.PaymentMethod, v.CardType, v.BankAccountType = PayMethod(get("PaymentMethod")), get("PaymentCardType"), get("BankAccountType")
	v.CardLast4, v.BankLast = trailingDigits(get("PaymentCardNumber")), trailingDigits(get("BankAccountNumber"))
	v.ConnectorLast4 = trailingDigits(get("PayConnector_last4"))
	v.ConnectorAttempt, v.ConnectorBank = get("PayConnector_attempt"), get("PayConnector_bank")
	v.PaymentConfirmationCode = get("PaymentConfirmationCode")
	// A gateway may quote what was keyed.
	v.PaymentError, v.ConnectorError = maskNumbers(get("PaymentError")), maskNumbers(get("ConnectorError"))
	v.PayErrorCode = parseNumber(get("PayErrorCode"), 0)
}

// Caller returns the number that calls, in E.164, or empty when it is withheld or no telephone
// number. It proves nothing about who calls (I4: caller ID is a hint).
// Calls by SIP and from exchanges that hide the caller come with words or odd strings.
func (v VoiceRequest) Caller() string {
	// Some of these words have the form of a number.
	if withheldNumbers[v.From] || !e164Shape.MatchString(v.From) {
		return ""
	}
	return v.From
}

// withheldNumbers are the words that carriers put in place of a number, keyed on a telephone's
// letters: RESTRICTED, BLOCKED, UNKNOWN, ANONYMOUS, UNAVAILABLE.
var withheldNumbers = map[string]bool{
	"+7378742833": true, "+2562533": true, "+8566696": true, "+266696687": true, "+86282452253": true,
}

// Attestation returns the carrier's grade of the caller's number, A, B or C, or empty when the
// carrier does not vouch for it (I4: attestation A). A diverted call's grade is of another leg and
// counts as none.
func (v VoiceRequest) Attestation() string {
	switch grade, ok := strings.CutPrefix(v.StirVerstat, "TN-Validation-Passed-"); {
	case !ok:
		return ""
	case grade == "A", grade == "B", grade == "C":
		return grade
	}
	return ""
}

// LastDigits returns the digits to speak after "ending in": of the card, or of the bank account,
// where our connector's four win over Twilio's two (twilio.md §2.3).
// Empty where neither was sent.
func (v VoiceRequest) LastDigits() string {
	switch {
	case v.CardLast4 != "":
		return v.CardLast4
	case v.ConnectorLast4 != "":
		return v.ConnectorLast4
	}
	return v.BankLast
}

// LogValue returns what may be logged: never keys, speech, tokens or free text of a gateway
// (twilio.md §2.4).
// Add a field here only if it can hold no key, no word and no whole number, whatever Twilio sends.
func (v VoiceRequest) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("call", loggable(v.CallSid)), slog.String("status", loggable(v.CallStatus))}
	add := func(name, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(name, loggable(value)))
		}
	}
	attrs = append(attrs, slog.String("from", last4(v.Caller())), slog.String("to", last4(v.To)))
	add("direction", v.Direction)
	add("answered_by", v.AnsweredBy)
	add("attestation", v.Attestation())
	// That something was keyed may be known, not what.
	if v.HasDigits {
		attrs = append(attrs, slog.Bool("keys", true))
	}
	if v.SpeechResult != "" {
		attrs = append(attrs, slog.Bool("speech", true))
	}
	if v.HasResult {
		add("pay_result", string(v.Result))
		add("pay_method", string(v.PaymentMethod))
		attrs = append(attrs, slog.Bool("token", v.PaymentToken != ""), slog.Int("pay_error", v.PayErrorCode))
		if v.PaymentConfirmationCode != "" {
			attrs = append(attrs, slog.Bool("confirmation_code", true))
		}
	}
	add("dial_status", v.DialCallStatus)
	add("sip_response", v.SipResponseCode)
	add("error", v.ErrorCode)
	return slog.GroupValue(attrs...)
}

// String returns LogValue as text.
func (v VoiceRequest) String() string { return v.LogValue().String() }

// Format prints LogValue for every verb of fmt.
func (v VoiceRequest) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(v.String())) }

// trailingDigits returns the at most 4 digits at the end of a mask. Masks differ in shape
// (twilio.md §12), so only their end is read.
// A card number in clear would come out as its last four as well.
func trailingDigits(mask string) string {
	i := len(mask)
	for i > 0 && len(mask)-i < 4 && '0' <= mask[i-1] && mask[i-1] <= '9' {
		i--
	}
	return mask[i:]
}

// longNumber is a run of four or more digits, also with spaces or hyphens between (D1: no run of
// four).
var longNumber = regexp.MustCompile(`[0-9](?:[ -]?[0-9]){3,}`)

// maskNumbers replaces the numbers in a free text of Twilio's or a gateway's, which may quote what
// was keyed, and cuts it at 200 characters. Twilio's own pay codes stay.
func maskNumbers(s string) string {
	s = longNumber.ReplaceAllStringFunc(s, func(n string) string {
		if PayCode(parseNumber(n, 0)).known() {
			return n
		}
		return "****"
	})
	// Cut by characters, so that no half of one is left.
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200])
	}
	return s
}

// parseNumber reads a number of at most 9 digits; anything else is the fallback.
func parseNumber(s string, fallback int) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || len(s) > 9 {
		return fallback
	}
	return n
}

// last4 returns a number's last digits as logs show them, or empty where there is nothing before
// them to hide.
func last4(number string) string {
	digits := trailingDigits(number)
	if digits == "" || len(number) <= len(digits) {
		return ""
	}
	return "…" + digits
}

// wordShape is a word or identifier of Twilio's (letters and 32 hex digits), or a small code.
var wordShape = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$|^[0-9]{1,5}$`)

// loggable returns a word of Twilio's for a log line; anything of another shape may hold digits
// that were keyed and is hidden.
func loggable(s string) string {
	if s == "" || wordShape.MatchString(s) {
		return s
	}
	return "(odd)"
}
