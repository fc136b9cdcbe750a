package twilio

import (
	"fmt"
	"maps"
	"slices"
)

// FaultKind sorts faults, so that a script can expect one kind of them.
type FaultKind string

// The kinds of Fault.
const (
	FaultTwiML            FaultKind = "twiml"             // a document that Twilio would reject or ignore, or house rules forbid
	FaultReply            FaultKind = "reply"             // a status, content type or body that no webhook may answer with
	FaultUnequalReplies   FaultKind = "unequal-replies"   // a repeated request got another answer
	FaultMissingPrompt    FaultKind = "missing-prompt"    // Pay would fall back to Twilio's own words
	FaultLoop             FaultKind = "loop"              // too many redirects, or documents without end
	FaultUnsupported      FaultKind = "unsupported"       // TwiML that is right but not imitated
	FaultOverrides        FaultKind = "overrides"         // a fragment that Twilio would not obey
	FaultPaySetup         FaultKind = "pay-setup"         // a connector that is unknown or cannot do what Pay asks
	FaultApplicationError FaultKind = "application-error" // the caller heard Twilio's own apology
	FaultSecondAnswer     FaultKind = "second-answer"     // a text that answers what Twilio has answered
)

// Fault is something the product did that it must not do.
type Fault struct {
	Kind    FaultKind
	CallSID string
	Path    string // of the URL whose answer is at fault
	Detail  string
}

// Error names kind, path and detail.
func (f Fault) Error() string {
	return fmt.Sprintf("twilio stand-in: %s at %s: %s", f.Kind, f.Path, f.Detail)
}

// Faults returns everything found so far, oldest first.
func (t *Twilio) Faults() []Fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.faults)
}

// addFault records a fault and returns it.
func (t *Twilio) addFault(f Fault) Fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = append(t.faults, f)
	return f
}

// Mode is a way for Twilio, or the network to it, to misbehave.
type Mode string

// The modes. The first six are the scripts' words.
const (
	ModeNormal             Mode = "normal"
	ModeRepeats            Mode = "repeats-every-webhook" // each webhook two or three times, one after another
	ModeRepeatsAtOnce      Mode = "repeats-at-once"       // each webhook three times side by side
	ModeDropsNextReply     Mode = "drops-next-reply"      // once: the answer is lost, then the overrides decide
	ModeAPIDown            Mode = "api-down"
	ModeAPIDropsReply      Mode = "api-accepts-then-drops-the-reply"
	ModeAPIDropsTenth      Mode = "api-drops-every-tenth-reply" // of creates: accepted, and the answer is lost
	ModeAPIRateLimits      Mode = "api-rate-limits"             // 429 with 20429, nothing stored
	ModeCallbacksShuffled  Mode = "callbacks-out-of-order"      // status callbacks wait for RunPending and come last first
	ModeCallbacksLost      Mode = "callbacks-lost"              // no status callback arrives
	ModeCallbacksTwice     Mode = "callbacks-twice"
	ModeDropsConnectorOnce Mode = "drops-connector-reply" // once: the connector's first answer is lost
)

// modes is what is in force. Webhooks, API and callbacks fail independently.
type modes struct {
	webhook, api, callbacks Mode
	once                    map[Mode]int
	creates                 int // since the mode came into force
	counts                  map[Mode]int
}

// SetMode puts a mode in force until another of its kind or normal replaces it.
// The modes that act once are armed for the next occasion.
func (t *Twilio) SetMode(mode Mode) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch mode {
	case ModeNormal:
		t.modes.webhook, t.modes.api, t.modes.callbacks, t.modes.once = "", "", "", nil
	case ModeRepeats, ModeRepeatsAtOnce:
		t.modes.webhook = mode
	case ModeAPIDown, ModeAPIDropsReply, ModeAPIDropsTenth, ModeAPIRateLimits:
		t.modes.api, t.modes.creates = mode, 0
	case ModeCallbacksShuffled, ModeCallbacksTwice, ModeCallbacksLost:
		t.modes.callbacks = mode
	case ModeDropsNextReply, ModeDropsConnectorOnce:
		t.arm(mode)
	default:
		return fmt.Errorf("twilio stand-in: unknown mode %q", mode)
	}
	return nil
}

// Once arms a mode for the next occasion only. It takes the API's modes and
// those that always act once.
func (t *Twilio) Once(mode Mode) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch mode {
	case ModeAPIDown, ModeAPIDropsReply, ModeAPIRateLimits, ModeDropsNextReply, ModeDropsConnectorOnce:
		t.arm(mode)
		return nil
	}
	return fmt.Errorf("twilio stand-in: mode %q cannot act once", mode)
}

// arm adds one occasion on which a mode will act. The caller holds t.mu.
func (t *Twilio) arm(mode Mode) {
	if t.modes.once == nil {
		t.modes.once = map[Mode]int{}
	}
	t.modes.once[mode]++
}

// ModeCounts returns how often each mode has really acted, for coverage tables.
func (t *Twilio) ModeCounts() map[Mode]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.modes.counts)
}

// countMode counts that a mode has acted. The caller holds t.mu.
func (t *Twilio) countMode(mode Mode) {
	if t.modes.counts == nil {
		t.modes.counts = map[Mode]int{}
	}
	t.modes.counts[mode]++
}

// takeOnce uses up one armed occasion of a mode; false when there is none.
func (t *Twilio) takeOnce(mode Mode) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.modes.once[mode] == 0 {
		return false
	}
	t.modes.once[mode]--
	t.countMode(mode)
	return true
}

// apiMode returns the mode of this REST request and counts it. A reply that is
// lost matters for creates alone.
func (t *Twilio) apiMode(create bool) Mode {
	for _, mode := range []Mode{ModeAPIDown, ModeAPIDropsReply, ModeAPIRateLimits} {
		if (create || mode != ModeAPIDropsReply) && t.takeOnce(mode) {
			return mode
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.modes.api == "", t.modes.api == ModeAPIDropsReply && !create:
		return ""
	case t.modes.api == ModeAPIDropsTenth:
		if create {
			t.modes.creates++
		}
		if !create || t.modes.creates%10 != 0 {
			return ""
		}
		t.countMode(ModeAPIDropsTenth)
		return ModeAPIDropsReply
	}
	t.countMode(t.modes.api)
	return t.modes.api
}

// webhookMode returns how deliveries are repeated now, and counts it.
func (t *Twilio) webhookMode() Mode {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.modes.webhook != "" {
		t.countMode(t.modes.webhook)
	}
	return t.modes.webhook
}

// callbacksMode returns what becomes of status callbacks now.
func (t *Twilio) callbacksMode() Mode {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.modes.callbacks
}
