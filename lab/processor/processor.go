// Package processor is the card and bank processor of dev, tests and load: the part of
// Stripe's HTTP API (v1, form-encoded) that duebell uses, with its state, its faults on
// command and its signed events. It knows nothing of the product: it imports none of it,
// signs with code of its own, and learns banking days through a function.
//
// It plays payment methods (cards and US bank accounts from the published test numbers),
// PaymentIntents of both kinds through every status, idempotency keys with stored replies
// and the check of parameters, one use for a payment method without a customer, bank debits
// that settle or bounce two banking days later, disputes, and webhooks that are sent again
// until they are answered.
//
// On purpose it is stricter than Stripe: a parameter that duebell has no business sending
// (confirm at create, setup_future_usage, off_session, customer, a payment method or a
// capture method at confirm) is refused like an unknown one.
//
// Not imitated: customers, mandates, charges and refunds as objects of their own; updates,
// capture, search and pagination backwards; API version differences; Radar; settlement
// into a balance; the limit after which a PaymentIntent that was confirmed too often is
// cancelled; cancelling a processing debit, which Stripe allows in rare cases (here never);
// expiry dates, postal codes and routing numbers in replies (they are forgotten at once);
// 3-D Secure beyond asking for it; rate limits, except the word for them below. The list of
// PaymentIntents returns all of them unless a limit is named, needs no key and obeys no
// fault: it is the window through which checks look.
package processor

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config is what the stand-in is told at the start. Only Now is required. SetWebhook may change the two
// webhook fields later; nothing else changes.
type Config struct {
	// Now is the domain clock. Required.
	Now func() time.Time
	// APIKey is the secret key that requests must carry. Empty: any key will do, but not none.
	// APIKey is the secret key that requests must carry. Empty: any key will do.
	APIKey string
	// WebhookURL is where events go; empty: nobody has subscribed and events are not kept.
	WebhookURL string
	// WebhookSecret signs the events.
	WebhookSecret string
	// AddBankingDays says when a debit of t has had n banking days. Default: weekdays.
	AddBankingDays func(t time.Time, n int) time.Time
	// MOTO says whether the account may mark card payments as phone orders.
	MOTO bool
	// Banks and Cards are numbers that are taken besides the published ones; a canary
	// needs numbers that occur nowhere else.
	Banks []Bank
	Cards []Card
	// Client sends the events. Default: a client with a time-out of ten seconds.
	Client *http.Client
	// Log gets one line a request, without any parameter. Default: discarded.
	Log *slog.Logger
}

// Bank is a bank account that the stand-in takes, and what becomes of its debits: "" (they settle) or
// account_closed, no_account, insufficient_funds. Numbers are digits with their leading zeros.
type Bank struct{ Routing, Account, Outcome string }

// Card is a card as its holder keys it. Month is 1 to 12; Code and PostalCode are not checked. Outcome is
// read in Config only: "" (it is charged) or a decline code (generic_decline, insufficient_funds,
// expired_card …).
type Card struct {
	Number     string
	Month      int
	Year       int // four digits
	Code       string
	PostalCode string
	Outcome    string
}

// Processor is the stand-in; it is an http.Handler. Requests, the methods below and Advance may come from
// many goroutines: one mutex guards all state, and is never held while the product is asked or an answer is
// written.
type Processor struct {
	cfg Config
	log *slog.Logger

	// Held by the one Advance under way, over its deliveries too. It is taken before mu, never after.
	moving sync.Mutex

	mu    sync.Mutex
	state state
	// What is broken now, and how events are delivered. Neither is saved: a restart begins unbroken.
	fault    fault
	delivery Delivery
	// Answers that "slow" holds back.
	held map[*heldAnswer]struct{}
	// When old idempotency keys were last thrown away.
	keysSweptAt time.Time
	// After Close every request breaks off without an answer, held ones too.
	closed bool
}

// state is everything that Save keeps over a restart, written as JSON. No card or bank number is in it.
type state struct {
	// The number in the last identifier that was made, so that none is given twice after a restart.
	Serial  int
	Methods map[string]*method
	// In the order of their making; byID holds the same ones.
	Intents []*intent
	// First answers by idempotency key, for a day.
	Keys map[string]*stored
	// Not yet taken by the product, in the order in which they happened.
	Events []*event

	// Built again by Load.
	byID map[string]*intent
}

// New returns a processor with nothing in it but the published test payment methods. Its address for events
// may come later, by SetWebhook; what happens before has no event.
func New(cfg Config) *Processor {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.AddBankingDays == nil {
		cfg.AddBankingDays = addWeekdays
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{Timeout: 10 * time.Second}
	}
	p := &Processor{
		cfg: cfg, log: cfg.Log, delivery: Normal, fault: fault{word: up},
		held: make(map[*heldAnswer]struct{}),
		state: state{
			Methods: make(map[string]*method),
			Keys:    make(map[string]*stored),
			byID:    make(map[string]*intent),
		},
	}
	p.addPublishedMethods()
	return p
}

// Charge is a PaymentIntent that moved money, or is moving it. Checks compare it with the product's own
// payments: money moves once (design §1).
type Charge struct {
	ID string
	// metadata[reference]: our reference for the attempt.
	Reference string
	Cents     int64
	// card or us_bank_account.
	Method string
	// The payment method's id.
	Token string
	// The PaymentIntent's status now; a debit that bounced is back at requires_payment_method.
	Status string
	// The debit bounced, or the payment is disputed: the money went back.
	Returned bool
	// The bank account is a company's: the debit is of class CCD (E1, entry class).
	Company bool
	// When it was confirmed, by the processor's clock.
	At time.Time
}

// Charges returns what was ever charged or filed, oldest first; bounced and disputed ones too.
func (p *Processor) Charges() []Charge {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Charge
	for _, in := range p.state.Intents {
		if !in.Moved {
			continue
		}
		out = append(out, Charge{
			ID: in.ID, Reference: in.Metadata["reference"], Cents: in.Amount,
			Method: in.Types[0], Token: in.Charged, Status: in.Status,
			Returned: in.Returned, At: in.ConfirmedAt, Company: p.isCompany(in.Charged),
		})
	}
	return out
}

// isCompany says whether a payment method is a company's bank account. The lock is held.
func (p *Processor) isCompany(id string) bool {
	m := p.state.Methods[id]
	return m != nil && m.HolderType == "company"
}

// ChargeCount returns the number of Charges under our reference: more than one is a double charge.
func (p *Processor) ChargeCount(reference string) int {
	n := 0
	for _, c := range p.Charges() {
		if c.Reference == reference {
			n++
		}
	}
	return n
}

// Force puts a PaymentIntent into a status that no request or fault leads to, such as a card payment that is
// still processing. No event is sent and no money moves. An unknown id is an error; the status is not
// checked.
func (p *Processor) Force(id, status string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	in := p.state.byID[id]
	if in == nil {
		return fmt.Errorf("force %s: no such payment intent", status)
	}
	in.Status = status
	return nil
}

// SetWebhook sets the address and secret for events once they are known. Events that wait go to the new
// address.
func (p *Processor) SetWebhook(url, secret string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cfg.WebhookURL, p.cfg.WebhookSecret = url, secret
}

// find returns a PaymentIntent by its id or by our reference, nil when there is none; of several with one
// reference it prefers the one that moved money, then the newest. The lock is held.
func (p *Processor) find(idOrReference string) *intent {
	if in := p.state.byID[idOrReference]; in != nil {
		return in
	}
	var found *intent
	for _, in := range slices.Backward(p.state.Intents) {
		if in.Metadata["reference"] != idOrReference {
			continue
		}
		if in.Moved {
			return in
		}
		if found == nil {
			found = in
		}
	}
	return found
}

// id makes the next identifier: like Stripe's in shape, in order, and never random, so that
// a run can be repeated. The lock is held.
func (p *Processor) id(prefix string) string {
	p.state.Serial++
	return fmt.Sprintf("%s_1Standin%016d", prefix, p.state.Serial)
}

// addWeekdays returns t plus n weekdays, at the same hour; the bank holidays are in Config.AddBankingDays.
func addWeekdays(t time.Time, n int) time.Time {
	for n > 0 {
		t = t.AddDate(0, 0, 1)
		if day := t.Weekday(); day != time.Saturday && day != time.Sunday {
			n--
		}
	}
	return t
}

// lastFour returns a number's last four digits (D1 allows these); a shorter one is masked whole.
func lastFour(number string) string {
	if len(number) < 4 {
		return strings.Repeat("*", len(number))
	}
	return number[len(number)-4:]
}
