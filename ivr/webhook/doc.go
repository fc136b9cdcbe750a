// Package webhook is Twilio's side of a call: a signed POST comes in, becomes one input of the
// conversation, is answered by exactly one turn of it, and goes out as TwiML.
//
// It owns the numbering of the turns, the lease that makes a turn run once however often it is
// delivered, the 5-second budget and what is said when it is overrun, the one function that turns a
// Reply into TwiML, and the whisper to the person whom a transfer rings. It knows nothing of what is
// said and when (package ivr), where sessions are kept (package store/sessions, behind the interface
// Sessions) and what a signature looks like (package internal/twilio).
//
// It never answers with anything but TwiML, whatever fails behind it: a caller hears a sentence and
// not Twilio's own apology (design §1, promise P6). The life of a turn is design §4; read handler.go
// for the routes, turns.go for one delivery, and work.go for the turn itself.
package webhook
