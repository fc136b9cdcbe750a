package webhook

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"duebell/internal/twilio"
	"duebell/ivr"
)

// payload is what one delivery brings. It is stored with the lease, sealed, so that whoever takes
// over after a crash runs the turn with the same input: Twilio may not send it again. It may hold
// what was keyed, a birth date or a token among it, so it exists in memory and sealed, and nowhere
// else (D1: no secret in Redis). At is the instant of the first delivery; a call that begins with
// it began then.
type payload struct {
	Input    ivr.Input
	Caller   string
	Called   string
	Attested string
	Ours     bool      // the line has placed this call
	At       time.Time // domain clock
}

// encode returns the payload as it is stored with the lease. Errors do not quote the input.
func (v payload) encode() ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode an input: %w", err)
	}
	return b, nil
}

// payloadOf returns what a request brings: the input, and who calls whom. A call that the line has placed
// carries no attestation: whoever answers has proven nothing by it.
func payloadOf(v twilio.VoiceRequest, in ivr.Input, at time.Time) payload {
	if v.Direction == placedByUs { // the caller is whom we dialled, and no carrier has signed that number for us
		return payload{Input: in, Caller: number(v.To), Called: number(v.From), Ours: true, At: at}
	}
	return payload{Input: in, Caller: v.Caller(), Called: number(v.To), Attested: v.Attestation(), At: at}
}

// placedByUs is Twilio's word for the direction of a call that the line has placed.
const placedByUs = "outbound-api"

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// number returns s if it is a telephone number, else "": a withheld caller comes as a word, a SIP
// caller as an address. Only E.164 counts, so a withheld caller has no limit, no texts and no
// language of its own.
func number(s string) string {
	if !e164.MatchString(s) {
		return ""
	}
	return s
}

// inputOf returns what a POST to a turn means. A capture's result and a transfer's outcome have
// fields of their own; then keys win over speech, as they do at Twilio; nothing at all is silence.
// An empty POST is the <Redirect> behind a question that nobody has answered (twilio.md §3).
func inputOf(v twilio.VoiceRequest) ivr.Input {
	switch {
	case v.HasResult:
		return ivr.Input{Kind: ivr.Captured, Capture: captureOf(v)}
	case v.DialCallStatus != "":
		return ivr.Input{Kind: ivr.Dialled, Transfer: &ivr.Transfer{Status: v.DialCallStatus, Bridged: v.DialBridged}}
	case v.Digits != "":
		return ivr.Input{Kind: ivr.Keyed, Keys: v.Digits}
	case v.SpeechResult != "":
		return ivr.Input{Kind: ivr.Spoke, Speech: v.SpeechResult, Confidence: v.Confidence}
	}
	return ivr.Input{Kind: ivr.Silent}
}

// captureOf returns what the conversation may know of a capture's result. A token counts only
// beside success; beside any other word it proves nothing and is dropped (twilio.md §2.3). Charged
// is taken from any result that carries a PaymentConfirmationCode, whatever its word says
// (twilio.md §2.2). The expiry, ZIP and routing number were dropped before this (twilio.md §2.1).
func captureOf(v twilio.VoiceRequest) *ivr.Capture {
	c := &ivr.Capture{
		Result: string(v.Result), Last: v.LastDigits(), Bank: v.ConnectorBank, Attempt: v.ConnectorAttempt,
		Charged:  v.PaymentConfirmationCode != "",
		Declined: twilio.PayCode(v.PayErrorCode) == twilio.PayCardRejected || gatewayRefuses(v.ConnectorError),
		Config:   twilio.PayCode(v.PayErrorCode).Ours(),
	}
	if v.Result == twilio.PaySuccess {
		c.Token = v.PaymentToken
	}
	if v.PayErrorCode != 0 {
		c.ErrorCode = strconv.Itoa(v.PayErrorCode)
	}
	return c
}

// refusals are words that gateways write when this card or account is refused and another may do.
var refusals = []string{"declin", "insufficient", "do not honor", "do_not_honor", "expired", "incorrect", "lost_card", "stolen_card"}

// gatewayRefuses says whether a gateway's words are those of a refused card or account. Words that
// are not listed count as a fault, which is tried once more: that offers one try too many, never
// one too few.
func gatewayRefuses(gatewayWords string) bool {
	words := strings.ToLower(gatewayWords)
	for _, r := range refusals {
		if strings.Contains(words, r) {
			return true
		}
	}
	return false
}

// talkedToPerson says whether the caller had a person on the line, so that the call is over with the
// transfer. Both words are needed: a completed leg without a bridge may have been hung up in the whisper
// (H5).
func talkedToPerson(in ivr.Input) bool {
	return in.Kind == ivr.Dialled && in.Transfer != nil && in.Transfer.Status == "completed" && in.Transfer.Bridged
}
