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
	"duebell/payments"
)

// Settings are the environment, and the flags of the same names that override it.
type Settings struct {
	HTTPAddr  string `name:"http-addr" env:"DUEBELL_HTTP_ADDR" default:"127.0.0.1:8080" help:"Where webhooks are answered."`
	OpsAddr   string `name:"ops-addr" env:"DUEBELL_OPS_ADDR" default:"127.0.0.1:9090" help:"Metrics and pprof; keep it private."`
	PublicURL string `name:"public-url" env:"DUEBELL_PUBLIC_URL" help:"What Twilio calls, scheme and host; signatures are checked against it."`

	DatabaseURL string `name:"database-url" env:"DATABASE_URL" help:"PostgreSQL, as postgres://user:password@host/database."`
	RedisURL    string `name:"redis-url" env:"REDIS_URL" help:"redis:// or rediss://; several addresses, comma-separated, for a cluster."`

	TwilioAccountSID          string `name:"twilio-account-sid" env:"TWILIO_ACCOUNT_SID" help:"The account the line runs on."`
	TwilioAuthToken           string `name:"twilio-auth-token" env:"TWILIO_AUTH_TOKEN" help:"Its primary auth token: it signs the webhooks."`
	TwilioAuthTokenNext       string `name:"twilio-auth-token-next" env:"TWILIO_AUTH_TOKEN_NEXT" help:"Second token during a rotation."`
	TwilioMessagingServiceSID string `name:"twilio-messaging-service-sid" env:"TWILIO_MESSAGING_SERVICE_SID" help:"Sends the texts; without it the phone number does."`
	TwilioPhoneNumber         string `name:"twilio-phone-number" env:"TWILIO_PHONE_NUMBER" help:"The line's own number, E.164."`
	TwilioPayConnectorCard    string `name:"twilio-pay-connector-card" env:"TWILIO_PAY_CONNECTOR_CARD" default:"stripe_card" help:"Name of the Pay connector for cards."`
	TwilioPayConnectorBank    string `name:"twilio-pay-connector-bank" env:"TWILIO_PAY_CONNECTOR_BANK" default:"duebell_bank" help:"Name of the Pay connector for bank accounts."`
	ReassignedLookups         bool   `name:"reassigned-lookups" env:"DUEBELL_REASSIGNED_LOOKUPS" help:"Ask Twilio every reassigned_check_days whether numbers have changed hands. Needs its approval; each question is billed."`
	TwilioAPIURL              string `name:"twilio-api-url" env:"TWILIO_API_URL" help:"Instead of Twilio's API (a stand-in)."`

	ConnectorAddr     string `name:"connector-addr" env:"DUEBELL_CONNECTOR_ADDR" default:"127.0.0.1:8081" help:"Where the bank connector listens."`
	ConnectorUser     string `name:"connector-user" env:"DUEBELL_CONNECTOR_USER" help:"HTTP Basic user that Twilio uses there."`
	ConnectorPassword string `name:"connector-password" env:"DUEBELL_CONNECTOR_PASSWORD" help:"And its password."`

	StripeAPIKey        string `name:"stripe-api-key" env:"STRIPE_API_KEY" help:"The processor's secret key."`
	StripeWebhookSecret string `name:"stripe-webhook-secret" env:"STRIPE_WEBHOOK_SECRET" help:"Signs the processor's events."`
	StripeAPIURL        string `name:"stripe-api-url" env:"STRIPE_API_URL" help:"Instead of Stripe's API (a stand-in)."`

	notify.SendLimits

	ClockShift time.Duration `name:"clock-shift" env:"DUEBELL_CLOCK_SHIFT" help:"Added to the machine's clock, so that commands go by the time of a duebell-lab dev; refused unless the public URL is loopback."`

	PolicyFile string `name:"policy" env:"DUEBELL_POLICY" help:"TOML file with the operator's settings; see 'duebell policy'."`
	DataKeys   string `name:"data-keys" env:"DUEBELL_DATA_KEYS" help:"Sealing keys, id:base64(32 bytes), comma-separated, newest first."`
	HashKeys   string `name:"hash-keys" env:"DUEBELL_HASH_KEYS" help:"Keys of the verification answers, in the same form."`
}

// Config is what the settings mean, checked.
type Config struct {
	Settings
	Policy billing.Policy
	Data   seal.Keys
	Hash   seal.Keys
	Timing Timing
	// Reminders has the worker plan them by its own time. Scripts and dev plan when their clock moves.
	Reminders bool
}

// Clock is the domain's clock: the machine's, shifted where the settings say so.
func (c Config) Clock() payments.Clock { return ShiftedClock(c.ClockShift) }

// Timing is machine time; scripts run with shorter times than the line does. Zero values get the line's own.
type Timing struct {
	Lease, Wait, Budget, FailureDelay time.Duration // one turn
	HoldWait                          time.Duration // how long one hold turn waits for an outcome
	Tick                              time.Duration // between two runs of the planners and sweepers
	Gateway                           time.Duration // one request to the processor
	Text                              time.Duration // how long a courier may hold a text
	FetchCooldown                     time.Duration // between two fetches of jobs
}

func (t Timing) withDefaults(p billing.Policy) Timing {
	budget := p.TurnBudgetSeconds.Duration() - 200*time.Millisecond // V7: the way to the caller takes a moment too
	def := Timing{
		Lease: 6 * time.Second, Wait: budget - 300*time.Millisecond, Budget: budget, FailureDelay: 400 * time.Millisecond,
		HoldWait: 4 * time.Second, Tick: 5 * time.Second, Gateway: 20 * time.Second, Text: time.Minute, FetchCooldown: 20 * time.Millisecond,
	}
	pick := func(v, d time.Duration) time.Duration {
		if v == 0 {
			return d
		}
		return v
	}
	return Timing{
		Lease: pick(t.Lease, def.Lease), Wait: pick(t.Wait, def.Wait), Budget: pick(t.Budget, def.Budget),
		FailureDelay: pick(t.FailureDelay, def.FailureDelay), HoldWait: pick(t.HoldWait, def.HoldWait), Tick: pick(t.Tick, def.Tick),
		Gateway: pick(t.Gateway, def.Gateway), Text: pick(t.Text, def.Text), FetchCooldown: pick(t.FetchCooldown, def.FetchCooldown),
	}
}

// Need is a group of settings that a role cannot do without.
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

// Read checks the settings for what a role needs and reports every problem at once.
func (s Settings) Read(needs ...Need) (Config, error) {
	c := Config{Settings: s}
	var problems []error
	fail := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	want := func(value, name, what string) {
		if value == "" {
			fail("%s is not set: %s", name, what)
		}
	}
	for _, n := range needs {
		switch n {
		case NeedDatabase:
			want(s.DatabaseURL, "DATABASE_URL", "the PostgreSQL to use, postgres://…")
		case NeedRedis:
			want(s.RedisURL, "REDIS_URL", "the Redis to use, redis://…")
		case NeedTwilio:
			want(s.TwilioAccountSID, "TWILIO_ACCOUNT_SID", "the account, AC…")
			want(s.TwilioAuthToken, "TWILIO_AUTH_TOKEN", "the account's auth token")
			if s.TwilioMessagingServiceSID == "" && s.TwilioPhoneNumber == "" {
				fail("neither TWILIO_MESSAGING_SERVICE_SID nor TWILIO_PHONE_NUMBER is set: one of them sends the texts")
			}
		case NeedPublic:
			want(s.PublicURL, "DUEBELL_PUBLIC_URL", "what Twilio calls, as https://pay.example.org")
		case NeedProcessor:
			want(s.StripeAPIKey, "STRIPE_API_KEY", "the processor's secret key")
		case NeedConnector:
			want(s.ConnectorUser, "DUEBELL_CONNECTOR_USER", "the user that Twilio's Pay connector is given")
			want(s.ConnectorPassword, "DUEBELL_CONNECTOR_PASSWORD", "and its password")
		case NeedDataKeys:
			c.Data = readKeys(s.DataKeys, "DUEBELL_DATA_KEYS", fail)
		case NeedHashKeys:
			c.Hash = readKeys(s.HashKeys, "DUEBELL_HASH_KEYS", fail)
		}
	}
	for name, v := range map[string]string{"DUEBELL_PUBLIC_URL": s.PublicURL, "TWILIO_API_URL": s.TwilioAPIURL, "STRIPE_API_URL": s.StripeAPIURL} {
		if u, err := url.Parse(v); v != "" && (err != nil || u.Host == "" || !strings.HasPrefix(u.Scheme, "http")) {
			fail("%s is not an http or https address", name)
		}
	}
	if s.ClockShift != 0 && !loopback(s.PublicURL) {
		fail("DUEBELL_CLOCK_SHIFT is set, and DUEBELL_PUBLIC_URL is not on loopback: a line that people call goes by the machine's clock; unset the shift")
	}
	for _, p := range s.SendLimits.Problems() {
		fail("%s", p)
	}
	policy, err := policyfile.Load(s.PolicyFile)
	if err != nil {
		fail("DUEBELL_POLICY: %w", err)
	}
	c.Policy = policy
	return c, errors.Join(problems...)
}

// loopback says whether an address is on this machine.
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

func readKeys(value, name string, fail func(string, ...any)) seal.Keys {
	keys, err := seal.ParseKeys(value)
	if err != nil {
		fail("%s: %w (make a key with: openssl rand -base64 32)", name, err)
	}
	return keys
}
