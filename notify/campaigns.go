package notify

import (
	"fmt"
	"time"
)

// A campaign is all the texts of one kind. What a carrier reports of one text may concern them all: texts
// that go on after a filter's first complaint get the sender blocked.

// AllKinds stands for every kind, where one can be paused.
const AllKinds Kind = "*"

// Pause stops a kind, or AllKinds, until an operator or a probe resumes it. The store keeps it and asks for
// it in each claim; a pause that exists already stays as it is.
type Pause struct {
	Kind Kind
	Why  string
	By   string
	// ProbeAt is when one text may go nevertheless, to see whether the trouble is over; zero: an operator
	// must resume the kind.
	ProbeAt time.Time
}

// ByCarrier is the value of Pause.By where a carrier's report was the reason.
const ByCarrier = "carrier"

// ProbeEvery is the time between texts that try whether our account works again. Should the probe be refused
// as well, the next one follows after the same time.
const ProbeEvery = 5 * time.Minute

// abroad are the codes that say that our account may not text to a country. That concerns one number and not
// the account: anybody may text us from there. The codes are Twilio's; 21408 is in twilio.md §6.
var abroad = map[int]bool{21215: true, 21408: true}

// PauseFor returns what the carrier's report on one text must stop; nil: nothing. A filtered text stops its
// kind; a refused account or sender stops everything. The store writes it in the transaction that records the
// report.
func PauseFor(k Kind, code int, t Trouble, now time.Time) *Pause {
	switch {
	case t == CarrierFiltered:
		return &Pause{Kind: k, Why: fmt.Sprintf("filtered by a carrier, code %d", code), By: ByCarrier}
	case t == AccountTrouble && !abroad[code]:
		return &Pause{Kind: AllKinds, Why: fmt.Sprintf("account or sender refused, code %d", code), By: ByCarrier, ProbeAt: now.Add(ProbeEvery)}
	}
	return nil
}

// pausedWait is how long a notice of a paused kind waits before it is decided again. A notice about which the
// rules could not tell waits as long.
const pausedWait = 5 * time.Minute

// retryAfter is when a text that did not arrive for a passing reason is sent again, as a new notice: at
// most twice.
var retryAfter = []time.Duration{15 * time.Minute, 2 * time.Hour}

// RetryAt returns when a text that the carrier could not deliver is sent once more; false: not at all. Only a
// passing reason is worth a retry, and only within the window in which the words are true. retries counts
// those before it. An answer is not repeated: its moment is over. A written notice becomes a letter (E6). k,
// t and retries are the failed notice's; at is the instant of the report.
func RetryAt(k Kind, t Trouble, retries int, at, notAfter time.Time) (time.Time, bool) {
	spec, known := k.Spec()
	if !known || spec.Basis == OnRequest || k == TelWrittenNotice || t != TryLater || retries >= len(retryAfter) {
		return time.Time{}, false
	}
	again := at.Add(retryAfter[retries])
	return again, notAfter.IsZero() || !again.After(notAfter)
}

// pollAfter is when the carrier is asked for a text, counted from its last report on it. "Sent" may be the
// last report there ever is, so that the third poll is the end.
var pollAfter = []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour}

// pollAt returns when a text that has reached a state is first polled; zero for a final state.
func pollAt(s State, now time.Time) time.Time {
	if s == Accepted || s == Sent {
		return now.Add(pollAfter[0])
	}
	return time.Time{}
}
