// Package twilio is our side of Twilio: it writes TwiML, checks webhook signatures, decodes webhook
// forms, calls the REST API, and puts Twilio's error codes into our words. What Twilio does is
// written down in docs/twilio.md, whose sections the comments name.
//
// It owns every fact about Twilio's formats and their faults, and no other package imports
// twilio-go. It refuses to know what is said or paid: callers hand it finished speech, URLs and
// numbers. It refuses, too, what could go wrong later in the call: TwiML that Twilio would reject
// or ignore does not get out of Encode, the fields of a payment result that nobody may keep do not
// get out of the form decoder, and a REST outcome that is not known is never called a failure.
package twilio

import (
	"errors"
	"net"
	"net/url"
	"strings"
)

// Overrides are the connection overrides that end every voice URL we give to Twilio (twilio.md
// §4.2): ct and rt are the connect and read time-outs in milliseconds, rc the number of retries, rp
// what is retried. Without them Twilio asks once more only when the connection fails; with them a
// turn whose replica was killed is asked for a second time within Twilio's 15 seconds. The fragment
// never reaches us and is not signed.
const Overrides = "#ct=2000&rt=6500&rc=1&rp=ct,rt,5xx"

// VoiceURL returns the URL of a voice webhook as Twilio is to be given it: base is the public URL,
// path begins with a slash, and the connection overrides follow.
// Use it for every address that we give Twilio for a call: number, action, redirect, whisper, fallback.
func VoiceURL(base, path string) string {
	return strings.TrimRight(base, "/") + path + Overrides
}

// checkVoiceURL returns an error unless s is as VoiceURL makes it. A query is refused because a
// voice URL carries a turn or an opaque reference in its path and nothing else: what is in a URL is
// in every access log (D1: no secret in a URL).
// It checks addresses of our own making, so a failure is a mistake in the program or in the public URL.
func checkVoiceURL(s string) error {
	bare, ok := strings.CutSuffix(s, Overrides)
	if !ok {
		return errors.New("lacks the connection overrides")
	}
	u, err := url.Parse(bare)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		return errors.New("is not an absolute http(s) URL")
	// Twilio cuts them before it signs, and they would show in its logs.
	case u.User != nil:
		return errors.New("carries credentials")
	case strings.ContainsAny(bare, "?#"):
		return errors.New("carries more than a path")
	}
	return nil
}

// secureOrLoopback reports whether Twilio would take the URL where it insists on https. A loopback
// address belongs to the stand-in of dev and tests, which takes http.
// A URL that does not parse is not secure.
func secureOrLoopback(s string) bool {
	u, err := url.Parse(s)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
