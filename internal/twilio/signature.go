package twilio

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio signs with HMAC-SHA1; the choice is theirs
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ErrSignature says that a request's signature is missing, or not Twilio's for this URL and body.
// It says no more on purpose: who forges a request learns nothing from the answer.
var ErrSignature = errors.New("twilio: the request's signature is missing or wrong")

const (
	signatureHeader = "X-Twilio-Signature"
	formType        = "application/x-www-form-urlencoded"
)

// Validator checks that a request comes from Twilio (twilio.md §4.5). There is no switch that turns
// it off. A right signature is no protection against a replay: Twilio signs no time, so handlers
// are idempotent.
// It is safe for concurrent use.
type Validator struct {
	tokens    []string
	publicURL string
}

// NewValidator makes a Validator for the public URL that Twilio was given and the account's auth
// tokens: the primary one and, during a rotation, the next one. Empty tokens are ignored; without
// any it fails.
// It makes no difference which of the tokens is the primary one.
func NewValidator(publicURL string, tokens ...string) (*Validator, error) {
	v := &Validator{publicURL: strings.TrimRight(publicURL, "/")}
	for _, t := range tokens {
		if t != "" {
			v.tokens = append(v.tokens, t)
		}
	}
	if len(v.tokens) == 0 {
		return nil, errors.New("twilio: no auth token to check signatures with")
	}
	if u, err := url.Parse(publicURL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.ContainsAny(publicURL, "?#") {
		return nil, errors.New("twilio: the public URL is not an absolute http(s) URL without query and fragment")
	}
	return v, nil
}

// String hides the tokens.
func (v Validator) String() string { return "twilio validator for " + v.publicURL }

// Format hides the tokens from every verb of fmt.
func (v Validator) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(v.String())) }

// Verify returns nil if the signature is Twilio's over the public URL, the request's own path and
// query, and the body, else ErrSignature. The host comes from our configuration and never from the
// request: behind a proxy the request's is another one, and without one it is whatever the sender
// says.
// body is the whole raw body. A form that does not decode is ErrSignature too, since Twilio sends none.
func (v *Validator) Verify(r *http.Request, body []byte) error {
	signatures := r.Header.Values(signatureHeader)
	// Twilio sends exactly one signature.
	// A second header would leave it to chance which one is looked at.
	if len(signatures) != 1 || signatures[0] == "" || !strings.HasPrefix(r.RequestURI, "/") {
		return ErrSignature
	}
	fields, err := signedFields(r, body)
	if err != nil {
		return err
	}
	// Each spelling of the URL under each token: one match suffices. A wrong signature costs a few
	// HMACs.
	for _, signed := range signedURLs(v.publicURL + r.RequestURI) {
		for _, token := range v.tokens {
			if hmac.Equal([]byte(sign(token, signed+fields)), []byte(signatures[0])) {
				return nil
			}
		}
	}
	return ErrSignature
}

// sign returns Twilio's signature of a message under a token.
// Messages are short, so both are hashed anew each time.
func sign(token, message string) string {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(message))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signedFields returns what the signature covers besides the URL: the fields of a form, names
// sorted by bytes, each distinct value after its name, blank ones included. (twilio-go signs only
// the first value of a repeated field, so an unsigned second one would pass.) Any other body is
// covered by a hash in the query, which the signature of the URL covers in turn: without that hash
// the body would be unsigned under a right signature.
func signedFields(r *http.Request, body []byte) (string, error) {
	// A GET has no body to sign; a method that Twilio does not use is refused.
	if r.Method != http.MethodPost {
		if len(body) > 0 || r.Method != http.MethodGet {
			return "", ErrSignature
		}
		return "", nil
	}
	// A POST without any body has nothing that could be unsigned.
	if len(body) == 0 && r.Header.Get("Content-Type") == "" {
		return "", nil
	}
	if !isForm(r) {
		return "", checkBodyHash(r.RequestURI, body)
	}
	form, err := parseForm(body)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range slices.Compact(slices.Sorted(slices.Values(form[name]))) {
			b.WriteString(name)
			b.WriteString(value)
		}
	}
	return b.String(), nil
}

// isForm reports whether a request says that its body is a form; parameters such as charset may follow.
func isForm(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == formType
}

// checkBodyHash compares the body with bodySHA256 of the query.
func checkBodyHash(requestURI string, body []byte) error {
	_, query, _ := strings.Cut(requestURI, "?")
	values, err := parseForm([]byte(query))
	// Two of them would leave it open which hash was meant.
	if err != nil || len(values["bodySHA256"]) != 1 {
		return ErrSignature
	}
	sum := sha256.Sum256(body)
	if !hmac.Equal([]byte(values["bodySHA256"][0]), []byte(hex.EncodeToString(sum[:]))) {
		return ErrSignature
	}
	return nil
}

// parseForm decodes a form. Unlike url.ParseQuery it takes a raw semicolon as an ordinary
// character, as Twilio does: what is signed and what is decoded must not differ.
// Values keep their order and repeats, which the signature needs.
func parseForm(body []byte) (url.Values, error) {
	form := url.Values{}
	for pair := range strings.SplitSeq(string(body), "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, ErrSignature // the decoder's error is dropped: it quotes the value
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, ErrSignature
		}
		form.Add(name, value)
	}
	return form, nil
}

// signedURLs returns the spellings of the URL that Twilio may have signed: it cuts credentials and
// fragment, and for voice over https the port too; its SDKs accept the default port added
// (twilio.md §4.5, §12).
// full is never parsed and written anew: the signature is over the bytes that Twilio was given.
func signedURLs(full string) []string {
	full, _, _ = strings.Cut(full, "#")
	scheme, rest, _ := strings.Cut(full, "://")
	host, path := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	host = host[strings.LastIndexByte(host, '@')+1:]
	// Without the port, and with the scheme's default port: both are tried besides the URL as it is
	// configured.
	bare := host
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') { // an IPv6 host has colons of its own
		bare = host[:i]
	}
	port := ":443"
	if scheme == "http" {
		port = ":80"
	}
	urls := []string{scheme + "://" + host + path}
	for _, other := range []string{bare, bare + port} {
		if other != host {
			urls = append(urls, scheme+"://"+other+path)
		}
	}
	return urls
}
