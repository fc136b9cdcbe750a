package app

import (
	"bytes"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"duebell/billing"
	"duebell/internal/policyfile"
	"duebell/internal/telemetry"
)

// openPools counts the pools of connections to PostgreSQL that are open in this process.
func openPools() int {
	stacks := make([]byte, 4<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "pgxpool.(*Pool).backgroundHealthCheck(")
}

// TestARoleThatFailsLeavesNothingOpen: a role that cannot be built closes its pools and takes its metrics away.
func TestARoleThatFailsLeavesNothingOpen(t *testing.T) {
	policy, err := policyfile.Load("")
	if err != nil {
		t.Fatal(err)
	}
	// Without Twilio's token neither role can be built, and by then both have opened their pools.
	cfg := Config{Policy: policy}
	cfg.DatabaseURL, cfg.RedisURL, cfg.PublicURL = "postgres://127.0.0.1:1/none", "redis://127.0.0.1:1", "https://pay.example.org"
	for role, build := range map[string]func(Deps) error{
		"serve": func(d Deps) error { _, err := NewServe(t.Context(), cfg, d); return err },
		"work":  func(d Deps) error { _, err := NewWork(t.Context(), cfg, d); return err },
	} {
		before, metrics := openPools(), telemetry.NewMetrics()
		if err := build(Deps{Metrics: metrics}); err == nil {
			t.Fatalf("%s: it was built without a token", role)
		}
		families, err := metrics.Registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if strings.HasPrefix(f.GetName(), "duebell_db_connections") && len(f.GetMetric()) > 0 {
				t.Errorf("%s: %s still shows its pool", role, f.GetName())
			}
		}
		for end := time.Now().Add(5 * time.Second); openPools() > before; <-time.After(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Errorf("%s: its pool is still open", role)
				break
			}
		}
	}
}

// TestP2WhoAnswersForTheFee: a line whose card payments carry a fee says at its start who answers for it (rule P2: fee
// needs approver).
func TestP2WhoAnswersForTheFee(t *testing.T) {
	policy, err := policyfile.Load("")
	if err != nil {
		t.Fatal(err)
	}
	for _, fee := range []billing.Money{0, 250} {
		cfg := Config{Policy: policy}
		cfg.Policy.CardFeeCents, cfg.Policy.CardFeeApprovedBy = fee, "Director of Operations"
		cfg.DatabaseURL, cfg.RedisURL, cfg.PublicURL, cfg.TwilioAuthToken = "postgres://127.0.0.1:1/none", "redis://127.0.0.1:1", "https://pay.example.org", "token"
		var log bytes.Buffer
		serve, err := NewServe(t.Context(), cfg, Deps{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if err := serve.Close(); err != nil {
			t.Error(err)
		}
		if says := strings.Contains(log.String(), `fee=2.50 approved_by="Director of Operations"`); says != (fee > 0) {
			t.Errorf("fee %s: the log says\n%s", fee, &log)
		}
	}
}
