package app

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"duebell/billing"
	"duebell/internal/policyfile"
	"duebell/internal/seal"
	"duebell/notify"
)

// Settings are the deployment's settings: variables of the environment, and flags of the same names that
// override them. Fields tagged secret have no flag, for anybody on the machine can read a command line; Load
// reads them from the environment or from files.
//
// The tags are kong's; help texts are what --help-settings prints. An empty field is reported only where a
// command needs it.
type Settings struct {
	HTTPAddr  string `name:"http-addr" env:"DUEBELL_HTTP_ADDR" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where webhooks are answered."`
	OpsAddr   string `name:"ops-addr" env:"DUEBELL_OPS_ADDR" default:"127.0.0.1:9090" placeholder:"HOST:PORT" help:"Metrics and pprof; keep it private."`
	PublicURL string `name:"public-url" env:"DUEBELL_PUBLIC_URL" placeholder:"URL" help:"What Twilio calls, scheme and host; signatures are checked against it."`

	DatabaseURL string `kong:"-" secret:"DATABASE_URL" help:"PostgreSQL, as postgres://user:password@host/database."`
	RedisURL    string `kong:"-" secret:"REDIS_URL" help:"Redis, as redis:// or rediss://; several addresses, comma-separated, for a cluster."`

	TwilioAccountSID          string `name:"twilio-account-sid" env:"TWILIO_ACCOUNT_SID" placeholder:"AC…" help:"The account the line runs on."`
	TwilioAuthToken           string `kong:"-" secret:"TWILIO_AUTH_TOKEN" help:"The account's primary auth token; it signs the webhooks."`
	TwilioAuthTokenNext       string `kong:"-" secret:"TWILIO_AUTH_TOKEN_NEXT" help:"The second auth token, during a rotation."`
	TwilioMessagingServiceSID string `name:"twilio-messaging-service-sid" env:"TWILIO_MESSAGING_SERVICE_SID" placeholder:"MG…" help:"Sends the texts; without it the phone number does."`
	TwilioPhoneNumber         string `name:"twilio-phone-number" env:"TWILIO_PHONE_NUMBER" placeholder:"+1…" help:"The line's own number, E.164."`
	TwilioPayConnectorCard    string `name:"twilio-pay-connector-card" env:"TWILIO_PAY_CONNECTOR_CARD" default:"stripe_card" placeholder:"NAME" help:"Name of the Pay connector for cards."`
	TwilioPayConnectorBank    string `name:"twilio-pay-connector-bank" env:"TWILIO_PAY_CONNECTOR_BANK" default:"duebell_bank" placeholder:"NAME" help:"Name of the Pay connector for bank accounts."`
	ReassignedLookups         bool   `name:"reassigned-lookups" env:"DUEBELL_REASSIGNED_LOOKUPS" help:"Ask Twilio every reassigned_check_days whether numbers have changed hands. Needs its approval; each question is billed."`
	TwilioAPIURL              string `name:"twilio-api-url" env:"TWILIO_API_URL" placeholder:"URL" help:"Instead of Twilio's API (a stand-in)."`

	ConnectorAddr     string `name:"connector-addr" env:"DUEBELL_CONNECTOR_ADDR" default:"127.0.0.1:8081" placeholder:"HOST:PORT" help:"Where the bank connector listens."`
	ConnectorUser     string `name:"connector-user" env:"DUEBELL_CONNECTOR_USER" placeholder:"USER" help:"HTTP Basic user that Twilio uses there."`
	ConnectorPassword string `kong:"-" secret:"DUEBELL_CONNECTOR_PASSWORD" help:"HTTP Basic password that Twilio uses at the bank connector."`

	StripeAPIKey        string `kong:"-" secret:"STRIPE_API_KEY" help:"The processor's secret key."`
	StripeWebhookSecret string `kong:"-" secret:"STRIPE_WEBHOOK_SECRET" help:"Signs the processor's events."`
	StripeAPIURL        string `name:"stripe-api-url" env:"STRIPE_API_URL" placeholder:"URL" help:"Instead of Stripe's API (a stand-in)."`

	notify.SendLimits

	ClockShift time.Duration `name:"clock-shift" env:"DUEBELL_CLOCK_SHIFT" placeholder:"DURATION" help:"Added to the machine's clock, so that commands go by the time of a duebell-lab dev; refused unless the public URL is loopback."`

	PolicyFile string `name:"policy" env:"DUEBELL_POLICY" placeholder:"FILE" help:"TOML file with the operator's settings; see 'duebell policy'."`
	DataKeys   string `kong:"-" secret:"DUEBELL_DATA_KEYS" help:"Sealing keys, id:base64(32 bytes), comma-separated, newest first."`
	HashKeys   string `kong:"-" secret:"DUEBELL_HASH_KEYS" help:"Keys of the verification answers, in the same form."`

	// Invalid holds problems that were found before Read, with variables whose values cannot be read.
	Invalid []error `kong:"-"`
}

// Config is the settings after they have been checked, and what they stand for. Data and Hash are filled in
// only if they were asked for; the policy always is.
type Config struct {
	Settings
	Policy billing.Policy
	Data   seal.Keys
	Hash   seal.Keys
	Timing Timing
	// Reminders has the worker plan reminders by its own clock. Scripts and dev plan when their clock moves.
	Reminders bool
}

// Clock returns the domain's clock: the machine's, shifted by ClockShift.
func (c Config) Clock() billing.Clock { return ShiftedClock(c.ClockShift) }

// Need is a group of settings that a role or command cannot do without.
// A command names its needs, so that an operator must set only what it uses.
type Need string

// The groups.
const (
	NeedDatabase  Need = "database"
	NeedRedis     Need = "redis"
	NeedTwilio    Need = "twilio"
	NeedPublic    Need = "public"
	NeedProcessor Need = "processor"
	NeedConnector Need = "connector"
	NeedDataKeys  Need = "data keys"
	NeedHashKeys  Need = "hash keys"
)

// LineNeeds are the settings that the roles serve and work need.
var LineNeeds = []Need{NeedDatabase, NeedRedis, NeedTwilio, NeedPublic, NeedProcessor, NeedDataKeys, NeedHashKeys}

// SettingsError lists everything that is wrong with the settings, so that one start shows all of it.
type SettingsError struct{ Problems []error }

// Error returns one line a problem. No secret's value is in any.
func (e *SettingsError) Error() string {
	lines := []string{"these settings are missing or wrong; nothing was done:"}
	for _, p := range e.Problems {
		lines = append(lines, "  "+p.Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems.
func (e *SettingsError) Unwrap() []error { return e.Problems }

// problems collects what is wrong, each variable once.
type problems struct {
	list  []error
	named map[string]bool
}

// add reports a problem with a variable. Its first problem is enough: the second is mostly a consequence.
func (p *problems) add(name, format string, args ...any) {
	if p.named == nil {
		p.named = map[string]bool{}
	}
	if !p.named[name] {
		p.list = append(p.list, fmt.Errorf(name+" "+format, args...))
	}
	p.named[name] = true
}

// want reports a variable without a value.
func (p *problems) want(value, name, what string) {
	if value == "" {
		p.add(name, "is not set: %s", what)
	}
}

// Read checks the settings for what a role or command needs. The error is a *SettingsError with every problem.
// Secrets must be filled in already; tests and the harness do that.
func (s Settings) Read(needs ...Need) (Config, error) {
	return s.check(needs, &problems{})
}

// Load reads the secrets from the environment or their files, then does what Read does.
func (s Settings) Load(needs ...Need) (Config, error) {
	p := &problems{}
	s.readSecrets(p)
	return s.check(needs, p)
}

// check does the work of Read and Load: needs, then values, then the policy file. The Config it returns with
// an error is what doctor goes on with.
func (s Settings) check(needs []Need, p *problems) (Config, error) {
	c := Config{Settings: s}
	for _, n := range needs {
		switch n {
		case NeedDatabase:
			p.want(s.DatabaseURL, "DATABASE_URL", "the PostgreSQL to use, postgres://…")
		case NeedRedis:
			p.want(s.RedisURL, "REDIS_URL", "the Redis to use, redis://…")
		case NeedTwilio:
			p.want(s.TwilioAccountSID, "TWILIO_ACCOUNT_SID", "the account, AC…")
			p.want(s.TwilioAuthToken, "TWILIO_AUTH_TOKEN", "the account's auth token")
			// One of the two is enough to text; only a number can be called from.
			if s.TwilioMessagingServiceSID == "" {
				p.want(s.TwilioPhoneNumber, "TWILIO_PHONE_NUMBER", "it, or TWILIO_MESSAGING_SERVICE_SID, sends the texts")
			}
		case NeedPublic:
			p.want(s.PublicURL, "DUEBELL_PUBLIC_URL", "what Twilio calls, as https://pay.example.org")
		case NeedProcessor:
			p.want(s.StripeAPIKey, "STRIPE_API_KEY", "the processor's secret key")
		case NeedConnector:
			p.want(s.ConnectorUser, "DUEBELL_CONNECTOR_USER", "the user that Twilio's Pay connector is given")
			p.want(s.ConnectorPassword, "DUEBELL_CONNECTOR_PASSWORD", "the password that Twilio's Pay connector is given")
		case NeedDataKeys:
			c.Data = readKeys(s.DataKeys, "DUEBELL_DATA_KEYS", p)
		case NeedHashKeys:
			c.Hash = readKeys(s.HashKeys, "DUEBELL_HASH_KEYS", p)
		}
	}
	s.checkValues(p)
	// The policy is read for every command, because most of what a command says depends on its time zone.
	policy, err := policyfile.Load(s.PolicyFile)
	if err != nil {
		p.add("DUEBELL_POLICY", "cannot be used: %w", err)
	}
	c.Policy = policy
	if list := append(s.Invalid, p.list...); len(list) > 0 {
		return c, &SettingsError{list}
	}
	return c, nil
}

// checkValues looks at the settings that are set, whoever needs them.
func (s Settings) checkValues(p *problems) {
	for _, a := range []struct{ name, address string }{
		{"DUEBELL_PUBLIC_URL", s.PublicURL}, {"TWILIO_API_URL", s.TwilioAPIURL}, {"STRIPE_API_URL", s.StripeAPIURL},
	} {
		if u, err := url.Parse(a.address); a.address != "" && (err != nil || u.Host == "" || !strings.HasPrefix(u.Scheme, "http")) {
			p.add(a.name, "is not an http or https address")
		}
	}
	// A shifted clock on a real line would charge, text and grade payments at the wrong time.
	if s.ClockShift != 0 && !loopback(s.PublicURL) {
		p.add("DUEBELL_CLOCK_SHIFT", "is set, and DUEBELL_PUBLIC_URL is not on loopback: a line that people call goes by the machine's clock; unset the shift")
	}
	for _, problem := range s.SendLimits.Problems() {
		p.list = append(p.list, errors.New(problem))
	}
}

// loopback reports whether an address is on this machine.
// A name other than localhost is not resolved: what it means can change.
func loopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	if u.Hostname() == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback()
}

// readKeys returns the keys of a variable; an empty one is a problem too. Key ids show in the database, keys
// nowhere.
func readKeys(value, name string, p *problems) seal.Keys {
	keys, err := seal.ParseKeys(value)
	if err != nil {
		p.add(name, "cannot be used: %w (make a key with: openssl rand -base64 32)", err)
	}
	return keys
}
