package servers

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"duebell/lab/servers/child"
)

// ReadyClusterVar names a folder that PrepareCluster has filled. Where it is set, Start copies that cluster
// (0.2 s) instead of making a new one (initdb: 1 s of a quiet core, many under load). Tests set it; all
// clusters that are copied from one have the same password.
const ReadyClusterVar = "DUEBELL_TEST_CLUSTER"

// PrepareCluster makes a cluster in dir and does not start it. It is made without waiting for the disk: for
// tests alone. dir must be new, or hold no data yet.
func PrepareCluster(ctx context.Context, dir string, log io.Writer) error {
	c, err := openCluster(dir)
	if err != nil {
		return err
	}
	defer c.Close()
	bin, as, err := c.prepare(ctx, log)
	if err != nil {
		return err
	}
	return initialise(ctx, c, bin, as, false)
}

// copyReady fills the cluster with a copy of the one that ReadyClusterVar names, and says whether it did.
// False: there is none that fits (none named, another version, a copy that failed), and nothing was changed
// that initialise minds.
func copyReady(ctx context.Context, c *cluster, bin install, as *child.Account) bool {
	ready := os.Getenv(ReadyClusterVar)
	cp, err := exec.LookPath("cp")
	if ready == "" || err != nil {
		return false
	}
	from := &cluster{asked: ready, path: ready}
	if other, moved := from.movedTo(); moved {
		from.path = other
	}
	if from.major() != bin.major {
		return false
	}
	// As the server's user, whose files these are. Aside first: a half-copied cluster is never taken for a whole one.
	aside := c.data() + ".new"
	copied := child.Run(ctx, child.Spec{
		Path: cp, Args: []string{"-R", "-p", from.data(), aside}, Env: environment(c.path), Dir: c.path, As: as,
	})
	// The password goes along, because the copied cluster knows only that one.
	if copied == nil {
		copied = child.Run(ctx, child.Spec{Path: cp, Args: []string{"-p", from.password(), c.password()}, Env: environment(c.path), Dir: c.path, As: as})
	}
	if copied == nil {
		copied = os.Rename(aside, c.data())
	}
	return copied == nil
}

// SetReadyCluster prepares a cluster under dir, unless ReadyClusterVar names one, and sets the variable for
// this process and its children. Call it before other goroutines read the environment.
func SetReadyCluster(ctx context.Context, dir string, log io.Writer) error {
	if os.Getenv(ReadyClusterVar) != "" {
		return nil
	}
	ready := filepath.Join(dir, "ready")
	if err := PrepareCluster(ctx, ready, log); err != nil {
		return err
	}
	if err := os.Setenv(ReadyClusterVar, ready); err != nil {
		return fmt.Errorf("private PostgreSQL: %w", err)
	}
	return nil
}
