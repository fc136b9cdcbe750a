package child

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shell runs a script that says "ready" when it is.
func shell(t *testing.T, script string) *Child {
	t.Helper()
	said := make(chan string, 100)
	c, err := Start(Spec{Path: "/bin/sh", Args: []string{"-c", script}, Output: listener(said)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Stop() })
	select {
	case <-said:
	case <-c.Done():
		t.Fatalf("ended before it was ready: %v, %s", c.Err(), c.LastWords())
	}
	return c
}

type listener chan string

func (l listener) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func TestStopAsksInOrder(t *testing.T) {
	c := shell(t, `trap 'echo "not yet"' INT; trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done`)
	c.Stop(Ask{syscall.SIGINT, 100 * time.Millisecond}, Ask{syscall.SIGTERM, 10 * time.Second})
	if words := c.LastWords(); !strings.HasSuffix(words, "bye") || !strings.Contains(words, "not yet") {
		t.Errorf("last words: %q", words)
	}
	if c.Err() == nil || c.Err().Error() != "exit status 3" {
		t.Errorf("ended with %v", c.Err())
	}
	c.Stop(Ask{syscall.SIGINT, time.Hour}) // of what is gone: at once
}

func TestStopKillsWhatDoesNotListen(t *testing.T) {
	c := shell(t, `trap '' INT TERM; echo ready; while :; do sleep 0.01; done`)
	c.Stop(Ask{syscall.SIGTERM, 50 * time.Millisecond})
	if err := syscall.Kill(c.Pid(), 0); err == nil {
		t.Error("it is still there")
	}
}

func TestRun(t *testing.T) {
	if err := Run(t.Context(), Spec{Path: "/bin/sh", Args: []string{"-c", "exit 0"}}); err != nil {
		t.Error(err)
	}
	err := Run(t.Context(), Spec{Path: "/bin/sh", Args: []string{"-c", "echo the reason; exit 1"}})
	if err == nil || !strings.Contains(err.Error(), "the reason") {
		t.Errorf("got %v, want its last words", err)
	}
	if err := Run(t.Context(), Spec{Path: "/nonexistent"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := Run(ctx, Spec{Path: "/bin/sleep", Args: []string{"60"}}); err == nil {
		t.Error("outlasted its context")
	}
}

func TestLastWordsAreTheLast(t *testing.T) {
	w := &lastWords{}
	for range 1000 {
		if _, err := w.Write([]byte("one of many lines\n")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write([]byte("the end\n")); err != nil {
		t.Fatal(err)
	}
	if got := w.String(); len(got) > tailSize || !strings.HasSuffix(got, "the end") {
		t.Errorf("%d bytes, ending %q", len(got), got[len(got)-20:])
	}
}
