package twilio

import (
	"fmt"
	"maps"
	"slices"
)

// FaultKind sorts faults, so that a script can expect one kind of them. Scripts write these words.
type FaultKind string

// The kinds of Fault.
const (
	// A document that Twilio would reject or ignore, or that breaks the project's rules on the flow
	// (lint.go).
	FaultTwiML FaultKind = "twiml"
	// A status, content type or body that no webhook may answer with (twilio.md §4.3).
	FaultReply FaultKind = "reply"
	// A repeated request got another answer: whatever is done again there may be money (design §4).
	FaultUnequalReplies FaultKind = "unequal-replies"
	// Pay would fall back to Twilio's own words, in English (twilio.md §1.2).
	FaultMissingPrompt FaultKind = "missing-prompt"
	// Too many redirects, or documents without end.
	FaultLoop FaultKind = "loop"
	// TwiML that is right but not imitated: the stand-in must learn it, or the product do without.
	FaultUnsupported FaultKind = "unsupported"
	// A fragment that Twilio would not obey, or a number without it.
	FaultOverrides FaultKind = "overrides"
	// A connector that is unknown or cannot do what Pay asks.
	FaultPaySetup FaultKind = "pay-setup"
	// The caller heard Twilio's own apology: neither the webhook nor the fallback answered (promise "the line
	// answers", design §1).
	FaultApplicationError FaultKind = "application-error"
	// A text that answers what Twilio has answered already (O2, Twilio answers STOP).
	FaultSecondAnswer FaultKind = "second-answer"
)

// Fault is something the product did that it must not do. It is an error, and the one that an act returns
// when the call ended on it. Detail never repeats what a caller keyed.
type Fault struct {
	Kind    FaultKind
	CallSID string
	// Of the URL whose answer is at fault. CallSID is empty for texts and connectors.
	Path   string
	Detail string
}

// Error names kind, path and detail.
func (f Fault) Error() string {
	return fmt.Sprintf("twilio stand-in: %s at %s: %s", f.Kind, f.Path, f.Detail)
}

// Faults returns everything found so far, oldest first, as a copy: those of calls, texts and connectors.
func (t *Twilio) Faults() []Fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.faults)
}

// addFault records a fault and returns it. It takes t.mu, so the caller must not hold it.
func (t *Twilio) addFault(f Fault) Fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = append(t.faults, f)
	return f
}

// Mode is a way for Twilio, or the network to it, to misbehave. There is one of each of three kinds in force
// (webhooks, API, status callbacks), and any number of armed ones that act once.
type Mode string

// The modes. The first six are the scripts' words.
const (
	// Ends every mode, the armed ones too.
	ModeNormal Mode = "normal"
	// Each webhook arrives two or three times, one after another; the answers must be equal.
	ModeRepeats Mode = "repeats-every-webhook"
	// Each webhook arrives three times side by side, as after a time-out that overlaps its retry.
	ModeRepeatsAtOnce Mode = "repeats-at-once"
	// Once: the product works and its answer is lost; then the overrides decide whether it is asked again.
	ModeDropsNextReply Mode = "drops-next-reply"
	// The API closes the connection before it does anything. The product cannot tell this from the next mode.
	ModeAPIDown Mode = "api-down"
	// Creates are carried out and their replies are lost: the outcome is unknown to the product (twilio.md
	// §6).
	ModeAPIDropsReply Mode = "api-accepts-then-drops-the-reply"
	// The same for every tenth create, for load runs.
	ModeAPIDropsTenth Mode = "api-drops-every-tenth-reply"
	// 429 with 20429, nothing is stored: the one answer after which a create may simply be sent again.
	ModeAPIRateLimits Mode = "api-rate-limits"
	// Status callbacks wait for RunPending and come last first.
	ModeCallbacksShuffled Mode = "callbacks-out-of-order"
	// No status callback arrives.
	ModeCallbacksLost Mode = "callbacks-lost"
	// Each status callback arrives two times.
	ModeCallbacksTwice Mode = "callbacks-twice"
	// Once: the bank connector's answer is lost, and it is asked again.
	ModeDropsConnectorOnce Mode = "drops-connector-reply"
)

// modes is what is in force; "" is normal. Webhooks, API and callbacks fail independently. It is guarded by
// Twilio.mu.
type modes struct {
	webhook, api, callbacks Mode
	// How many occasions are armed, by mode.
	once map[Mode]int
	// Creates since the mode came into force, for "every tenth".
	creates int
	// How often each mode has acted.
	counts map[Mode]int
}

// SetMode puts a mode in force until another of its kind or normal replaces it. The modes that act once are
// armed for the next occasion. An unknown mode is an error and changes nothing. Requests under way keep what
// they began with.
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

// Once arms a mode for the next occasion only; armed twice it acts twice. It takes the API's modes, but for
// "every tenth", and those that always act once; any other is an error.
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

// ModeCounts returns how often each mode has really acted, for coverage tables: a fault that was set and met
// nothing proves nothing.
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

// apiMode returns the mode of this REST request and counts it; "" is normal. A reply that is lost matters for
// creates alone: reads and updates may be repeated. Armed modes come before those in force.
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
	// Only the tenth create acts, as a lost reply; all others go as usual and are not counted.
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

// webhookMode returns how deliveries are repeated now, "" for once, and counts it.
func (t *Twilio) webhookMode() Mode {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.modes.webhook != "" {
		t.countMode(t.modes.webhook)
	}
	return t.modes.webhook
}

// callbacksMode returns what becomes of status callbacks now. The caller counts what it does.
func (t *Twilio) callbacksMode() Mode {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.modes.callbacks
}
