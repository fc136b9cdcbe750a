package twilio

import "time"

// State is what a call is doing: one of Running, Ringing, AskGather, AskPay, AskDial and Ended. A script
// reads it to know which act of the caller the line would take now. Each is a value of its own; a later
// question makes a new one.
type State interface{ state() }

// Running is a call between two questions: a document is fetched or spoken, or a Pause lasts.
type Running struct{}

// Ringing is a call that the product placed and nobody has answered, or an agent's leg before the whisper.
// Answer, NotAnswered and HangUp are the acts for it.
type Ringing struct{}

// AskGather is a Gather that waits for the caller: Press, Key, Say (where Speech is set) and Silence answer
// it. Attributes that the document leaves out have Twilio's defaults (twilio.md §3): 5 seconds, "#", en-US.
// FinishOnKey is empty where no key ends the entry; Timeout counts for the first key and between keys.
type AskGather struct {
	// What it listens to: keys, speech, or both. With both, the first kind wins.
	Keys, Speech bool
	// The number of keys that ends the entry by itself; 0 = any number, until FinishOnKey or the time-out.
	NumDigits int
	// The key that ends the entry and is no part of it; empty = none.
	FinishOnKey string
	// The silence that ends it, before the first key and between keys (V4: Gather has one time-out).
	Timeout time.Duration
	// Phrases for the recogniser, separated by commas, as written.
	Hints string
	// The recogniser's language, also where only keys are heard.
	Language string
	// Keys taken so far by Key; Press never leaves any.
	Typed int
}

// AskPay is a Pay that waits for one field. Keys, Silence and Star answer it as they would a caller's phone;
// PayCard, PayBank, PayToken and PayResult are the short ways. Timeout is the time for the next digit, not
// for the whole field (twilio.md §1.1).
type AskPay struct {
	// credit-card or ach-debit.
	Method string
	// The field that is asked: payment-card-number and so on, the words of Prompt's for.
	Step string
	// From 1, counted for each field.
	Attempt int
	// Why it is asked again, in the words of Prompt's errorType; empty the first time.
	Error string
	// It is the second entry of the same field, which must equal the first.
	Matching bool
	// One of validCardTypes once the number is known; empty before, and for a bank account.
	CardType string
	// What was said, or in brackets that Twilio's own words would be heard.
	Prompt string
	// The silence after which the field fails.
	Timeout time.Duration
	// Digits taken so far by Key. How many, never which.
	Typed int
}

// AskDial is a caller talking to a person. On the agent's own leg it says the same of the other side. HangUp
// and AgentHangsUp end it.
type AskDial struct {
	// The agent's number or SIP address, and what it is shown as the caller's.
	To       string
	CallerID string
	// The SID of the leg that runs between Twilio and the agent.
	AgentSID string
}

// Ended is a call that is over; every act but HangUp gets ErrEnded now.
type Ended struct {
	// hangup, caller hung up, end of document, rejected, fault, application error, not answered, ended by
	// REST …: for people and tests; Twilio knows no such field.
	Reason string
	// The CallStatus it ended with, as the last status callback says it.
	Status string
}

func (Running) state()   {}
func (Ringing) state()   {}
func (AskGather) state() {}
func (AskPay) state()    {}
func (AskDial) state()   {}
func (Ended) state()     {}
