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

// ConnectorKind is the make of a Pay connector.
type ConnectorKind string

// The connectors that are imitated.
const (
	Stripe  ConnectorKind = "stripe"  // cards; tokens by Config.Tokenize
	Generic ConnectorKind = "generic" // a POST to the operator's own endpoint
)

// Connector is one installed Pay connector. URL, User and Password are the
// Generic one's.
type Connector struct {
	Kind           ConnectorKind
	URL            string
	User, Password string
}

// Card is a card as keyed into Pay. It prints as stars.
type Card struct {
	Number, ExpMonth, ExpYear, Code, PostalCode string
	Type                                        string
}

// String hides the card.
func (Card) String() string { return "card ***" }

// GoString hides the card.
func (Card) GoString() string { return "card ***" }

// ConnectorError is a connector's refusal. Config.Tokenize may return one.
type ConnectorError struct {
	Code         string // the gateway's own
	Message      string
	PayErrorCode int // Twilio's; 64012 if zero
}

// Error returns the gateway's message.
func (e *ConnectorError) Error() string { return "payment connector: " + e.Message }

// asConnectorError returns the refusal in an error, or one that says that the gateway could not be asked.
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

// tokenized is a connector's answer.
type tokenized struct {
	token      string
	parameters map[string]string
}

// tokenize makes a token of what was entered.
func (t *Twilio) tokenize(ctx context.Context, p *paying) (tokenized, error) {
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

// card returns what was keyed.
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

// genericBody is what Twilio posts: no account type and no holder, unless the
// document sent them as parameters.
func (p *paying) genericBody() ([]byte, error) {
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

// askGeneric posts to the operator's endpoint, and again with the same
// transaction_id while no answer comes. The first answer must be given again.
func (t *Twilio) askGeneric(ctx context.Context, p *paying) (tokenized, error) {
	body, err := p.genericBody()
	if err != nil {
		return tokenized{}, err
	}
	repeats := t.webhookMode() != ""
	for range 1 + maxConnectorRepeats {
		answer, err := t.postConnector(ctx, p.connector, body)
		if err != nil {
			if ctx.Err() != nil {
				return tokenized{}, fmt.Errorf("ask connector: %w", ctx.Err())
			}
			continue
		}
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
// transaction_id again.
func (t *Twilio) repeatTokenize(ctx context.Context, p *paying, body []byte, first tokenized, failure error) {
	answer, err := t.postConnector(ctx, p.connector, body)
	if err != nil {
		return // no answer proves nothing
	}
	again, secondFailure := readConnector(answer)
	if again.token != first.token || (failure == nil) != (secondFailure == nil) {
		_ = t.addFault(Fault{FaultUnequalReplies, "", pathOf(p.connector.URL), "a repeated transaction_id got another answer"})
	}
}

// postConnector makes one request to the operator's endpoint and returns the body of the answer.
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

// readConnector reads {"token_id", "error_code", "error_message", "parameters"}.
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
		if _, nested := value.(map[string]any); nested {
			return tokenized{}, malformed
		}
		parameters[name] = fmt.Sprint(value)
	}
	return tokenized{*body.Token, parameters}, nil
}
