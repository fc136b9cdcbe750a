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

// record is what a story has really passed, by the names of the coverage table.
type record struct {
	mu    sync.Mutex
	items map[string]int
}

func newRecord() *record { return &record{items: map[string]int{}} }

func (r *record) add(items ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, i := range items {
		r.items[i]++
	}
}

// Passed is everything that was really passed since the world was opened or reset: steps as "step
// holding", jumps as "jump holding>tell-outcome", results of the capture as "result success", faults
// with the point at which they acted as "fault redis-down@charged", spoken facts as "fact owes".
func (w *World) Passed() map[string]int {
	w.passed.mu.Lock()
	defer w.passed.mu.Unlock()
	return maps.Clone(w.passed.items)
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

// Phases lists them.
func Phases() []Phase { return []Phase{Before, Authorized, Charged, After} }

func faultItem(fault string, at Phase) string { return "fault " + fault + "@" + string(at) }

// act records a fault that acts at once.
func (w *World) act(ctx context.Context, fault string) {
	w.passed.add(faultItem(fault, w.phase(ctx)))
}

// phase is where the newest payment is, straight from the database and the processor.
func (w *World) phase(ctx context.Context) Phase {
	var state, reference string
	err := w.pool.QueryRow(context.WithoutCancel(ctx), `SELECT state, coalesce(reference, '') FROM payment_attempts
		ORDER BY offered_at DESC, state IN ('authorized', 'confirming', 'unknown') DESC LIMIT 1`).Scan(&state, &reference)
	if err != nil {
		return Before // no payment yet
	}
	switch state {
	case "authorized", "confirming", "unknown":
		if p := w.Processor(); p != nil && p.ChargeCount(reference) > 0 {
			return Charged
		}
		return Authorized
	case "offered", "tokenized", "closed":
		return Before
	}
	return After
}

// webhookCame looks at a request before the product does.
func (w *World) webhookCame(r *http.Request, body []byte) {
	if !strings.HasPrefix(r.URL.Path, "/twilio/voice/") {
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return // the product will refuse it
	}
	call := form.Get("CallSid")
	if result := form.Get("Result"); result != "" {
		w.truth.payEnded(call)
		w.passed.add("result " + resultName(result, form))
		if w.mode(string(twilio.ModeRepeats), string(twilio.ModeRepeatsAtOnce)) {
			w.passed.add("result delivered-twice")
		}
		return
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/status"):
		if w.truth.payEnded(call) {
			w.passed.add("result no-post")
		}
	case !strings.HasSuffix(r.URL.Path, "/fallback") && w.truth.payEnded(call):
		w.passed.add("result fall-through")
	}
}

// resultName tells the rows of one Result apart that want different ways on.
func resultName(result string, form url.Values) string {
	switch {
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

// Results lists the rows of the capture's results that a script must have been through.
func Results() []string {
	return []string{
		"success", "success-without-token", "charged", "caller-interrupted-with-star", "too-many-failed-attempts", "fall-through",
		"payment-connector-error-declined", "payment-connector-error-configuration", "payment-connector-error-other",
		"caller-hung-up", "validation-error", "internal-error", "unknown-result", "no-post", "delivered-twice",
	}
}

// mode says whether one of Twilio's modes is in force.
func (w *World) mode(names ...string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(names, func(n string) bool { return w.modes[n] })
}

// webhookAnswered notes which of Twilio's modes has met an answer, and at which point.
func (w *World) webhookAnswered(ctx context.Context, path string) {
	w.mu.Lock()
	var met []string
	for _, m := range []twilio.Mode{twilio.ModeRepeats, twilio.ModeRepeatsAtOnce, twilio.ModeDropsNextReply} {
		if w.modes[string(m)] {
			met = append(met, string(m))
		}
	}
	document := strings.HasPrefix(path, "/twilio/") && !strings.HasSuffix(path, "/status")
	if document {
		delete(w.modes, string(twilio.ModeDropsNextReply)) // once
	}
	w.mu.Unlock()
	for _, m := range met {
		if document || m != string(twilio.ModeDropsNextReply) {
			w.act(ctx, m)
		}
	}
}

// apiAsked looks at a request to Twilio's API: whether the text in it is true at this instant, and
// whether it is answered wrongly.
func (w *World) apiAsked(r *http.Request) {
	if r.Method != http.MethodPost {
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return // the stand-in will not get it either
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if form, err := url.ParseQuery(string(body)); err == nil {
		w.truth.texted(r.Context(), form.Get("Body"))
	}
	for _, m := range []twilio.Mode{twilio.ModeAPIDown, twilio.ModeAPIDropsReply} {
		if w.mode(string(m)) {
			w.act(r.Context(), string(m))
		}
	}
}

const maxBody = 64 << 10

// processorAsked notes a request that the processor breaks on command.
func (w *World) processorAsked(r *http.Request) {
	w.mu.Lock()
	words := strings.Fields(w.procFault)
	confirm := strings.HasSuffix(r.URL.Path, "/confirm")
	acts := len(words) > 0 && (words[0] == "down" || r.Method == http.MethodPost)
	if acts && words[0] != "down" && !slices.Contains(words, "all") {
		acts = confirm
	}
	if acts && slices.Contains(words, "once") {
		w.procFault = ""
	}
	w.mu.Unlock()
	if !acts {
		return
	}
	at := w.phase(r.Context())
	if confirm && (words[0] == "slow" || words[0] == "charges-then-drops-the-reply") {
		at = Charged // it is carried out, and nobody hears of it
	}
	w.passed.add(faultItem("processor-"+words[0], at))
}

// movedTo notes what a move of the clock passes over.
func (w *World) movedTo(from, to time.Time) {
	zone := w.Zone()
	_, before := from.In(zone).Zone()
	_, after := to.In(zone).Zone()
	if before != after {
		w.passed.add("clock dst")
	}
	for day := from.In(zone); !day.After(to); day = day.AddDate(0, 0, 1) {
		if day.Month() == time.February && day.Day() == 29 {
			w.passed.add("clock leap-day")
		}
	}
}

// jumped notes a step that was entered, and in which language, and refuses a jump that nobody declared.
func (w *World) jumped(lang string, from, to ivr.StepName) {
	w.passed.add("step "+lang+" "+string(to), "jump "+lang+" "+string(from)+">"+string(to))
	if from != to && from != "" && !w.declared(from, to) {
		w.complain("a jump that is not declared: %s > %s", from, to)
	}
}

func (w *World) declared(from, to ivr.StepName) bool {
	for _, s := range ivr.Conversation() {
		if s.Name == from {
			return slices.Contains(s.Exits(), to)
		}
	}
	return false
}

// tokenizedNothing notes that Twilio's own connector met a processor that is down.
func (w *World) tokenizedNothing() { w.act(context.Background(), "processor-down") }
