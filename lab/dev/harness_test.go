package dev_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"duebell/internal/app"
	"duebell/lab/dev"
)

// folder is a place for dev's state that the database server's user can enter, on memory where there is some.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(inMemory(), "duebell-dev-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// inMemory is a folder in memory where there is such a place.
func inMemory() string {
	if st, err := os.Stat("/dev/shm"); err == nil && st.IsDir() {
		return "/dev/shm"
	}
	return os.TempDir()
}

// quiet logs what is worth a warning, with the test's output.
func quiet(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// patience is how long a test waits for what should take a moment, on a machine that is busy.
const patience = 60 * time.Second

// running is a dev within the test's process.
type running struct {
	phone string // the page's address
	dir   string
	stop  func() error
}

// run starts a dev at a Wednesday morning in agents' hours, and ends it with the test.
func run(t *testing.T, change func(*dev.Options)) running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan string, 1), make(chan error, 1)
	o := dev.Options{
		Dir: filepath.Join(folder(t), ".duebell"), Now: "2027-02-10T10:00:00-05:00", Settings: app.Settings{HTTPAddr: "127.0.0.1:0"},
		Log: quiet(t), Ready: func(phone string) { ready <- phone },
	}
	if change != nil {
		change(&o)
	}
	go func() { ended <- dev.Run(ctx, o) }()
	stopped := false
	r := running{dir: o.Dir, stop: func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("dev ended with: %v", err)
		}
	})
	select {
	case r.phone = <-ready:
	case err := <-ended:
		stopped = true
		t.Fatalf("dev did not start: %v", errors.Join(err, errors.New("no call can be placed")))
	case <-time.After(patience):
		t.Fatal("dev takes too long to start")
	}
	return r
}
