package ivr

import (
	"time"

	"duebell/billing"
	"duebell/payments"
)

// Session is everything the line knows of one call. It is kept sealed, in one Redis hash a call,
// and is written out and read back between every two turns.
type Session struct {
	Call      string // Twilio's CallSid
	Caller    string // E.164; empty when withheld
	Called    string
	Attested  string    // STIR/SHAKEN grade A, B, C or empty; a hint, never a proof (I4)
	StartedAt time.Time // domain clock
	Turn      int       // the turn that is being answered
	Lang      string
	Step      StepName  // the step whose answer is awaited
	PlacedFor PlacedFor // the line has placed this call; empty: somebody has called

	LangKnown    bool // chosen, now or earlier, or a member's whom we have called (K2)
	LangRecalled bool // nobody was asked on this call: the main menu offers to change it

	MenuPage  int      // which part of a long menu is offered (V1)
	Tries     int      // silence and wrong keys at this step (V3)
	TriesCall int      // and in the whole call
	Slow      bool     // after the first silence every time-out is doubled (V4)
	Warned    StepName // where the caller knows what silence will mean
	IDTries   int      // failed verifications in this call (I5)

	Claim  Claim  // keyed factors; dropped by the turn that looks up
	Member Member // zero until verified

	Guest       bool      // T1: account number and amount only (I2)
	GuestWarned bool      // of what the line cannot tell
	Holder      string    // a guest's name for a bank debit, as heard and confirmed
	Broken      Broken    // what a dropped call was about to pay (I7)
	Promised    bool      // an earlier call ended with its outcome not known
	Queue       []Payable // P6: accounts still to be paid in this call, one after another
	Several     bool      // the read-back covered all of them
	WantsTexts  bool      // texts on was asked for; it needs a verified caller (O1)
	Callback    Callback  // a call-back that is being arranged

	Accounts  []AccountChoice // what the caller may choose from
	Account   string          // the account being paid
	Kind      billing.Kind
	Status    billing.Status
	Due       billing.Money // as told to the caller
	PastDue   billing.Money
	Charge    billing.Money // the latest month's charge, for the highest amount (M4)
	NextDueAt time.Time     // due instant of the newest bill
	Unsettled bool          // a capture says that it charged, and nobody has looked yet
	CanVoid   bool          // the payment in flight has not been submitted

	AmountFailed int
	Amount       billing.Money
	Suggested    billing.Money // M6: the amount with the cents that were forgotten
	Method       payments.Method
	BankType     payments.BankType
	SecondOK     bool // M8: a second consent for the same amount was given

	Attempt      string // key of the attempt being made
	Faults       int    // captures that failed by nobody's fault but the provider's
	Captures     int    // captures that came to nothing in this call
	TextTo       string // where texts of this payment go
	TextAsked    bool   // the caller said yes on this call
	Letter       bool   // the written notice goes by letter
	Said         Heard  // what the last turn said, word for word (E8)
	Terms        Heard  // the words that the consent answers
	TextOffered  bool
	Receipts     []string // payments taken of which no text goes by itself
	CallsOffered bool
	BankLast     string // last digits of the bank account, to speak
	BankName     string // where the connector has a directory (E10)
	AssentFailed int
	Pending      *payments.Authorization // a consent of which it is not known whether it was recorded
	HoldSince    time.Time
	Holds        int

	NoticeChosen bool     // how the written notice goes is settled for all accounts of a round
	HandOffRef   string   // opaque address of the whisper
	PersonTurn   int      // turn of the hand-off
	PersonFor    string   // why a person is wanted
	CameFrom     StepName // where the caller goes back to when no person is free
}

// AccountChoice is one account that the caller may choose.
type AccountChoice struct {
	Number string
	Kind   billing.Kind
}

// Payable is one account of several that are paid in one call.
type Payable struct {
	Number string
	Kind   billing.Kind
	Due    billing.Money
	Charge billing.Money
	DueAt  time.Time
}

// Broken is a payment that a dropped call did not come to make.
type Broken struct {
	Account  string
	Amount   billing.Money
	Method   payments.Method
	BankType payments.BankType
}

// Callback is an appointment being made.
type Callback struct {
	Settled bool // taken or declined: it is not offered again
	Number  string
	From    time.Time
	Until   time.Time
}

// Heard is something said to the caller, as evidence.
type Heard struct {
	Words   string
	Version string
	At      time.Time
}

// Member is who the caller has proven to be.
type Member struct {
	ID         string
	Name       string
	Phone      string // on file, E.164
	VerifiedAt time.Time
}

// Verified says whether the caller has reached tier T2.
func (m Member) Verified() bool { return m.ID != "" }

// Claim is what the caller has keyed to prove an identity.
type Claim struct {
	Selector  billing.Selector
	BirthDate string // YYYY-MM-DD
	Invoice   string // a group account's, in place of the date of birth
	ZIP       string
	SSNLast4  string // in place of the ZIP, where policy lets it (I3)
	SignedAs  string // E.164: the carrier vouches for the caller's number, which stands in for the ZIP (I4)
}

// Milestone is what is written to the database too, so that a call can go on when its session is lost.
type Milestone struct {
	Call, Caller, Called string
	Lang                 string
	LangKnown            bool // chosen or on file, not taken for granted
	Step                 StepName
	Turn                 int
	Member               Member
	Account              string
	Attempt              string
	HandedOver           bool
	PlacedFor            PlacedFor // read, never written: what was placed is known elsewhere
	StartedAt            time.Time
	At                   time.Time
}

func (s Session) milestone(step StepName, at time.Time) Milestone {
	return Milestone{
		Call: s.Call, Caller: s.Caller, Called: s.Called, Lang: s.Lang, LangKnown: s.LangKnown, Step: step, Turn: s.Turn,
		Member: s.Member, Account: s.Account, Attempt: s.Attempt, StartedAt: s.StartedAt, At: at,
	}
}
