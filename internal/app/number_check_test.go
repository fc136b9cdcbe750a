package app

import (
	"duebell/lab/testenv"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"duebell/lab/twilio"
	"duebell/notify"
)

// TestO5NumbersAreLookedUp: every number that is texted or called is asked for once in reassigned_check_days, counted
// from the owner's last word or the last answer; one that has changed hands gets nothing more, and no account.
func TestO5NumbersAreLookedUp(t *testing.T) {
	e, pool, clock := openEraser(t)
	clock.at = time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC)
	carrier, err := twilio.New(twilio.Config{Now: clock.Now, PublicURL: "https://pay.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(carrier.Handler())
	t.Cleanup(api.Close)
	cfg := Config{Policy: e.policy, Settings: Settings{TwilioAccountSID: twilio.DevAccountSID, TwilioAuthToken: twilio.DevAuthToken, TwilioAPIURL: api.URL}}
	client, err := newTwilio(cfg)
	if err != nil {
		t.Fatal(err)
	}
	discard := slog.New(slog.DiscardHandler)
	inbox := notify.NewInbox(e.store, e.policy, e.calendar, clock, discard)
	checker := &numberChecker{
		store: e.store, calendar: e.calendar, clock: clock, metrics: e.metrics, log: discard,
		check: notify.NewNumberChecker(e.store, inbox, reassignments{client}, e.policy, clock, discard),
	}
	plant(t, pool, `INSERT INTO members (member_id, name, phone, phone_since, mobile, language, time_zone) VALUES
			('100200300401', 'Ana Sample', '+16175550101', '2020-01-15', true, 'en', ''), ('100200300402', 'Ben Sample', '+16175550102', '2020-01-15', true, 'en', ''),
			('100200300403', 'Cel Sample', '+16175550103', '2020-01-15', true, 'en', ''), ('100200300404', 'Dan Sample', '+16175550104', '2020-01-15', true, 'en', '');
		INSERT INTO consents (number, channel, purpose, source, at) VALUES
			('+16175550101', 'sms', 'payments', 'application', $1), ('+16175550102', 'sms', 'payments', 'application', $1),
			('+16175550102', 'voice', 'payments', 'agent', $1), ('+16175550103', 'sms', 'payments', 'text', $1)`, clock.at)
	checked := func(answer string) float64 {
		t.Helper()
		return testenv.Metric(t, e.metrics.Registry, "duebell_number_checks_total", map[string]string{"answer": answer})
	}
	run := func(day string, yes, no float64) {
		t.Helper()
		if err := checker.tick(t.Context()); err != nil {
			t.Fatalf("%s: %v", day, err)
		}
		if checked("yes") != yes || checked("no") != no {
			t.Errorf("%s: %v changed hands, %v not, want %v, %v so far", day, checked("yes"), checked("no"), yes, no)
		}
	}
	carrier.SetReassigned("+16175550102", time.Date(2019, time.May, 1, 0, 0, 0, 0, time.UTC)) // before it was on file
	run("the first day", 0, 2)                                                                // Cel has just written herself; nobody texts Dan
	run("the same day", 0, 2)
	carrier.SetReassigned("+16175550102", clock.at.AddDate(0, 0, 10))
	clock.at = clock.at.AddDate(0, 0, 29)
	run("the day before it is due again", 0, 2)
	clock.at = clock.at.AddDate(0, 0, 1)
	if err := carrier.SetMode(twilio.ModeAPIDown); err != nil {
		t.Fatal(err)
	}
	if err := checker.tick(t.Context()); err == nil {
		t.Error("a run that had no answers says that all is done")
	}
	if err := carrier.SetMode(twilio.ModeNormal); err != nil {
		t.Fatal(err)
	}
	run("the day on which it is due again", 1, 4) // Ana and Cel are still there
	if n := number(t, pool, `SELECT count(*) FROM members WHERE phone = '+16175550102'`); n != 0 {
		t.Error("the number is still the member's")
	}
	if n := number(t, pool, `SELECT count(*) FROM consents WHERE number = '+16175550102' AND ended_at IS NULL`); n != 0 {
		t.Errorf("%d consents of its old owner are in force", n)
	}
	if n := number(t, pool, `SELECT count(*) FROM suppressions WHERE number = '+16175550102' AND source = 'reassigned' AND lifted_at IS NULL`); n == 0 {
		t.Error("nothing suppresses what we send there")
	}
	if n := number(t, pool, `SELECT count(*) FROM tasks WHERE kind = 'number-reassigned'`); n != 1 {
		t.Errorf("%d tasks, want one", n)
	}
	if n := number(t, pool, `SELECT count(*) FROM notices`); n != 0 {
		t.Error("whoever has the number now was told")
	}
	clock.at = clock.at.AddDate(0, 0, 1)
	run("the next day", 1, 4)
}
