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

// home is the folder in which a dev keeps its state:
//
//	pg/            PostgreSQL's
//	keys           DUEBELL_DATA_KEYS and DUEBELL_HASH_KEYS, made once
//	policy.toml    dev's policy, where DUEBELL_POLICY names none
//	processor.json what the processor's stand-in has charged
//	clock          where the domain's clock stood
//	dev.env        every setting of the dev that runs, or ran last
type home string

func (h home) path(name string) string { return filepath.Join(string(h), name) }

func (h home) postgres() string  { return h.path("pg") }
func (h home) env() string       { return h.path("dev.env") }
func (h home) policy() string    { return h.path("policy.toml") }
func (h home) processor() string { return h.path("processor.json") }

// empty forgets everything, unless a living dev uses it.
func (h home) empty() error {
	if err := servers.Remove(h.postgres()); err != nil {
		return err
	}
	entries, err := os.ReadDir(string(h))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("empty %s: %w", h, err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(h.path(e.Name())); err != nil {
			return fmt.Errorf("empty %s: %w", h, err)
		}
	}
	return nil
}

// write replaces a file as a whole, so that whoever reads it finds the old or the new.
func (h home) write(name string, text []byte) error {
	aside := h.path(name + ".new")
	if err := os.WriteFile(aside, text, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", h.path(name), err)
	}
	if err := os.Rename(aside, h.path(name)); err != nil {
		return fmt.Errorf("write %s: %w", h.path(name), err)
	}
	return nil
}

// keys are those that seal and hash what lies in the database; they live as long as it does.
func (h home) keys() (data, hash string, err error) {
	text, err := os.ReadFile(h.path("keys"))
	if errors.Is(err, fs.ErrNotExist) {
		text = []byte(newKey() + "\n" + newKey() + "\n")
		err = h.write("keys", text)
	}
	if err != nil {
		return "", "", fmt.Errorf("dev's keys: %w", err)
	}
	lines := strings.Fields(string(text))
	if len(lines) != 2 {
		return "", "", fmt.Errorf("%s is damaged; start with --fresh, or put it back", h.path("keys"))
	}
	return lines[0], lines[1], nil
}

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

// standing is where the clock stood when it was last seen; zero: never.
func (h home) standing() time.Time {
	text, err := os.ReadFile(h.path("clock"))
	if err != nil {
		return time.Time{}
	}
	at, _ := time.Parse(time.RFC3339, string(bytes.TrimSpace(text)))
	return at
}

func (h home) keepClock(at time.Time) error {
	return h.write("clock", []byte(at.Format(time.RFC3339)+"\n"))
}
