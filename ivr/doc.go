// Package ivr is the conversation: the call from greeting to good-bye, and the engine that runs one
// turn of it.
//
// Read conversation.go first: it is the whole call, in the order in which a caller meets it. What is
// said and accepted there is data; what happens then is one short function in a file beside it:
//
//	identify.go   language, account, date of birth, ZIP, and the one look-up
//	inform.go     the main menu, public information, texts on and off
//	guest.go      payment by account number alone
//	dropped.go    what an earlier call left unfinished
//	owe.go        what is owed, and how much of it is to be paid
//	several.go    several accounts in one call
//	pay.go        the way to pay, the read-back, and the capture
//	bank.go       written notice, terms, assent and authorization
//	outcome.go    waiting for the charge, and what became of it
//	remind.go     consent to reminder calls
//	person.go     transfers, call-backs, and the ways back
//	outbound.go   calls that the line places itself
//
// A turn comes in as an Input and goes out as a Reply; package ivr/webhook makes the one out of
// Twilio's request and TwiML out of the other. So nothing here knows HTTP, TwiML, SQL or Twilio.
// Nothing is kept between two turns but the Session (session.go).
package ivr
