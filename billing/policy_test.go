package billing_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"duebell/billing"
)

func TestDefaultPolicyIsPossible(t *testing.T) {
	for _, problem := range billing.DefaultPolicy().Problems() {
		t.Error(problem)
	}
}

// TestPolicyKeysAreComplete: every field of Policy is a key with a rule, a source and a note,
// in the same order.
func TestPolicyKeysAreComplete(t *testing.T) {
	var fields []string
	policy := reflect.TypeFor[billing.Policy]()
	for i := range policy.NumField() {
		fields = append(fields, policy.Field(i).Tag.Get("toml"))
	}
	var listed []string
	rule := regexp.MustCompile(`^[A-Z]\d+(, [A-Z]\d+)*$`)
	for _, key := range billing.DefaultPolicy().Keys() {
		listed = append(listed, key.Key)
		if !rule.MatchString(key.Rule) || key.Source == "" || key.Note == "" || key.Value == "" {
			t.Errorf("%s: incomplete: %+v", key.Key, key)
		}
		if key.Changed() {
			t.Errorf("%s: changed in the default policy", key.Key)
		}
	}
	if !slices.Equal(fields, listed) {
		t.Errorf("keys listed:  %v\nkeys decoded: %v", listed, fields)
	}
}

func TestPolicyKeysPrintTOML(t *testing.T) {
	p := billing.DefaultPolicy()
	p.CardFeeApprovedBy = `Jane "JD" O'Doe`
	p.MinPaymentCents = 250
	p.BankHolidays = []billing.Holiday{{Date: date(t, "2027-02-24"), Name: "Flood"}}
	p.AgentHoursOverrides = []billing.AgentHoursOverride{{Date: date(t, "2027-02-24"), Closed: true}}
	want := map[string]string{
		"time_zone":               `"America/New_York"`,
		"due_time_local":          `"17:00:00"`,
		"due_overrides":           `[]`,
		"bank_holidays":           `[{ date = "2027-02-24", name = "Flood" }]`,
		"billing_account_pattern": `'^7\d{8}$'`,
		"min_payment_cents":       `250`,
		"card_fee_approved_by":    `"Jane \"JD\" O'Doe"`,
		"partial_allowed":         `true`,
		"callback_rate":           `0.06`,
		"due_soon_days":           `[10, 3, 1]`,
		"sms_basis":               `["application", "opt_in"]`,
		"revoke_all_from":         `"2027-01-31T00:00:00-05:00"`,
		"agent_hours_overrides":   `[{ date = "2027-02-24", closed = true }]`,
		"voices":                  `{ en = "Polly.Joanna-Neural", es = "Polly.Lupe-Neural" }`,
	}
	changed := map[string]bool{"card_fee_approved_by": true, "min_payment_cents": true, "bank_holidays": true, "agent_hours_overrides": true}
	for _, key := range p.Keys() {
		if text, ok := want[key.Key]; ok && key.Value != text {
			t.Errorf("%s = %s, want %s", key.Key, key.Value, text)
		}
		if key.Changed() != changed[key.Key] {
			t.Errorf("%s: changed = %t", key.Key, key.Changed())
		}
	}
}

// TestPolicyProblems: each impossible value is named by its key, and nothing else is.
func TestPolicyProblems(t *testing.T) {
	day := billing.Date{Year: 2027, Month: 2, Day: 24}
	february := billing.Month{Year: 2027, Month: 2}
	due := billing.Instant{Time: instant(t, "2027-02-26T17:00:00-05:00")}
	tests := []struct {
		name   string
		change func(*billing.Policy)
		want   []string // what the problems start with
	}{
		{"zone", func(p *billing.Policy) { p.TimeZone = "Local" }, []string{"time_zone = "}},
		{"due day", func(p *billing.Policy) { p.DueDay = 31 }, []string{"due_day = 31"}},
		{"due before billed", func(p *billing.Policy) { p.BillDay, p.DueDay, p.AutoPayDayMax = 10, 5, 5 }, []string{"due_day = 5 lies before"}},
		{"several at once", func(p *billing.Policy) { p.MinPaymentCents, p.TriesMenu = 0, 0 }, []string{"min_payment_cents = 0", "tries_menu = 0"}},
		{"fee without approver (rule P2)", func(p *billing.Policy) { p.CardFeeCents, p.CardFeeApprovedBy = 250, " " }, []string{"card_fee_cents = 250, but"}},
		{"fee with approver", func(p *billing.Policy) { p.CardFeeCents, p.CardFeeApprovedBy = 250, "J. Doe" }, nil},
		{"negative fee", func(p *billing.Policy) { p.CardFeeCents = -1 }, []string{"card_fee_cents = -1"}},
		{"no method (rule P1)", func(p *billing.Policy) { p.CardsAccepted, p.EFTEnabled = false, false }, []string{"eft_enabled and"}},
		{"either method off", func(p *billing.Policy) { p.CardsAccepted = false }, nil},
		{"assent (E4)", func(p *billing.Policy) { p.TELAssent = "keyed" }, []string{"tel_assent = "}},
		{"confidence is no number", func(p *billing.Policy) { p.AssentMinConfidence = nan() }, []string{"assent_min_confidence = "}},
		{"written notice (E6)", func(p *billing.Policy) { p.EFTWithoutText, p.LetterLeadBankingDays = "email", 0 }, []string{"eft_without_text = ", "letter_lead_banking_days = "}},
		{"evidence (E8)", func(p *billing.Policy) { p.EvidenceYears = 1 }, []string{"evidence_years = 1"}},
		{"consent to texts (O1)", func(p *billing.Policy) { p.SMSBasis = []string{"opt_in", "hearsay"} }, []string{"sms_basis = "}},
		{"reminder days", func(p *billing.Policy) { p.DueSoonDays = []int{3, 10} }, []string{"due_soon_days = [3, 10]"}},
		{"no reminder days", func(p *billing.Policy) { p.DueSoonDays = nil }, nil},
		{"window turned round", func(p *billing.Policy) { p.SendCloseLocal = p.SendOpenLocal }, []string{"send_close_local = 09:00:00"}},
		{"grace regime", func(p *billing.Policy) { p.DefaultGraceRegime = "forever" }, []string{"default_grace_regime = "}},
		{"AutoPay past due", func(p *billing.Policy) { p.AutoPayDayMax = 25 }, []string{"autopay_day_max = 25 lies"}},
		{"open pattern", func(p *billing.Policy) { p.BillingAccountPattern = regexp.MustCompile(`7\d{8}`) }, []string{"billing_account_pattern = "}},
		{"no pattern", func(p *billing.Policy) { p.MemberIDPattern = nil }, []string{"member_id_pattern = "}},
		{"transfer to words", func(p *billing.Policy) { p.AgentDial = "the desk" }, []string{"agent_dial = "}},
		{"transfer to SIP", func(p *billing.Policy) { p.AgentDial = "sip:desk@example.org" }, nil},
		{"transfer to a number", func(p *billing.Policy) { p.AgentDial = "+16175550199" }, nil},
		{"English left out", func(p *billing.Policy) { p.Languages = []string{"es"} }, []string{"languages = "}},
		{"silent voice", func(p *billing.Policy) { p.Voices["pt"] = "" }, []string{"voices = "}},
		{"switch date", func(p *billing.Policy) { p.RevokeAllFrom = billing.Instant{} }, []string{"revoke_all_from = "}},
		{"override", func(p *billing.Policy) {
			p.DueOverrides = []billing.DueOverride{{Scope: "dental", BillMonth: february, DueAt: due}, {Scope: "712345678", BillMonth: february, DueAt: due}}
		}, nil},
		{"override of nothing", func(p *billing.Policy) { p.DueOverrides = []billing.DueOverride{{Scope: "vision"}} },
			[]string{"due_overrides, entry 1: scope", "due_overrides, entry 1: bill_month", "due_overrides, entry 1: due_at"}},
		{"override before the bill", func(p *billing.Policy) {
			p.DueOverrides = []billing.DueOverride{{Scope: "all", BillMonth: february.Add(1), DueAt: due}}
		}, []string{"due_overrides, entry 1: due_at lies before"}},
		{"override twice", func(p *billing.Policy) {
			o := billing.DueOverride{Scope: "all", BillMonth: february, DueAt: due}
			p.DueOverrides = []billing.DueOverride{o, o}
		}, []string{"due_overrides, entry 2: another entry"}},
		{"holiday without a date", func(p *billing.Policy) { p.BankHolidays = []billing.Holiday{{Name: "Flood"}} }, []string{"bank_holidays, entry 1"}},
		{"hours turned round", func(p *billing.Policy) {
			p.AgentHoursOverrides = []billing.AgentHoursOverride{{Date: day, Open: 7200, Close: 3600}}
		}, []string{"agent_hours_overrides, entry 1: close"}},
		{"open and closed", func(p *billing.Policy) {
			p.AgentHoursOverrides = []billing.AgentHoursOverride{{Date: day, Close: 3600}, {Date: day, Closed: true}}
		}, []string{"agent_hours_overrides, entry 2: this date"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := billing.DefaultPolicy()
			tt.change(&p)
			got := p.Problems()
			if len(got) != len(tt.want) {
				t.Fatalf("problems %q, want %q", got, tt.want)
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("problem %q, want %q …", got[i], want)
				}
			}
		})
	}
}

func nan() float64 {
	zero := 0.0
	return zero / zero
}

// TestEveryKeyOfTheRuleBookIsKnown: a key that the rule book names with a value is in force, or is
// refused with a reason; and what is refused is spelled as there and is in force nowhere.
func TestEveryKeyOfTheRuleBookIsKnown(t *testing.T) {
	text, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	inForce := map[string]bool{}
	for _, key := range billing.DefaultPolicy().Keys() {
		inForce[key.Key] = true
		if why := billing.RefusedKey(key.Key); why != "" {
			t.Errorf("%s is in force and refused: %s", key.Key, why)
		}
	}
	for _, found := range regexp.MustCompile("`([a-z][a-z0-9_]*)(?:\\.[a-z]+)? = ").FindAllStringSubmatch(string(text), -1) {
		key := found[1]
		if key != "code" && !inForce[key] && billing.RefusedKey(key) == "" { // `code = value` explains the form
			t.Errorf("%s: rules.md names this key; give it a field and a row, or list it in policy_refused.go", key)
		}
	}
	for _, key := range billing.RefusedKeys() {
		if !strings.Contains(string(text), "`"+key) {
			t.Errorf("%s is refused, and rules.md does not know it", key)
		}
	}
}
