// Package webhook is Twilio's side of a call: a signed POST comes in, becomes one input of the
// conversation, is answered by exactly one turn of it, and goes out as TwiML.
//
// It owns the numbering of the turns, the claim that makes a turn run once however often it is
// handled, the 5-second budget with what is said when it is overrun, the one function that turns a
// Reply into TwiML, and the whisper to the person whom a transfer rings. It refuses to know what is said and when (package ivr), where sessions
// are kept (package store/sessions behind the interface Sessions) and what a signature looks like
// (package internal/twilio). It never answers with anything but TwiML, whatever fails behind it.
package webhook
