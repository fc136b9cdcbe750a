package twilio

import (
	"maps"
	"slices"
)

// Trouble is what an error code of Twilio's means to us, in one word. Package notify uses the same
// words.
type Trouble string

// Troubles. Other is for codes that we do not know: Twilio warns that codes change.
const (
	TryLater        Trouble = "try_later"        // a passing fault; the same text may be tried again, a few times
	WrongNumber     Trouble = "wrong_number"     // nobody can be reached under it
	Landline        Trouble = "landline"         // it takes no texts
	OptedOut        Trouble = "opted_out"        // its owner wants nothing more from us: suppress
	CarrierFiltered Trouble = "carrier_filtered" // the carrier refuses our words: stop the campaign, alarm
	AccountTrouble  Trouble = "account_trouble"  // our account, sender or request is at fault: alarm
	Other           Trouble = "other"
)

// codesByTrouble are the codes that we know, of a create or of a delivery.
// Where a code stands decides whether a text is tried again, a number suppressed or an alarm raised; names of
// 30002 to 30008 come from third parties (twilio.md §6).
var codesByTrouble = map[Trouble][]int{
	TryLater: {
		20429,        // too many requests at once
		21611,        // the sender's queue is over 10 hours long
		22005,        // the account's call queue is over 24 hours long
		30001,        // queue overflow
		30003, 30008, // handset unreachable; unknown
		30036, // expired in the queue
		63017, // too many a second
	},
	WrongNumber: {
		21211, 21217, 21401, // not a number
		21612, // no route to it
		30005, // unknown handset
	},
	Landline:        {21614, 30006}, // cannot receive texts
	OptedOut:        {21610, 30004}, // replied STOP; blocked
	CarrierFiltered: {30007},
	AccountTrouble: {
		20003, 21222, 21224, // credentials, account
		21210, 21212, 21213, 21601, 21606, // our sender
		21215, 21408, // country switched off
		30002, 30024, 30034, // suspended, sender not provisioned, unregistered campaign
	},
}

// It is codesByTrouble the other way round, made once.
var troubleOfCode = func() map[int]Trouble {
	byCode := map[int]Trouble{0: ""} // no code is no trouble
	for t, codes := range codesByTrouble {
		for _, c := range codes {
			byCode[c] = t
		}
	}
	return byCode
}()

// Troubles returns every Trouble, Other included: for tests that want to see each of them happen.
func Troubles() []Trouble {
	return append(slices.Sorted(maps.Keys(codesByTrouble)), Other)
}

// Explain returns what an error code of a create or of a delivery means; "" for 0, Other for one
// that we do not know.
// The code may come from a create's refusal or from a delivery report: one meaning does for both.
func Explain(code int) Trouble {
	if t, known := troubleOfCode[code]; known {
		return t
	}
	return Other
}

// codeWords say to an operator what each code of codesByTrouble means.
var codeWords = map[int]string{
	20429: "too many requests at once", 21611: "the sender's queue is over 10 hours long", 22005: "the account's call queue is over 24 hours long",
	30001: "the queue is full", 30003: "the phone cannot be reached", 30008: "not delivered, no reason given", 30036: "it waited too long in the queue",
	63017: "too many texts a second",
	21211: "not a phone number", 21217: "not a phone number", 21401: "not a phone number", 21612: "no route to the number", 30005: "no such number",
	21614: "the number takes no texts", 30006: "a landline, or a carrier that takes no texts",
	21610: "the owner has replied STOP", 30004: "the owner or the carrier blocks us",
	30007: "the carrier takes our words for spam: change them, or ask Twilio's support",
	20003: "the credentials are wrong", 21222: "the account SID is wrong", 21224: "the credentials are wrong",
	21210: "the sender is not verified", 21212: "the sender is no phone number", 21213: "the sender is missing",
	21601: "the sender sends no texts", 21606: "the sender is not the account's",
	21215: "calls to this country are switched off", 21408: "texts to this country are switched off",
	30002: "the account is suspended", 30024: "the sender is not set up at the carriers", 30034: "the sender is not registered for texts (10DLC)",
}

// CodeWords returns what an error code of a create or of a delivery means, for an operator; "" for one that we do not
// know.
func CodeWords(code int) string { return codeWords[code] }

// PayCode is an error code of a Pay (twilio.md §1.7).
type PayCode int

// Codes of a Pay.
const (
	PayUnknownConnector  PayCode = 64004
	PayCannotTokenize    PayCode = 64005
	PayCannotCharge      PayCode = 64007
	PayCardRejected      PayCode = 64012
	PayMethodUnsupported PayCode = 64013
	PayBankTypeWithCard  PayCode = 64017
	PaySessionStarted    PayCode = 64021
	PayRealCardInTest    PayCode = 64022
)

// known reports whether the code is one of ours; its digits may then be logged.
func (c PayCode) known() bool {
	switch c {
	case PayUnknownConnector, PayCannotTokenize, PayCannotCharge, PayCardRejected,
		PayMethodUnsupported, PayBankTypeWithCard, PaySessionStarted, PayRealCardInTest:
		return true
	}
	return false
}

// Ours reports whether the code means that our configuration or document is wrong (twilio.md §2.2).
// Then no other card helps: Pay is not offered again, a person takes over, and an alarm goes out.
func (c PayCode) Ours() bool { return c.known() && c != PayCardRejected && c != PaySessionStarted }
