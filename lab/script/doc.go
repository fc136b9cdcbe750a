// Package script reads and plays scripted calls: text files, *.call, one story each, that a
// call-centre supervisor can read and write.
//
// It owns the words of the language, the matching of what is heard, and the strictness: a text, a
// charge, a line logged at error level, TwiML that Twilio would refuse, an untrue fact, a jump that
// was not declared or a secret where none may be fails the script that did not expect it. The words stand
// in vocabulary.go, from which docs/scripts.md is generated. It refuses to know how the product is moved:
// that is package harness. A transcript shows what was said and pressed, so scripts are for sample members,
// never for people.
package script
