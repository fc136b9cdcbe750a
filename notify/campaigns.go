package notify

import (
	"fmt"
	"time"
)

// A campaign is all the texts of one kind. What a carrier says of one text may concern them all.

// AllKinds stands for every kind, where one can be paused.
const AllKinds Kind = "*"

// Pause stops a kind, or AllKinds, until somebody resumes it.
type Pause struct {
	Kind Kind
	Why  string
	By   string
	// ProbeAt is when one text may go nevertheless, to see whether the trouble is over; zero: never.
	ProbeAt time.Time
}

// ByCarrier is who has paused what a carrier's word has stopped.
const ByCarrier = "carrier"

// ProbeEvery is how far apart the texts are that try whether our account works again.
const ProbeEvery = 5 * time.Minute

// abroad are the codes that say that our account may not text to a country. That is no trouble of
// the account: anybody can write to us from there.
var abroad = map[int]bool{21215: true, 21408: true}

// PauseFor is what the carrier's word on one text stops; nil: nothing. Words that it filters stop
// their kind; an account or a sender that it refuses stops everything.
func PauseFor(k Kind, code int, t Trouble, now time.Time) *Pause {
	switch {
	case t == CarrierFiltered:
		return &Pause{Kind: k, Why: fmt.Sprintf("filtered by a carrier, code %d", code), By: ByCarrier}
	case t == AccountTrouble && !abroad[code]:
		return &Pause{Kind: AllKinds, Why: fmt.Sprintf("account or sender refused, code %d", code), By: ByCarrier, ProbeAt: now.Add(ProbeEvery)}
	}
	return nil
}

// pausedWait is when a notice of a paused kind is looked at again at the latest.
const pausedWait = 5 * time.Minute

// retryAfter is when a text that did not arrive for a passing reason is sent again, as a notice of
// its own: at most twice.
var retryAfter = []time.Duration{15 * time.Minute, 2 * time.Hour}

// RetryAt says when a text that the carrier could not deliver is sent once more, if at all: only for
// a passing reason, and within the window in which its words are true. retries counts those before
// it. An answer is not repeated: its moment is over. A written notice becomes a letter instead (E6).
func RetryAt(k Kind, t Trouble, retries int, at, notAfter time.Time) (time.Time, bool) {
	trait, known := k.Spec()
	if !known || trait.Reply || k == TelWrittenNotice || t != TryLater || retries >= len(retryAfter) {
		return time.Time{}, false
	}
	again := at.Add(retryAfter[retries])
	return again, notAfter.IsZero() || !again.After(notAfter)
}

// pollAfter is when a text of which the carrier has said nothing more is asked for, each time since
// the last word on it. "Sent" may be the last word there is, so that the third is the end.
var pollAfter = []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour}

// pollAt is when a text that has come to a state is first asked for; zero for a state that it stays in.
func pollAt(s State, now time.Time) time.Time {
	if s == Accepted || s == Sent {
		return now.Add(pollAfter[0])
	}
	return time.Time{}
}
