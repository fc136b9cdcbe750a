package dev

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/internal/app"
)

// A shell and a later dev read the same from dev.env, whatever is in a value.
func TestSettingsForShells(t *testing.T) {
	odd := `it's "odd"; $(rm -rf x) \ # =`
	list := variables(app.Settings{StripeAPIKey: odd}, time.Date(2027, 2, 10, 10, 0, 0, 0, time.UTC), time.Hour, "http://127.0.0.1:1")
	file := filepath.Join(t.TempDir(), "dev.env")
	if err := os.WriteFile(file, envFile(list, []string{"STRIPE_API_URL"}), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("/bin/sh", "-c", `set -a; . "$0"; printf %s "$STRIPE_API_KEY"`, file).Output()
	if err != nil || string(out) != odd {
		t.Errorf("a shell reads %q (%v), want %q", out, err, odd)
	}
	values, own, err := readEnv(file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, v := range list {
		want[v.name] = v.value
	}
	if diff := cmp.Diff(want, values); diff != "" {
		t.Errorf("a later dev reads: %s", diff)
	}
	if !slices.Equal(own, []string{"STRIPE_API_URL"}) {
		t.Errorf("made up: %v", own)
	}
}

// The contract's variables, to the letter.
func TestEveryVariable(t *testing.T) {
	want := []string{
		"DUEBELL_HTTP_ADDR", "DUEBELL_OPS_ADDR", "DUEBELL_PUBLIC_URL", "DATABASE_URL", "REDIS_URL", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN",
		"TWILIO_AUTH_TOKEN_NEXT", "TWILIO_MESSAGING_SERVICE_SID", "TWILIO_PHONE_NUMBER", "TWILIO_PAY_CONNECTOR_CARD", "TWILIO_PAY_CONNECTOR_BANK",
		"TWILIO_API_URL", "DUEBELL_CONNECTOR_ADDR", "DUEBELL_CONNECTOR_USER", "DUEBELL_CONNECTOR_PASSWORD", "STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET",
		"STRIPE_API_URL", "DUEBELL_POLICY", "DUEBELL_DATA_KEYS", "DUEBELL_HASH_KEYS", "DUEBELL_NOW", "DUEBELL_CLOCK_SHIFT", "DUEBELL_DEV_CONTROL",
	}
	var got []string
	for _, v := range variables(app.Settings{}, time.Time{}, 0, "") {
		got = append(got, v.name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
