// Package notify owns every text to a member: which kinds there are, their words, when each may
// go, whether it is still true at the instant of sending, what became of it, and what a text that
// comes in means. It refuses to know how texts travel (Texter) and where they are kept (Book), and
// it knows no HTTP and no SQL.
package notify

import (
	"slices"
	"time"
)

// Kind names what a text says. The names are those of the rule book and of the view contract.texts.
type Kind string

// The reminders and payment notices of rules.md §10, in its order.
const (
	BillReady        Kind = "bill_ready"
	DueSoon          Kind = "due_soon"
	DueToday         Kind = "due_today"
	PastDue          Kind = "past_due"
	GraceEnding      Kind = "grace_ending"
	PaymentReceived  Kind = "payment_received"
	TelWrittenNotice Kind = "tel_written_notice"
	PaymentFailed    Kind = "payment_failed"
	PaymentReturned  Kind = "payment_returned"
	AutoPayUpcoming  Kind = "autopay_upcoming"
	AutoPayFailed    Kind = "autopay_failed"
)

// The codes and answers of rules.md §6 (I6), §10 (N8) and §11 (O1, O2, O9, O10).
const (
	OneTimeCode   Kind = "otp"
	CallAck       Kind = "call_ack"
	CallBusy      Kind = "call_busy"
	OptInConfirm  Kind = "optin_confirm"
	OptOutConfirm Kind = "optout_confirm"
	HelpReply     Kind = "help_reply"
	BalanceReply  Kind = "balance_reply"
	AutoPayReply  Kind = "autopay_reply"
	RealReply     Kind = "real_reply"
)

// Channel is how a notice reaches its number.
type Channel string

// The channels.
const (
	SMS   Channel = "sms"
	Voice Channel = "voice"
)

// CallBack is the call that a text asked for (N8). It is no text.
const CallBack Kind = "call_back"

// KindSpec says how a kind is treated before its own facts are looked at.
type KindSpec struct {
	// Answer: it answers what the person just did, and so goes at any hour (N5).
	Answer bool
	// Capped: it counts towards the reminders of a month (N3).
	Capped bool
	// Reminder: it rests on what accounts owe, and reminders.go says when it is true.
	Reminder bool
	// Payment: it speaks of one payment; one notice for each (N1).
	Payment bool
	// Reply: it answers a text, a key or a request; one notice for each cause, and its own
	// words are about texting, so consent to reminders is not asked.
	Reply bool
	// Window is how long after its cause the words stay worth sending; zero means that a rule
	// says so by date (N6). Later it is dropped and counted.
	Window time.Duration
}

// traits is the whole table. A kind that is missing here is never sent.
var traits = map[Kind]KindSpec{
	BillReady:   {Reminder: true, Capped: true},
	DueSoon:     {Reminder: true, Capped: true},
	DueToday:    {Reminder: true, Capped: true},
	PastDue:     {Reminder: true, Capped: true},
	GraceEnding: {Reminder: true, Capped: true},

	PaymentReceived: {Answer: true, Payment: true, Window: 72 * time.Hour},
	// E6 wants it before settlement, the next banking day at the earliest; past this it is a letter.
	TelWrittenNotice: {Answer: true, Payment: true, Window: 8 * time.Hour},
	PaymentFailed:    {Answer: true, Payment: true, Window: 24 * time.Hour},
	PaymentReturned:  {Payment: true, Window: 7 * 24 * time.Hour},

	AutoPayUpcoming: {Reminder: true},
	AutoPayFailed:   {Reminder: true, Window: 7 * 24 * time.Hour},

	CallBack: {Answer: true, Reply: true, Window: 30 * time.Minute}, // policy says how long exactly

	OneTimeCode:   {Answer: true, Reply: true, Window: 10 * time.Minute},
	CallAck:       {Answer: true, Reply: true, Window: 2 * time.Minute},
	CallBusy:      {Answer: true, Reply: true, Window: 30 * time.Minute},
	OptInConfirm:  {Answer: true, Reply: true, Window: time.Hour},
	OptOutConfirm: {Answer: true, Reply: true, Window: 5 * time.Minute},
	HelpReply:     {Answer: true, Reply: true, Window: time.Hour},
	BalanceReply:  {Answer: true, Reply: true, Window: time.Hour},
	AutoPayReply:  {Answer: true, Reply: true, Window: time.Hour},
	RealReply:     {Answer: true, Reply: true, Window: time.Hour},
}

// Kinds lists them all.
func Kinds() []Kind { return kindsThat(func(KindSpec) bool { return true }) }

// FirstKinds are the kinds that go before reminders: payment and AutoPay texts, answers, and the calls
// that were asked for (N9).
func FirstKinds() []Kind { return kindsThat(func(t KindSpec) bool { return !t.Capped }) }

// CappedKinds are the reminders of which a month has only so many.
func CappedKinds() []Kind { return kindsThat(func(t KindSpec) bool { return t.Capped }) }

// ReminderKinds are the kinds that rest on what accounts owe.
func ReminderKinds() []Kind { return kindsThat(func(t KindSpec) bool { return t.Reminder }) }

func kindsThat(fit func(KindSpec) bool) []Kind {
	var kinds []Kind
	for k, t := range traits {
		if fit(t) {
			kinds = append(kinds, k)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// Spec looks a kind up; false for a word that is no kind.
func (k Kind) Spec() (KindSpec, bool) {
	t, ok := traits[k]
	return t, ok
}
