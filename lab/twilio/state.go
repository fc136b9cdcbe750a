package twilio

import "time"

// State is what a call is doing: one of Running, Ringing, AskGather, AskPay,
// AskDial and Ended.
type State interface{ state() }

// Running is a call between two questions.
type Running struct{}

// Ringing is a call that the product placed and nobody has answered.
type Ringing struct{}

// AskGather is a Gather that waits for the caller.
type AskGather struct {
	Keys, Speech bool
	NumDigits    int // 0 = any number
	FinishOnKey  string
	Timeout      time.Duration
	Hints        string
	Language     string
	Typed        int // keys taken so far by Key
}

// AskPay is a Pay that waits for one field.
type AskPay struct {
	Method   string // credit-card or ach-debit
	Step     string // payment-card-number, …
	Attempt  int    // from 1, counted for each field
	Error    string // why it is asked again, in a Prompt's words
	Matching bool   // it is the second entry of the same field
	CardType string // once the number is known
	Prompt   string // what was said
	Timeout  time.Duration
	Typed    int
}

// AskDial is a caller talking to a person.
type AskDial struct {
	To       string
	CallerID string
	AgentSID string // the other leg's SID
}

// Ended is a call that is over.
type Ended struct {
	Reason string // hangup, caller hung up, end of document, rejected, fault, application error, …
	Status string // the CallStatus it ended with
}

func (Running) state()   {}
func (Ringing) state()   {}
func (AskGather) state() {}
func (AskPay) state()    {}
func (AskDial) state()   {}
func (Ended) state()     {}
