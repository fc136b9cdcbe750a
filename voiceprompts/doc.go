// Package voiceprompts owns what is said: every sentence spoken on the line or sent as a text, one
// folder of message files a language, and the functions that read money, dates, times and digits
// aloud in that language.
//
// Sentences are in messages/<language>/*.toml, in go-i18n's format, so that a translator edits
// files and never Go. The description of an English message says where it is spoken and, when it
// states a fact, begins "says: owes, due." so that the fact can be compared with the database at
// the instant it is spoken (promise P2: nothing said is untrue).
//
// To change a sentence: edit it in each language's file, then look at what testdata/*.golden says
// of it. To add one: write it in messages/en with a description, and in messages/es; texts in every
// language.
//
// It refuses to decide anything: which sentence, which amount and which language come in as
// arguments. It knows no caller, no account, no clock, and it never falls back from one language to
// another within a sentence: a message that is missing in a language keeps that language from being
// offered at all (K4: complete or not offered).
package voiceprompts
