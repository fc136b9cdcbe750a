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

// The account that development and tests use.
const (
	DevAccountSID = "ACdev00000000000000000000000000000"
	DevAuthToken  = "devtoken0000000000000000000000000"
)

// Number is a phone number of the account with its webhooks, each an absolute
// URL below Config.PublicURL. Empty URLs get the product's contract paths.
type Number struct {
	Phone            string
	SID              string
	VoiceURL         string
	VoiceFallbackURL string
	StatusURL        string
	SMSURL           string
}

// Config says who the product is, what the harness looks like, and which of
// Twilio's undocumented habits to play.
type Config struct {
	PublicURL           string   // what the product calls itself; signatures are made over it
	Targets             []string // base URLs of replicas that deliveries rotate over; empty = PublicURL
	AccountSID          string   // DevAccountSID if empty
	AuthToken           string   // DevAuthToken if empty
	Numbers             []Number // the first is the sender of the Messaging Service
	MessagingServiceSID string
	OverridesRequired   bool // every voice URL must carry the retry fragment

	Connectors       map[string]Connector
	Tokenize         func(ctx context.Context, card Card) (string, error) // makes a PaymentMethod at the processor
	ConnectorTimeout time.Duration                                        // 10 s if zero

	PayExhausted    Exhausted // what exhausted attempts end in; empty alternates
	PayExtraTry     bool      // maxAttempts counts retries, as Twilio's prose has it, not tries
	PayHangupSilent bool      // a hang-up inside Pay posts nothing
	AdvancedOptOut  bool      // inbound texts carry OptOutType
	AutoDeliver     bool      // texts move on by themselves, not by RunPending
	EndedCallsKept  int       // how many ended calls REST still knows; 1000 if zero
	Seed            uint64    // for SIDs; equal seeds give equal SIDs
	Transport       http.RoundTripper
	Now             func() time.Time
	OnPause         func(ctx context.Context, d time.Duration)
	OnSpoken        func(callSID, path string, doc []byte) // a fetched document begins to be spoken
}

// Twilio is the stand-in. Its methods may be used by many goroutines.
type Twilio struct {
	cfg    Config
	client *http.Client // webhooks: no redirects, the overrides' connect time

	mu         sync.Mutex
	random     *rand.Rand
	numbers    []*Number
	services   map[string]*service
	calls      map[string]*Call
	ended      []string // SIDs of ended calls, oldest first
	outbound   []*Call  // calls placed by REST, in order
	messages   []*message
	bySID      map[string]*message
	active     []*message         // texts that can still change
	blocked    map[[2]string]bool // {their number, our number} after STOP
	outcomes   map[string]Outcome
	reassigned map[string]time.Time // numbers that went to somebody else, and when
	agent      AgentPlan
	faults     []Fault
	modes      modes
	held       []webhook // status callbacks kept back, to be delivered out of order
	target     int       // which replica is next
	masks      int       // which of the two mask shapes is next
	exhausts   int       // how many Pays have run out of attempts
	sounds     map[string]bool

	background sync.WaitGroup
}

// New makes a stand-in. It refuses a configuration that no account could have.
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

// withDefaults fills a number's empty webhooks with the contract's paths.
func (t *Twilio) withDefaults(n Number) (*Number, error) {
	if checkValue("phone", n.Phone) != "" {
		return nil, errors.New("twilio stand-in: a number of the account is not E.164")
	}
	base := t.cfg.PublicURL
	n.SID = cmp.Or(n.SID, t.newSID("PN"))
	n.VoiceURL = cmp.Or(n.VoiceURL, base+"/twilio/voice/incoming#"+Overrides)
	n.VoiceFallbackURL = cmp.Or(n.VoiceFallbackURL, base+"/twilio/voice/fallback#"+Overrides)
	n.StatusURL = cmp.Or(n.StatusURL, base+"/twilio/voice/status")
	n.SMSURL = cmp.Or(n.SMSURL, base+"/twilio/sms/incoming")
	return &n, nil
}

// newSID makes an id of Twilio's shape: two letters and 32 hex digits.
func (t *Twilio) newSID(prefix string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sidLocked(prefix)
}

// sidLocked makes a SID. The caller holds t.mu.
func (t *Twilio) sidLocked(prefix string) string {
	var raw [16]byte
	for i := range raw {
		raw[i] = byte(t.random.Uint32()) //nolint:gosec // G115: its lowest byte is wanted
	}
	return prefix + hex.EncodeToString(raw[:])
}

// number finds one of the account's numbers.
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

// Lookup finds a call by its SID, running or lately ended.
func (t *Twilio) Lookup(callSID string) (*Call, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.calls[callSID]
	return c, ok
}

// RunPending does everything that waits: callbacks held back are delivered, texts reach their final state,
// redirected calls run on, phones that have rung long enough stop. Tests call it in place of waiting.
func (t *Twilio) RunPending(ctx context.Context) error {
	for {
		t.background.Wait()
		moved, err := t.runPendingOnce(ctx)
		if err != nil || !moved {
			return err
		}
	}
}

// runPendingOnce does what waits now and says whether there was anything.
func (t *Twilio) runPendingOnce(ctx context.Context) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("settle: %w", err)
	}
	moved := t.redirectIdleCalls(ctx)
	moved = t.endUnanswered(ctx) || moved
	moved = t.moveTexts(ctx) || moved
	moved = t.deliverHeld(ctx) || moved
	return moved, nil
}

// Close waits for deliveries that are under way.
func (t *Twilio) Close() {
	t.background.Wait()
	t.client.CloseIdleConnections()
}
