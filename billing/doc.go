// Package billing knows what is owed, since when, and until when it may be paid.
//
// It owns money, months and dates, the calendar of bills, due instants, grace and
// banking days, the policy in force, the ledger rules that turn bills and payments
// into a standing, and the checks on what callers key. Everything here is a pure
// function of its arguments: no database, no clock, no network.
//
// It refuses to compute a premium (billing's import brings what was billed, B6), to
// move money (package payments) and to phrase anything for a caller (voiceprompts).
package billing
