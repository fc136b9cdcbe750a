// Package harness is everything that a script, or a person in front of `duebell-lab dev`, can move: the
// domain clock, the stores with a switch before each, the stand-ins for Twilio and the processor, the
// bank connector, and as many serve and work replicas as are asked for, in this process.
//
// It owns the breaking of things on command, the moving of the clock until nothing due is left
// undone, and the checks that need the whole view: whether a spoken fact is what the database says at
// that instant, whether a secret lies anywhere it may not, what was really passed. It refuses to
// judge a story: what is expected is package script's. It is no part of production.
package harness
