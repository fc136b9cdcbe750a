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

	"duebell/internal/script"
	"duebell/internal/testenv"
	"duebell/internal/world"
)

const calls = "../../ivr/testdata/calls"

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

// inTwos are played a second time with two serve and two work processes on the same stores.
var inTwos = []string{
	"both-payments-three-times-at-once.call", "call-back-and-pay.call", "everything-breaks-before-consent.call", "everything-breaks-between-charge-and-record.call",
	"killed-after-pay-and-at-the-assent.call", "reminders-account-trouble.call", "reminders-every-tenth-reply-lost.call",
	"reminders-worker-killed.call", "slow-beyond-patience.call", "two-callers-one-account.call",
}

// TestCalls plays every script in a world of its own.
func TestCalls(t *testing.T) {
	files, err := filepath.Glob(calls + "/*.call")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	var mu sync.Mutex
	var all []played
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
				got := play(t, s, 1)
				if got.Err != nil {
					t.Fatalf("%v\n\n%s", got.Err, got.Transcript)
				}
				mu.Lock()
				defer mu.Unlock()
				all = append(all, played{s, got.Passed})
			})
			if !slices.Contains(inTwos, name) {
				continue
			}
			t.Run(strings.TrimSuffix(name, ".call")+"/two-of-each", func(t *testing.T) {
				t.Parallel()
				s, err := script.Parse(name, string(text))
				if err != nil {
					t.Fatal(err)
				}
				if got := play(t, s, 2); got.Err != nil {
					t.Fatalf("%v\n\n%s", got.Err, got.Transcript)
				}
			})
		}
	})
	if len(all) < len(files) {
		return // a failed, or a chosen, script: the table would show gaps that are none
	}
	slices.SortFunc(all, func(a, b played) int { return strings.Compare(a.script.Name, b.script.Name) })
	table := coverage(all)
	t.Log("\n" + table.text)
	if err := show(table); err != nil {
		t.Error(err)
	}
	for _, gap := range table.gaps {
		t.Error(gap)
	}
}

func play(t *testing.T, s script.Script, replicas int) script.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	timing := world.DefaultTiming
	if s.Uses("kill-before-answering", "redis down") { // their leases must run out
		timing = world.HastyTiming
	}
	if s.Uses("kill-worker") {
		timing.Text = 4 * time.Second
	}
	w, err := world.Open(ctx, world.Config{
		DatabaseURL: testenv.Postgres(t) + "&pool_max_conns=8", RedisURL: testenv.Redis(t), Replicas: replicas, Timing: timing,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	return script.Run(ctx, w, s, script.Options{Files: func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(calls, name)) }})
}
