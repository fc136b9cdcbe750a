package twilio

import (
	"context"
	"net/http"
	"time"

	lookups "github.com/twilio/twilio-go/rest/lookups/v2"
)

// Reassignment is whether a number has got another owner (O5: numbers are checked for reassignment).
// Any other answer counts as NoData: nothing is concluded from it.
type Reassignment string

// Answers of the reassigned numbers database, as Twilio gives them.
const (
	Reassigned    Reassignment = "yes"
	NotReassigned Reassignment = "no"
	NoData        Reassignment = "no_data" // nothing is known of this number
)

// LookUpReassignment returns whether a number (E.164) has been given to somebody else since a day
// on which it was known to be its owner's. Twilio must have approved the account for it, and bills
// each look-up.
// The day is sent as its UTC date. A read, so it may be repeated; each costs money.
func (c *Client) LookUpReassignment(ctx context.Context, e164 string, since time.Time) (Reassignment, error) {
	const op = "look up number"
	if !e164Shape.MatchString(e164) { // twilio-go puts it into the path as it is
		return "", errNotSent(op, Refused, WrongNumber)
	}
	params := (&lookups.FetchPhoneNumberParams{}).SetFields("reassigned_number").SetLastVerifiedDate(since.UTC().Format("20060102"))
	answer := NoData
	err := c.do(ctx, op, func(s services) error {
		found, err := s.lookups.FetchPhoneNumber(e164, params)
		if err != nil {
			return err
		}
		// What fails in a package comes inside an answer that is fine in itself.
		if found.ReassignedNumber.ErrorCode != "" {
			return &Error{Op: op, Kind: Misconfigured, Status: http.StatusOK, Code: parseNumber(found.ReassignedNumber.ErrorCode, 0), Trouble: AccountTrouble}
		}
		switch r := Reassignment(found.ReassignedNumber.IsNumberReassigned); r {
		case Reassigned, NotReassigned:
			answer = r
		case "": // the package was not carried out
			return errIncompleteReply(op, http.StatusOK)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return answer, nil
}
