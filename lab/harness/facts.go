package harness

import (
	"context"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"sync"

	"duebell/billing"
	"duebell/ivr"
)

// factChecker compares every spoken fact with the database at the instant at which it begins to be spoken (promise P2:
// nothing said is untrue). Prompts are tagged with the fact that they state; a checker knows the tags from the
// replies as the engine made them, and learns from the stand-in when a document begins to be spoken. Its
// methods may be called from many goroutines.
type factChecker struct {
	h  *Harness
	mu sync.Mutex
	// said is what replies stated, by call, oldest first: a document is spoken by its bytes, and the
	// facts behind it come from here.
	said   map[string][]statement
	paying map[string]bool // the last document of the call holds a Pay
}

// statement is one sentence of a reply with the facts that it states.
type statement struct {
	words string // squeezed
	facts []ivr.Fact
}

// newFactChecker returns a checker that has heard nothing yet.
func newFactChecker(h *Harness) *factChecker {
	return &factChecker{h: h, said: map[string][]statement{}, paying: map[string]bool{}}
}

// clear forgets all calls, for a new script. Counts of facts are coverage's.
func (c *factChecker) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.said)
	clear(c.paying)
}

// observe keeps what a reply states. The webhook calls it before the reply is stored; a stored reply may be
// spoken much later, or twice, or never. Sentences without a fact are left out. Nothing is checked here: at
// this instant the fact may still be about to become true.
func (c *factChecker) observe(call string, _ int, _ string, reply ivr.Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range reply.Say {
		if len(s.Facts) > 0 {
			c.said[call] = append(c.said[call], statement{squeeze(s.Speech.Text()), s.Facts})
		}
	}
}

// spoken checks the facts of a document that begins to be spoken to a caller. A document is recognised by its
// words, for its bytes carry no facts. What is untrue becomes a violation, which fails the script whatever it
// expects. The stand-in calls it for every fetch, so a document that is fetched again is checked again.
func (c *factChecker) spoken(call, _ string, doc []byte) {
	words := squeeze(html.UnescapeString(tags.ReplaceAllString(string(doc), "")))
	c.mu.Lock()
	// Kept for payEnded: only the last document says whether the next request ends a capture.
	c.paying[call] = strings.Contains(string(doc), "<Pay ")
	var facts []ivr.Fact
	checked := map[string]bool{}
	for _, s := range slices.Backward(c.said[call]) { // the newest statement in these words is the one
		if strings.Contains(words, s.words) && !checked[s.words] {
			checked[s.words] = true
			facts = append(facts, s.facts...)
		}
	}
	// Not under the lock from here on: each fact is a query.
	c.mu.Unlock()
	for _, f := range facts {
		c.h.coverage.add("fact " + f.Says)
		if wrong := c.h.untrue(context.Background(), f); wrong != "" {
			c.h.violate("untrue: %q was spoken, but %s", f.Says, wrong)
		}
	}
}

// Texts that state something of a payment name it by its number: a receipt says that it is taken, a written
// notice that it is, or is about to be (promise P3: a text is true when sent).
var (
	receiptNumber = regexp.MustCompile(`\b(?:Confirmation|Comprobante) (\d{9})\b`)
	noticeNumber  = regexp.MustCompile(`\bRef (\d{9})\b`)
)

// texted compares a text with the database at the instant at which it is handed to Twilio (promise P3: a text is true
// when sent). Texts that name no payment are not checked here; what reminders say is checked by the product's
// own claim and by the scripts that expect them.
func (c *factChecker) texted(ctx context.Context, body string) {
	allowed := []string{"taken"}
	found := receiptNumber.FindStringSubmatch(body)
	if found == nil {
		found = noticeNumber.FindStringSubmatch(body)
		// It was true when the notice was claimed; the bank may have refused it since.
		allowed = []string{"authorized", "confirming", "unknown", "taken", "declined"}
	}
	if found == nil {
		return
	}
	var state string
	err := c.h.pool.QueryRow(ctx, `SELECT state FROM contract.payments WHERE reference = $1`, found[1]).Scan(&state)
	if err != nil || !slices.Contains(allowed, state) {
		c.h.violate("untrue: a text went out about a payment that is %q (%v)", state, err)
	}
	// Counted even when untrue: the violation has failed the script by then.
	c.h.coverage.add("fact texted")
}

// payEnded reports whether the call's last document held a <Pay>, and forgets it: each <Pay> ends once.
func (c *factChecker) payEnded(call string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.paying[call]
	delete(c.paying, call)
	return was
}

// tags matches markup. An attribute's value may not hold ">" in the documents of the product's encoder.
var tags = regexp.MustCompile(`<[^>]*>`)

// squeeze removes all spacing, which markup may have changed: "198<break/>dollars" and "198 dollars" become
// equal.
func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }

// owesSQL is B7's sum for one account (billed less what counts as paid): the newest revision of each bill, less
// every ledger entry. It is written here anew, so that a mistake in the product's own sum is found.
const owesSQL = `
SELECT coalesce((SELECT sum(b.billed_cents) FROM (SELECT DISTINCT ON (coverage_month) billed_cents FROM bills
                 WHERE account = $1 ORDER BY coverage_month, revision DESC) b), 0)
     - coalesce((SELECT sum(l.cents) FROM contract.ledger l WHERE l.account = $1), 0)`

// Owes returns what an account owes in cents, by the database: the newest revision of each bill, less
// everything in the ledger. Less than zero is a credit; an unknown account owes 0. It takes no account of
// payments in flight.
func (h *Harness) Owes(ctx context.Context, account string) (cents int64, err error) {
	err = h.pool.QueryRow(ctx, owesSQL, account).Scan(&cents)
	return cents, err
}

// untrue returns why a fact is not what the database says, or "" when it is true. A fact that cannot be looked
// up (no such payment, a query that failed) is untrue: the check must not pass because it could not be made.
// What a fact leaves empty (Reference, Cents) is not compared.
func (h *Harness) untrue(ctx context.Context, f ivr.Fact) string {
	switch f.Says {
	case "owes":
		owed, err := h.Owes(ctx, f.Account)
		if err != nil || owed != f.Cents {
			return fmt.Sprintf("billed less ledger is %d cents, not %d (%v)", owed, f.Cents, err)
		}
		return ""
	case "due":
		return h.untrueDue(ctx, f)
	}
	var state, reference string
	var cents int64
	err := h.pool.QueryRow(ctx, `SELECT state, coalesce(reference, ''), cents FROM payment_attempts WHERE key = $1`, f.Attempt).
		Scan(&state, &reference, &cents)
	if err != nil {
		return fmt.Sprintf("its payment is not in the database (%v)", err)
	}
	if f.Reference != "" && f.Reference != reference || f.Cents != 0 && f.Cents != cents {
		return "reference or amount are not those of the payment"
	}
	if !slices.Contains(statesOfFact[f.Says], state) {
		return "the payment is " + state
	}
	switch f.Says {
	// Our state says not charged; only the processor can say that nobody was (promise P1: money moves once, or not at
	// all).
	case "not-charged":
		if p := h.Processor(); p != nil && reference != "" && p.ChargeCount(reference) > 0 {
			return "the processor has charged it"
		}
	case "paid":
		return h.untruePaid(ctx, f.Reference)
	}
	return ""
}

// statesOfFact lists the states of a payment that make a fact about it true. "unknown" takes early states too:
// where the reply to a COMMIT was lost, the payment may not even be authorized, and the caller hears that we do
// not know. A payment that came back later was paid all the same, so "paid" takes returned.
var statesOfFact = map[string][]string{
	"in-flight":   {"authorized", "confirming", "unknown"},
	"paid":        {"taken", "returned"},
	"not-charged": {"declined", "closed", "voided"},
	"unknown":     {"offered", "tokenized", "authorized", "confirming", "unknown"},
}

// untruePaid returns why a payment does not count as paid exactly once: one ledger entry and one charge (promise P1:
// money moves once). Where an external processor is used only the ledger is asked.
func (h *Harness) untruePaid(ctx context.Context, reference string) string {
	var entries int
	err := h.pool.QueryRow(ctx, `SELECT count(*) FROM contract.ledger WHERE reference = $1 AND kind = 'payment'`, reference).Scan(&entries)
	if err != nil || entries != 1 {
		return fmt.Sprintf("the ledger holds %d entries of it (%v)", entries, err)
	}
	if p := h.Processor(); p != nil && p.ChargeCount(reference) != 1 {
		return fmt.Sprintf("the processor has charged it %d times", p.ChargeCount(reference))
	}
	return ""
}

// untrueDue returns why a bill is not due on the day that was spoken. The newest bill covers next month and is
// due on its day of the month before (C2, C3: issued on the 1st, due on the 23rd), unless it was moved (C5: a
// dated override).
func (h *Harness) untrueDue(ctx context.Context, f ivr.Fact) string {
	var coverage, kind string
	err := h.pool.QueryRow(ctx, `SELECT to_char(max(b.coverage_month), 'YYYY-MM'), a.kind FROM bills b JOIN accounts a USING (account)
		WHERE account = $1 GROUP BY a.kind`, f.Account).Scan(&coverage, &kind)
	if err != nil {
		return fmt.Sprintf("there is no bill (%v)", err)
	}
	month, err := billing.ParseMonth(coverage)
	if err != nil {
		return err.Error()
	}
	_, cal := h.Policy()
	if due := cal.DateOf(cal.DueAt(billing.Kind(kind), f.Account, cal.BillMonth(month))).String(); due != f.Due {
		return "the newest bill is due " + due
	}
	return ""
}

// violate records something that must not happen in any script. It may be called from any goroutine but not
// while h.mu is held.
func (h *Harness) violate(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.violations = append(h.violations, fmt.Sprintf(format, args...))
}

// Violations returns what went wrong whatever the script expects: untrue facts, undeclared jumps, and what
// Twilio would refuse or ignore of the product's answers. They stay until a reset.
func (h *Harness) Violations() []string {
	h.mu.Lock()
	list := slices.Clone(h.violations)
	h.mu.Unlock()
	if t := h.Twilio(); t != nil {
		for _, f := range t.Faults() {
			list = append(list, f.Error())
		}
	}
	return list
}
