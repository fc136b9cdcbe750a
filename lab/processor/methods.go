package processor

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	card   = "card"
	usBank = "us_bank_account"
)

// method is a payment method. No number is kept, only what will come of it. Guarded by Processor.mu.
type method struct {
	ID   string
	Type string
	// The card's; empty for a bank account.
	Brand string
	Last4 string
	// The account holder's name, which a bank account must have (twilio.md §13.1).
	Holder string
	// individual or company; empty for a card.
	HolderType string
	// checking or savings; empty for a card.
	Account string
	// Why a charge fails, "" where it does not: a decline code, or a word of bankCodes.
	Outcome string
	// One of Stripe's own test methods: may be used again and again.
	Published bool
	// A PaymentIntent was confirmed with it. Without a customer that is possible once.
	Used    bool
	Created time.Time
}

// methodView is a payment method as the API shows it.
type methodView struct {
	ID       string         `json:"id"`
	Object   string         `json:"object"`
	Type     string         `json:"type"`
	Created  int64          `json:"created"`
	Customer *string        `json:"customer"`
	Livemode bool           `json:"livemode"`
	Billing  map[string]any `json:"billing_details"`
	Metadata map[string]any `json:"metadata"`
	Card     map[string]any `json:"card,omitempty"`
	Bank     map[string]any `json:"us_bank_account,omitempty"`
}

// publishedCards are card numbers of Stripe's test mode and what they do ("" = they are charged); see
// docs.stripe.com/testing.
var publishedCards = map[string]string{
	"4242424242424242": "",
	"4000056655665556": "",
	"4111111111111111": "",
	"5555555555554444": "",
	"378282246310005":  "",
	"6011111111111117": "",
	"3056930009020004": "",
	"3566002020360505": "",
	"6200000000000005": "",
	"4000000000000002": "generic_decline",
	"4000000000009995": "insufficient_funds",
	"4000000000009987": "lost_card",
	"4000000000009979": "stolen_card",
	"4000000000000069": "expired_card",
	"4000000000000127": "incorrect_cvc",
	"4000000000000119": "processing_error",
	"4000002760003184": "authentication_required",
}

// testRouting is the routing number of Stripe's test bank (twilio.md §13.3).
const testRouting = "110000000"

// publishedBanks are account numbers at testRouting and what becomes of their debits ("" = they settle).
var publishedBanks = map[string]string{
	"000123456789": "",
	"000111111113": "account_closed",
	"000111111116": "no_account",
	"000222222227": "insufficient_funds",
}

// addPublishedMethods puts Stripe's ready-made test methods in place, replacing those of the same id. The
// lock is held, or nobody else knows the processor yet.
func (p *Processor) addPublishedMethods() {
	ready := []method{
		{ID: "pm_card_visa", Brand: "visa", Last4: "4242"},
		{ID: "pm_card_mastercard", Brand: "mastercard", Last4: "4444"},
		{ID: "pm_card_amex", Brand: "amex", Last4: "0005"},
		{ID: "pm_card_discover", Brand: "discover", Last4: "1117"},
		{ID: "pm_card_visa_chargeDeclined", Brand: "visa", Last4: "0002", Outcome: "generic_decline"},
		{ID: "pm_card_visa_chargeDeclinedInsufficientFunds", Brand: "visa", Last4: "9995", Outcome: "insufficient_funds"},
		{ID: "pm_card_chargeDeclinedExpiredCard", Brand: "visa", Last4: "0069", Outcome: "expired_card"},
		{ID: "pm_card_chargeDeclinedIncorrectCvc", Brand: "visa", Last4: "0127", Outcome: "incorrect_cvc"},
		{ID: "pm_card_chargeDeclinedProcessingError", Brand: "visa", Last4: "0119", Outcome: "processing_error"},
		{ID: "pm_card_authenticationRequired", Brand: "visa", Last4: "3184", Outcome: "authentication_required"},
		{ID: "pm_usBankAccount_success", Last4: "6789"},
		{ID: "pm_usBankAccount_accountClosed", Last4: "1113", Outcome: "account_closed"},
		{ID: "pm_usBankAccount_noAccount", Last4: "1116", Outcome: "no_account"},
		{ID: "pm_usBankAccount_insufficientFunds", Last4: "2227", Outcome: "insufficient_funds"},
	}
	// A published id without a brand is a bank account's. Pointers to the loop's own copy: one for each
	// method.
	for _, m := range ready {
		m.Type, m.Published = card, true
		if m.Brand == "" {
			m.Type, m.Account, m.HolderType, m.Holder = usBank, "checking", "individual", "Jenny Rosen"
		}
		p.state.Methods[m.ID] = &m
	}
}

// createMethod makes a payment method of a card or a bank account, and forgets the numbers. Whether a charge
// of it will fail is decided here and told later, as at Stripe. The lock is held.
func (p *Processor) createMethod(q params, now time.Time) (any, *apiError) {
	var m method
	var fault *apiError
	switch q["type"] {
	case card:
		m, fault = p.readCard(q, now)
	case usBank:
		m, fault = p.readBank(q)
	default:
		return nil, invalid("", "type", "Invalid type: must be one of card or us_bank_account.")
	}
	if fault != nil {
		return nil, fault
	}
	// Only now an id: a request that is refused uses no number up.
	m.ID, m.Type, m.Created, m.Holder = p.id("pm"), q["type"], now, q["billing_details[name]"]
	p.state.Methods[m.ID] = &m
	return m.view(), nil
}

// getMethod shows one. The lock is held.
func (p *Processor) getMethod(id string) (any, *apiError) {
	m := p.state.Methods[id]
	if m == nil {
		return nil, noSuch("PaymentMethod", "payment_method")
	}
	return m.view(), nil
}

// readCard checks a card as Stripe does in test mode: published numbers, and those of Config, only. Now
// decides whether it has expired. The code is not checked.
func (p *Processor) readCard(q params, now time.Time) (method, *apiError) {
	for _, name := range []string{"card[number]", "card[exp_month]", "card[exp_year]"} {
		if q[name] == "" {
			return method{}, missing(name)
		}
	}
	number := q["card[number]"]
	// Number, month and year first, and only then whether it is a test number.
	if !digitsOnly(number) || len(number) < 13 || len(number) > 19 || !luhn(number) {
		return method{}, cardRefused("incorrect_number", "card[number]", "Your card number is incorrect.")
	}
	month, err := strconv.Atoi(q["card[exp_month]"])
	if err != nil || month < 1 || month > 12 {
		return method{}, cardRefused("invalid_expiry_month", "card[exp_month]", "Your card's expiration month is invalid.")
	}
	// A card is good to the end of its month, by UTC's calendar or whatever zone Now has.
	year, err := strconv.Atoi(q["card[exp_year]"])
	if err != nil || year < now.Year() || year > now.Year()+50 || (year == now.Year() && month < int(now.Month())) {
		return method{}, cardRefused("invalid_expiry_year", "card[exp_year]", "Your card's expiration year is invalid.")
	}
	// Config's numbers win over the published ones, so that a test may change what a card does.
	outcome, known := publishedCards[number]
	for _, c := range p.cfg.Cards {
		if c.Number == number {
			outcome, known = c.Outcome, true
		}
	}
	if !known {
		// A number from real life stops here, so it cannot get into the stand-in's state.
		e := cardRefused("card_declined", "", "Your card was declined. Your request was in test mode, but used a non test card.")
		e.DeclineCode = "test_mode_live_card"
		return method{}, e
	}
	return method{Brand: brand(number), Last4: lastFour(number), Outcome: outcome}, nil
}

// readBank checks a bank account as Stripe does in test mode: published numbers, and those of Config, only.
// Without a type it is checking, without a holder type an individual's.
func (p *Processor) readBank(q params) (method, *apiError) {
	for _, name := range []string{"us_bank_account[routing_number]", "us_bank_account[account_number]", "billing_details[name]"} {
		if q[name] == "" {
			return method{}, missing(name)
		}
	}
	// The routing number's check digit is not looked at here: the product and Pay do (E10, routing checks).
	routing, number := q["us_bank_account[routing_number]"], q["us_bank_account[account_number]"]
	if len(routing) != 9 || !digitsOnly(routing) {
		return method{}, invalid("routing_number_invalid", "us_bank_account[routing_number]", "The routing number is not correct.")
	}
	if len(number) < 4 || len(number) > 17 || !digitsOnly(number) {
		return method{}, invalid("account_number_invalid", "us_bank_account[account_number]", "The account number is not correct.")
	}
	kind, holder := q["us_bank_account[account_type]"], q["us_bank_account[account_holder_type]"]
	if kind != "" && kind != "checking" && kind != "savings" {
		return method{}, invalid("", "us_bank_account[account_type]", "Invalid account_type: must be one of checking or savings.")
	}
	if holder != "" && holder != "individual" && holder != "company" {
		return method{}, invalid("", "us_bank_account[account_holder_type]", "Invalid account_holder_type: must be one of individual or company.")
	}
	outcome, known := publishedBanks[number]
	// The account numbers mean something at the test bank alone.
	known = known && routing == testRouting
	for _, b := range p.cfg.Banks {
		if b.Routing == routing && b.Account == number {
			outcome, known = b.Outcome, true
		}
	}
	if !known {
		return method{}, invalid("payment_method_invalid_parameter_testmode", "us_bank_account[account_number]",
			"You must use a test bank account number in test mode.")
	}
	if kind == "" {
		kind = "checking"
	}
	if holder == "" {
		holder = "individual"
	}
	return method{Last4: lastFour(number), Account: kind, HolderType: holder, Outcome: outcome}, nil
}

// ErrNoAnswer is Tokenize's while the processor is down.
var ErrNoAnswer = errors.New("processor: no answer")

// Tokenize makes a card's payment method as Stripe does for another company's capture page (the phone
// company's connector): outside this API, without our key. It returns ErrNoAnswer while the processor is
// down, and an error with Stripe's code for a card that it refuses. No money moves.
func (p *Processor) Tokenize(c Card) (token string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// The card itself is kept from the error: it would end in a log.
	if p.faultApplies(down) || p.faultApplies(fiveHundreds) {
		return "", ErrNoAnswer
	}
	// No name and no ZIP: nothing here checks either.
	q := params{
		"type": card, "card[number]": c.Number, "card[exp_month]": strconv.Itoa(c.Month),
		"card[exp_year]": strconv.Itoa(c.Year), "card[cvc]": c.Code,
	}
	made, fault := p.createMethod(q, p.cfg.Now())
	if fault != nil {
		return "", errors.New("processor: card refused: " + fault.Code)
	}
	return made.(methodView).ID, nil
}

// view returns a payment method as the API shows it, with the last four digits and no others.
func (m *method) view() methodView {
	v := methodView{
		ID: m.ID, Object: "payment_method", Type: m.Type, Created: m.Created.Unix(),
		// null where none was given, as Stripe shows it.
		Billing: map[string]any{"name": nil}, Metadata: map[string]any{},
	}
	if m.Holder != "" {
		v.Billing["name"] = m.Holder
	}
	if m.Type == card {
		v.Card = map[string]any{"brand": m.Brand, "last4": m.Last4, "country": "US", "funding": "credit"}
		return v
	}
	v.Bank = map[string]any{
		"account_holder_type": m.HolderType, "account_type": m.Account,
		"bank_name": "STRIPE TEST BANK", "last4": m.Last4,
	}
	return v
}

// cardRefused returns the error of a card that cannot be one, or that this mode does not take.
func cardRefused(code, param, message string) *apiError {
	return &apiError{status: 402, Type: cardError, Code: code, Param: param, Message: message}
}

// brand returns a card's brand by its first digits, in Stripe's words; "unknown" for none of them.
func brand(number string) string {
	prefixes := []struct{ prefix, brand string }{
		{"34", "amex"}, {"37", "amex"}, {"30", "diners"}, {"35", "jcb"},
		{"4", "visa"}, {"5", "mastercard"}, {"60", "discover"}, {"65", "discover"}, {"62", "unionpay"},
	}
	i := slices.IndexFunc(prefixes, func(e struct{ prefix, brand string }) bool { return strings.HasPrefix(number, e.prefix) })
	if i < 0 {
		return "unknown"
	}
	return prefixes[i].brand
}

// digitsOnly says whether a text is digits and not empty.
func digitsOnly(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// luhn says whether a card number's check digit is right (ISO/IEC 7812-1). Number is digits.
func luhn(number string) bool {
	sum := 0
	for i := range len(number) {
		d := int(number[len(number)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
