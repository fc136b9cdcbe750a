package twilio

import (
	"context"
	"net/http"

	api "github.com/twilio/twilio-go/rest/api/v2010"
)

// Call is a call to place. All three URLs are as VoiceURL makes them; their paths hold our
// reference for the call, so that a call whose create was not answered can be recognised when
// Twilio requests them (twilio.md §5).
type Call struct {
	To             string
	From           string
	URL            string // its TwiML may Pay: a document handed over inline could not
	FallbackURL    string
	StatusCallback string
	RingSeconds    int  // 0 = Twilio's default, 60
	DetectMachine  bool // holds the TwiML for seconds; AnsweredBy tells
}

// PlacedCall is Twilio's answer to a create.
// The status is that of the create (queued): what becomes of the call comes to StatusCallback.
type PlacedCall struct {
	SID    string
	Status string
}

// PlaceCall asks Twilio to place a call, once, and returns its SID. After an Error of kind Unknown
// the telephone may ring: wait for the call's URLs to be requested before dialing again.
// A call that Twilio would refuse or misunderstand is not sent: the Error says so.
func (c *Client) PlaceCall(ctx context.Context, call Call) (PlacedCall, error) {
	const op = "place call"
	if !e164Shape.MatchString(call.To) {
		return PlacedCall{}, errNotSent(op, Refused, WrongNumber)
	}
	if !e164Shape.MatchString(call.From) || call.RingSeconds < 0 || call.RingSeconds > maxSeconds {
		return PlacedCall{}, errNotSent(op, Misconfigured, AccountTrouble)
	}
	// All three carry the overrides: a document that a killed replica did not answer is asked for again.
	for _, u := range []string{call.URL, call.FallbackURL, call.StatusCallback} {
		if checkVoiceURL(u) != nil {
			return PlacedCall{}, errNotSent(op, Misconfigured, AccountTrouble)
		}
	}
	params := (&api.CreateCallParams{}).SetTo(call.To).SetFrom(call.From).
		SetUrl(call.URL).SetMethod(http.MethodPost).
		SetFallbackUrl(call.FallbackURL).SetFallbackMethod(http.MethodPost).
		SetStatusCallback(call.StatusCallback).SetStatusCallbackMethod(http.MethodPost).
		// The field is repeated, one value an event (twilio.md §5).
		SetStatusCallbackEvent([]string{"initiated", "ringing", "answered", "completed"})
	if call.RingSeconds != 0 {
		params.SetTimeout(call.RingSeconds)
	}
	// Synchronous detection: the TwiML waits for its result, and AnsweredBy comes with the first
	// request.
	if call.DetectMachine {
		params.SetMachineDetection("Enable")
	}
	var placed PlacedCall
	err := c.do(ctx, op, func(s services) error {
		created, err := s.api.CreateCall(params)
		if err != nil {
			return err
		}
		placed = PlacedCall{SID: deref(created.Sid), Status: deref(created.Status)}
		// Without a SID nothing can be asked later, so the call may be ringing and we would not know.
		if !sidShape.MatchString(placed.SID) {
			return errIncompleteReply(op, http.StatusOK)
		}
		return nil
	})
	if err != nil {
		return PlacedCall{}, err
	}
	return placed, nil
}
