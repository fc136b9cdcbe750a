package servers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopOrphan ends a server that outlived its duebell, and clears a stale postmaster.pid that would keep the
// next one from starting. The caller holds the folder's lock: no running duebell owns it. It returns when the
// server is gone, after half a minute at most; then the error says which process would not end.
func stopOrphan(data string) error {
	pidFile := filepath.Join(data, "postmaster.pid")
	text, err := os.ReadFile(pidFile)
	if err != nil {
		return nil // none: the server went in order
	}
	// The process id is the first line; the rest is PostgreSQL's.
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 || !alive(pid) {
		return nil // PostgreSQL itself sees that this one is dead, and waits for what is left of it
	}
	if !servesFrom(pid, data) {
		// The number is another process's by now (usual in containers, where numbers start again
		// from 1); PostgreSQL would take it for a running server and refuse.
		if err := os.Remove(pidFile); err != nil {
			return fmt.Errorf("private PostgreSQL: stale postmaster.pid: %w", err)
		}
		return nil
	}
	// In order first; then at once, leaving recovery to the next start; then by force, which leaves its
	// shared memory.
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		if err := syscall.Kill(pid, s); errors.Is(err, syscall.ESRCH) {
			return nil
		}
		if gone(pid, data, 10*time.Second) {
			return nil
		}
	}
	return fmt.Errorf("private PostgreSQL: process %d of an earlier run does not end", pid)
}

// alive says whether a process with this number exists. It may be another user's.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// servesFrom says whether the process is a PostgreSQL on this folder. The server goes to its data folder at
// start and stays there, so its working folder tells; where there is no /proc, its command line does.
func servesFrom(pid int, data string) bool {
	if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err == nil {
		real, err := filepath.EvalSymlinks(data)
		return err == nil && cwd == real
	}
	if _, err := os.Stat("/proc/self"); err == nil {
		return false // there is a /proc and we may not look: not a process of ours
	}
	out, err := exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output() //nolint:gosec // G204: a number
	return err == nil && strings.Contains(string(out), data)
}

// gone waits until the server has ended, and says whether it did within patience. It is not our child, so
// there is nothing to wait on but a look; and where nobody reaps the dead (a container without init) its
// number stays, but not its folder.
func gone(pid int, data string, patience time.Duration) bool {
	end := time.NewTimer(patience)
	defer end.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for alive(pid) && servesFrom(pid, data) {
		select {
		case <-look.C:
		case <-end.C:
			return false
		}
	}
	return true
}
