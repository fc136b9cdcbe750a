// Package harness is everything that a script, or a person in front of `duebell-lab dev`, can move: the
// domain clock, the stores with a switch before each, the stand-ins for Twilio and the processor, the
// bank connector, and as many serve and work replicas as are asked for, all in this process.
//
// It owns the breaking of things on command, the moving of the clock until no due work is left, and the
// checks that need the whole view: whether a spoken fact is what the database says at that instant
// (facts.go), whether a secret lies where it may not (leaks.go), what was really passed (coverage.go).
// It refuses to judge a script: what is expected is package script's. It is no part of production.
package harness
