package app

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"duebell/billing"
)

// withoutEnvironment clears the variables of all secrets.
func withoutEnvironment(t *testing.T) {
	t.Helper()
	for _, s := range Secrets() {
		t.Setenv(s.Name, "")
		t.Setenv(s.Name+"_FILE", "")
	}
}

// Every secret is read from its variable, or from the file that the variable with _FILE names.
func TestSecretsComeFromEnvironmentOrFile(t *testing.T) {
	withoutEnvironment(t)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	list := Secrets()
	if len(list) != 9 {
		t.Fatalf("%d secrets; a new one belongs in docs/operating.md, too", len(list))
	}
	page, err := os.ReadFile(manualPath)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range list {
		if !strings.Contains(string(page), "`"+s.Name+"`") {
			t.Errorf("docs/operating.md does not name %s", s.Name)
		}
		if i%2 == 0 {
			t.Setenv(s.Name, "from-variable")
		} else {
			t.Setenv(s.Name+"_FILE", file)
		}
	}
	var got Settings
	got.readSecrets(&problems{})
	for i, s := range list {
		v := secretValue(t, got, s.Name)
		if want := []string{"from-variable", "from-file"}[i%2]; v != want {
			t.Errorf("%s is %q, want %q", s.Name, v, want)
		}
	}
}

// secretValue returns the field of a secret.
func secretValue(t *testing.T, s Settings, name string) string {
	t.Helper()
	for f, v := range reflect.ValueOf(s).Fields() {
		if f.Tag.Get("secret") == name {
			if f.Tag.Get("kong") != "-" || f.Tag.Get("env") != "" {
				t.Errorf("%s has a flag: it would stand on a command line", name)
			}
			return v.String()
		}
	}
	t.Fatalf("no field for %s", name)
	return ""
}

// A file that cannot be read, an empty one, and both ways at once are told, each once and without the value.
func TestWrongSecretsAreTold(t *testing.T) {
	withoutEnvironment(t)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DATABASE_URL_FILE", "/nowhere/dsn")
	t.Setenv("STRIPE_API_KEY", "sk_live_1")
	t.Setenv("STRIPE_API_KEY_FILE", empty)
	t.Setenv("TWILIO_AUTH_TOKEN_FILE", empty)
	_, err := Settings{TwilioAccountSID: "AC1", TwilioPhoneNumber: "+18776236765"}.Load(NeedDatabase, NeedProcessor, NeedTwilio)
	wrong := (*SettingsError)(nil)
	if !errors.As(err, &wrong) || len(wrong.Problems) != 3 {
		t.Fatalf("%v", err)
	}
	for _, words := range []string{"DATABASE_URL cannot be read from /nowhere/dsn", "STRIPE_API_KEY and STRIPE_API_KEY_FILE are both set", "TWILIO_AUTH_TOKEN is empty in " + empty} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("it does not say: %s\n%v", words, err)
		}
	}
	if strings.Contains(err.Error(), "sk_live_1") {
		t.Errorf("a secret is shown: %v", err)
	}
}

// DUEBELL_CLOCK_SHIFT moves the clock of commands, and is refused for a line that people call.
func TestClockShift(t *testing.T) {
	for url, taken := range map[string]bool{
		"http://127.0.0.1:8080": true, "http://[::1]:8080": true, "http://localhost:8080": true,
		"https://pay.example.org": false, "http://10.0.0.1": false, "": false,
	} {
		cfg, err := Settings{PublicURL: url, ClockShift: 48 * time.Hour}.Read()
		if (err == nil) != taken {
			t.Errorf("%q: %v", url, err)
		}
		if err != nil && !strings.Contains(err.Error(), "unset the shift") {
			t.Errorf("%q: it does not say what to do: %v", url, err)
		}
		ahead := time.Until(cfg.Clock().Now())
		if taken && (ahead > 48*time.Hour || ahead < 48*time.Hour-time.Minute) {
			t.Errorf("%q: the clock is %s ahead", url, ahead)
		}
	}
	cfg, err := Settings{PublicURL: "https://pay.example.org"}.Read()
	if err != nil || time.Since(cfg.Clock().Now()).Abs() > time.Minute {
		t.Errorf("without a shift: %v, %v", cfg.Clock().Now(), err)
	}
}

// Every span has a default, and what a script sets stays.
func TestTimingDefaults(t *testing.T) {
	got := reflect.ValueOf(Timing{Tick: time.Minute}.withDefaults(billing.Policy{}))
	for f, v := range got.Fields() {
		if v.Int() <= 0 {
			t.Errorf("%s has no default", f.Name)
		}
	}
	if got := (Timing{Tick: time.Minute}).withDefaults(billing.Policy{}).Tick; got != time.Minute {
		t.Errorf("a span that was set became %s", got)
	}
}
