package ivr

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"duebell/billing"
	"duebell/voiceprompts"
)

func byName(t *testing.T) map[StepName]Step {
	t.Helper()
	steps := map[StepName]Step{}
	for _, s := range Conversation() {
		if _, twice := steps[s.Name]; twice {
			t.Errorf("step %s is there twice", s.Name)
		}
		steps[s.Name] = s
	}
	return steps
}

// Every step that is named as an exit exists.
func TestEveryJumpLeadsSomewhere(t *testing.T) {
	steps := byName(t)
	for _, s := range steps {
		for _, to := range append(s.LeadsTo, s.GivesUpTo) {
			if _, ok := steps[to]; !ok && to != "" {
				t.Errorf("%s leads to %s, which is no step", s.Name, to)
			}
		}
	}
}

// From where calls begin every step can be reached, and from every step the end of the call.
func TestEveryStepIsReachedAndEnds(t *testing.T) {
	steps := byName(t)
	reached := map[StepName]bool{}
	for _, begin := range []StepName{Greeting, CalledBack, Reminding, LeaveMessage, LostPlace} { // LostPlace: a lost session begins again
		maps.Copy(reached, walk(steps, begin, ways))
	}
	for name := range steps {
		if !reached[name] {
			t.Errorf("no way leads from where calls begin to %s", name)
		}
		if name != LeaveMessage && !walk(steps, name, ways)[Goodbye] { // a machine is told no good-bye
			t.Errorf("no way leads from %s to the end of the call", name)
		}
	}
}

// ways are all exits of a step: its jumps, and a person from every question.
func ways(s Step) []StepName {
	list := slices.Clone(s.LeadsTo)
	if s.GivesUpTo != "" {
		list = append(list, s.GivesUpTo)
	}
	if s.Accepts != nil {
		list = append(list, Person)
	}
	return list
}

func walk(steps map[StepName]Step, from StepName, ways func(Step) []StepName) map[StepName]bool {
	seen, todo := map[StepName]bool{from: true}, []StepName{from}
	for len(todo) > 0 {
		s := steps[todo[0]]
		todo = todo[1:]
		for _, to := range ways(s) {
			if !seen[to] {
				seen[to] = true
				todo = append(todo, to)
			}
		}
	}
	return seen
}

// Jumps in the functions must be declared in the list: the picture of the call is drawn from it.
// Which function belongs to which step is checked where the call really runs; here, that no Go(…)
// names a step that nobody declares.
func TestEveryJumpInTheCodeIsDeclared(t *testing.T) {
	declared := map[string]bool{"Person": true, "Greeting": true} // where calls begin, and where every question may lead
	list := read(t, "conversation.go") + read(t, "outbound.go")
	for _, m := range regexp.MustCompile(`LeadsTo: (?:append\()?\[\]StepName\{([^}]*)\}`).FindAllStringSubmatch(list, -1) {
		for name := range strings.SplitSeq(m[1], ",") {
			declared[strings.TrimSpace(name)] = true
		}
	}
	for _, m := range regexp.MustCompile(`GivesUpTo: (\w+)`).FindAllStringSubmatch(list, -1) {
		declared[m[1]] = true
	}
	for _, file := range sources(t) {
		for _, m := range regexp.MustCompile(`\bGo\(([A-Z]\w+)\)`).FindAllStringSubmatch(read(t, file), -1) {
			if !declared[m[1]] {
				t.Errorf("%s jumps to %s, which no step declares", file, m[1])
			}
		}
	}
}

// Every prompt key that steps and functions name is in the message files.
func TestEveryPromptExists(t *testing.T) {
	prompts, err := voiceprompts.Load()
	if err != nil {
		t.Fatal(err)
	}
	keys := prompts.Keys()
	for _, s := range Conversation() {
		own := []string{s.Says, s.Again}
		if m, ok := s.Accepts.(Menu); ok {
			own = append(own, m.Warns, m.Closes)
		}
		for _, key := range own {
			if key != "" && !slices.Contains(keys, key) {
				t.Errorf("%s says %q, which is no prompt", s.Name, key)
			}
		}
	}
	said := regexp.MustCompile(`\b(?:say|sayUninterrupted|phrase|Again|closeOfferAndSay)\((?:ctx, )?"([a-z0-9-]+)"`)
	for _, file := range sources(t) {
		for _, m := range said.FindAllStringSubmatch(read(t, file), -1) {
			if !slices.Contains(keys, m[1]) {
				t.Errorf("%s says %q, which is no prompt", file, m[1])
			}
		}
	}
}

// V1: at most five options a menu, besides 0 and 9.
func TestFixedMenusAreShort(t *testing.T) {
	prompts, err := voiceprompts.Load()
	if err != nil {
		t.Fatal(err)
	}
	c := &Call{ // where as much as can be is offered
		Session: &Session{Language: Language{Tag: "en", Recalled: true}},
		Engine:  &Engine{Services: Services{Prompts: prompts, Policy: billing.DefaultPolicy()}},
	}
	for _, s := range Conversation() {
		menu, ok := s.Accepts.(Menu)
		if !ok || s.Name == ChooseLanguage {
			continue
		}
		if n := len(menu.Options(c)); n > 5 {
			t.Errorf("%s offers %d options", s.Name, n)
		}
	}
}

// Every question has a way out for silence and nonsense: Digits must say what was wrong.
func TestEveryQuestionSaysWhatWasWrong(t *testing.T) {
	for _, s := range Conversation() {
		if d, ok := s.Accepts.(Digits); ok && d.Reject == "" {
			t.Errorf("%s refuses digits without a word", s.Name)
		}
		if m, ok := s.Accepts.(Menu); ok && (m.OnSilence == "") != (m.Warns == "") { // V4
			t.Errorf("%s takes silence for an answer without a warning", s.Name)
		}
		if s.Accepts != nil && s.Then == nil {
			t.Errorf("%s asks and then does nothing", s.Name)
		}
	}
}

func sources(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.go") })
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
