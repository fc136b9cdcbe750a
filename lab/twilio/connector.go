package twilio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// ConnectorKind is the make of a Pay connector; it decides who makes the token and what result Pay posts.
type ConnectorKind string

// The connectors that are imitated.
const (
	// Cards alone; the token is a PaymentMethod made by Config.Tokenize.
	Stripe ConnectorKind = "stripe"
	// A POST to the operator's own endpoint, for cards or bank accounts.
	Generic ConnectorKind = "generic"
)

// Connector is one installed Pay connector, known by its unique name in Config.Connectors. URL, User and
// Password are the Generic one's: its endpoint and Basic authentication.
type Connector struct {
	Kind           ConnectorKind
	URL            string
	User, Password string
}

// Card is a card as keyed into Pay: ExpMonth and ExpYear have two digits each, Type is one of validCardTypes.
// It prints as stars (D1, secrets stay out of logs).
type Card struct {
	Number, ExpMonth, ExpYear, Code, PostalCode string
	Type                                        string
}

// String hides the card.
func (Card) String() string { return "card ***" }

// GoString hides the card.
func (Card) GoString() string { return "card ***" }

// ConnectorError is a connector's refusal. Config.Tokenize may return one; the product meets its fields in
// Pay's result as ConnectorError, PaymentError and PayErrorCode (twilio.md §1.5).
type ConnectorError struct {
	// The gateway's own word, such as card_declined.
	Code string
	// In English, as PaymentError carries it.
	Message string
	// Twilio's number; 64012 if zero.
	PayErrorCode int
}

// Error returns the gateway's message.
func (e *ConnectorError) Error() string { return "payment connector: " + e.Message }

// asConnectorError returns the refusal in an error, or one that says that the gateway could not be asked.
// 64012 (the gateway rejected the card) is the code where none is given. An error of Config.Tokenize is
// filled in place, so it must be a new one each time.
func asConnectorError(err error) *ConnectorError {
	var failure *ConnectorError
	if !errors.As(err, &failure) {
		failure = &ConnectorError{Code: "unknown", Message: "the gateway could not be asked"}
	}
	if failure.PayErrorCode == 0 {
		failure.PayErrorCode = 64012
	}
	return failure
}

// tokenized is a connector's answer: the token, and the parameters that come back as PayConnector_<name>.
type tokenized struct {
	// What Pay gives as PaymentToken: a credential, so never in a line or a fault.
	token      string
	parameters map[string]string
}

// tokenize makes a token of what was entered, by the Pay's connector. No money moves here: Pay without an
// amount tokenizes only (twilio.md §2). The error is a *ConnectorError, or asConnectorError makes one of it.
func (t *Twilio) tokenize(ctx context.Context, p *paying) (tokenized, error) {
	// The branded connector is a function of ours; the Generic one is the product's own endpoint, over HTTP.
	if p.connector.Kind == Generic {
		return t.askGeneric(ctx, p)
	}
	if t.cfg.Tokenize == nil {
		return tokenized{}, &ConnectorError{Code: "none", Message: "no processor is connected", PayErrorCode: 64005}
	}
	token, err := t.cfg.Tokenize(ctx, p.card())
	if err != nil {
		return tokenized{}, fmt.Errorf("tokenize card: %w", err)
	}
	return tokenized{token: token}, nil
}

// card returns what was keyed. Every step before it is done, so the date has its four digits.
func (p *paying) card() Card {
	date := p.got[stepDate]
	return Card{
		Number: p.got[stepNumber], ExpMonth: date[:2], ExpYear: date[2:],
		Code: p.got[stepCode], PostalCode: p.got[stepPostal], Type: p.cardType,
	}
}

// parameters returns the document's <Parameter> elements by name.
func (p *paying) parameters() map[string]string {
	parameters := map[string]string{}
	for _, kid := range p.node.Elements() {
		if kid.Name == "Parameter" {
			parameters[kid.Attr("name", "")] = kid.Attr("value", "")
		}
	}
	return parameters
}

// genericBody returns what Twilio posts to a Generic connector (twilio.md §2.5): no account type and no
// holder, unless the document sent them as parameters. transaction_id is the Pay's, equal over all repeats.
func (p *paying) genericBody() ([]byte, error) {
	// Flat and without our reference, but for what the document's parameters hold.
	fields := map[string]any{
		"method": "tokenize", "transaction_id": p.sid, "parameters": p.parameters(),
		"description": p.node.Attr("description", ""),
	}
	if p.method == "ach-debit" {
		fields["routingnumber"], fields["bankaccountnumber"] = p.got[stepRouting], p.got[stepAccount]
	} else {
		card := p.card()
		fields["cardnumber"], fields["cvv"], fields["postal_code"] = card.Number, card.Code, card.PostalCode
		fields["expiry_month"], fields["expiry_year"] = card.ExpMonth, card.ExpYear
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("connector body: %w", err)
	}
	return body, nil
}

// maxConnectorRepeats is how often Twilio asks again when no answer came in time.
const maxConnectorRepeats = 5

// askGeneric posts to the operator's endpoint, and again with the same transaction_id while no answer comes.
// The first answer must be given again: a repeat after a lost reply must not make a second token.
func (t *Twilio) askGeneric(ctx context.Context, p *paying) (tokenized, error) {
	body, err := p.genericBody()
	if err != nil {
		return tokenized{}, err
	}
	// A mode that repeats webhooks repeats this request as well; Twilio makes both.
	repeats := t.webhookMode() != ""
	// Each request has its own time-out of ConnectorTimeout, so a dead endpoint costs a minute (twilio.md
	// §2.1, rule 5).
	for range 1 + maxConnectorRepeats {
		answer, err := t.postConnector(ctx, p.connector, body)
		if err != nil {
			if ctx.Err() != nil {
				return tokenized{}, fmt.Errorf("ask connector: %w", ctx.Err())
			}
			continue
		}
		// The endpoint has worked and its answer is lost; the next round asks again under the same
		// transaction_id.
		if t.takeOnce(ModeDropsConnectorOnce) {
			continue
		}
		first, failure := readConnector(answer)
		if repeats {
			t.repeatTokenize(ctx, p, body, first, failure)
		}
		return first, failure
	}
	return tokenized{}, &ConnectorError{Code: "timeout", Message: "the connector did not answer", PayErrorCode: 64012}
}

// repeatTokenize repeats a request that was answered, and demands the first answer: a connector must know a
// transaction_id again. Another token, or success beside a refusal, is a Fault; the call goes on with the
// first.
func (t *Twilio) repeatTokenize(ctx context.Context, p *paying, body []byte, first tokenized, failure error) {
	answer, err := t.postConnector(ctx, p.connector, body)
	if err != nil {
		return // no answer proves nothing
	}
	again, secondFailure := readConnector(answer)
	// Two tokens for one transaction are two credentials for one entry; a success beside a refusal is worse.
	if again.token != first.token || (failure == nil) != (secondFailure == nil) {
		_ = t.addFault(Fault{FaultUnequalReplies, "", pathOf(p.connector.URL), "a repeated transaction_id got another answer"})
	}
}

// postConnector makes one request to the operator's endpoint and returns the body of the answer. The HTTP
// status is not looked at: what counts is whether the body can be read.
func (t *Twilio) postConnector(ctx context.Context, connector Connector, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.ConnectorTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, connector.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask connector: %w", err)
	}
	req.SetBasicAuth(connector.User, connector.Password)
	// The header is not documented; one author's endpoint must not rely on it.
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := t.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask connector: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxDocument))
	if err != nil {
		return nil, fmt.Errorf("read connector's answer: %w", err)
	}
	return answer, nil
}

// readConnector reads {"token_id", "error_code", "error_message", "parameters"}. The key token_id must be
// there also beside an error (twilio.md §2.5); without it, and in every other shape, it is Twilio's
// "malformed response".
func readConnector(answer []byte) (tokenized, error) {
	malformed := &ConnectorError{Code: "malformed", Message: "malformed response", PayErrorCode: 64012}
	var body struct {
		Token      *string        `json:"token_id"`
		Code       any            `json:"error_code"`
		Message    any            `json:"error_message"`
		Parameters map[string]any `json:"parameters"`
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal(answer, &body) != nil || json.Unmarshal(answer, &keys) != nil {
		return tokenized{}, malformed
	}
	if _, present := keys["token_id"]; !present {
		return tokenized{}, malformed
	}
	if body.Code != nil && body.Code != "" {
		return tokenized{}, &ConnectorError{Code: fmt.Sprint(body.Code), Message: fmt.Sprint(body.Message)}
	}
	if body.Token == nil || *body.Token == "" {
		return tokenized{}, malformed
	}
	parameters := map[string]string{}
	for name, value := range body.Parameters {
		// parameters must be flat (twilio.md §1.4); a nested one could not come back as a form field.
		if _, nested := value.(map[string]any); nested {
			return tokenized{}, malformed
		}
		parameters[name] = fmt.Sprint(value)
	}
	return tokenized{*body.Token, parameters}, nil
}
