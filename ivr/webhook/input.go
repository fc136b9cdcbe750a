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

// payload is what one delivery brings. It is kept with the claim, so that whoever takes over after a
// crash does the same thing, at the same instant, although the input itself is lost with Twilio.
type payload struct {
	Input    ivr.Input
	Caller   string
	Called   string
	Attested string
	Ours     bool      // a call that the line has placed
	At       time.Time // domain clock
}

func (v payload) encode() ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode an input: %w", err)
	}
	return b, nil
}

func payloadOf(v twilio.VoiceRequest, in ivr.Input, at time.Time) payload {
	if v.Direction == placedByUs { // whom we call is who talks to us, and nobody vouches for a number that we dialled
		return payload{Input: in, Caller: number(v.To), Called: number(v.From), Ours: true, At: at}
	}
	return payload{Input: in, Caller: v.Caller(), Called: number(v.To), Attested: v.Attestation(), At: at}
}

// placedByUs is Twilio's word for the direction of a call that the line has placed.
const placedByUs = "outbound-api"

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// number is s if it is a telephone number, else nothing: a withheld caller is a word, a SIP caller an address.
func number(s string) string {
	if !e164.MatchString(s) {
		return ""
	}
	return s
}

// inputOf says what a POST to a turn means. A capture's result and a transfer's outcome are told by
// their own fields; then keys win over speech, as they do at Twilio; nothing at all is silence.
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

// captureOf keeps of a result what the conversation may know. A token counts only beside success:
// next to any other word, known or not, it proves nothing and is dropped.
func captureOf(v twilio.VoiceRequest) *ivr.Capture {
	c := &ivr.Capture{
		Result: string(v.Result), Last: v.LastDigits(), Bank: v.ConnectorBank, Attempt: v.ConnectorAttempt,
		Charged:  v.PaymentConfirmationCode != "",
		Declined: twilio.PayCode(v.PayErrorCode) == twilio.PayCardRejected || refuses(v.ConnectorError),
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

// refusals are what gateways write when this card or account is the trouble and another may do.
var refusals = []string{"declin", "insufficient", "do not honor", "do_not_honor", "expired", "incorrect", "lost_card", "stolen_card"}

func refuses(gatewayWords string) bool {
	words := strings.ToLower(gatewayWords)
	for _, r := range refusals {
		if strings.Contains(words, r) {
			return true
		}
	}
	return false
}

// talked says whether the caller had a person on the line and is through.
func talked(in ivr.Input) bool {
	return in.Kind == ivr.Dialled && in.Transfer != nil && in.Transfer.Status == "completed" && in.Transfer.Bridged
}
