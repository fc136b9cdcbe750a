// Package harness is everything that a script, or a person in front of `duebell-lab dev`, can move: the
// domain clock, the stores with a switch before each, the stand-ins for Twilio and the processor, the
// bank connector, and as many serve and work replicas as are asked for, all in this process.
//
// It owns the breaking of things on command, the moving of the clock until no due work is left, and the
// checks that need the whole view: whether a spoken fact is what the database says at that instant
// (facts.go), whether a secret lies where it may not (leaks.go), what was really passed (coverage.go).
// It refuses to judge a script: what is expected is package script's. It is no part of production.
//
// # What stands where
//
//	Twilio's stand-in ──► load balancer ──► serve, serve, …  ──► switch ──► PostgreSQL, Redis
//	       ▲                                     │
//	       ├──────────── work, work, … ◄─────────┘ jobs        (a switch of its own: workerHost)
//	processor's stand-in ◄── work; bank connector ◄── Twilio's stand-in
//
// Everything but PostgreSQL (and Redis, where an address is given) lives in this process and on loopback; the roles
// are the product's own (internal/app), with
// their settings, and know nothing of the harness. The harness's own checks go straight to the stores, past the
// switches, so that they see the truth while the product cannot.
//
// # Two clocks
//
// The domain clock (DomainClock) decides what is due; scripts move it. The machine's clock (machineClock) is for
// leases and time-outs; it runs by itself and is put forward when a process is killed, so that a dead
// process's leases are free at once. A move of the clock (Until) stops at each import and at each text that may go for
// the first time, does there what is due, and returns when nothing is left: whoever moved it finds a line at rest.
//
// # Waiting
//
// No wait has a time limit of its own, because a machine with every core busy is slow and not broken. A wait ends when
// what it waits for is there, or with an error when nothing has moved for StallLimit (progress.go).
//
// # Adding a fault
//
// Give the harness a method that sets it and, if it can happen in the middle of a payment, count it where it acts
// (recordFault) and not where it is set: the coverage table demands each fault in each Phase in which it
// can act. Reset must end it.
package harness
