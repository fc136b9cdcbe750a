package script_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/ivr"
	"duebell/lab/harness"
	"duebell/lab/script"
	"duebell/lab/testenv"
)

const callsDir = "../../ivr/testdata/calls"

// Scripts mostly wait for servers, so that more of them run at once than there are cores.
func TestMain(m *testing.M) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		_ = flag.Set("test.parallel", "4") // the flag is there, and four is a number
	}
	os.Exit(m.Run())
}

// withTwoReplicas are played a second time with two serve and two work processes on the same stores, but under -short.
var withTwoReplicas = []string{
	"both-payments-three-times-at-once.call", "call-back-and-pay.call", "everything-breaks-before-consent.call", "everything-breaks-between-charge-and-record.call",
	"killed-after-pay-and-at-the-assent.call", "reminders-account-trouble.call", "reminders-every-tenth-reply-lost.call",
	"reminders-worker-killed.call", "slow-beyond-patience.call", "two-callers-one-account.call",
}

// TestCalls plays every script in a harness of its own.
func TestCalls(t *testing.T) {
	files, err := filepath.Glob(callsDir + "/*.call")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	var mu sync.Mutex
	var all []playedScript
	told := 0
	t.Run("calls", func(t *testing.T) {
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Base(file)
			t.Run(strings.TrimSuffix(name, ".call"), func(t *testing.T) {
				t.Parallel()
				s, err := script.Parse(name, string(text))
				if err != nil {
					t.Fatal(err)
				}
				tellings := []playedScript{playStory(t, s, 1, "")}
				for _, lang := range otherLanguages(s) {
					tellings = append(tellings, playStory(t, s, 1, lang))
					checkSameJumps(t, lang, tellings[0].passed, tellings[len(tellings)-1].passed)
					checkTalkTime(t, s, lang, tellings[0].talk, tellings[len(tellings)-1].talk)
				}
				mu.Lock()
				defer mu.Unlock()
				told++
				all = append(all, tellings...)
			})
			if testing.Short() || !slices.Contains(withTwoReplicas, name) {
				continue
			}
			t.Run(strings.TrimSuffix(name, ".call")+"/two-of-each", func(t *testing.T) {
				t.Parallel()
				s, err := script.Parse(name, string(text))
				if err != nil {
					t.Fatal(err)
				}
				playStory(t, s, 2, "")
			})
		}
	})
	if told < len(files) {
		return // a failed, or a chosen, script: the table would show gaps that are none
	}
	slices.SortFunc(all, func(a, b playedScript) int { return strings.Compare(a.script.Name, b.script.Name) })
	table := coverage(all)
	t.Log("\n" + table.text)
	if err := show(table); err != nil {
		t.Error(err)
	}
	for _, gap := range table.gaps {
		t.Error(gap)
	}
}

// otherLanguages returns the languages in which a story is told again: none under -short, as `make test` runs it.
// `make long`, which CI runs, tells every story in all of them.
func otherLanguages(s script.Script) []string {
	if testing.Short() {
		return nil
	}
	return s.Languages
}

// checkSameJumps: a story told in another language takes the same steps. How long a charge is waited for is not
// the story's to say.
func checkSameJumps(t *testing.T, lang string, en, other items) {
	t.Helper()
	way := func(p items, lang string) []string {
		var list []string
		for item := range p {
			rest, jump := strings.CutPrefix(item, "jump ")
			tag, rest, _ := strings.Cut(rest, " ")
			if jump && !strings.Contains(rest, string(ivr.ChooseLanguage)) && !strings.Contains(rest, string(ivr.Greeting)) &&
				!strings.Contains(rest, string(ivr.Holding)) && !strings.Contains(rest, string(ivr.Settling)) {
				if tag != lang {
					t.Errorf("told in %s, and passed %s in %s", lang, rest, tag)
				}
				list = append(list, rest)
			}
		}
		slices.Sort(list)
		return list
	}
	if diff := cmp.Diff(way(en, "en"), way(other, lang)); diff != "" {
		t.Errorf("told in %s it goes another way (-en +%s):\n%s", lang, lang, diff)
	}
}

// checkTalkTime: nobody listens much longer for speaking another language. Where something is slow or breaks, how
// often the line says that it is still at it is not the story's to say.
func checkTalkTime(t *testing.T, s script.Script, lang string, en, other []script.TalkTime) {
	t.Helper()
	if s.Uses("when", "processor", "database", "redis", "twilio", "kill-before-answering") {
		return
	}
	for i := range min(len(en), len(other)) {
		more := max(0, other[i].Utterances-en[i].Utterances) // a busy machine says more often that it is still at it
		if most := en[i].Heard*13/10 + time.Duration(1+more)*oneSentence; other[i].Heard > most {
			t.Errorf("%s: %s in %s, %s in English", en[i].Phone, other[i], lang, en[i])
		}
	}
}

// oneSentence is how long the line takes to say once more that it is still at it.
const oneSentence = 4 * time.Second

// playStory plays a story in a harness of its own and prints how long its calls were.
func playStory(t *testing.T, s script.Script, replicas int, lang string) playedScript {
	t.Helper()
	got := runScript(t, s, replicas, lang)
	if got.Err != nil {
		t.Fatalf("%s\n%v\n\n%s", lang, got.Err, got.Transcript)
	}
	for _, talk := range got.TalkTimes {
		t.Logf("%s: %s", talk.Phone, talk)
	}
	return playedScript{s, got.Coverage, got.TalkTimes}
}

func runScript(t *testing.T, s script.Script, replicas int, lang string) script.Result {
	t.Helper()
	ctx := t.Context()
	h, err := harness.Open(ctx, s.Config(harness.Config{
		DatabaseURL: testenv.Postgres(t) + "&pool_max_conns=4", RedisURL: testenv.Redis(t), Replicas: replicas,
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	return script.Run(ctx, h, s, script.Options{Fresh: true, Lang: lang, Files: func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(callsDir, name)) }})
}
