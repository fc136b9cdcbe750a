// Package seal protects what must not be readable at rest: it encrypts columns and session values
// with an AEAD, and makes the keyed HMACs as which verification answers are stored (design.md §4
// (8)).
//
// It owns the keys ("id:base64(32 bytes),…", newest first: DUEBELL_DATA_KEYS for sealing,
// DUEBELL_HASH_KEYS for HMACs) and the two byte formats, so that a key can be rotated while older
// values stay readable. It refuses to show a key or to open a value under another context than the
// one it was sealed for; it knows nothing of what is sealed.
package seal

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

const (
	keyBytes = 32
	maxKeyID = 32
	hidden   = "***"
)

// Keys is a list of keys, newest first: the newest seals, every one opens. The zero value has no
// key and cannot seal. A Keys prints as ***, whatever the verb. It may be copied and used by many
// goroutines at once.
type Keys struct {
	// A pointer, because fmt follows it no deeper: a Keys inside an unexported field of another
	// struct, where fmt cannot call our methods, prints an address and never a key.
	ring *ring
}

// ring holds the keys by id.
type ring struct {
	newest key
	byID   map[string]key
	ids    []string
}

// key holds two keys derived from one secret, so that sealing and HMAC never use the same bytes
// even where both variables hold the same secret.
type key struct {
	id   string
	seal []byte
	mac  []byte
}

// ParseKeys returns the keys of "id:base64(32 bytes),…", newest first. An error says which entry is
// wrong and how, never what it holds.
func ParseKeys(s string) (Keys, error) {
	r := &ring{byID: map[string]key{}}
	if strings.TrimSpace(s) == "" {
		return Keys{}, errors.New("seal: no key given, want id:base64(32 bytes)")
	}
	for i, entry := range strings.Split(s, ",") {
		k, err := parseKey(strings.TrimSpace(entry))
		if err != nil {
			return Keys{}, fmt.Errorf("seal: entry %d of the key list: %w", i+1, err)
		}
		if _, twice := r.byID[k.id]; twice {
			return Keys{}, fmt.Errorf("seal: entry %d of the key list: its id is used twice", i+1)
		}
		r.byID[k.id] = k
		r.ids = append(r.ids, k.id)
	}
	r.newest = r.byID[r.ids[0]]
	return Keys{ring: r}, nil
}

// parseKey reads one entry and derives its two keys by HKDF.
func parseKey(entry string) (key, error) {
	id, encoded, ok := strings.Cut(entry, ":")
	if !ok {
		return key{}, errors.New("want id:base64(32 bytes)")
	}
	if !validID(id) {
		return key{}, fmt.Errorf("an id is 1 to %d letters, digits, - or _", maxKeyID)
	}
	secret, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return key{}, errors.New("the part after the colon is not base64") // the decoder's error is dropped: it quotes its input
	}
	if len(secret) != keyBytes {
		return key{}, fmt.Errorf("the key has %d bytes, want %d", len(secret), keyBytes)
	}
	k := key{id: id}
	if k.seal, err = hkdf.Key(sha256.New, secret, nil, "duebell seal v1", keyBytes); err != nil {
		return key{}, fmt.Errorf("derive the sealing key: %w", err)
	}
	if k.mac, err = hkdf.Key(sha256.New, secret, nil, "duebell mac v1", keyBytes); err != nil {
		return key{}, fmt.Errorf("derive the mac key: %w", err)
	}
	return k, nil
}

// validID reports whether an id fits the byte format, which holds its length in one byte, and is
// safe in a log.
func validID(id string) bool {
	if id == "" || len(id) > maxKeyID {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// IDs returns the key ids, newest first; doctor shows them.
func (k Keys) IDs() []string {
	if k.ring == nil {
		return nil
	}
	return append([]string(nil), k.ring.ids...)
}

// IsZero reports whether there is no key.
func (k Keys) IsZero() bool { return k.ring == nil }

// newest returns the key that seals. It panics without keys: Keys that were never parsed are a
// programming error that the first test finds, and sealing without a key must not be possible to
// overlook.
func (k Keys) newest() key {
	if k.ring == nil {
		panic("seal: no keys: ParseKeys was never called")
	}
	return k.ring.newest
}

func (k Keys) byID(id string) (key, bool) {
	if k.ring == nil {
		return key{}, false
	}
	found, ok := k.ring.byID[id]
	return found, ok
}

// String hides the keys.
func (Keys) String() string { return hidden }

// Format hides the keys from every verb of fmt.
func (Keys) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// LogValue hides the keys from slog.
func (Keys) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the keys from JSON, TOML and the like.
func (Keys) MarshalText() ([]byte, error) { return []byte(hidden), nil }
