package ivr

import (
	"time"

	"duebell/billing"
	"duebell/payments"
)

// Session is everything the line knows of one call. It is kept sealed in Redis, and is written out
// and read back between every two turns: whatever the next turn needs must stand in it.
//
// Its parts have lifetimes of their own. A part ends by being set to its zero value in one place
// ("c.Batch = Batch{}"), so that a field added to it later ends with it. What is no part lives as
// long as the call.
//
// Turn and Step together say what the call waits for: the answer to Step, in turn Turn+1. Package ivr/webhook
// checks that before it hands an input over (sessionAndInput), so no step has to doubt how old its input is.
// What must survive the loss of Redis stands in the Milestone as well; the rest is asked again.
type Session struct {
	// Who calls whom, and where the call stands.
	Call      string    // Twilio's CallSid
	Caller    string    // E.164; empty when withheld
	Called    string    // the number of ours that was dialled, or that we call from
	Attested  string    // STIR/SHAKEN grade A, B, C or empty; a hint, never a proof (I4: caller ID proves nothing)
	StartedAt time.Time // domain clock
	PlacedFor PlacedFor // why the line has placed this call; empty: somebody has called us
	Turn      int       // the turn that is being answered, from 0
	Step      StepName  // the step whose answer is awaited
	Language  Language
	LastSaid  Transcript // what the turn before said, word for word (E8: the words a consent answers)

	// What went wrong so far: in the whole call, and at the question that is being asked.
	Tries    Tries
	Question Question

	// Who pays, and for which account. Guest.Paying decides whose payment it is, also where Member is
	// verified: such a caller may pay a stranger's account, and hears no more about it than any guest does
	// (I2).
	Keyed    Identification
	Member   Member // zero until verified; a tier ends with the call (I7)
	Guest    Guest
	Accounts []Account // the member's accounts, to choose from; number and kind only
	Account  Account

	// What is being paid, and how. Attempt names the row in the database that is the truth about it (design
	// §5); nothing here is believed against that row.
	Dropped  Dropped
	Batch    Batch
	Payment  Payment
	Notice   WrittenNotice
	Captures Captures
	Attempt  string // key of the newest payment attempt that this call made or spoke of
	Consent  ConsentState
	OnHold   OnHold
	FollowUp FollowUp

	// The ways out of the call: a transfer, and an appointment for a call back.
	ToPerson ToPerson
	Callback Callback
	// Unreconciled: a capture says that it charged, and nobody has looked yet. Nothing more is said of
	// that payment on this call.
	Unreconciled bool
}

// Language is what the caller speaks, and how the line came to know it (K2). Until Known is true the call
// speaks the first language that the policy offers, and greet leads to the choice of one.
type Language struct {
	Tag      string // of the prompts, as en or es
	Known    bool   // chosen, now or on an earlier call, or a member's whom we have called
	Recalled bool   // from an earlier call: nobody was asked, and the main menu offers to change it
}

// Tries counts what went wrong in the whole call. It never resets. Failed verifications are counted in the
// database too, per account and per caller number, so hanging up and calling again buys no more of them.
type Tries struct {
	Misses   int  // silences and wrong keys at all questions together (V3: eight a call)
	Verify   int  // failed verifications (I5: three a call)
	MoreTime bool // after the first silence every time-out is doubled (V4: more time)
}

// Question counts at the question that is being asked. It resets when the caller gets on to another.
// Repeating the question, by 9, and turning a page change no count of Misses.
type Question struct {
	Misses int      // silences and wrong keys (V3: three a question)
	Warned StepName // the question at which the caller was told what silence will mean
	Page   int      // which part of a long menu is offered (V1: five options a menu)
}

// Identification is what the caller has keyed to prove an identity. It is dropped by the turn that looks up,
// whatever comes of that (D1: no secret is kept). Between the turns that collect it, it lies in the sealed
// session and nowhere else: no log, no milestone, no database row. A turn that fails drops it too
// (webhook.failedTurn).
type Identification struct {
	Selector  billing.Selector
	BirthDate string // YYYY-MM-DD
	Invoice   string // a group account's, in place of the date of birth (I3)
	ZIP       string
	SSNLast4  string // in place of the ZIP, where policy lets it (I3)
	SignedAs  string // E.164: the carrier vouches for the caller's number, which stands in for the ZIP (I4)
}

// Member is who the caller has proven to be. The zero value is a caller who has proven nothing: they may
// still hear public information or pay as a guest. Who calls again proves it again (I7: a tier ends with the
// call).
type Member struct {
	ID         string
	Name       string
	Phone      string // on file, E.164
	VerifiedAt time.Time
}

// Verified says whether the caller has reached tier T2.
func (m Member) Verified() bool { return m.ID != "" }

// Guest is somebody who pays by account number and amount alone (I2, tier T1). It resets when the
// caller goes back to the main menu and chooses anew, or keys another account number.
type Guest struct {
	Paying bool   // the payment in progress is a guest's
	Warned bool   // has heard that the line cannot tell what is owed
	Holder string // the bank account's holder, as heard and confirmed
}

// Account is the billing account that the call is about, as the caller was told it. It resets when an account
// is chosen, and when a guest's turn is over. Amounts are cents, as the turn that spoke them read them from
// the database; they may be minutes old when they are used. So they choose words, options and limits; whether
// a payment is taken is decided by Checkout alone.
type Account struct {
	Number    string
	Kind      billing.Kind // empty for a guest's: its kind is not the guest's to hear
	Due       billing.Money
	PastDue   billing.Money
	Charge    billing.Money // the latest month's, for the highest amount that is taken (M4)
	DueAt     time.Time     // due instant of the newest bill, UTC
	CanCancel bool          // its open payment is not submitted yet, and can be cancelled (E12)
	// AmountTries counts the amounts keyed for it that could not be taken (V2: a person is offered from
	// the second on).
	AmountTries int
}

// Dropped is what an earlier call of the same number left unfinished (I7). It resets once the caller has
// chosen what to pay, or turns out to owe nothing. findDropped fills OutcomePromised; tellDropped fills the
// rest, once the old offer is closed, and the pay menu then offers that payment first.
type Dropped struct {
	OutcomePromised bool // that call ended in order, with its outcome not known yet (L3)
	// The payment that it did not come to make; all zero where there is none.
	Account  string
	Amount   billing.Money
	Method   payments.Method
	BankType payments.BankType
}

// Batch is several accounts that are paid in this call one after another (rule P6). It resets when one account is
// chosen, when the last one is paid, and when the caller asks for something else. Until Confirmed, Queue
// holds all of them; from then on those that come after Session.Account.
type Batch struct {
	Queue     []Account // still to be paid
	Confirmed bool      // the read-back of them all was confirmed, and they are being paid
}

// Payment is the payment that the caller is putting together. It resets when the caller chooses what to pay;
// the next account of a batch keeps the way to pay alone. Nothing in it promises anything: the offer
// (Checkout.Offer) fixes account, amount, fee and method in the database before a card or bank number is
// keyed, and only that row is charged.
type Payment struct {
	Amount    billing.Money // without a fee
	Suggested billing.Money // the amount with the cents that were perhaps forgotten (M6)
	Method    payments.Method
	BankType  payments.BankType
	BankLast  string // last digits of the bank account, to speak
	PayAgain  bool   // the second consent to an amount paid before was given; it counts once (M8)
}

// WrittenNotice is where texts of a payment go, and how its written notice does (E6). It resets when the
// question how the notice goes comes up, and at the beginning of a batch, which asks it once. For a card only
// TextTo and TextAsked count: they say where the receipt goes.
type WrittenNotice struct {
	Chosen    bool   // the question is settled, for all accounts of a batch
	TextTo    string // E.164; empty: no text goes
	TextAsked bool   // the caller said yes to the text on this call, as opposed to consent on file
	Letter    bool   // the notice goes by letter, and the debit waits for it
}

// Captures counts captures that came to nothing (rule P3: a few a call and account). It resets at the next account
// of a batch, and when the caller begins something else. Checkout counts captures of the call in the database
// as well (pay_tries_call), so a lost session does not give more of them.
type Captures struct {
	Failed int // whatever the reason, declines included
	Faults int // of these by nobody's fault but the provider's
}

// ConsentState is the consent that is being given to the payment. It resets when terms are read out or a
// read-back is confirmed. Terms are the words of the turn that asked, placeholders filled, and not those of
// the message files: evidence is what was spoken (E8: terms as spoken).
type ConsentState struct {
	Terms Transcript // the words that the consent answers
	Tries int        // assents that were not understood (E5)
	// Pending is a consent of which it is not known whether it was recorded: the COMMIT lost its reply.
	// It carries no token.
	Pending *payments.Authorization
}

// OnHold is a wait for what becomes of a payment. It resets at the beginning of each wait. Since bounds the
// wait by hold_patience_seconds; Turns chooses between the two hold sentences, and bounds how often settle
// asks the database.
type OnHold struct {
	Since time.Time
	Turns int // answered with "one moment" so far
}

// FollowUp is what the caller was asked about texts and calls after this one. Each offer is made once a call,
// whatever the answer.
type FollowUp struct {
	TextsWanted    bool     // texts on was asked for, and needs a verified caller first (O1)
	Receipts       []string // attempts taken of which no text goes by itself
	ReceiptOffered bool     // a receipt by text is offered once a call
	CallsOffered   bool     // so are reminder calls (N10)
}

// ToPerson is the way to a person: why, from where, and the transfer that is being tried. GoOn returns to
// From. Ref is drawn anew for each transfer; by Turn the transfer's record is found again when Twilio reports
// how it ended.
type ToPerson struct {
	Reason string
	From   StepName // where the caller goes back to when no person is free
	Ref    string   // opaque reference in the whisper's address
	Turn   int      // of the transfer
}

// Callback is a call-back appointment that is being made (H2). From and Until are instants, the slot that was
// named to the caller; Number is E.164, the calling number or one that the caller has keyed.
type Callback struct {
	Settled bool // taken or declined: it is not offered again on this call
	Number  string
	From    time.Time
	Until   time.Time
}

// Transcript is something said to the caller, as evidence (E8). Words is plain text without markup. At is the
// turn's instant on the domain clock, not when the last word was heard.
type Transcript struct {
	Words   string
	Version string // keys and versions of the prompts
	At      time.Time
}
