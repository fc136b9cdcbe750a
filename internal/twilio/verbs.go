package twilio

// The TwiML elements that duebell uses, one type each (twilio.md §1 to §3, §10). A field's zero
// value leaves the attribute out, except where the comment says that it is always written;
// attributes that may be set to an empty or zero value are Optional. Methods are always POST.

// Optional is an attribute that can be left out, or set to any value, the empty one included.
// The zero value leaves the attribute out.
type Optional[T any] struct {
	value T
	set   bool
}

// Set returns an optional attribute with a value.
func Set[T any](v T) Optional[T] { return Optional[T]{value: v, set: true} }

// Verb is an element that may stand in a Response.
// Only this package has verbs. They are values: Encode refuses pointers.
type Verb interface{ encode(*encoder) }

// Utterance is what may be heard inside a Gather or a Prompt: Say, Play, Pause.
type Utterance interface {
	Verb
	utterance()
}

// Response is a whole TwiML document; Encode writes it.
type Response struct{ Verbs []Verb }

// Say speaks a trusted fragment: text with SSML elements, XML-escaped, as voiceprompts makes it.
// Encode checks it all the same.
type Say struct {
	Voice    string
	Language string
	Loop     Optional[int] // 0 = again and again, up to 1000 times
	Speech   string
}

// Play plays a recording, or keys (not inside a Gather).
// Exactly one of Digits and URL is set. In Digits a w is half a second of silence.
type Play struct {
	Loop   Optional[int]
	Digits string
	URL    string
}

// Pause is silence of whole seconds.
// As the first verb it delays the answer of the call.
type Pause struct{ Seconds int }

// GatherInput is what a Gather listens for.
type GatherInput string

// Inputs of a Gather. With both, whichever comes first wins.
const (
	Keys          GatherInput = "dtmf"
	Speech        GatherInput = "speech"
	KeysAndSpeech GatherInput = "dtmf speech"
)

// Gather asks for keys or speech (twilio.md §3). Twilio's default action is the current document,
// an endless loop, so Action is required; without input Twilio goes on to the next verb, so one
// must follow.
type Gather struct {
	Input               GatherInput
	Action              string
	Timeout             int              // seconds to the first key and between keys
	SpeechTimeout       string           // seconds, or "auto"
	FinishOnKey         Optional[string] // one key; empty = no key ends the entry
	NumDigits           int
	Language            string // of the recogniser
	Hints               []string
	ActionOnEmptyResult bool
	SpeechModel         string
	Inside              []Utterance
}

// TokenType is how long the token of a Pay lives. Twilio's default, a reusable one, is not offered:
// it would leave a lasting credential (rule P3: cards are one-time only).
type TokenType string

// Token types.
const (
	TokenPaymentMethod TokenType = "payment-method" // Stripe connector
	TokenOneTime       TokenType = "one-time"       // every other connector
)

// PayMethod is what a Pay asks the caller for.
type PayMethod string

// Payment methods of a Pay.
const (
	PayCard PayMethod = "credit-card"
	PayBank PayMethod = "ach-debit"
)

// BankAccountType is the kind of bank account; a Pay does not ask the caller for it, so the call
// must have.
type BankAccountType string

// Bank account types.
const (
	ConsumerChecking   BankAccountType = "consumer-checking"
	ConsumerSavings    BankAccountType = "consumer-savings"
	CommercialChecking BankAccountType = "commercial-checking"
)

// Pay captures a card or bank account and hands back a token. It cannot move money: without
// chargeAmount Twilio tokenizes, and this type has no such field (twilio.md §2.1 (1)). A Redirect
// to the same URL as Action must follow, because exhausted attempts arrive either way (§2.1 (4)).
type Pay struct {
	Connector           string    // always written
	TokenType           TokenType // always written
	Method              PayMethod // always written
	BankAccountType     BankAccountType
	Action              string // https
	StatusCallback      string // fires per key: only where its metrics are wanted
	Timeout             int    // seconds to the next key
	MaxAttempts         int
	SecurityCode        Optional[bool]
	PostalCode          Optional[bool] // a literal code is not offered: it is a secret (D1)
	MinPostalCodeLength int
	ValidCardTypes      []string // without it Twilio refuses Discover
	Language            string
	Prompts             []Prompt // payment-processing among them: a connector's retries are silence
	Parameters          []Parameter
}

// PayStep is one field that a Pay asks for, or the wait at the end.
type PayStep string

// Steps of a Pay.
const (
	StepCardNumber   PayStep = "payment-card-number"
	StepExpiration   PayStep = "expiration-date"
	StepSecurityCode PayStep = "security-code"
	StepPostalCode   PayStep = "postal-code"
	StepRouting      PayStep = "bank-routing-number"
	StepBankAccount  PayStep = "bank-account-number"
	StepProcessing   PayStep = "payment-processing"
)

// Prompt replaces Twilio's own words at one step of a Pay. Without Attempts it is heard at each of them;
// without ErrorTypes it is the step's ordinary prompt. CardTypes tell security codes of three digits from
// those of four.
type Prompt struct {
	For                   PayStep
	Attempts              []int
	CardTypes             []string
	ErrorTypes            []string
	RequireMatchingInputs bool // bank fields: this prompt asks for the second entry
	Inside                []Utterance
}

// Parameter is handed by Twilio to the connector; a connector that returns it sends it back to us
// as PayConnector_<name>.
type Parameter struct{ Name, Value string }

// Dial connects the caller to a person. Action is required: without it a failed transfer would end
// the call in silence.
// CallerID must be a number of ours or one of this call's. With AnswerOnBridge the caller hears ringing until
// somebody answers.
type Dial struct {
	Action         string
	Timeout        int // seconds of ringing
	TimeLimit      int // seconds of talking
	CallerID       string
	AnswerOnBridge bool
	To             []Destination // one Sip, or up to ten Numbers rung at once
}

// Destination is what a Dial rings: Number or Sip.
type Destination interface {
	encode(*encoder)
	destination()
}

// Number is a telephone to ring. Whisper is the URL of the TwiML that only its side hears.
// The whisper runs when the phone is answered, before the two are connected.
type Number struct {
	Whisper        string
	StatusCallback string
	StatusEvents   []string
	To             string // E.164
}

// Sip is a SIP address to ring.
type Sip struct {
	Whisper        string
	StatusCallback string
	StatusEvents   []string
	To             string // sip:…
}

// Redirect goes on with another document. It is requested by POST; verbs below it are never reached
// (twilio.md §3).
type Redirect struct{ URL string }

// Hangup ends the call.
type Hangup struct{}

// Reject refuses an incoming call unanswered and unbilled; it must stand first.
type Reject struct{ Reason string } // "rejected" or "busy"

func (Say) utterance()   {}
func (Play) utterance()  {}
func (Pause) utterance() {}

func (Number) destination() {}
func (Sip) destination()    {}
