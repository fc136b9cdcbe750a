package harness

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"duebell/ivr"
	"duebell/lab/twilio"
)

// coverage counts what a script has really passed through, by the names of the coverage table (lab/script): a
// script that says that it proves something must have been there. Many goroutines add to it.
type coverage struct {
	mu    sync.Mutex
	items map[string]int
}

func newCoverage() *coverage { return &coverage{items: map[string]int{}} }

// add counts one more of each item.
func (c *coverage) add(items ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, i := range items {
		c.items[i]++
	}
}

// Coverage returns a count of everything passed since the harness was opened or reset: steps as "step en
// holding", jumps as "jump en holding>tell-outcome", results of a capture as "result success", faults with the
// point at which they acted as "fault redis-down@charged", spoken facts as "fact owes". The map is the caller's
// own. What texts have passed is in it only after CoverTexts.
func (h *Harness) Coverage() map[string]int {
	h.coverage.mu.Lock()
	defer h.coverage.mu.Unlock()
	return maps.Clone(h.coverage.items)
}

// Phase is a point in the life of a payment at which a fault acts.
type Phase string

// The points, in order.
const (
	Before     Phase = "before"     // authorization
	Authorized Phase = "authorized" // and not charged yet
	Charged    Phase = "charged"    // at the processor, and not recorded yet
	After      Phase = "after"      // the outcome is recorded
)

// Phases returns all of them, in order. Faults are worth the most between authorization and record, where money
// may be in doubt (promise P1: money moves once); the coverage table demands each of them there.
func Phases() []Phase { return []Phase{Before, Authorized, Charged, After} }

// faultItem returns the name under which a fault is counted.
func faultItem(fault string, at Phase) string { return "fault " + fault + "@" + string(at) }

// recordFault counts a fault that acts at this instant, under the phase of the newest payment. It never fails:
// where the phase cannot be read it is Before.
func (h *Harness) recordFault(ctx context.Context, fault string) {
	h.coverage.add(faultItem(fault, h.phase(ctx)))
}

// phase returns where the newest payment is, read from the database and the processor past every fault. Of two
// payments offered at one instant the open one counts as newer. It is read while a fault is about to act, so it
// goes on though the request that met the fault is cancelled.
func (h *Harness) phase(ctx context.Context) Phase {
	var state, reference string
	err := h.pool.QueryRow(context.WithoutCancel(ctx), `SELECT state, coalesce(reference, '') FROM payment_attempts
		ORDER BY offered_at DESC, state IN ('authorized', 'confirming', 'unknown') DESC LIMIT 1`).Scan(&state, &reference)
	if err != nil {
		return Before // no payment yet
	}
	switch state {
	// Our own state cannot tell whether money has moved: that is what the fault is about. The processor can.
	case "authorized", "confirming", "unknown":
		if p := h.Processor(); p != nil && p.ChargeCount(reference) > 0 {
			return Charged
		}
		return Authorized
	case "offered", "tokenized", "closed":
		return Before
	}
	return After
}

// recordWebhook counts the result of a capture that a request brings, before the product sees the request. A
// capture that ends without a POST is recognised by the request that comes instead of it (twilio.md §2.2: the
// three ways in which a <Pay> ends): the next turn is a fall-through, the call's end a hang-up that posted
// nothing.
func (h *Harness) recordWebhook(r *http.Request, body []byte) {
	if !strings.HasPrefix(r.URL.Path, "/twilio/voice/") {
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return // the product will refuse it
	}
	call := form.Get("CallSid")
	if result := form.Get("Result"); result != "" {
		// Forgotten even though the result is known: the next request of the call is then no second end of the
		// same <Pay>.
		h.facts.payEnded(call)
		h.coverage.add("result " + resultName(result, form))
		// The stand-in delivers this very POST again; the repeat comes here too and counts once more, which
		// does no harm.
		if h.modeInForce(string(twilio.ModeRepeats), string(twilio.ModeRepeatsAtOnce)) {
			h.coverage.add("result delivered-twice")
		}
		return
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/status"):
		if h.facts.payEnded(call) {
			h.coverage.add("result no-post")
		}
	// A fallback request brings no input of the call; whatever ended the <Pay> is still to come.
	case !strings.HasSuffix(r.URL.Path, "/fallback") && h.facts.payEnded(call):
		h.coverage.add("result fall-through")
	}
}

// resultName returns the name under which a result of a capture is counted: results that the product must treat
// differently have different names, though Twilio's word (Result) is the same. The codes are those of twilio.md
// §1.7.
func resultName(result string, form url.Values) string {
	switch {
	// First, whatever Result says: a <Pay> that charged is a misconfiguration and counts as nothing else
	// (twilio.md §2.2: do not charge, freeze, reconcile).
	case form.Get("PaymentConfirmationCode") != "":
		return "charged"
	case result == "success" && form.Get("PaymentToken") == "":
		return "success-without-token"
	case result == "payment-connector-error":
		switch form.Get("PayErrorCode") {
		case "64012":
			return "payment-connector-error-declined"
		case "64004", "64005", "64013", "64022":
			return "payment-connector-error-configuration"
		}
		return "payment-connector-error-other"
	case slices.Contains(Results(), result):
		return result
	}
	return "unknown-result"
}

// Results returns the names of resultName, each of which some script must pass. delivered-twice, fall-through
// and no-post are no words of Twilio's: they are ways in which a result comes, or does not.
func Results() []string {
	return []string{
		"success", "success-without-token", "charged", "caller-interrupted-with-star", "too-many-failed-attempts", "fall-through",
		"payment-connector-error-declined", "payment-connector-error-configuration", "payment-connector-error-other",
		"caller-hung-up", "validation-error", "internal-error", "unknown-result", "no-post", "delivered-twice",
	}
}

// modeInForce reports whether one of these faults of Twilio's is set. A fault that acts once is out of force as
// soon as an answer has met it.
func (h *Harness) modeInForce(names ...string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(names, func(n string) bool { return h.modes[n] })
}

// recordWebhookFaults counts which of Twilio's delivery faults have met an answer of the product's, and in
// which phase. It is called when the product has answered: the phase is the one that the fault finds.
func (h *Harness) recordWebhookFaults(ctx context.Context, path string) {
	h.mu.Lock()
	var met []string
	for _, m := range []twilio.Mode{twilio.ModeRepeats, twilio.ModeRepeatsAtOnce, twilio.ModeDropsNextReply} {
		if h.modes[string(m)] {
			met = append(met, string(m))
		}
	}
	document := strings.HasPrefix(path, "/twilio/") && !strings.HasSuffix(path, "/status")
	if document {
		// A status callback does not use it up: only the loss of a document counts.
		delete(h.modes, string(twilio.ModeDropsNextReply)) // once
	}
	h.mu.Unlock()
	for _, m := range met {
		if document || m != string(twilio.ModeDropsNextReply) {
			h.recordFault(ctx, m)
		}
	}
}

// recordAPIRequest checks that the text in a request to Twilio's API is true at this instant (promise P3: a text is
// true when sent), and counts a fault of the API that the request meets. It reads the body and puts it back.
// Requests other than POST (look-ups) are left alone.
func (h *Harness) recordAPIRequest(r *http.Request) {
	if r.Method != http.MethodPost {
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return // the stand-in will not get it either
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if form, err := url.ParseQuery(string(body)); err == nil {
		h.facts.texted(r.Context(), form.Get("Body"))
	}
	for _, m := range []twilio.Mode{twilio.ModeAPIDown, twilio.ModeAPIDropsReply} {
		if h.modeInForce(string(m)) {
			h.recordFault(r.Context(), string(m))
		}
	}
}

// maxBody bounds what is read of a request to Twilio's API, in bytes.
const maxBody = 64 << 10

// recordProcessorRequest counts a request that the processor's fault breaks, and ends a fault that was set for
// once. It mirrors which requests the stand-in breaks: "down" breaks all, "slow" with all every POST, and any
// other word confirms only. Looking at the stand-in instead would come too late: a fault for once is used up by
// then.
func (h *Harness) recordProcessorRequest(r *http.Request) {
	h.mu.Lock()
	words := strings.Fields(h.procFault)
	confirm := strings.HasSuffix(r.URL.Path, "/confirm")
	acts := len(words) > 0 && (words[0] == "down" || r.Method == http.MethodPost)
	if acts && words[0] != "down" && !slices.Contains(words, "all") {
		acts = confirm
	}
	if acts && slices.Contains(words, "once") {
		h.procFault = ""
	}
	h.mu.Unlock()
	if !acts {
		return
	}
	at := h.phase(r.Context())
	if confirm && (words[0] == "slow" || words[0] == "charges-then-drops-the-reply") {
		// The phase is read before the confirm, and the fault acts after it.
		at = Charged // it is carried out, and nobody hears of it
	}
	h.coverage.add(faultItem("processor-"+words[0], at))
}

// recordClockMove counts a change of daylight saving time and a 29 February that a move of the clock passes
// over. A move that leaves summer time and comes back to it within itself is not seen: only its ends are
// compared.
func (h *Harness) recordClockMove(from, to time.Time) {
	zone := h.Zone()
	_, before := from.In(zone).Zone()
	_, after := to.In(zone).Zone()
	if before != after {
		h.coverage.add("clock dst")
	}
	for day := from.In(zone); !day.After(to); day = day.AddDate(0, 0, 1) {
		if day.Month() == time.February && day.Day() == 29 {
			h.coverage.add("clock leap-day")
		}
	}
}

// recordJump counts a step that was entered and the jump to it, by language, and records a violation when the
// conversation does not declare that jump. from is empty for the first step of a call; a step that leads to
// itself (a question asked again) need not be declared.
func (h *Harness) recordJump(lang string, from, to ivr.StepName) {
	h.coverage.add("step "+lang+" "+string(to), "jump "+lang+" "+string(from)+">"+string(to))
	if from != to && from != "" && !h.declared(from, to) {
		h.violate("a jump that is not declared: %s > %s", from, to)
	}
}

// declared reports whether a step of the conversation names the other as one it may lead to.
func (h *Harness) declared(from, to ivr.StepName) bool {
	for _, s := range ivr.Conversation() {
		if s.Name == from {
			return slices.Contains(s.Exits(), to)
		}
	}
	return false
}

// recordTokenizeFailure counts that Twilio's own connector met a processor that is down.
func (h *Harness) recordTokenizeFailure() { h.recordFault(context.Background(), "processor-down") }
