// Package sessions keeps calls in Redis between two turns: one hash a call, under one hash tag, so
// that it lives whole on one node of a cluster.
//
// It owns the layout of that hash, the scripts that change it (each one step, in a .lua file of its
// own), and the sealing of everything in it that a caller keyed, said or heard. It refuses to know
// what a session or an answer holds: both are bytes here. What must outlive Redis is not here.
//
// The fields of call:{CALLSID}:
//
//	turn            the awaited turn
//	session         sealed
//	lang, step      of the call so far, in clear: no secrets
//	lease_holder    the delivery that answers the awaited turn
//	lease_until_ms  when the claim runs out, by the machine's clock: compared, never left to an expiry
//	input           of the first delivery of the awaited turn, sealed
//	a:N             answer to turn N, sealed; the last three are kept
//	g:N:K           what URL K of turn N answered while the turn had no answer, sealed
package sessions
