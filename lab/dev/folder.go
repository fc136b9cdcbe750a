package dev

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"duebell/lab/servers"
)

// stateFolder is the folder in which a dev keeps its state:
//
//	pg/            PostgreSQL's
//	keys           DUEBELL_DATA_KEYS and DUEBELL_HASH_KEYS, made once
//	policy.toml    dev's policy, where DUEBELL_POLICY names none
//	processor.json what the processor's stand-in has charged
//	clock          the domain clock's time when it was last saved
//	dev.env        every setting of the dev that runs, or ran last
type stateFolder string

// path returns the path of a file in the folder.
func (f stateFolder) path(name string) string { return filepath.Join(string(f), name) }

func (f stateFolder) postgres() string  { return f.path("pg") }
func (f stateFolder) env() string       { return f.path("dev.env") }
func (f stateFolder) policy() string    { return f.path("policy.toml") }
func (f stateFolder) processor() string { return f.path("processor.json") }

// writable makes the folder and proves that a file can be made in it. It comes before PostgreSQL, whose own
// words about a closed folder help nobody. Permissions alone would not say it: the file system may be full or
// read-only.
func (f stateFolder) writable() error {
	err := os.MkdirAll(string(f), 0o755) //nolint:gosec // G301: PostgreSQL's user passes through; what is secret has 0600
	if err == nil {
		err = os.WriteFile(f.path("writable"), nil, 0o600)
	}
	if err == nil {
		err = os.Remove(f.path("writable"))
	}
	if err != nil {
		return fmt.Errorf("duebell-lab dev keeps its state in %s, and cannot write there: start it in a folder of yours, or as the user who made that one (%w)", f, err)
	}
	return nil
}

// empty removes everything in the folder, unless a running dev uses it: that is servers.ErrInUse. A folder that
// does not exist is empty. Killed half-way, it leaves a folder that the next --fresh empties.
func (f stateFolder) empty() error {
	// First, because it refuses while the PostgreSQL runs: then nothing else may be removed either.
	if err := servers.Remove(f.postgres()); err != nil {
		return err
	}
	entries, err := os.ReadDir(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("empty %s: %w", f, err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(f.path(e.Name())); err != nil {
			return fmt.Errorf("empty %s: %w", f, err)
		}
	}
	return nil
}

// write replaces a file as a whole: whoever reads it, and whoever finds it after a crash, has the old or the
// new. Only this user can read it, for keys and passwords are among what is written.
func (f stateFolder) write(name string, text []byte) error {
	// In the same folder, so that the rename replaces the file in one step.
	aside := f.path(name + ".new")
	if err := os.WriteFile(aside, text, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", f.path(name), err)
	}
	if err := os.Rename(aside, f.path(name)); err != nil {
		return fmt.Errorf("write %s: %w", f.path(name), err)
	}
	return nil
}

// keys returns the keys that seal and hash what lies in the database, and makes them at the first start: they
// live as long as the database does. With other keys nothing sealed can be read, and no member can be verified;
// so a damaged file is an error, and is never replaced.
func (f stateFolder) keys() (data, hash string, err error) {
	text, err := os.ReadFile(f.path("keys"))
	if errors.Is(err, fs.ErrNotExist) {
		text = []byte(newKey() + "\n" + newKey() + "\n")
		err = f.write("keys", text)
	}
	if err != nil {
		return "", "", fmt.Errorf("dev's keys: %w", err)
	}
	lines := strings.Fields(string(text))
	if len(lines) != 2 {
		return "", "", fmt.Errorf("%s is damaged; start with --fresh, or put it back", f.path("keys"))
	}
	return lines[0], lines[1], nil
}

// newKey returns a key in the form of DUEBELL_DATA_KEYS: id, colon, 32 random bytes in base64.
func newKey() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // does not fail
	return "dev:" + base64.StdEncoding.EncodeToString(raw)
}

// devPolicy lets 0 reach a person in agents' hours: the stand-in's, who answers.
const devPolicy = `# duebell-lab dev's policy: the defaults, and a person who can be reached.
# To try another one: DUEBELL_POLICY=my.toml duebell-lab dev. duebell policy prints every key.
agent_dial = "+16175550190"
`

// clock returns the time at which the clock was last saved; zero: never, or nobody can read it any more. Dev
// starts then by the machine's clock.
func (f stateFolder) clock() time.Time {
	text, err := os.ReadFile(f.path("clock"))
	if err != nil {
		return time.Time{}
	}
	at, _ := time.Parse(time.RFC3339, string(bytes.TrimSpace(text)))
	return at
}

// saveClock writes the domain clock's time, to the second.
func (f stateFolder) saveClock(at time.Time) error {
	return f.write("clock", []byte(at.Format(time.RFC3339)+"\n"))
}
