// Package ivr is the conversation: the call from greeting to good-bye, and the engine that
// runs one turn of it.
//
// Read conversation.go first: it is the whole call, in the order in which a caller meets it.
// What is said and accepted there is data; what happens then is one short function beside it
// (identify.go, owe.go, pay.go, bank.go, outcome.go, person.go).
//
// It refuses to know HTTP, TwiML, SQL and Twilio: a turn comes in as an Input and goes out as a
// Reply, and package ivr/webhook turns one into the other. It holds no state between two turns;
// everything is in the Session.
package ivr
