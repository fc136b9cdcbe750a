package twilio

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // X-Twilio-Signature is defined as HMAC-SHA1
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

// Port says what becomes of a port in the URL before it is signed: voice webhooks over https lose it,
// messaging and everything over http keep it (twilio.md §4.5, step 6).
type Port int

// The two treatments that Twilio gives to a port.
const (
	PortKept Port = iota
	PortDropped
)

// Sign returns X-Twilio-Signature for a request to rawURL, as Twilio defines it (twilio.md §4.5). Form is the
// decoded body of a form POST, and nil for a GET or for a body of another kind (whose hash then stands in the
// query). It is written from the definition and the printed vectors, and shares no code with the product that
// checks it.
func Sign(token, rawURL string, form url.Values, port Port) string {
	var text strings.Builder
	text.WriteString(signedURL(rawURL, port))
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		// Of a repeated field each distinct value is signed, in order; twilio-go looks at the first alone.
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) { // an equal value is signed once
			text.WriteString(name)
			text.WriteString(value)
		}
	}
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(text.String()))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signedURL returns the URL without what Twilio cuts (fragment, user and password, sometimes the port) and
// with every other byte as it was configured.
func signedURL(rawURL string, port Port) string {
	rawURL, _, _ = strings.Cut(rawURL, "#")
	scheme, rest, found := strings.Cut(rawURL, "://")
	if !found {
		return rawURL
	}
	host, tail := rest, ""
	// By hand and not by url.Parse, which would decode and write anew: a byte that changes breaks the
	// signature.
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		host, tail = rest[:i], rest[i:]
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if port == PortDropped && scheme == "https" {
		// A colon inside the brackets of an IPv6 address is no port's.
		if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
			host = host[:i]
		}
	}
	return scheme + "://" + host + tail
}
