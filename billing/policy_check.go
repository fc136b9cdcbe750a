package billing

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Problems returns every impossible value of the policy, each as one sentence that begins with its key and
// says what it must be and by which rule. A program must not start while there is one. Nothing in a policy is
// secret, so values are shown.
//
// nil means that the policy may be used. The order is the table's, then contradictions, overrides and day
// lists, so that the same policy gives the same report.
func (p Policy) Problems() []string {
	var problems []string
	values := p.byKey()
	for _, row := range policyKeys() {
		if row.check == nil {
			continue
		}
		if want := row.check(values[row.key]); want != "" {
			problems = append(problems, fmt.Sprintf("%s = %s: must be %s (%s)", row.key, printTOML(values[row.key]), want, row.rule))
		}
	}
	problems = append(problems, p.contradictions()...)
	problems = append(problems, p.overrideProblems()...)
	problems = append(problems, p.dayListProblems()...)
	return problems
}

// contradictions returns what is possible alone and impossible together.
// Each sentence names the keys with their values: an operator must not have to look them up.
func (p Policy) contradictions() []string {
	var found []string
	refuse := func(is bool, format string, args ...any) {
		if is {
			found = append(found, fmt.Sprintf(format, args...))
		}
	}
	refuse(!p.EFTEnabled && !p.CardsAccepted, "eft_enabled and cards_accepted are both false: nothing could be paid (rule P1)")
	refuse(p.CardFeeCents > 0 && strings.TrimSpace(p.CardFeeApprovedBy) == "",
		"card_fee_cents = %d, but card_fee_approved_by names nobody: Massachusetts bans card surcharges, so a fee needs an approver (rule P2)", p.CardFeeCents)
	refuse(p.DueDay < p.BillDay, "due_day = %d lies before bill_day = %d (C2, C3)", p.DueDay, p.BillDay)
	refuse(p.GuestMaxCents < p.MinPaymentCents, "guest_max_cents = %d is below min_payment_cents = %d (M3, M4)", p.GuestMaxCents, p.MinPaymentCents)
	refuse(p.BankAccountMaxDigits < p.BankAccountMinDigits,
		"bank_account_max_digits = %d is below bank_account_min_digits = %d (E11)", p.BankAccountMaxDigits, p.BankAccountMinDigits)
	refuse(p.AutoPayDayMax < p.AutoPayDayMin, "autopay_day_max = %d is below autopay_day_min = %d (A3)", p.AutoPayDayMax, p.AutoPayDayMin)
	refuse(p.AutoPayDayMax > p.DueDay, "autopay_day_max = %d lies after due_day = %d: such a draw would always be late (A3)", p.AutoPayDayMax, p.DueDay)
	refuse(p.SendCloseLocal <= p.SendOpenLocal, "send_close_local = %s is not after send_open_local = %s (N4)", p.SendCloseLocal, p.SendOpenLocal)
	refuse(p.DueTodayLatestLocal <= p.SendOpenLocal,
		"due_today_latest_local = %s is not after send_open_local = %s: no such text could go (N6)", p.DueTodayLatestLocal, p.SendOpenLocal)
	refuse(p.AgentCloseLocal <= p.AgentOpenLocal, "agent_close_local = %s is not after agent_open_local = %s (H1)", p.AgentCloseLocal, p.AgentOpenLocal)
	return found
}

// overrideProblems checks [[due_overrides]] (C5): each must say what it moves, and no two may contradict.
// The zone's own problem is reported by its row, so an unknown zone only skips the comparison here.
func (p Policy) overrideProblems() []string {
	var found []string
	zone, err := loadZone(p.TimeZone)
	type where struct {
		scope     string
		month     Month
		announced string
	}
	seen := make(map[where]bool)
	for i, o := range p.DueOverrides {
		refuse := func(is bool, why string) {
			if is {
				found = append(found, fmt.Sprintf("due_overrides, entry %d: %s (C5)", i+1, why))
			}
		}
		refuse(o.Scope != scopeAll && !Kind(o.Scope).Valid() && (p.BillingAccountPattern == nil || !p.IsAccountNumber(o.Scope)),
			`scope must be "all", a kind ("health", "dental", "group") or an account number`)
		refuse(o.BillMonth.IsZero(), "bill_month is missing")
		refuse(o.DueAt.IsZero(), "due_at is missing")
		if err == nil && !o.DueAt.IsZero() && !o.BillMonth.IsZero() {
			refuse(DateIn(o.DueAt.Time, zone).Before(Date{o.BillMonth.Year, o.BillMonth.Month, p.BillDay}), "due_at lies before the bill is issued")
		}
		at := where{o.Scope, o.BillMonth, o.AnnouncedAt.UTC().String()}
		refuse(seen[at], "another entry with this scope and bill_month was announced at the same time: which one counts?")
		seen[at] = true
	}
	return found
}

// dayListProblems checks the lists of dated days: [[bank_holidays]], [[agent_holidays]] and
// [[agent_hours_overrides]].
func (p Policy) dayListProblems() []string {
	var found []string
	for key, list := range map[string][]Holiday{"bank_holidays": p.BankHolidays, "agent_holidays": p.AgentHolidays} {
		for i, h := range list {
			if h.Date.IsZero() {
				found = append(found, fmt.Sprintf("%s, entry %d: date is missing (C8, H1)", key, i+1))
			}
		}
	}
	// A map has no order; the report must have one.
	slices.Sort(found)
	open, closed := make(map[Date]bool), make(map[Date]bool)
	for i, o := range p.AgentHoursOverrides {
		refuse := func(is bool, why string) {
			if is {
				found = append(found, fmt.Sprintf("agent_hours_overrides, entry %d: %s (H1)", i+1, why))
			}
		}
		refuse(o.Date.IsZero(), "date is missing")
		refuse(o.Closed && (o.Open != 0 || o.Close != 0), "a closed day has no hours")
		refuse(!o.Closed && o.Close <= o.Open, "close must be after open, or closed = true")
		open[o.Date], closed[o.Date] = open[o.Date] || !o.Closed, closed[o.Date] || o.Closed
		refuse(open[o.Date] && closed[o.Date], "this date is both closed and open")
	}
	return found
}

// check returns what a value must be, or "" when it already is.
type check func(v reflect.Value) (must string)

// number returns an integer or a float as a float. No key's integer is so large that this would round it.
func number(v reflect.Value) float64 {
	if v.CanInt() {
		return float64(v.Int())
	}
	return v.Float()
}

// atLeast wants a number of at least so much.
func atLeast(least float64) check {
	return func(v reflect.Value) string {
		if number(v) >= least { // false for NaN too
			return ""
		}
		return fmt.Sprintf("at least %g", least)
	}
}

// between wants a number within bounds, both included.
func between(least, most float64) check {
	return func(v reflect.Value) string {
		if n := number(v); n >= least && n <= most {
			return ""
		}
		return fmt.Sprintf("between %g and %g", least, most)
	}
}

// oneOf wants one of some words.
func oneOf(words ...string) check {
	return func(v reflect.Value) string {
		if slices.Contains(words, v.String()) {
			return ""
		}
		return strings.Join(words, " or ")
	}
}

// subsetOf wants a list of some words, none twice.
func subsetOf(words ...string) check {
	return func(v reflect.Value) string {
		list := v.Interface().([]string)
		for i, word := range list {
			if !slices.Contains(words, word) || slices.Contains(list[:i], word) {
				return "a list of " + strings.Join(words, ", ") + ", each at most once"
			}
		}
		return ""
	}
}

// descending wants days in the order in which reminders go, the earliest first.
func descending(v reflect.Value) string {
	last := 0
	for i, days := range v.Interface().([]int) {
		if days < 1 || i > 0 && days >= last {
			return "numbers of days from 1 up, each smaller than the one before"
		}
		last = days
	}
	return ""
}

// noBlanks wants a list in which no entry is empty or spaces alone.
func noBlanks(v reflect.Value) string {
	if slices.ContainsFunc(v.Interface().([]string), func(s string) bool { return strings.TrimSpace(s) == "" }) {
		return "a list without empty entries"
	}
	return ""
}

// present wants anything but the zero value.
func present(v reflect.Value) string {
	if v.IsZero() {
		return "given"
	}
	return ""
}

// zoneName wants a zone that loadZone takes.
func zoneName(v reflect.Value) string {
	if _, err := loadZone(v.String()); err != nil {
		return "a place of the time zone database"
	}
	return ""
}

// anchored keeps a pattern from matching inside a longer text.
func anchored(v reflect.Value) string {
	if re := v.Interface().(*regexp.Regexp); re == nil || !strings.HasPrefix(re.String(), "^") || !strings.HasSuffix(re.String(), "$") {
		return "a pattern from ^ to $"
	}
	return ""
}

// The forms of keyed-in texts. They are looser than what the telephone network takes: a wrong number shows at
// the first call.
var (
	e164      = regexp.MustCompile(`^\+[1-9]\d{7,14}$`)
	shortCode = regexp.MustCompile(`^\d{3,6}$`)
	sipURI    = regexp.MustCompile(`^sips?:[^\s@]+@[^\s@]+$`)
	language  = regexp.MustCompile(`^[a-z]{2,3}$`)
)

// phone wants E.164. Whether the number exists is not looked at.
func phone(v reflect.Value) string {
	if !e164.MatchString(v.String()) {
		return "a phone number in E.164, as +18776236765"
	}
	return ""
}

// shortOrPhone also takes a short number such as 711.
func shortOrPhone(v reflect.Value) string {
	if shortCode.MatchString(v.String()) {
		return ""
	}
	return phone(v)
}

// dialable wants what <Dial> can reach; empty means that nobody is transferred (H5: empty, no transfer).
func dialable(v reflect.Value) string {
	if v.String() == "" || sipURI.MatchString(v.String()) || phone(v) == "" {
		return ""
	}
	return `empty, a phone number in E.164 or a sip: address`
}

// languageTags wants English among them: what is not complete in another language is said in English (K4).
func languageTags(v reflect.Value) string {
	list := v.Interface().([]string)
	for i, tag := range list {
		if !language.MatchString(tag) || slices.Contains(list[:i], tag) {
			return "a list of language codes, each once"
		}
	}
	if !slices.Contains(list, "en") {
		return "a list that holds en"
	}
	return ""
}

// voiceTable wants a voice name for each language code. Voices vanish without notice (twilio.md §3), so no
// name is checked here.
func voiceTable(v reflect.Value) string {
	for tag, voice := range v.Interface().(map[string]string) {
		if !language.MatchString(tag) || strings.TrimSpace(voice) == "" {
			return "a voice for each language code"
		}
	}
	return ""
}
