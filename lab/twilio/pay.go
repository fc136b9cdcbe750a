package twilio

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Exhausted is what Pay does when a field never became valid: the docs promise a POST to action in one place
// and that the next verb runs in another (twilio.md §11, fact 2). The product must take either.
type Exhausted string

// The two endings. Empty alternates, beginning with the action.
const (
	ExhaustedAction      Exhausted = "action"
	ExhaustedFallThrough Exhausted = "fallthrough"
)

// The steps of Pay, by the names that Prompt's for uses.
const (
	stepNumber     = "payment-card-number"
	stepDate       = "expiration-date"
	stepCode       = "security-code"
	stepPostal     = "postal-code"
	stepRouting    = "bank-routing-number"
	stepAccount    = "bank-account-number"
	stepProcessing = "payment-processing"
)

// paying is a Pay at work: it asks for its steps in order, each entered once or twice, tried until tries run
// out. It belongs to one call and is guarded by its turn. What is entered stays in here and is gone with it.
type paying struct {
	node *Node
	// credit-card or ach-debit.
	method string
	// The fields that are asked, and the index of the present one.
	steps []string
	at    int
	// Of this step, from 1, and how many there may be.
	attempt int
	tries   int
	// Why the step is asked again, in a Prompt's words; "" the first time.
	err string
	// It is the second entry of the step; first is the first one, which it must equal.
	matching bool
	first    string
	// Digits pressed by Key so far.
	typed string
	// What was entered, by step: in clear, as Twilio has it too.
	got map[string]string
	// One of validCardTypes once the number is in.
	cardType string
	// The last prompt spoken, for AskPay.
	prompt string
	// Which of the two mask shapes this result uses.
	dashed    bool
	connector Connector
	// The transaction_id at a Generic connector: the same over all repeats.
	sid string
}

// step returns the field that is asked now.
func (p *paying) step() string { return p.steps[p.at] }

// startPay checks the set-up and asks for the first field. A connector that cannot do it ends Pay at once,
// with the result that Twilio would post; a missing prompt is a Fault and does not end the call, so one run
// shows all of them.
func (c *Call) startPay(ctx context.Context, n *Node) (asks bool, err error) {
	p := c.newPaying(n)
	c.pay = p
	if code, what := p.refusedBy(c.t.cfg.Connectors); code != 0 {
		_ = c.addFault(FaultPaySetup, "%s (error %d)", what, code)
		form := p.result("payment-connector-error")
		form.Set("PayErrorCode", strconv.Itoa(code))
		form.Set("PaymentError", what)
		return false, c.postPay(ctx, form)
	}
	if missing := p.missingPrompts(); len(missing) > 0 {
		_ = c.addFault(FaultMissingPrompt, "Pay has no Prompt for %s", strings.Join(missing, ", "))
	}
	return c.askField(ctx)
}

// newPaying returns a Pay at its first field. The grammar has checked the attributes, so numbers can be read
// without a look at their errors.
func (c *Call) newPaying(n *Node) *paying {
	p := &paying{node: n, method: n.Attr("paymentMethod", "credit-card"), attempt: 1, got: map[string]string{}, sid: c.t.newSID("PK")}
	p.tries, _ = strconv.Atoi(n.Attr("maxAttempts", "1"))
	// Twilio's table and its prose differ on what maxAttempts counts (twilio.md §1.1).
	if c.t.cfg.PayExtraTry {
		p.tries++
	}
	p.connector = c.t.cfg.Connectors[n.Attr("paymentConnector", "")]
	if p.method == "ach-debit" {
		p.steps = []string{stepRouting, stepAccount}
	} else {
		p.steps = []string{stepNumber, stepDate}
		if n.Attr("securityCode", "true") == "true" {
			p.steps = append(p.steps, stepCode)
		}
		switch postal := n.Attr("postalCode", "true"); postal {
		case "true":
			p.steps = append(p.steps, stepPostal)
		case "false":
		default:
			p.got[stepPostal] = postal // given, not asked
		}
	}
	c.t.mu.Lock()
	// Every second Pay of a run uses the other shape.
	c.t.masks++
	p.dashed = c.t.masks%2 == 0
	c.t.mu.Unlock()
	return p
}

// refusedBy returns what Twilio holds against the connector before anything is asked, with its error code
// (twilio.md §1.7); 0 for nothing. A tokenType that leaves a lasting credential is refused as well: that is
// the project's rule (twilio.md §2.1, rule 2).
func (p *paying) refusedBy(connectors map[string]Connector) (code int, what string) {
	connector, known := connectors[p.node.Attr("paymentConnector", "")]
	tokenType := p.node.Attr("tokenType", "")
	switch {
	case !known:
		return 64004, "the payment connector is unknown"
	case p.method == "ach-debit" && connector.Kind == Stripe:
		return 64013, "the connector does not take bank accounts"
	case connector.Kind == Stripe && tokenType != "payment-method", connector.Kind == Generic && tokenType != "one-time":
		return 64005, "the connector cannot make this tokenType, or makes a lasting one"
	}
	return 0, ""
}

// askField speaks the step's prompt and waits for keys. It asks nothing of a caller who has hung up
// meanwhile.
func (c *Call) askField(ctx context.Context) (asks bool, err error) {
	p := c.pay
	p.typed = ""
	if err := c.speakPrompt(ctx, p.step()); err != nil {
		return false, err
	}
	if c.hungUp.Load() {
		return false, nil
	}
	c.setState(p.ask())
	return true, nil
}

// ask returns the question as State shows it.
func (p *paying) ask() AskPay {
	seconds, _ := strconv.Atoi(p.node.Attr("timeout", "5"))
	return AskPay{
		Timeout: time.Duration(seconds) * time.Second,
		Method:  p.method, Step: p.step(), Attempt: p.attempt, Error: p.err, Matching: p.matching,
		CardType: p.cardType, Prompt: p.prompt, Typed: len(p.typed),
	}
}

// speakPrompt lets the caller hear the document's prompt for a step, or notes that Twilio's own would be heard.
func (c *Call) speakPrompt(ctx context.Context, step string) error {
	p := c.pay
	prompt, _ := p.pick(step)
	if prompt == nil { // already a fault; the caller hears Twilio's own voice
		p.prompt = "[Twilio's own prompt for " + step + "]"
		c.hear(Heard{Text: p.prompt, BargeIn: true, During: duringPay})
		return nil
	}
	before := len(c.Heard())
	for _, kid := range prompt.Elements() {
		if err := c.speak(ctx, kid, duringPay); err != nil {
			return err
		}
	}
	var texts []string
	for _, h := range c.Heard()[before:] {
		texts = append(texts, h.Text)
	}
	p.prompt = strings.Join(texts, " ")
	return nil
}

// payKeys takes keys from the caller; final means that nothing follows and the time-out ends the field. Which
// keys is never written to the transcript.
func (c *Call) payKeys(ctx context.Context, keys string, final bool) error {
	p := c.pay
	// The star ends Pay at any moment, in the middle of a field too (twilio.md §1.1).
	if i := strings.IndexByte(keys, '*'); i >= 0 {
		if i < len(keys)-1 {
			return fmt.Errorf("%w: Pay ends at the star", ErrRefused)
		}
		c.beginAct("presses star")
		return c.endPay(ctx, p.result("caller-interrupted-with-star"))
	}
	typed, complete, err := p.take(keys)
	if err != nil {
		return err
	}
	if !complete && !final {
		p.typed = typed
		c.setState(p.ask())
		return nil
	}
	c.beginAct("keys the %s", p.step())
	return c.goOn(ctx, func() (bool, error) { return c.fieldDone(ctx, typed, complete) })
}

// payTimeout ends the field by silence; digits pressed before it are judged as they stand.
func (c *Call) payTimeout(ctx context.Context) error {
	return c.goOn(ctx, func() (bool, error) { return c.fieldDone(ctx, c.pay.typed, false) })
}

// goOn runs the call after a step of Pay, unless the next field is asked. The step may have ended Pay; then
// the document that answered it is run.
func (c *Call) goOn(ctx context.Context, step func() (asks bool, err error)) error {
	asks, err := step()
	if err != nil || asks {
		return err
	}
	return c.run(ctx)
}

// fieldDone judges an entry and goes to the second entry, the next field, the same field again, or the
// connector. Terminated says that the caller ended the entry, so that an empty one is wrong and not silence.
func (c *Call) fieldDone(ctx context.Context, value string, terminated bool) (asks bool, err error) {
	p := c.pay
	if value == "" && !terminated {
		return c.fieldFailed(ctx, "timeout")
	}
	if wrong := p.judge(value, c.t.cfg.Now()); wrong != "" {
		return c.fieldFailed(ctx, wrong)
	}
	if p.needsMatching() {
		if !p.matching {
			p.matching, p.first, p.err = true, value, ""
			return c.askField(ctx)
		}
		if value != p.first {
			return c.fieldFailed(ctx, "input-matching-failed")
		}
	}
	p.got[p.step()] = value
	if p.step() == stepNumber {
		p.cardType = cardType(value)
	}
	// Before the step counts up: the callback is about the field just entered.
	c.payCallback(ctx, "")
	p.at++
	p.attempt, p.err, p.matching, p.first = 1, "", false, ""
	if p.at < len(p.steps) {
		return c.askField(ctx)
	}
	return false, c.tokenize(ctx)
}

// fieldFailed asks again while tries are left; a mismatch begins the field's two entries anew. Afterwards Pay
// ends in one of the two ways of Exhausted.
func (c *Call) fieldFailed(ctx context.Context, wrong string) (asks bool, err error) {
	p := c.pay
	p.err = wrong
	c.payCallback(ctx, wrong)
	if p.attempt < p.tries {
		p.attempt++
		p.matching, p.first = false, ""
		return c.askField(ctx)
	}
	if c.exhausted() == ExhaustedFallThrough {
		c.line("twilio: Pay ends without a word; the next verb runs")
		c.pay = nil
		return false, nil
	}
	form := p.result("too-many-failed-attempts")
	form.Set("PaymentError", fmt.Sprintf("%s: %s", p.step(), wrong))
	return false, c.postPay(ctx, form)
}

// exhausted returns the ending: the call's own, the configured one, or by turns.
func (c *Call) exhausted() Exhausted {
	if c.options.PayExhausted != "" {
		return c.options.PayExhausted
	}
	if c.t.cfg.PayExhausted != "" {
		return c.t.cfg.PayExhausted
	}
	c.t.mu.Lock()
	defer c.t.mu.Unlock()
	c.t.exhausts++
	if c.t.exhausts%2 == 0 {
		return ExhaustedFallThrough
	}
	return ExhaustedAction
}

// postPay posts a result to the action and makes its answer the document. Pay is over, whatever comes of it.
func (c *Call) postPay(ctx context.Context, form url.Values) error {
	p := c.pay
	c.pay = nil
	c.line("twilio: Pay ends with %s", form.Get("Result"))
	return c.fetch(ctx, p.node.Attr("action", c.url), http.MethodPost, form)
}

// endPay posts a result and runs the answer.
func (c *Call) endPay(ctx context.Context, form url.Values) error {
	if err := c.postPay(ctx, form); err != nil {
		return err
	}
	return c.run(ctx)
}

// payCallback reports a field to Pay's statusCallback, if there is one: not the standard fields, and always
// the parent leg's SID (twilio.md §1.6). Wrong is the field's error, empty for one that was right.
func (c *Call) payCallback(ctx context.Context, wrong string) {
	p := c.pay
	target := p.node.Attr("statusCallback", "")
	if target == "" {
		return
	}
	if wrong == "timeout" {
		wrong = "input-timeout" // the callback's word for Prompt's timeout
	}
	form := url.Values{
		"AccountSid": {c.t.cfg.AccountSID}, "CallSid": {c.SID}, "For": {p.step()}, "PaymentMethod": {p.method},
		"Attempt": {strconv.Itoa(p.attempt)}, "ErrorType": {wrong},
	}
	for name, value := range p.masked() {
		form.Set(name, value)
	}
	c.t.callback(ctx, webhook{url: c.resolve(target), method: p.node.Attr("statusCallbackMethod", http.MethodPost), form: form, port: PortDropped, callSID: c.SID})
}

// needsMatching says whether the step is entered twice: the document says so by a prompt for the second entry
// (E10, routing keyed twice).
func (p *paying) needsMatching() bool {
	return slices.ContainsFunc(p.prompts(p.step()), func(n *Node) bool { return n.Attr("requireMatchingInputs", "false") == "true" })
}
