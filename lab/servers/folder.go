package servers

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"duebell/lab/servers/child"
)

// ErrInUse means that a running duebell holds the cluster. It is wrapped with the folder's name.
var ErrInUse = errors.New("another duebell is running on this folder; stop it first")

// cluster is the folder of one PostgreSQL cluster, locked for us:
//
//	lock       held while a duebell uses the cluster
//	moved-to   only where the server's user cannot come in here: names the folder that holds the rest
//	data/      PostgreSQL's own
//	data.new/  while data is being made; never a whole one
//	password   of the superuser
type cluster struct {
	// What the caller named; lock and moved-to lie here.
	asked string
	// Where data and password lie; mostly the same.
	path string
	lock *os.File
}

func (c *cluster) data() string     { return filepath.Join(c.path, "data") }
func (c *cluster) password() string { return filepath.Join(c.path, "password") }

// Close releases the lock on the folder. The server must be gone by then.
func (c *cluster) Close() { _ = c.lock.Close() } // closing an flock'd file always releases it

// openCluster locks dir for us and finds where its data is or will be; ErrInUse when somebody else holds it.
// It makes the folder, and no more.
func openCluster(dir string) (*cluster, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("private PostgreSQL: %w", err)
	}
	//nolint:gosec // G301: the server's user must be able to pass through the parents; dir itself is closed later
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("private PostgreSQL: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("private PostgreSQL: %s was made by another user (root, perhaps); "+
			"start as that user again or remove the folder: %w", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("private PostgreSQL: %w", err)
	}
	// The lock dies with our process, however that ends; a file with a process id in it does not.
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("private PostgreSQL in %s: %w", dir, ErrInUse)
		}
		return nil, fmt.Errorf("private PostgreSQL: lock %s: %w", dir, err)
	}
	c := &cluster{asked: dir, path: dir, lock: lock}
	if other, ok := c.movedTo(); ok {
		c.path = other
	}
	return c, nil
}

// InUse says whether a running duebell holds the cluster in dir, without touching anything. A folder that is
// not there, or that another user has closed, is in nobody's use as far as we can tell. The answer may be
// stale at once: only Start's lock decides.
func InUse(dir string) bool {
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer lock.Close() // which also releases the lock
	return errors.Is(syscall.Flock(int(lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// major returns the version of PostgreSQL that made the data, 0 when there is none yet.
func (c *cluster) major() int {
	text, err := os.ReadFile(filepath.Join(c.data(), "PG_VERSION"))
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}

// prepare finds PostgreSQL's programs and the user that they run as (nil: ourselves), and makes sure that
// this user can work in the folder. It may install PostgreSQL, and may move the cluster to another folder.
func (c *cluster) prepare(ctx context.Context, log io.Writer) (bin install, as *child.Account, err error) {
	if bin, err = find(ctx, c.major(), log); err != nil {
		return bin, nil, fmt.Errorf("private PostgreSQL: %w", err)
	}
	if as, err = c.account(); err != nil { // after find: installing PostgreSQL makes the user
		return bin, nil, err
	}
	return bin, as, c.giveToServer(ctx, bin, as, log)
}

// account returns the user that the server has to run as: nil for ourselves, unless we are root, whom
// PostgreSQL refuses; then whoever owns the data, else postgres, else nobody.
func (c *cluster) account() (*child.Account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	if st, err := os.Stat(c.data()); err == nil {
		if owner, ok := st.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 {
			return &child.Account{UID: owner.Uid, GID: owner.Gid}, nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil && uid != 0 {
			return &child.Account{UID: uint32(uid), GID: uint32(gid)}, nil
		}
	}
	return nil, errors.New("private PostgreSQL: PostgreSQL refuses to run as root, and this machine has " +
		"neither a user postgres nor nobody; start as a plain user")
}

// giveToServer makes sure that the server's user can work in the folder, and moves to another one where it
// cannot (a checkout under /root, or on a file system without owners). c.path is the folder that it found.
func (c *cluster) giveToServer(ctx context.Context, bin install, as *child.Account, log io.Writer) error {
	err := giveTo(ctx, c.path, bin, as)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil { // nothing is proven, and moving would begin without the data
		return fmt.Errorf("private PostgreSQL: %w", context.Cause(ctx))
	}
	if as == nil {
		return fmt.Errorf("private PostgreSQL: the folder cannot be used: %w", err)
	}
	fmt.Fprintf(log, "The database server's user (id %d) cannot work in %s, so its data lies in another folder: ", as.UID, c.path)
	for _, base := range []string{"/var/lib", os.TempDir()} {
		var other string
		if other, err = c.moveTo(ctx, base, bin, as); err == nil {
			fmt.Fprintln(log, other)
			c.path = other
			return nil
		}
	}
	fmt.Fprintln(log, "nowhere found.")
	return fmt.Errorf("private PostgreSQL: no folder found that user %d can use; start as a plain user: %w", as.UID, err)
}

// giveTo hands a folder to the server's user and proves it by running a program there as that user: parents
// without x, access lists and root-squashing file systems all show here. as nil changes no owner. The folder
// is closed to others.
func giveTo(ctx context.Context, dir string, bin install, as *child.Account) error {
	if as != nil {
		if err := os.Chown(dir, int(as.UID), int(as.GID)); err != nil {
			return fmt.Errorf("give to the server's user: %w", err)
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // G302: a folder needs x
		return fmt.Errorf("close to others: %w", err)
	}
	// The cheapest thing that must be able to run there.
	spec := child.Spec{Path: bin.postgres(), Args: []string{"--version"}, Env: environment(dir), Dir: dir, As: as}
	return child.Run(ctx, spec)
}

// movedTo returns the folder that holds the data instead of this one, and whether it is noted and still
// there.
func (c *cluster) movedTo() (string, bool) {
	text, err := os.ReadFile(c.note())
	if err != nil {
		return "", false
	}
	other := strings.TrimSpace(string(text))
	// The note lies in our own folder; the name is checked all the same before it is believed.
	if !strings.HasPrefix(filepath.Base(other), c.prefix()) {
		return "", false
	}
	st, err := os.Stat(other)
	return other, err == nil && st.IsDir()
}

// note returns the file that names the other folder.
func (c *cluster) note() string { return filepath.Join(c.asked, "moved-to") }

// prefix returns how the names of the folders in other places begin that belong to this one: a hash of its
// path, so that two checkouts never share one.
func (c *cluster) prefix() string {
	sum := sha256.Sum256([]byte(c.asked))
	return fmt.Sprintf("duebell-pg-%x-", sum[:6])
}

// moveTo makes a folder under base, notes it and returns it. One made earlier that no note names any more
// belonged to a folder that has been removed since, and so has its data. The note comes last: killed before
// it, a start leaves an empty folder, which the next one removes.
func (c *cluster) moveTo(ctx context.Context, base string, bin install, as *child.Account) (string, error) {
	// The prefix names this folder's path, so nothing of another checkout is touched.
	if err := removeMatching(base, c.prefix()); err != nil {
		return "", err
	}
	other, err := os.MkdirTemp(base, c.prefix())
	if err != nil {
		return "", fmt.Errorf("another folder: %w", err)
	}
	if err := giveTo(ctx, other, bin, as); err != nil {
		_ = os.RemoveAll(other) // nothing is in it
		return "", err
	}
	if err := os.WriteFile(c.note(), []byte(other+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("note the other folder: %w", err)
	}
	return other, nil
}

// removeMatching removes the folders under base whose names begin with prefix.
func removeMatching(base, prefix string) error {
	old, err := filepath.Glob(filepath.Join(base, prefix+"*"))
	if err != nil {
		return fmt.Errorf("look for old data: %w", err)
	}
	for _, o := range old {
		if err := os.RemoveAll(o); err != nil {
			return fmt.Errorf("remove old data: %w", err)
		}
	}
	return nil
}

// Remove removes a cluster's folder and its data, wherever that lies, after it has stopped a server that
// outlived its owner. ErrInUse when a running duebell uses it; a folder that is not there is removed already.
// Once it has returned an error some of it may be gone; it may be called again.
func Remove(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	c, err := openCluster(dir)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := stopOrphan(c.data()); err != nil {
		return err
	}
	for _, base := range []string{"/var/lib", os.TempDir()} {
		if err := removeMatching(base, c.prefix()); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(c.asked); err != nil {
		return fmt.Errorf("private PostgreSQL: %w", err)
	}
	return nil
}
