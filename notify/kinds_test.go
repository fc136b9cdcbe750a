package notify_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"duebell/notify"
	"duebell/voiceprompts"
)

// TestKindsAreComplete: who adds a row to the table of kinds is told here what else the kind needs: words in
// every complete language, a name for O10, its place in the rule book and in the alert on reminders.
// Help texts, metrics, SQL and the scripts' coverage goals are derived from the table. What the texts say is
// held by TestReminderTextsOfTheRuleBook and TestTextsOfTheRuleBook.
func TestKindsAreComplete(t *testing.T) {
	catalog, err := voiceprompts.Load()
	if err != nil {
		t.Fatal(err)
	}
	book := read(t, "../docs/rules.md")
	for _, k := range notify.Kinds() {
		spec, _ := k.Spec()
		if k != notify.CallBack && k != notify.OneTimeCode && spec.Message == "" { // a call, and what no step asks for yet
			t.Errorf("%s has no message", k)
		}
		for _, key := range []string{spec.Message, spec.Name} {
			for _, l := range catalog.Languages() {
				if key != "" && l.Complete && catalog.Version(l.Tag, key) == "" {
					t.Errorf("%s: the message %s is missing in %s", k, key, l.Name)
				}
			}
		}
		if spec.Basis != notify.OnRequest && !strings.Contains(book, "\n| `"+string(k)+"`") { // O10 does not name its answers
			t.Errorf("%s has no row in docs/rules.md §10", k)
		}
		if why := inconsistent(spec); why != "" {
			t.Errorf("%s: %s", k, why)
		}
	}
}

// inconsistent returns what columns of one row contradict each other, or "".
func inconsistent(s notify.KindSpec) string {
	switch {
	case s.Basis != notify.OnAccount && s.Basis != notify.OnPayment && s.Basis != notify.OnRequest:
		return "it has no basis"
	case s.Capped() && (s.AnyHour || s.Basis != notify.OnAccount):
		return "it is capped and yet no reminder"
	case s.Basis == notify.OnAccount && s.AutoPay == notify.AutoPayAny:
		return "it does not say whether members on AutoPay get it"
	case s.Capped() && s.AutoPay != notify.AutoPayOff:
		return "it is capped and yet about AutoPay, whose texts have no cap (N3)"
	case s.Basis != notify.OnAccount && s.Window == 0:
		return "it has no window (N6)"
	case s.Basis == notify.OnRequest && !s.AnyHour:
		return "it answers and yet waits for the send window (N5)"
	case s.Basis != notify.OnRequest && s.Name == "":
		return "it has no name for the answer to real (O10)"
	}
	return ""
}

// TestEveryReminderHasDates: each reminder is true on some day of a bill or a draw (N6), and says so in words.
func TestEveryReminderHasDates(t *testing.T) {
	for _, k := range notify.ReminderKinds() {
		spec, _ := k.Spec()
		if !spec.HasDates() {
			t.Errorf("%s has no dates", k)
		}
	}
}

// TestN3Priority: the ranks are the order of the rule book, and no two kinds share one.
func TestN3Priority(t *testing.T) {
	kinds := notify.CappedKinds()
	slices.SortFunc(kinds, func(a, b notify.Kind) int {
		x, _ := a.Spec()
		y, _ := b.Spec()
		if x.Rank == y.Rank {
			t.Errorf("%s and %s have the same rank", a, b)
		}
		return x.Rank - y.Rank
	})
	m := regexp.MustCompile(`(?m)^\| N3 .*Priority: ([^.]*)\.`).FindStringSubmatch(read(t, "../docs/rules.md"))
	if m == nil {
		t.Fatal("N3 of docs/rules.md names no priority")
	}
	want := regexp.MustCompile(`[a-z_]+`).FindAllString(m[1], -1)
	if !slices.Equal(kinds, asKinds(want)) {
		t.Errorf("the ranks give %v, N3 says %v", kinds, want)
	}
}

// TestAlertOnReminders: the alarm that no reminder goes counts exactly the kinds that have a cap.
func TestAlertOnReminders(t *testing.T) {
	m := regexp.MustCompile(`duebell_texts_total\{kind=~"([a-z_|]+)"`).FindStringSubmatch(read(t, "../deploy/alerts.yml"))
	if m == nil {
		t.Fatal("deploy/alerts.yml has no alert on the kinds of reminders")
	}
	listed := asKinds(strings.Split(m[1], "|"))
	slices.Sort(listed)
	if !slices.Equal(listed, notify.CappedKinds()) {
		t.Errorf("deploy/alerts.yml watches %v; capped are %v", listed, notify.CappedKinds())
	}
}

func asKinds(names []string) []notify.Kind {
	list := make([]notify.Kind, len(names))
	for i, name := range names {
		list[i] = notify.Kind(name)
	}
	return list
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
