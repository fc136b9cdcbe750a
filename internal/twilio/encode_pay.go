package twilio

import (
	"slices"
	"strconv"
	"strings"
)

// encode writes a Pay (twilio.md §1.1). There is no method attribute: a Pay always posts.
func (p Pay) encode(e *encoder) {
	a := e.attrs("Pay")
	if p.Connector == "" {
		a.fail("paymentConnector", "is missing")
	}
	a.text("paymentConnector", p.Connector, nameShape)
	// Always written: the default, a reusable token, would be a lasting credential (twilio.md §2.1).
	a.mustOneOf("tokenType", string(p.TokenType), tokenTypes)
	a.mustOneOf("paymentMethod", string(p.Method), payMethods)
	a.oneOf("bankAccountType", string(p.BankAccountType), bankAccountTypes)
	a.mustVoiceURL("action", p.Action)
	// A Pay insists on https, which other verbs do not.
	if !secureOrLoopback(p.Action) {
		a.fail("action", "must be https")
	}
	a.voiceURL("statusCallback", p.StatusCallback)
	a.number("timeout", p.Timeout, 1, maxSeconds)
	a.number("maxAttempts", p.MaxAttempts, 1, 3)
	a.optBool("securityCode", p.SecurityCode)
	a.optBool("postalCode", p.PostalCode)
	a.number("minPostalCodeLength", p.MinPostalCodeLength, 1, 16)
	a.words("validCardTypes", p.ValidCardTypes, cardTypes)
	a.oneOf("language", p.Language, payLanguages)
	p.check(a)
	e.element(a, func() {
		for _, prompt := range p.Prompts {
			prompt.encode(e)
		}
		for _, parameter := range p.Parameters {
			parameter.encode(e)
		}
	})
}

// check refuses combinations that Twilio would reject or ignore, or fill with its own voice and
// words.
// It does not ask for a Prompt at every step: in English Twilio's own words would do.
func (p Pay) check(a *attrs) {
	steps := bankSteps
	switch p.Method {
	case PayCard:
		steps = cardSteps
		if p.BankAccountType != "" {
			a.fail("bankAccountType", "goes with a bank account only") // 64017
		}
	case PayBank:
		if p.BankAccountType == "" {
			a.fail("bankAccountType", "is missing") // the caller is not asked, and the default is a guess
		}
		if p.SecurityCode.set || p.PostalCode.set || p.MinPostalCodeLength != 0 || len(p.ValidCardTypes) > 0 {
			a.fail("paymentMethod", "takes no card attributes")
		}
	}
	hasProcessing := false
	// The wait while the token is made needs words that fit every attempt and error.
	for _, prompt := range p.Prompts {
		if !steps[string(prompt.For)] {
			a.fail("paymentMethod", "has a Prompt for a field that it does not ask")
		}
		if prompt.For == StepProcessing && len(prompt.ErrorTypes) == 0 && len(prompt.Attempts) == 0 {
			hasProcessing = true
		}
	}
	if !hasProcessing {
		a.fail("Prompt", "for payment-processing is missing: a connector's retries would be silence")
	}
	// Of two parameters with one name the connector would get one, by chance.
	names := map[string]bool{}
	for _, parameter := range p.Parameters {
		if names[parameter.Name] {
			a.fail("Parameter", "stands twice")
		}
		names[parameter.Name] = true
	}
}

// encode writes a Prompt (twilio.md §1.3).
func (p Prompt) encode(e *encoder) {
	a := e.attrs("Prompt")
	a.put("for", string(p.For)) // Pay.check has seen that it is known
	a.attempts(p.Attempts)
	a.words("cardType", p.CardTypes, cardTypes)
	a.words("errorType", p.ErrorTypes, promptErrors)
	a.flag("requireMatchingInputs", p.RequireMatchingInputs)
	if len(p.CardTypes) > 0 && p.For != StepSecurityCode {
		a.fail("cardType", "tells security codes apart, nothing else")
	}
	// Bank numbers are keyed twice by a second prompt with this flag (E10: keyed twice).
	if p.RequireMatchingInputs && p.For != StepRouting && p.For != StepBankAccount {
		a.fail("requireMatchingInputs", "is for bank fields")
	}
	if len(p.Inside) == 0 {
		a.fail("for", "has nothing to say")
	}
	e.element(a, func() { e.utterances("Prompt", p.Inside) })
}

// attempts writes the numbers of the attempts at which a Prompt is heard; without any it is heard
// at each.
func (a *attrs) attempts(attempts []int) {
	if len(attempts) == 0 {
		return
	}
	list := make([]string, len(attempts))
	for i, n := range attempts {
		if n < 1 || n > 10 || slices.Contains(attempts[:i], n) {
			a.fail("attempt", "is out of range or stands twice")
		}
		list[i] = strconv.Itoa(n)
	}
	a.put("attempt", strings.Join(list, " "))
}

// encode writes a Parameter (twilio.md §1.4). Its value goes to the connector's endpoint and into Twilio's
// logs: no secret.
func (p Parameter) encode(e *encoder) {
	a := e.attrs("Parameter")
	if !nameShape.MatchString(p.Name) {
		a.fail("name", "is empty or has odd characters")
	}
	a.put("name", p.Name)
	a.put("value", p.Value)
	e.element(a, nil)
}
