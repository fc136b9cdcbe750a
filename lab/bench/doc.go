// Package bench measures duebell under load on this machine: simulated callers pay bills against the real
// roles, and the same load meets a bare handler that makes the same round trips, in one run. A number from one
// machine says little; the ratio to what the same machine does without our code can be compared.
//
// It talks to loopback only, is bounded in count and time, and stops by itself. It is not a test: it fails when
// something went wrong, or when charges and confirmations differ, never on a time.
//
// # The three measurements
//
// Calls (run.go) starts serve and work as processes of their own (roles.go) and plays callers in this one
// (caller.go), first at a rate, then as fast as they are answered. Its baseline is a handler that only makes a
// turn's round trips to the same stores (bare.go). At the end confirmations heard, charges and ledger entries
// must be equal.
//
// Reminders (reminders.go) imports accounts, has a process plan a reminder for each (reminders_roles.go), and a
// worker send them to a carrier that only remembers (reminders_carrier.go, reminders_send.go). Its baseline is
// River with jobs that do nothing (reminders_river.go). With faults it measures no speed: replies are lost and
// workers killed, and every text must be accounted for afterwards, none of them sent twice.
//
// Import (import.go) loads billing's files twice. Its baseline is PostgreSQL's COPY of as many rows.
//
// # Reading a report
//
// Each writes one line of JSON, whose fields are named with their units. Compare the ratios, and only between
// runs on machines that had nothing else to do; the settings of PostgreSQL that matter are in the report of
// Reminders.
package bench
