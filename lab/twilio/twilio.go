package twilio

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The account that development and tests use; they are part of the contract (design §2). The token is
// alphanumeric because twilio-go refuses any other before it sends a request (twilio.md §9).
const (
	DevAccountSID = "ACdev00000000000000000000000000000"
	DevAuthToken  = "devtoken0000000000000000000000000"
)

// Number is a phone number of the account with its webhooks, each an absolute URL below Config.PublicURL.
// Empty URLs get the product's contract paths; an empty SID is made up. An update by REST changes the URLs
// while the stand-in runs, so a copy may be out of date.
type Number struct {
	// Phone is E.164, such as +16175550100.
	Phone string
	SID   string
	// VoiceURL is asked when a call arrives, VoiceFallbackURL when the document for a call cannot be had: one
	// a number, for all of its calls.
	VoiceURL         string
	VoiceFallbackURL string
	// StatusURL hears of the end of a call. It decides nothing about money (twilio.md §4.4).
	StatusURL string
	// SMSURL is asked when a text arrives, unless a Messaging Service takes them.
	SMSURL string
}

// Config says who the product is, what the harness looks like, and which of Twilio's undocumented habits to
// play (twilio.md §12 lists what only a live account can settle). Now and PublicURL are required; the zero
// value of every other field is a usable default. It is read once, by New.
type Config struct {
	// PublicURL is what the product calls itself. Signatures are made over it, wherever the bytes are sent.
	PublicURL string
	// Targets are base URLs of replicas that deliveries rotate over. Empty: PublicURL itself is asked.
	Targets []string
	// AccountSID and AuthToken are Basic authentication's pair at the API; the token also signs every
	// webhook. Empty: DevAccountSID and DevAuthToken.
	AccountSID string
	AuthToken  string
	// Numbers are the account's phone numbers. The first is the sender of the Messaging Service, and the
	// number that texts and calls without another one go to.
	Numbers             []Number
	MessagingServiceSID string
	// OverridesRequired demands the retry fragment on every voice URL: the numbers', the documents', and Url
	// at REST (project rule, twilio.md §4.2). A URL without it is a Fault, or a refusal at REST.
	OverridesRequired bool

	Connectors map[string]Connector
	// Tokenize makes a card's PaymentMethod at the processor, as Twilio's Stripe connector does. It may
	// return a *ConnectorError; any other error is told to the product as a gateway that could not be asked.
	// Nil: the connector cannot tokenize (64005).
	Tokenize func(ctx context.Context, card Card) (string, error)
	// ConnectorTimeout is how long one request to a Generic connector may take. 10 s if zero, as at Twilio.
	ConnectorTimeout time.Duration

	// PayExhausted is what exhausted attempts end in. Empty alternates, so that a run meets both.
	PayExhausted Exhausted
	// PayExtraTry has maxAttempts count retries, as Twilio's prose has it, and not tries, as its table has
	// it.
	PayExtraTry bool
	// PayHangupSilent: a hang-up inside Pay posts nothing to the action.
	PayHangupSilent bool
	// AdvancedOptOut adds OptOutType to the inbound texts that hold one of Twilio's own words.
	AdvancedOptOut bool
	// AutoDeliver moves texts to their final state as soon as they are created, in the background. Without it
	// they wait for RunPending, which keeps a test in step.
	AutoDeliver bool
	// EndedCallsKept is how many ended calls Lookup and REST still know. 1000 if zero.
	EndedCallsKept int
	// Seed makes SIDs repeatable: with equal seeds and the same order of events, SIDs are equal.
	Seed uint64
	// Transport replaces the HTTP transport of all deliveries. One that is given must obey connect times
	// itself.
	Transport http.RoundTripper
	// Now is the domain clock.
	Now func() time.Time
	// OnPause is called for each Pause, with its length, by the goroutine that runs the call; the call goes
	// on when it returns. Nil: pauses take no time.
	OnPause func(ctx context.Context, d time.Duration)
	// OnSpoken is called when a document begins to be spoken, with the path of its URL: whether what it says
	// is true is checked at that instant (design §1). Nil: nothing is told.
	OnSpoken func(callSID, path string, doc []byte)
}

// Twilio is the stand-in. Its methods may be used by many goroutines.
//
// What follows mu is guarded by it, except that a Call guards itself. Calls that have ended are forgotten
// after Config.EndedCallsKept; texts, placed calls and faults are kept for as long as the stand-in lives.
type Twilio struct {
	cfg    Config
	client *http.Client // webhooks: no redirects, the overrides' connect time

	mu       sync.Mutex
	random   *rand.Rand
	numbers  []*Number
	services map[string]*service
	calls    map[string]*Call
	// SIDs of ended calls, oldest first.
	ended []string
	// Calls placed by REST, in order; the ended ones too.
	outbound []*Call
	// Every text in the order of its making, both directions; bySID holds the same ones.
	messages []*message
	bySID    map[string]*message
	// Texts that can still change, so that RunPending need not look at all of them.
	active []*message
	// {their number, our number} after STOP, until START. As at Twilio it is the pair that is blocked.
	blocked map[[2]string]bool
	// By the number texted to; a number that is not in it gets its texts.
	outcomes map[string]Outcome
	// Numbers that went to somebody else, and when.
	reassigned map[string]time.Time
	agent      AgentPlan
	faults     []Fault
	modes      modes
	// Status callbacks kept back, to be delivered out of order.
	held []webhook
	// Which replica is next, which of the two mask shapes is next, and how many Pays have run out of
	// attempts: each counts up, so that a run meets every variant in a fixed order.
	target   int
	masks    int
	exhausts int
	// URLs of sounds that were fetched and found good.
	sounds map[string]bool

	// Phones that begin to ring, and texts under AutoDeliver.
	background sync.WaitGroup
}

// New returns a stand-in with no call and no text in it. It refuses a configuration that no account could
// have: no clock, a PublicURL that is not absolute, a number that is not E.164.
func New(cfg Config) (*Twilio, error) {
	if cfg.Now == nil {
		return nil, errors.New("twilio stand-in: Config.Now is missing")
	}
	if cfg.PublicURL == "" || checkURL(cfg.PublicURL) != "" {
		return nil, errors.New("twilio stand-in: Config.PublicURL is no absolute URL")
	}
	cfg.PublicURL = strings.TrimSuffix(cfg.PublicURL, "/")
	cfg.AccountSID = cmp.Or(cfg.AccountSID, DevAccountSID)
	cfg.AuthToken = cmp.Or(cfg.AuthToken, DevAuthToken)
	cfg.ConnectorTimeout = cmp.Or(cfg.ConnectorTimeout, 10*time.Second)
	cfg.EndedCallsKept = cmp.Or(cfg.EndedCallsKept, 1000)
	if cfg.OnPause == nil {
		cfg.OnPause = func(context.Context, time.Duration) {}
	}
	if cfg.OnSpoken == nil {
		cfg.OnSpoken = func(string, string, []byte) {}
	}
	t := &Twilio{
		cfg: cfg,
		// Repeatable SIDs are the point: nothing here guards anything.
		random:   rand.New(rand.NewPCG(cfg.Seed, 0x5eed)), //nolint:gosec // repeatable SIDs, not secrets
		services: map[string]*service{},
		calls:    map[string]*Call{},
		bySID:    map[string]*message{},
		blocked:  map[[2]string]bool{},
		outcomes: map[string]Outcome{},
		sounds:   map[string]bool{},
	}
	t.client = newClient(cfg.Transport)
	for _, n := range cfg.Numbers {
		number, err := t.withDefaults(n)
		if err != nil {
			return nil, err
		}
		t.numbers = append(t.numbers, number)
	}
	if sid := cfg.MessagingServiceSID; sid != "" {
		t.services[sid] = &service{sid: sid, name: "stand-in", onNumber: true}
	}
	return t, nil
}

// withDefaults returns a number with its empty webhooks filled by the contract's paths (design §2). Those of
// calls get the retry fragment, as duebell sets them; that of texts has none.
func (t *Twilio) withDefaults(n Number) (*Number, error) {
	if checkValue("phone", n.Phone) != "" {
		return nil, errors.New("twilio stand-in: a number of the account is not E.164")
	}
	base := t.cfg.PublicURL
	n.SID = cmp.Or(n.SID, t.newSID("PN"))
	n.VoiceURL = cmp.Or(n.VoiceURL, base+"/twilio/voice/incoming#"+Overrides)
	n.VoiceFallbackURL = cmp.Or(n.VoiceFallbackURL, base+"/twilio/voice/fallback#"+Overrides)
	n.StatusURL = cmp.Or(n.StatusURL, base+"/twilio/voice/status#"+Overrides)
	n.SMSURL = cmp.Or(n.SMSURL, base+"/twilio/sms/incoming")
	return &n, nil
}

// newSID returns an id of Twilio's shape: prefix and 32 hex digits. It takes t.mu.
func (t *Twilio) newSID(prefix string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sidLocked(prefix)
}

// sidLocked is newSID for a caller that holds t.mu.
func (t *Twilio) sidLocked(prefix string) string {
	var raw [16]byte
	for i := range raw {
		raw[i] = byte(t.random.Uint32()) //nolint:gosec // G115: its lowest byte is wanted
	}
	return prefix + hex.EncodeToString(raw[:])
}

// number returns a copy of one of the account's numbers. False: the number is not the account's.
func (t *Twilio) number(phone string) (Number, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.numbers {
		if n.Phone == phone {
			return *n, true
		}
	}
	return Number{}, false
}

// Lookup returns a call by its SID, running or lately ended (Config.EndedCallsKept), agents' legs included.
// It is not Twilio's Lookup API, which is in rest_lookup.go.
func (t *Twilio) Lookup(callSID string) (*Call, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.calls[callSID]
	return c, ok
}

// RunPending does everything that waits: callbacks held back are delivered, texts reach their final state,
// redirected calls run on, phones that have rung long enough stop. Tests and the harness's clock call it in
// place of waiting.
//
// It returns once nothing is left to do. What the product does in answer may make new work, so it looks again
// after each round. Faults are recorded, not returned; the only error is the context's.
func (t *Twilio) RunPending(ctx context.Context) error {
	for {
		// First what already runs: a phone that is only beginning to ring cannot be judged yet.
		t.background.Wait()
		moved, err := t.runPendingOnce(ctx)
		if err != nil || !moved {
			return err
		}
	}
}

// runPendingOnce does what waits now and says whether there was anything. Callbacks held back come last, so
// that those of this very round are among them and arrive in the wrong order too.
func (t *Twilio) runPendingOnce(ctx context.Context) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("run what is pending: %w", err)
	}
	moved := t.redirectIdleCalls(ctx)
	moved = t.endUnanswered(ctx) || moved
	moved = t.moveTexts(ctx) || moved
	moved = t.deliverHeld(ctx) || moved
	return moved, nil
}

// Close waits for deliveries that are under way. Calls that wait for a caller are left as they are.
func (t *Twilio) Close() {
	t.background.Wait()
	t.client.CloseIdleConnections()
}
