// Package sessions keeps calls in Redis between two turns: one hash a call, under one hash tag, so
// that it lives whole on one node of a cluster.
//
// It owns the layout of that hash, the scripts that change it (each atomic, in a .lua file of its own),
// and the sealing of everything in it that a caller keyed, said or heard (D1: no secret in Redis). What
// a session or an answer holds it does not know: both are bytes here. Nothing is here that must outlive
// Redis; for that there are the milestones in PostgreSQL.
//
// The fields of call:{CALLSID}:
//
//	turn            the awaited turn
//	session         sealed
//	lang, step      of the call so far, in clear: no secrets
//	lease_holder    the delivery that answers the awaited turn
//	lease_until_ms  when its lease runs out, by the machine's clock: compared, never left to an expiry
//	input           of the first delivery of the awaited turn, sealed
//	a:N             answer to turn N, sealed; the last three are kept
//	g:N:K           what URL K of turn N answered while the turn had no answer, sealed
package sessions
