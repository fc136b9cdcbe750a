// Package script reads and plays scripted calls: text files, *.call, one story each, that a call-centre
// supervisor can read and write.
//
// It owns the words of the language, the matching of what is heard, and the strictness: a text, a charge, a
// line logged at error level, TwiML that Twilio would refuse, an untrue fact, a jump that was not declared or a
// secret where none may be fails the script that did not expect it. The words stand in vocabulary.go, from
// which docs/scripts.md is generated. It refuses to know how the product is moved: that is package harness. A
// transcript shows what was said and pressed, so scripts are for sample members, never for people.
//
// # From text to a play
//
// Parse cuts each line into tokens (tokens.go) and looks up its first word in the vocabulary. The word's read
// function takes the tokens that belong to it and returns an action; several words may stand on one line. So
// every mistake in the writing is found before anything is played, and all of them are reported at once.
//
// Run plays the actions in order on a harness. An act of the caller returns when the line asks the next
// question, so there is no waiting in scripts: what is heard, charged or texted can be checked in the next
// line. Time stands still unless a word or a pause in the call moves it. After each word Run looks for what may
// happen in no script (untrue facts, jumps that are not declared, TwiML that Twilio refuses), and after the
// last one for everything that the script did not expect.
//
// # Expecting things
//
// A check of something that comes in numbers takes what it has found: "texted" takes one text, "charged" one
// charge, "answer" one call. What is left at the end fails the script. So a second text or a second charge
// cannot go unnoticed because the first one was checked (promise P1: money moves once, promise P3: a text goes out once).
// Checks of what a value is ("owes", "payment") take nothing and may be repeated.
//
// # Adding a word
//
// Write its read function beside its kin (words.go for what moves things, checks.go for checks, caller.go for
// acts, reminders.go and outbound.go for what the line does by itself, agents.go for people), and add it to a
// chapter in vocabulary.go with a sentence and an example. Take all arguments in the read function and return
// their errors there; touch the harness only in the action. A word that needs something new of the product's
// surroundings gets a method of the harness first. Then renew docs/scripts.md with `duebell-lab prompts
// refresh`.
//
// # Telling a story in another language
//
// A script that says "# languages: en es" is played once more in each: see translation.go.
package script
