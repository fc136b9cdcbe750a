// Package child runs a server as a child process that never outlives us.
//
// It owns the process: its group, its end when ours ends in any way, its orderly stop and
// the last words it printed. It refuses to know what the server is.
package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Account is the user and group a child runs as.
type Account struct {
	UID, GID uint32
}

// Spec says what to run. Path is required.
type Spec struct {
	Path string
	Args []string
	// The whole environment; nil inherits ours.
	Env []string
	// Where it runs; the child's user must be able to enter it. Empty is our own folder.
	Dir string
	// Nil is ourselves; anything else needs root.
	As *Account
	// Gets everything the child prints, both streams; nil keeps the last words alone.
	Output io.Writer
	// OnOurDeath is sent by the kernel when our process ends without stopping the child (Linux only;
	// elsewhere such a child is found and stopped by the next start). 0 means SIGKILL.
	OnOurDeath syscall.Signal
}

// Child is a running process, or one that has ended. Its methods may be called by several goroutines.
type Child struct {
	process *os.Process
	words   *lastWords
	done    chan struct{}
	// Valid once done is closed.
	err error
}

// Start runs the program and returns once it has been executed; whether it works is for the caller to see. A
// child that was started must be stopped or waited for: it ends with our process at the latest.
func Start(s Spec) (*Child, error) {
	if s.OnOurDeath == 0 {
		s.OnOurDeath = syscall.SIGKILL
	}
	c := &Child{done: make(chan struct{}), words: &lastWords{next: s.Output}}
	cmd := exec.Command(s.Path, s.Args...) //nolint:gosec // G204: the caller found this program, no outsider names it
	cmd.Env, cmd.Dir = s.Env, s.Dir
	cmd.Stdout, cmd.Stderr = c.words, c.words
	cmd.SysProcAttr = attributes(s)
	// Grandchildren that keep our pipe open must not keep Wait from returning.
	cmd.WaitDelay = 2 * time.Second

	started := make(chan error, 1)
	go func() {
		// The death signal follows the thread that started the child, not the process: this thread
		// stays ours until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			c.process = cmd.Process
		}
		started <- err
		if err != nil {
			return
		}
		// Whoever sees done closed may read err: the write comes before the close.
		c.err = cmd.Wait()
		close(c.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Path, err)
	}
	return c, nil
}

// Run runs a program to its end, or until ctx is over: then it is asked to end, and killed a second later.
// Its error carries the program's last words.
func Run(ctx context.Context, s Spec) error {
	c, err := Start(s)
	if err != nil {
		return err
	}
	select {
	case <-c.Done():
	case <-ctx.Done():
		c.Stop(Ask{syscall.SIGTERM, time.Second})
		return fmt.Errorf("run %s: %w", s.Path, ctx.Err())
	}
	if c.Err() != nil {
		return fmt.Errorf("run %s: %w\n%s", s.Path, c.Err(), c.LastWords())
	}
	return nil
}

// Pid returns the child's process id, which is its group's too.
func (c *Child) Pid() int { return c.process.Pid }

// Done returns a channel that is closed when the child has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Err says how the child ended, nil for status 0; it is only to be asked after Done.
func (c *Child) Err() error { return c.err }

// LastWords returns the end of what the child printed so far, 4 kB at most, for an error message.
func (c *Child) LastWords() string { return c.words.String() }

// Ask is one step of a stop: a signal, and how long to wait for it to work before the next step.
type Ask struct {
	Signal   syscall.Signal
	Patience time.Duration
}

// Stop asks the child to end, step by step, and kills its group when no step worked; without steps it kills
// at once. It returns when the child is gone, and does no harm to one that has ended already.
func (c *Child) Stop(steps ...Ask) {
	for _, step := range steps {
		select {
		case <-c.done:
			return
		default:
		}
		if err := c.process.Signal(step.Signal); errors.Is(err, os.ErrProcessDone) {
			<-c.done
			return
		}
		patience := time.NewTimer(step.Patience)
		select {
		case <-c.done:
			patience.Stop()
			return
		case <-patience.C:
		}
	}
	select {
	case <-c.done:
		return
	default:
	}
	// The group's number is the child's own (Setpgid). Gone already is as good as killed.
	_ = syscall.Kill(-c.process.Pid, syscall.SIGKILL)
	<-c.done
}

// lastWords passes everything on and remembers the end of it. next is nil where nobody else wants it.
type lastWords struct {
	mu   sync.Mutex
	next io.Writer
	tail []byte
}

// tailSize is how much is remembered, in bytes.
const tailSize = 4096

// Write is called by the goroutine that reads the child's output; String may come from any other.
func (w *lastWords) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tail = append(w.tail, p...)
	if len(w.tail) > tailSize {
		w.tail = bytes.Clone(w.tail[len(w.tail)-tailSize:])
	}
	if w.next == nil {
		return len(p), nil
	}
	n, err := w.next.Write(p)
	if err != nil {
		return n, fmt.Errorf("pass on a child's output: %w", err)
	}
	return n, nil
}

func (w *lastWords) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.TrimSpace(string(w.tail))
}
