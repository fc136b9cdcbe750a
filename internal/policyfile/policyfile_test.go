package policyfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/billing"
	"duebell/internal/policyfile"
)

func TestNoFileMeansTheDefaults(t *testing.T) {
	p, err := policyfile.Load("")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(billing.DefaultPolicy().Keys(), p.Keys()); diff != "" {
		t.Error(diff)
	}
}

// TestPrintedPolicyIsAPolicyFile: what `duebell policy` prints can be read back, key by key.
func TestPrintedPolicyIsAPolicyFile(t *testing.T) {
	p := billing.DefaultPolicy()
	p.DueOverrides = []billing.DueOverride{{
		Scope: "all", BillMonth: billing.Month{Year: 2026, Month: 12}, Reason: `the "big" storm`,
		DueAt: at("2026-12-28T17:00:00-05:00"), AnnouncedAt: at("2026-12-20T09:00:00-05:00"),
	}}
	p.BankHolidays = []billing.Holiday{{Date: billing.Date{Year: 2027, Month: 2, Day: 24}, Name: "Flood"}}
	p.AgentHoursOverrides = []billing.AgentHoursOverride{
		{Date: billing.Date{Year: 2026, Month: 12, Day: 23}, Open: 8 * 3600, Close: 20 * 3600},
		{Date: billing.Date{Year: 2026, Month: 12, Day: 24}, Closed: true},
	}
	p.OptOutWords = []string{"genug", `"'\`, "zwei\nZeilen"}
	p.Voices["pt"] = "Polly.Camila-Neural"
	var file strings.Builder
	for _, key := range p.Keys() {
		file.WriteString(key.Key + " = " + key.Value + "\n")
	}
	back, err := policyfile.Parse(file.String())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.Keys(), back.Keys()); diff != "" {
		t.Error(diff)
	}
}

func TestFileOverTheDefaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.toml")
	err := os.WriteFile(path, []byte(`
due_time_local = "16:30"
guest_max_cents = 500000
billing_account_pattern = '^8\d{8}$'
walk_in_list = ["Boston"]
callback_rate = 1

[voices]
en = "Polly.Matthew-Neural"

[[due_overrides]]
scope = "health"
bill_month = "2026-12"
due_at = "2026-12-28T17:00:00-05:00"
reason = "storm"
announced_at = "2026-12-20T09:00:00-05:00"

[[bank_holidays]]
date = "2027-02-24"
name = "Flood"

[[bank_holidays]]
date = "2027-02-25"

[[agent_hours_overrides]]
date = "2026-12-23"
open = "08:00"
close = "20:00"
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policyfile.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.DueTimeLocal.String(); got != "16:30:00" {
		t.Errorf("due_time_local = %s", got)
	}
	if p.GuestMaxCents != 500000 || p.CallbackRate != 1 || p.MinPaymentCents != 100 {
		t.Errorf("numbers: %d %g %d", p.GuestMaxCents, p.CallbackRate, p.MinPaymentCents)
	}
	if !p.IsAccountNumber("812345678") || p.IsAccountNumber("712345678") {
		t.Error("the pattern of the file does not rule")
	}
	if p.Voices["en"] != "Polly.Matthew-Neural" || p.Voices["es"] != "Polly.Lupe-Neural" {
		t.Errorf("voices: %v: one language's voice must leave the others", p.Voices)
	}
	if diff := cmp.Diff([]string{"Boston"}, p.WalkInList); diff != "" {
		t.Error(diff)
	}
	if len(p.DueOverrides) != 1 || !p.DueOverrides[0].DueAt.Equal(time.Date(2026, 12, 28, 22, 0, 0, 0, time.UTC)) || p.DueOverrides[0].BillMonth.String() != "2026-12" {
		t.Errorf("overrides: %+v", p.DueOverrides)
	}
	if len(p.BankHolidays) != 2 || p.BankHolidays[1].Date.Day != 25 || p.BankHolidays[1].Name != "" {
		t.Errorf("holidays: %+v", p.BankHolidays)
	}
	if len(p.AgentHoursOverrides) != 1 || p.AgentHoursOverrides[0].Close != 20*3600 {
		t.Errorf("hours: %+v", p.AgentHoursOverrides)
	}
}

// TestEveryProblemAtOnce: unknown keys, wrong types and impossible values are reported together,
// each once.
func TestEveryProblemAtOnce(t *testing.T) {
	_, err := policyfile.Parse(`
due_day = "23"
due_time_local = 17:00:00
odfi_cutoff_local = "4 pm"
min_payment_cents = 1.5
grace_days = 10
evidence_years = 1
card_fee_cents = 250
time_zone = "Mars/Olympus"
member_id_pattern = '^('
due_soon_days = ["many"]
revoke_all_from = "2027-01-31"

[voice]
en = "Polly.Joanna-Neural"

[[bank_holidays]]
date = "2027-02-24"
nmae = "Flood"

[[due_overrides]]
scope = "all"
bill_month = "2026-12"
due_at = 2026-12-28T17:00:00

[[agent_holidays]]
date = "2027-02-30"
`)
	if err == nil {
		t.Fatal("accepted")
	}
	want := []string{
		"agent_holidays: ", "due_day: ", "due_overrides: dates and times stand in quotes", "due_soon_days: ", "due_time_local: dates and times stand in quotes",
		"grace_days: unknown key", "member_id_pattern: ", "min_payment_cents: ", "odfi_cutoff_local: ",
		"revoke_all_from: ", "voice: unknown key", "bank_holidays.nmae: unknown key",
		"time_zone = ", "evidence_years = 1", "card_fee_cents = 250, but card_fee_approved_by",
	}
	got := strings.Split(err.Error(), "\n")
	if len(got) != len(want) {
		t.Errorf("%d problems, want %d:\n%s", len(got), len(want), err)
	}
	for i, start := range want {
		if i < len(got) && !strings.HasPrefix(got[i], start) {
			t.Errorf("problem %d is %q, want %q …", i+1, got[i], start)
		}
	}
}

func TestNotTOML(t *testing.T) {
	for _, text := range []string{"due_day 23", "due_day = 23\ndue_day = 22", "\xff"} {
		if _, err := policyfile.Parse(text); err == nil || !strings.Contains(err.Error(), "not TOML") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := policyfile.Load(filepath.Join(t.TempDir(), "none.toml")); err == nil {
		t.Error("a file that is not there was read")
	}
}

func at(s string) billing.Instant {
	i, err := billing.ParseInstant(s)
	if err != nil {
		panic(err)
	}
	return i
}

// TestRefusedKeys: a key of the rule book that nobody reads is refused by name, with what to do.
func TestRefusedKeys(t *testing.T) {
	_, err := policyfile.Parse("otp_tries = 3\ndue_shift = \"none\"\n")
	if err == nil {
		t.Fatal("accepted")
	}
	want := []string{"due_shift: cannot be set: the due date never moves", "otp_tries: not built yet: "}
	for i, line := range strings.Split(err.Error(), "\n") {
		if !strings.HasPrefix(line, want[i]) || !strings.Contains(line, "remove it from the policy file") {
			t.Errorf("problem %d is %q, want %q …", i+1, line, want[i])
		}
	}
}
