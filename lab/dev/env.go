package dev

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"duebell/internal/app"
)

// variable is one setting of dev.env, by its name in a shell.
type variable struct{ name, value string }

// variables returns all settings of the contract (design §2), in its order. shift is DUEBELL_CLOCK_SHIFT. Those
// that are not set are listed too, empty, so that a shell that has read an older file loses their old values.
func variables(s app.Settings, now time.Time, shift time.Duration, control string) []variable {
	return []variable{
		{"DUEBELL_HTTP_ADDR", s.HTTPAddr},
		{"DUEBELL_OPS_ADDR", s.OpsAddr},
		{"DUEBELL_PUBLIC_URL", s.PublicURL},
		{"DATABASE_URL", s.DatabaseURL},
		{"REDIS_URL", s.RedisURL},
		{"TWILIO_ACCOUNT_SID", s.TwilioAccountSID},
		{"TWILIO_AUTH_TOKEN", s.TwilioAuthToken},
		{"TWILIO_AUTH_TOKEN_NEXT", s.TwilioAuthTokenNext},
		{"TWILIO_MESSAGING_SERVICE_SID", s.TwilioMessagingServiceSID},
		{"TWILIO_PHONE_NUMBER", s.TwilioPhoneNumber},
		{"TWILIO_PAY_CONNECTOR_CARD", s.TwilioPayConnectorCard},
		{"TWILIO_PAY_CONNECTOR_BANK", s.TwilioPayConnectorBank},
		{"TWILIO_API_URL", s.TwilioAPIURL},
		{"DUEBELL_CONNECTOR_ADDR", s.ConnectorAddr},
		{"DUEBELL_CONNECTOR_USER", s.ConnectorUser},
		{"DUEBELL_CONNECTOR_PASSWORD", s.ConnectorPassword},
		{"STRIPE_API_KEY", s.StripeAPIKey},
		{"STRIPE_WEBHOOK_SECRET", s.StripeWebhookSecret},
		{"STRIPE_API_URL", s.StripeAPIURL},
		{"DUEBELL_POLICY", s.PolicyFile},
		{"DUEBELL_DATA_KEYS", s.DataKeys},
		{"DUEBELL_HASH_KEYS", s.HashKeys},
		{"DUEBELL_NOW", now.Format(time.RFC3339)},
		{"DUEBELL_CLOCK_SHIFT", shift.String()},
		{ControlVariable, control},
	}
}

// ControlVariable names the address at which a dev is told to play a script or to move its clock. The product
// knows no such variable.
const ControlVariable = "DUEBELL_DEV_CONTROL"

// envHead begins dev.env with how to read it.
const envHead = `# What "duebell-lab dev" runs with, for shells: set -a; . .duebell/dev.env
`

// ownMark begins the line that names the settings which dev made up itself. A later dev started in a shell that
// has read the file must not take them for somebody's wish, such as an external stand-in.
const ownMark = "# made up by dev: "

// envFile returns the text of dev.env: what shells read, and in a comment the names of what dev made up itself.
func envFile(list []variable, own []string) []byte {
	var b strings.Builder
	b.WriteString(envHead)
	b.WriteString(ownMark + strings.Join(own, " ") + "\n")
	for _, v := range list {
		fmt.Fprintf(&b, "%s=%s\n", v.name, quote(v.value))
	}
	return []byte(b.String())
}

// quote makes a value safe for a shell, whatever is in it; readEnv needs it on one line.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// unquote takes back what quote did.
func unquote(s string) string {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "'"), "'")
	return strings.ReplaceAll(s, `'\''`, "'")
}

// readEnv reads a dev.env: its settings, and the names of those that dev had made up. It reads what envFile
// writes, not whatever a shell could. A file that is missing is an error (fs.ErrNotExist).
func readEnv(path string) (values map[string]string, own []string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read dev's settings: %w", err)
	}
	values = map[string]string{}
	// Only what envFile writes: one setting a line, in single quotes.
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if names, ok := strings.CutPrefix(line, ownMark); ok {
			own = strings.Fields(names)
			continue
		}
		if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			values[name] = unquote(value)
		}
	}
	return values, own, nil
}

// forgetOwn removes from the options what an earlier dev in this folder had made up and a shell has read from
// its dev.env since: those stand-ins are gone, and that clock is past. A value that differs from the file's was
// set by somebody, and stays.
func forgetOwn(o *Options, path string) {
	values, own, err := readEnv(path)
	if err != nil {
		return // there was none
	}
	for name, field := range map[string]*string{
		"TWILIO_API_URL": &o.Settings.TwilioAPIURL, "STRIPE_API_URL": &o.Settings.StripeAPIURL, "DUEBELL_PUBLIC_URL": &o.Settings.PublicURL,
		"DUEBELL_OPS_ADDR": &o.Settings.OpsAddr, "DUEBELL_CONNECTOR_ADDR": &o.Settings.ConnectorAddr, "DUEBELL_POLICY": &o.Settings.PolicyFile,
		"DUEBELL_NOW": &o.Now,
	} {
		// Three things together: set, equal to what the file says, and marked as made up.
		if *field != "" && *field == values[name] && slices.Contains(own, name) {
			*field = ""
		}
	}
}

// ErrNoDev means that no dev runs, as far as the folder knows. Its text says how to start one.
var ErrNoDev = errors.New("no duebell-lab dev is running here; start one with: duebell-lab dev (in this folder, or name one by " + ControlVariable + ")")

// ControlURL returns the control address of a dev: the one given, or the one in the folder's dev.env; ErrNoDev
// where there is none. An address beyond this machine is refused: what scripts break must not be anybody's
// line. Whether a dev answers there is not asked; a file may be left over from one that was killed.
func ControlURL(given, folder string) (string, error) {
	// The folder's dev.env decides where nobody has named a dev.
	if given == "" {
		values, _, err := readEnv(stateFolder(folder).env())
		if errors.Is(err, fs.ErrNotExist) || err == nil && values[ControlVariable] == "" {
			return "", ErrNoDev
		}
		return values[ControlVariable], err
	}
	u, err := url.Parse(given)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return "", fmt.Errorf("%s is no http address such as http://127.0.0.1:40001; unset it to use the dev of this folder", ControlVariable)
	}
	// localhost by its name, or an address that is one of this machine's own; a name is not looked up.
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", fmt.Errorf("%s names another machine: scripts and clock moves are for a duebell-lab dev on this one; unset it to use the dev of this folder", ControlVariable)
	}
	return strings.TrimSuffix(given, "/"), nil
}
