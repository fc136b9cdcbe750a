// Package bench measures duebell under load on this machine: simulated callers pay bills against the
// real roles, and the same load meets a bare handler that makes the same round trips, in one run. A number from one
// machine says little; the ratio to what the same machine does without our code can be compared.
//
// It talks to loopback only, is bounded in count and time, and stops by itself. It is not a test: it
// fails when something went wrong, or when charges and confirmations differ, never on a time.
package bench
