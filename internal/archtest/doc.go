// Package archtest holds what the compiler does not: which way imports point between the rooms, where
// time may be read, how long a file may be, and that the documents' links lead somewhere. Every ban
// carries its reason, so that whoever runs into one learns what it protects.
//
// It owns no code of the product, only tests that read the source tree.
package archtest
