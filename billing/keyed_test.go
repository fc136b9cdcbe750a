package billing_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"duebell/billing"
	"duebell/lab/vectors"
)

// TestAmountVectors: M3-M6.
func TestAmountVectors(t *testing.T) {
	for _, row := range vectors.CSV(t, "amount_entry.csv") {
		rules := billing.AmountRules{
			Guest:    row["tier"] == "T1",
			TotalDue: cents(t, row["total_due_cents"]),
			Month:    cents(t, row["month_cents"]),
			Policy:   billing.DefaultPolicy(),
		}
		want := billing.AmountEntry{
			Cents:      cents(t, row["result_cents"]),
			Err:        billing.AmountError(row["error"]),
			Warning:    billing.AmountWarning(row["warning"]),
			DidYouMean: cents(t, row["did_you_mean_cents"]),
		}
		// T stands for the time-out: nothing arrives for it.
		got := billing.ParseAmount(strings.TrimSuffix(row["keys"], "T"), rules)
		if got != want {
			t.Errorf("%s %q (%s): got %+v, want %+v", row["case_id"], row["keys"], row["note"], got, want)
		}
	}
}

func cents(t *testing.T, s string) billing.Money {
	t.Helper()
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return billing.Money(n)
}

// TestM2NoPartial: where parts are not allowed, less than everything is below the minimum, and
// a guest is still told nothing of the balance.
func TestM2NoPartial(t *testing.T) {
	p := billing.DefaultPolicy()
	p.PartialAllowed = false
	rules := billing.AmountRules{TotalDue: 21450, Month: 21450, Policy: p}
	if got := billing.ParseAmount("21449#", rules); got.Err != billing.AmountBelowMin {
		t.Errorf("a cent less than all: %+v", got)
	}
	if got := billing.ParseAmount("21450#", rules); got.Err != billing.AmountOK || got.Warning != billing.WarnNone {
		t.Errorf("all of it: %+v", got)
	}
	rules.Guest = true
	if got := billing.ParseAmount("21449#", rules); got.Err != billing.AmountOK || got.Warning != billing.WarnGeneral {
		t.Errorf("a guest: %+v", got)
	}
}

// TestGuestAmountTellsNothing: whatever the account owes, a guest's answer is the same (M4, I2).
func TestGuestAmountTellsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.StringMatching(`[0-9*#]{0,9}`).Draw(t, "keys")
		due := billing.Money(rapid.Int64Range(-1_000_00, 10_000_00).Draw(t, "due"))
		p := billing.DefaultPolicy()
		blank := billing.ParseAmount(keys, billing.AmountRules{Guest: true, Policy: p})
		if got := billing.ParseAmount(keys, billing.AmountRules{Guest: true, TotalDue: due, Month: due, Policy: p}); got != blank {
			t.Fatalf("%q with %s due: %+v, without: %+v", keys, due, got, blank)
		}
	})
}

// TestAmountStaysInBounds: what is taken is never more than M4 allows, nor less than M3 without
// being the whole balance; and nothing is both taken and refused.
func TestAmountStaysInBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := billing.AmountRules{
			TotalDue: billing.Money(rapid.Int64Range(1, 2_000_00).Draw(t, "due")),
			Month:    billing.Money(rapid.Int64Range(0, 2_000_00).Draw(t, "month")),
			Policy:   billing.DefaultPolicy(),
		}
		got := billing.ParseAmount(rapid.StringMatching(`[0-9]{1,8}`).Draw(t, "keys"), r)
		if (got.Err == billing.AmountOK) != (got.Cents > 0) {
			t.Fatalf("taken and refused at once: %+v", got)
		}
		for _, m := range []billing.Money{got.Cents, got.DidYouMean} {
			if m != 0 && (m > r.TotalDue+r.Month || m < 100 && m != r.TotalDue) {
				t.Fatalf("%s is out of bounds: %+v", m, got)
			}
		}
	})
}

// TestRoutingVectors: E10.
func TestRoutingVectors(t *testing.T) {
	for _, row := range vectors.CSV(t, "routing_numbers.csv") {
		got := billing.CheckRouting(row["input"])
		if got != row["reason"] || (got == billing.RoutingOK) != (row["valid"] == "true") {
			t.Errorf("%q (%s): got %s, want %s", row["input"], row["note"], got, row["reason"])
		}
	}
}

// TestB1Selector: by key count, leading zeros kept.
func TestB1Selector(t *testing.T) {
	p := billing.DefaultPolicy()
	tests := []struct {
		keys string
		want billing.Selector
	}{
		{"712345678", billing.Selector{Kind: billing.SelectAccount, Value: "712345678"}},
		{"100200300401", billing.Selector{Kind: billing.SelectMember, Value: "100200300401"}},
		{"000000000012", billing.Selector{Kind: billing.SelectMember, Value: "000000000012"}},
		{"6175550101", billing.Selector{Kind: billing.SelectPhone, Value: "+16175550101"}},
		{"7123456789", billing.Selector{Kind: billing.SelectPhone, Value: "+17123456789"}},
	}
	for _, tt := range tests {
		if got, err := billing.ParseSelector(tt.keys, p); err != nil || got != tt.want {
			t.Errorf("%s: got %+v, %v; want %+v", tt.keys, got, err, tt.want)
		}
	}
	for _, keys := range []string{"", "0", "812345678", "71234567", "10020030040", "1002003004011", "71234567*", "71234567\n", "617555010O"} {
		if got, err := billing.ParseSelector(keys, p); !errors.Is(err, billing.ErrFormat) {
			t.Errorf("%q: got %+v, %v; want a format error", keys, got, err)
		}
	}
}

func TestI3BirthDate(t *testing.T) {
	today := date(t, "2027-02-10")
	for keys, want := range map[string]string{
		"04121980": "1980-04-12", "02291968": "1968-02-29", "02102027": "2027-02-10", "02101907": "1907-02-10",
	} {
		if got, err := billing.ParseBirthDate(keys, today); err != nil || got.String() != want {
			t.Errorf("%s: got %s, %v; want %s", keys, got, err, want)
		}
	}
	for _, keys := range []string{
		"", "4121980", "041219800", "02291970", "13011980", "00101980", "04311980", "02112027", "02091907", "0412198O", "19800412", "04-12-80",
	} {
		got, err := billing.ParseBirthDate(keys, today)
		if !errors.Is(err, billing.ErrFormat) {
			t.Errorf("%q: got %s, %v; want a format error", keys, got, err)
		} else if len(keys) > 3 && strings.Contains(err.Error(), keys) {
			t.Errorf("%q: the error repeats a secret (D1)", keys)
		}
	}
}

// TestL4Reference: nine digits with a Luhn check; any one wrong digit is noticed.
func TestL4Reference(t *testing.T) {
	for stem, want := range map[int]string{0: "000000000", 7992739: "079927398", 12345678: "123456782", 99999999: "999999998"} {
		if got := billing.NewReference(func(int) int { return stem }); got != want {
			t.Errorf("stem %d: %s, want %s", stem, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		ref := billing.NewReference(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "stem") })
		if len(ref) != 9 || !billing.LuhnValid(ref) {
			t.Fatalf("%q is no reference", ref)
		}
		at, by := rapid.IntRange(0, 8).Draw(t, "at"), rapid.IntRange(1, 9).Draw(t, "by")
		wrong := []byte(ref)
		wrong[at] = '0' + (wrong[at]-'0'+byte(by))%10
		if billing.LuhnValid(string(wrong)) {
			t.Fatalf("%s passes for %s", wrong, ref)
		}
	})
	for _, s := range []string{"", "0", "12345678a", "١٢٣", "79927398713 "} {
		if billing.LuhnValid(s) {
			t.Errorf("%q passes", s)
		}
	}
	if !billing.LuhnValid("79927398713") {
		t.Error("the textbook number fails")
	}
}

func ExampleMoney_String() {
	fmt.Println(billing.Money(21450), billing.Money(-307), billing.Money(5))
	// Output: 214.50 -3.07 0.05
}
