package testenv

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// scratch is the folder in which our servers' files lie, in memory where there is such a place, and the
// cleaner that clears it when we are gone: a shell that waits for the end of its input. A test process has no
// last line that always runs (a time-out, a panic, a kill), but its pipes are always closed.
type scratch struct {
	dir string
	// Our end of the cleaner's input. The kernel closes it with our process.
	lifeline io.Closer
	cleaner  *exec.Cmd
}

// pgFolder is PostgreSQL's, inside the folder; the cleaner knows it and servers.RedisPidFile too.
const pgFolder = "pg"

// The cleaner also ends servers that the kernel did not end with us (it does so on Linux only). Both remove
// their pid files when they go, which tells more than their numbers: in a container without init the number
// of a dead process stays. It waits ten seconds for each, and then removes the folder in any case.
const cleaner = `cat >/dev/null
cd "$0" || exit 0
end() {
	pid=$(head -n 1 "$1" 2>/dev/null) && [ -n "$pid" ] || return
	kill "-$2" "$pid" 2>/dev/null
	n=0
	while [ -e "$1" ] && kill -0 "$pid" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
}
end redis.pid TERM
end pg/data/postmaster.pid QUIT
cd / && rm -rf "$0"`

// newScratch makes the folder and starts its cleaner. On an error nothing is left.
func newScratch() (*scratch, error) {
	base := "/dev/shm"
	if st, err := os.Stat(base); err != nil || !st.IsDir() {
		base = os.TempDir()
	}
	dir, err := os.MkdirTemp(base, "duebell-test-")
	if err != nil {
		return nil, fmt.Errorf("test environment: a folder: %w", err)
	}
	// PostgreSQL may run as another user and must come through; what lies inside is closed on its own.
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // G302: see above
		return nil, errors.Join(fmt.Errorf("test environment: a folder: %w", err), os.RemoveAll(dir))
	}
	s := &scratch{dir: dir, cleaner: exec.Command("/bin/sh", "-c", cleaner, dir)} //nolint:gosec // G204: a fixed script
	// A group of its own, so that a Ctrl-C does not end it before its work. It holds none of our
	// output: go test waits until all of that is closed.
	s.cleaner.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.lifeline, err = s.cleaner.StdinPipe()
	if err == nil {
		err = s.cleaner.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("test environment: the cleaner: %w", err), os.RemoveAll(dir))
	}
	return s, nil
}

// clear has the cleaner do its work now, and waits for it. It is called once.
func (s *scratch) clear() error {
	if err := s.lifeline.Close(); err != nil {
		return fmt.Errorf("test environment: clear up: %w", err)
	}
	if err := s.cleaner.Wait(); err != nil {
		return fmt.Errorf("test environment: clear up: %w", err)
	}
	return nil
}
