package script_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duebell/internal/script"
	"duebell/internal/testenv"
	"duebell/internal/world"
)

const calls = "../../ivr/testdata/calls"

// TestCalls plays every script in a world of its own.
func TestCalls(t *testing.T) {
	files, err := filepath.Glob(calls + "/*.call")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
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
				t.Errorf("%v\n\n%s", got.Err, got.Transcript)
			}
		})
	}
}

func play(t *testing.T, s script.Script, replicas int) script.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	w, err := world.Open(ctx, world.Config{
		DatabaseURL: testenv.Postgres(t) + "&pool_max_conns=8", RedisURL: testenv.Redis(t), Replicas: replicas,
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
