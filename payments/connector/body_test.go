package connector

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecode(t *testing.T) {
	whole := form{
		method: "tokenize", transaction: "T1", routing: "110000000", account: "000123456789",
		accountType: "savings", holder: "Ann Smith", attempt: "A1",
	}
	tests := map[string]struct {
		body string
		want form
		err  error
	}{
		"whole": {
			`{"method":"tokenize","transaction_id":"T1","bankaccountnumber":"000123456789","routingnumber":"110000000",
			  "description":"x","extra":{"a":[1,{"b":null}]},"parameters":{"account_type":"savings","holder_name":" Ann Smith ","attempt":"A1","more":"x"}}`,
			whole, nil,
		},
		"nulls are absent":         {`{"method":"tokenize","routingnumber":null,"parameters":null}`, form{method: "tokenize"}, nil},
		"empty object":             {`{}`, form{}, nil},
		"card number":              {`{"cardnumber":"1"}`, form{}, errCard},
		"empty card number":        {`{"cardnumber":null}`, form{}, errCard},
		"otherwise written":        {`{"Card_Number":"1"}`, form{}, errCard},
		"escaped":                  {`{"cardnumber":"1"}`, form{}, errCard},
		"security code":            {`{"method":"tokenize","cvv":"1"}`, form{}, errCard},
		"security code, numbered":  {`{"cvv2":"1"}`, form{}, errCard},
		"expiry month":             {`{"expiry_month":"1"}`, form{}, errCard},
		"expiry year":              {`{"expiry_year":"1"}`, form{}, errCard},
		"ZIP of a card":            {`{"postal_code":"1"}`, form{}, errCard},
		"behind the bank's":        {`{"bankaccountnumber":"000123456789","routingnumber":"110000000","cardnumber":"1"}`, form{}, errCard},
		"in the parameters":        {`{"parameters":{"cardnumber":"1"}}`, form{}, errCard},
		"deep inside":              {`{"a":[{"b":{"cvc":"1"}}]}`, form{}, errCard},
		"named twice":              {`{"routingnumber":"110000000","routingnumber":"011000015"}`, form{}, errMalformed},
		"routing number as number": {`{"routingnumber":110000000}`, form{}, errMalformed},
		"holder as list":           {`{"parameters":{"holder_name":["Ann"]}}`, form{}, errMalformed},
		"holder on two lines":      {`{"parameters":{"holder_name":"Ann\nSmith"}}`, form{}, errMalformed},
		"strange attempt":          {`{"parameters":{"attempt":"<b>"}}`, form{}, errMalformed},
		"no object":                {`["tokenize"]`, form{}, errMalformed},
		"two objects":              {`{}{}`, form{}, errMalformed},
		"cut off":                  {`{"method":"tokeni`, form{}, errMalformed},
		"form-encoded":             {`method=tokenize`, form{}, errMalformed},
		"nothing":                  {``, form{}, errMalformed},
		"too deep":                 {`{"a":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`, form{}, errMalformed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := decode(strings.NewReader(tt.body))
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(form{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestCardFieldsStayUnread: decode stops at the name, and the value is still in the reader.
func TestCardFieldsStayUnread(t *testing.T) {
	for _, name := range []string{"cardnumber", "cvv", "expiry_month", "expiry_year", "postal_code"} {
		rest := strings.NewReader(`{"method":"tokenize","` + name + `":"4242424242424242"}`)
		if _, err := decode(rest); !errors.Is(err, errCard) {
			t.Fatalf("%s: %v", name, err)
		}
		unread, err := io.ReadAll(rest)
		if err != nil || !strings.Contains(string(unread), `"4242424242424242"`) {
			t.Errorf("%s: its value was read; left is %d bytes", name, len(unread))
		}
	}
}

// FuzzDecode: a body with the name of a card field anywhere never gives a form, an error gives an
// empty form, and what is given was in the body as text.
func FuzzDecode(f *testing.F) {
	f.Add(`{"method":"tokenize","transaction_id":"T1","bankaccountnumber":"000123456789","routingnumber":"110000000","parameters":{"attempt":"A1"}}`)
	f.Add(`{"a":{"cardnumber":"1"}}`)
	f.Add(`{"a":[1,2,{"b":"c"}],"parameters":null}`)
	f.Add(`{"\u0063vv":"1"}`)
	f.Fuzz(func(t *testing.T, body string) {
		got, err := decode(strings.NewReader(body))
		if err != nil {
			if got != (form{}) {
				t.Fatal("an error left something behind")
			}
			if !errors.Is(err, errCard) && !errors.Is(err, errMalformed) {
				t.Fatalf("a strange error: %T", err)
			}
			return
		}
		var whole map[string]any
		if err := json.Unmarshal([]byte(body), &whole); err != nil {
			t.Fatal("read what is no JSON object")
		}
		if hasCard(whole) {
			t.Fatal("a card field was skipped")
		}
		if want, _ := whole["routingnumber"].(string); got.routing != want {
			t.Fatal("another routing number than in the body")
		}
	})
}

func hasCard(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if cardField(name) || hasCard(inner) {
				return true
			}
		}
	case []any:
		for _, inner := range v {
			if hasCard(inner) {
				return true
			}
		}
	}
	return false
}
