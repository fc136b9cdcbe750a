package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"duebell/internal/telemetry"
	"duebell/payments/stripe"
	"duebell/store"
)

// Finding is the result of one check.
type Finding struct {
	What    string
	Problem string // empty: nothing is wrong
	Mend    string // what to do about the problem
}

// Doctor checks the settings, the database and its schema, Redis, Twilio's number and webhooks, the processor, the
// clock and the pace. It changes nothing. Every check runs, whatever the others found.
//
// The list has one Finding a check, in a fixed order. Checks go on with incomplete settings: a check whose
// setting is missing fails by itself and says so. Each has checkTimeout at most.
func Doctor(ctx context.Context, s Settings, _ *slog.Logger) []Finding {
	cfg, err := s.Load(LineNeeds...)
	list := []Finding{finding("configuration", err, "set what is named; 'duebell serve --help-settings' explains every variable")}
	check := func(what, mend string, f func(context.Context) error) {
		one, cancel := context.WithTimeout(ctx, checkTimeout)
		defer cancel()
		list = append(list, finding(what, f(one), mend))
	}
	cfg.Timing = cfg.Timing.withDefaults(cfg.Policy)
	check("database and schema", "is PostgreSQL up, and is DATABASE_URL right? then: duebell migrate", func(ctx context.Context) error {
		return store.CheckSchema(ctx, cfg.DatabaseURL)
	})
	check("Redis", "is Redis up, and is REDIS_URL right?", func(ctx context.Context) error { return checkRedis(ctx, cfg) })
	check("processor", "is STRIPE_API_KEY right, and can this machine reach the processor?", func(ctx context.Context) error {
		return checkProcessor(ctx, cfg)
	})
	check("Twilio's number and webhooks", "duebell twilio apply --yes", func(ctx context.Context) error { return checkTwilio(ctx, cfg) })
	check("clock", "let NTP keep this machine's clock: leases and signatures depend on it", func(ctx context.Context) error {
		return checkClock(ctx, cfg)
	})
	return append(list, finding("pace of texts and calls", checkPace(cfg), "set it to what the carrier and Twilio allow this sender and these lines"))
}

// finding returns the result of a check that ended with err.
func finding(what string, err error, mend string) Finding {
	if err == nil {
		return Finding{What: what}
	}
	return Finding{What: what, Problem: err.Error(), Mend: mend}
}

// checkRedis asks Redis for an answer, in the way the roles connect to it.
func checkRedis(ctx context.Context, cfg Config) error {
	client, err := openRedis(cfg.RedisURL, telemetry.NewMetrics())
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }() // nothing was written
	return client.Ping(ctx).Err()
}

// checkProcessor makes one request with our key that changes nothing.
func checkProcessor(ctx context.Context, cfg Config) error {
	return stripe.New(stripe.Config{Key: cfg.StripeAPIKey, URL: cfg.StripeAPIURL, Timeout: checkTimeout}).Check(ctx)
}

// checkTwilio compares what Twilio calls with what it should call.
func checkTwilio(ctx context.Context, cfg Config) error {
	client, err := newTwilio(cfg)
	if err != nil {
		return err
	}
	number, err := client.FetchNumber(ctx, cfg.TwilioPhoneNumber)
	if err != nil {
		return err
	}
	wrong := []string{}
	for _, c := range numberChanges(number, webhooks(cfg)) {
		wrong = append(wrong, c.name)
	}
	// Twilio prefers an application or trunk to the addresses, so right addresses would be of no use.
	if number.VoiceApplicationSID != "" || number.SMSApplicationSID != "" || number.TrunkSID != "" {
		wrong = append(wrong, "an application or trunk is set and hides the webhooks: remove it in Twilio's console")
	}
	if len(wrong) > 0 {
		return fmt.Errorf("not set as configured: %s", strings.Join(wrong, ", "))
	}
	return nil
}

// checkPace reports a limit that is not set. Without one reminders leave as fast as Twilio takes them, and the
// calls that they cause find no free line (N9: pacing).
func checkPace(cfg Config) error {
	if cfg.TwilioAPIURL != "" {
		return nil // a stand-in has no limits
	}
	var unset []string
	if cfg.SegmentsPerSecond == 0 {
		unset = append(unset, "DUEBELL_SEGMENTS_PER_SECOND")
	}
	if cfg.Lines == 0 {
		unset = append(unset, "DUEBELL_LINES")
	}
	if len(unset) > 0 {
		return fmt.Errorf("not set, so no limit is kept: %s", strings.Join(unset, ", "))
	}
	return nil
}

// checkClock compares the machine's clock with the Date header of the processor.
func checkClock(ctx context.Context, cfg Config) error {
	if cfg.StripeAPIURL != "" {
		return nil // a stand-in keeps its own time
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, "https://api.stripe.com/healthcheck", nil)
	if err != nil {
		return err
	}
	// The request carries no key: only the Date header of the answer is wanted.
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return errors.New("no clock to compare with can be reached: api.stripe.com does not answer")
	}
	defer resp.Body.Close()
	theirs, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return errors.New("no clock to compare with answered: api.stripe.com sent no date")
	}
	// The Date header has whole seconds and took a while to come, so the tolerance is several seconds.
	if off := time.Since(theirs).Abs(); off > clockTolerance {
		return fmt.Errorf("this machine is %s off", off.Round(time.Second))
	}
	return nil
}
