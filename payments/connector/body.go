package connector

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode"
)

// form is what the connector takes from a request; everything else in it is skipped. It lives for one
// request, in memory.
type form struct {
	method, transaction string
	routing, account    string
	accountType, holder string
	attempt             string
}

var (
	errCard      = errors.New("connector: the body holds a card field")
	errMalformed = errors.New("connector: the body cannot be read")
)

// maxDepth bounds how deep a value that we skip may be nested. Twilio's own bodies are two deep.
const maxDepth = 8

// decode reads the body member by member and returns its form. At the first name of a card field it stops
// with errCard: the value after it is not read, and nothing read before is kept. Values of names that mean
// nothing to us are skipped. Any other fault is errMalformed. Errors never hold any part of the body.
// json.Unmarshal would not do: it reads the whole body first, takes the last of two equal names, and matches
// names in any case.
func decode(body io.Reader) (form, error) {
	d := json.NewDecoder(oneByteReader{body}) // a buffered reader would hold the card number before its name was seen
	d.UseNumber()
	var f form
	err := readObject(d, 0, func(name string) (*string, bool) {
		switch name {
		case "method":
			return &f.method, false
		case "transaction_id":
			return &f.transaction, false
		case "routingnumber":
			return &f.routing, false
		case "bankaccountnumber":
			return &f.account, false
		}
		return nil, name == "parameters"
	}, func(name string) *string {
		switch name {
		case "account_type":
			return &f.accountType
		case "holder_name":
			return &f.holder
		case "attempt":
			return &f.attempt
		}
		return nil
	})
	if err != nil {
		return form{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return form{}, errMalformed // something follows the object
	}
	f.holder = strings.TrimSpace(f.holder)
	if strings.ContainsFunc(f.holder, unicode.IsControl) || !validAttemptReference(f.attempt) {
		return form{}, errMalformed
	}
	return f, nil
}

// readObject reads the members of the next value, which must be an object. field returns where a member's
// text goes, or true for the member that holds the parameters; parameter returns where a parameter's text
// goes. nil means skip. Names are compared as they stand, and each may come once.
func readObject(d *json.Decoder, depth int, field func(string) (*string, bool), parameter func(string) *string) error {
	t, err := d.Token()
	if err == nil && t == nil && depth > 0 {
		return nil // parameters: null
	}
	if err != nil || t != json.Delim('{') {
		return errMalformed
	}
	seen := make(map[string]bool)
	for d.More() {
		name, err := memberName(d)
		if err != nil {
			return err
		}
		if seen[name] {
			return errMalformed // of two values nobody knows which is meant
		}
		seen[name] = true
		into, parameters := field(name)
		switch {
		case parameters:
			err = readObject(d, depth+1, func(n string) (*string, bool) { return parameter(n), false }, nil)
		case into != nil:
			err = readString(d, into)
		default:
			err = skipValue(d, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return readClosing(d)
}

// memberName reads the next member's name, or fails with errCard if it is a card field's.
func memberName(d *json.Decoder) (string, error) {
	t, err := d.Token()
	name, ok := t.(string)
	if err != nil || !ok {
		return "", errMalformed
	}
	if cardField(name) {
		return "", errCard
	}
	return name, nil
}

// readString reads a string. Numbers are refused, because they have lost their leading zeros (E11: leading
// zeros kept). null counts as absent. What into held before is overwritten, but each name comes only once.
func readString(d *json.Decoder, into *string) error {
	t, err := d.Token()
	if err != nil {
		return errMalformed
	}
	switch v := t.(type) {
	case string:
		*into = v
		return nil
	case nil:
		return nil
	}
	return errMalformed
}

// skipValue reads over a value of any kind, checking the names inside. The names inside are checked too, so a
// card cannot hide in a nested object.
func skipValue(d *json.Decoder, depth int) error {
	if depth > maxDepth {
		return errMalformed
	}
	t, err := d.Token()
	if err != nil {
		return errMalformed
	}
	switch t {
	case json.Delim('{'):
		for d.More() {
			if _, err := memberName(d); err != nil {
				return err
			}
			if err := skipValue(d, depth+1); err != nil {
				return err
			}
		}
		return readClosing(d)
	case json.Delim('['):
		for d.More() {
			if err := skipValue(d, depth+1); err != nil {
				return err
			}
		}
		return readClosing(d)
	}
	return nil
}

// readClosing reads the end of an object or list.
func readClosing(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return errMalformed
	}
	return nil
}

// cardNames are names of card fields, letters only; every name with "card" in it is one too.
var cardNames = map[string]bool{
	"pan": true, "cvv": true, "cvc": true, "csc": true, "cvn": true, "cid": true, "securitycode": true,
	"exp": true, "expmonth": true, "expyear": true, "expdate": true, "expiry": true, "expirymonth": true,
	"expiryyear": true, "expirydate": true, "expiration": true, "expirationmonth": true,
	"expirationyear": true, "expirationdate": true, "postalcode": true, "zip": true, "zipcode": true,
}

// cardField reports whether a name is that of a card field, however it is written (Card_Number, cvv2). A
// bank's request that happens to hold such a name is refused too: that costs a payment, the other way would
// cost our PCI scope. Digits and marks in the name do not count.
func cardField(name string) bool {
	plain := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
	return cardNames[plain] || strings.Contains(plain, "card")
}

// validTransactionID reports whether s can be a transaction_id: it becomes the processor's
// idempotency key.
func validTransactionID(s string) bool {
	return s != "" && len(s) <= 200 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// validAttemptReference reports whether s can be the opaque reference that we sent out ourselves;
// empty can.
func validAttemptReference(s string) bool {
	return len(s) <= 100 && !strings.ContainsFunc(s, func(r rune) bool {
		return r > unicode.MaxASCII || (!unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_')
	})
}

// oneByteReader gives the decoder one byte at a time, so that it holds nothing beyond the name at
// which it stops.
type oneByteReader struct{ r io.Reader }

func (s oneByteReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return s.r.Read(p[:1])
}
