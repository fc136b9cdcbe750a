package script_test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"duebell/billing"
	"duebell/ivr"
	"duebell/lab/harness"
	"duebell/lab/script"
	"duebell/voiceprompts"
)

// goal is one thing that a script must be there for and really pass.
type goal struct {
	kind string // step, jump, result, fault, promise, row, or one of the texts' (textGoals)
	tag  string // how a "# proves:" line names it; * stands for anything
	item string // what the harness records when it is passed; empty: see borneOut
}

// goals are all of them: the conversation, the results of a capture, the faults at every point of a
// payment's life, what texts go through, the promises and the rows of "when something is down".
func goals() []goal {
	var list []goal
	for _, lang := range languages() {
		for _, s := range ivr.Conversation() {
			if lang != "en" && (s.Name == ivr.Greeting || s.Name == ivr.ChooseLanguage) {
				continue // no language is chosen yet
			}
			list = append(list, goal{"step " + lang, string(s.Name), "step " + lang + " " + string(s.Name)})
			for _, to := range slices.Compact(slices.Sorted(slices.Values(exits(s)))) {
				if lang == "en" || to != ivr.ChooseLanguage {
					jump := string(s.Name) + ">" + string(to)
					list = append(list, goal{"jump " + lang, jump, "jump " + lang + " " + jump})
				}
			}
		}
	}
	for _, r := range harness.Results() {
		list = append(list, goal{"result", "Result=" + r, "result " + r})
	}
	for _, f := range slices.Sorted(maps.Keys(faults)) {
		for _, at := range harness.Phases() {
			if faults[f][at] == "" {
				tag := f + "@" + string(at)
				list = append(list, goal{"fault", tag, "fault " + tag})
			}
		}
	}
	list = append(list, textGoals()...)
	for tag := range requiredFor {
		kind := "promise"
		if strings.HasPrefix(tag, "§") {
			kind = "row"
		}
		list = append(list, goal{kind, tag, ""})
	}
	return list
}

// languages are those in force: each is to be shown whole (K4: a language needs approval). Under -short stories are
// told in the first alone.
func languages() []string {
	prompts, err := voiceprompts.Load()
	if err != nil {
		panic(err)
	}
	var tags []string
	for _, l := range prompts.Offered(billing.DefaultPolicy().Languages) {
		tags = append(tags, l.Tag)
	}
	if testing.Short() {
		return tags[:1]
	}
	return tags
}

// exits are the jumps of a step that a script can take: a person is declared only where something is asked.
func exits(s ivr.Step) []ivr.StepName {
	list := s.LeadsTo
	if s.GivesUpTo != "" {
		list = append(slices.Clone(list), s.GivesUpTo)
	}
	switch s.Accepts.(type) {
	case ivr.Menu, ivr.Digits, ivr.Assent:
		list = append(slices.Clone(list), ivr.Person)
	}
	return list
}

// requiredFor says what must have been passed besides, for a promise or a row to be more than a word.
var requiredFor = map[string]func(p items) bool{
	"P1": func(p items) bool { return p.any("fault *") },
	"P2": func(p items) bool { return p.all("fact owes", "fact due") },
	"P3": func(p items) bool { return p.any("text sent") },
	"P4": func(p items) bool { return p.any("secret keyed") },
	"P5": func(p items) bool { return p.any("handed-over", "jump * *>person") },
	"P6": func(p items) bool {
		return p.any("fault *-down@*", "fault kill-*", "fault redis-empty@*", "fault processor-slow@*")
	},
	"§7.redis":    func(p items) bool { return p.any("fault redis-empty@*") && p.any("fault redis-down@*") },
	"§7.database": func(p items) bool { return p.any("fault database-down@*") },
	"§7.processor": func(p items) bool {
		return p.any("fault processor-down@*", "fault processor-charges-then-drops-the-reply@*", "fault processor-slow@*")
	},
	"§7.twilio-api": func(p items) bool { return p.any("fault api-down@*") },
	"§7.process":    func(p items) bool { return p.any("fault kill-before-answering@*", "fault restart@*") },
	"§7.clock":      func(p items) bool { return p.any("clock dst", "clock leap-day") },
}

// faults are the words that break something. Where one cannot act, the reason stands.
var faults = map[string]map[harness.Phase]string{
	"processor-declines": {
		harness.Before:  "nothing is confirmed before an authorization",
		harness.Charged: "it acts on the confirm; what is charged is not declined any more",
		harness.After:   "the outcome is recorded; nothing is confirmed any more",
	},
	"processor-slow": {
		harness.Before: "only the confirm is slow, and nothing is confirmed before an authorization",
		harness.After:  "the outcome is recorded; nobody waits for the processor",
	},
	"processor-down": {
		harness.After: "the outcome is recorded; nobody asks the processor",
	},
	"processor-charges-then-drops-the-reply": {
		harness.Before:     "nothing is confirmed before an authorization",
		harness.Authorized: "it acts by charging",
		harness.After:      "the outcome is recorded; nothing is confirmed any more",
	},
	"processor-wants-verification": {
		harness.Before:  "nothing is confirmed before an authorization",
		harness.Charged: "it acts on the confirm, and nothing is charged then",
		harness.After:   "the outcome is recorded; nothing is confirmed any more",
	},
	"repeats-every-webhook": {},
	"repeats-at-once":       {},
	"drops-next-reply":      {},
	"api-down": {
		harness.Charged: "no text goes between charge and record",
	},
	"api-accepts-then-drops-the-reply": {
		harness.Charged: "no text goes between charge and record",
	},
	"redis-empty":   {},
	"redis-down":    {},
	"database-down": {},
	"drops-next-commit-reply": {
		harness.After: "what follows the outcome is one statement, or is repeated by its planner",
	},
	"restart":               {},
	"kill-before-answering": {},
}

// items is what one script has really passed.
type items map[string]int

func (p items) any(patterns ...string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		for item := range p {
			if ok, err := path.Match(pattern, item); err == nil && ok {
				return true
			}
		}
		return false
	})
}

func (p items) all(items ...string) bool {
	return !slices.ContainsFunc(items, func(i string) bool { return p[i] == 0 })
}

// playedScript is one script and what became of it.
type playedScript struct {
	script script.Script
	passed items
	talk   []script.TalkTime
}

// claims says whether a "# proves:" line names the goal. A jump names both of its steps.
func (p playedScript) claims(g goal) bool {
	return slices.ContainsFunc(p.script.Proves, func(tag string) bool {
		from, to, jump := strings.Cut(tag, ">")
		if strings.HasPrefix(g.kind, "step") && jump {
			return g.tag == from || g.tag == to
		}
		ok, err := path.Match(tag, g.tag)
		return err == nil && ok && jump == strings.HasPrefix(g.kind, "jump")
	})
}

func (p playedScript) passes(g goal) bool {
	if g.item == "" {
		return requiredFor[g.tag](p.passed)
	}
	return p.passed[g.item] > 0
}

// table is what the scripts cover, and what they do not.
type table struct {
	text string
	gaps []string
}

func coverage(all []playedScript) table {
	count := map[string][2]int{} // kind: proven, all
	by := map[string][]string{}
	var t table
	for _, g := range goals() {
		var provers, passers []string
		for _, p := range all {
			name := strings.TrimSuffix(p.script.Name, ".call")
			if p.passes(g) {
				passers = append(passers, name)
				if p.claims(g) {
					provers = append(provers, name)
				}
			}
		}
		n := count[g.kind]
		n[1]++
		if len(provers) > 0 {
			n[0]++
		} else {
			t.gaps = append(t.gaps, fmt.Sprintf("%s %s: no script proves it%s", g.kind, g.tag, hint(passers)))
		}
		count[g.kind] = n
		by[g.tag] = provers
	}
	for _, p := range all {
		for item, why := range unreachable {
			if p.passed[item] > 0 {
				t.gaps = append(t.gaps, fmt.Sprintf("%s passes %s, which should not be possible: %s", p.script.Name, item, why))
			}
		}
		for _, tag := range p.script.Proves {
			if !slices.ContainsFunc(goals(), func(g goal) bool { return p.claims(g) && p.passes(g) && claimedBy(tag, g) }) {
				t.gaps = append(t.gaps, fmt.Sprintf("%s claims to prove %s and does not pass it", p.script.Name, tag))
			}
		}
	}
	slices.Sort(t.gaps)
	t.text = render(all, count, by)
	return t
}

func claimedBy(tag string, g goal) bool {
	return playedScript{script: script.Script{Proves: []string{tag}}}.claims(g)
}

func hint(passers []string) string {
	if len(passers) == 0 {
		return ""
	}
	return "; passed without a claim by " + strings.Join(passers[:min(3, len(passers))], ", ")
}

func render(all []playedScript, count map[string][2]int, by map[string][]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "What %d scripted calls prove:\n", len(all))
	for _, kind := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(&b, "  %-14s %d of %d\n", kind, count[kind][0], count[kind][1])
	}
	b.WriteString("\nPromises, and the rows of what is down:\n")
	for _, tag := range slices.Sorted(maps.Keys(requiredFor)) {
		fmt.Fprintf(&b, "  %-14s %s\n", tag, strings.Join(by[tag], ", "))
	}
	b.WriteString("\nFaults, at each point of a payment (before its authorization, before its charge, before its record, after):\n")
	for _, f := range slices.Sorted(maps.Keys(faults)) {
		fmt.Fprintf(&b, "  %s\n", f)
		for _, at := range harness.Phases() {
			fmt.Fprintf(&b, "    %-11s %s\n", at, cmp.Or(strings.Join(by[f+"@"+string(at)], ", "), "cannot act: "+faults[f][at]))
		}
	}
	b.WriteString("\nResults of a capture:\n")
	for _, r := range harness.Results() {
		fmt.Fprintf(&b, "  %-40s %s\n", r, strings.Join(by["Result="+r], ", "))
	}
	b.WriteString("\nTexts and calls of ours:\n")
	for _, g := range textGoals() {
		fmt.Fprintf(&b, "  %-40s %s\n", g.tag, strings.Join(by[g.tag], ", "))
	}
	for _, item := range slices.Sorted(maps.Keys(unreachable)) {
		fmt.Fprintf(&b, "  %-40s not yet: %s\n", item, unreachable[item])
	}
	return b.String()
}

// show writes the table where make test finds it.
func show(t table) error {
	file := os.Getenv("DUEBELL_SCRIPT_COVERAGE")
	if file == "" {
		return nil
	}
	return os.WriteFile(file, []byte(t.text), 0o644)
}
