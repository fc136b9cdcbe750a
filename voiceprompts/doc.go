// Package voiceprompts owns what is said: every sentence spoken on the line or
// sent as a text, one folder of message files a language, and the functions that
// read money, dates, times and digits aloud in that language.
//
// Sentences live in messages/<language>/*.toml, in go-i18n's format, so that a
// translator edits files and never Go. The description of an English message says
// where it is spoken and, when it states a fact, begins "says: owes, due." so that
// the fact can be compared with the database at the instant it is spoken.
//
// It refuses to decide anything: which sentence, which amount and which language
// come in as arguments. It knows no caller, no account, no clock, and it never
// falls back from one language to another: a sentence that is missing in a
// language keeps that language from being offered at all (K4).
package voiceprompts
