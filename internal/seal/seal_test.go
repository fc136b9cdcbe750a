package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"duebell/internal/seal"

	"github.com/google/go-cmp/cmp"
)

func entry(id string, fill byte) string {
	return id + ":" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 32))
}

func mustParse(t *testing.T, s string) seal.Keys {
	t.Helper()
	keys, err := seal.ParseKeys(s)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestParseKeys(t *testing.T) {
	short := "k1:" + base64.StdEncoding.EncodeToString(make([]byte, 31))
	tests := []struct {
		name, in string
		want     []string
		problem  string
	}{
		{"one", entry("k1", 1), []string{"k1"}, ""},
		{"newest first, spaces around", " " + entry("2027-02", 2) + " , " + entry("k_1", 1) + "\n", []string{"2027-02", "k_1"}, ""},
		{"empty", " ", nil, "no key given"},
		{"trailing comma", entry("k1", 1) + ",", nil, "entry 2"},
		{"no colon", "AAAA", nil, "want id:base64"},
		{"no id", entry("", 1), nil, "an id is"},
		{"odd id", entry("k 1", 1), nil, "an id is"},
		{"long id", entry(strings.Repeat("k", 33), 1), nil, "an id is"},
		{"not base64", "k1:%%%", nil, "not base64"},
		{"too short", short, nil, "31 bytes"},
		{"same id twice", entry("k1", 1) + "," + entry("k1", 2), nil, "twice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			keys, err := seal.ParseKeys(tt.in)
			if tt.problem != "" {
				if err == nil || !strings.Contains(err.Error(), tt.problem) {
					t.Fatalf("error %v, want one with %q", err, tt.problem)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, keys.IDs()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseErrorsQuoteNoKey(t *testing.T) {
	_, err := seal.ParseKeys("k1:SECRETsecret!!")
	if err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("error %v, want one that quotes nothing", err)
	}
}

func TestSealOpens(t *testing.T) {
	keys := mustParse(t, entry("k1", 1))
	for _, plain := range []string{"", "pm_card_visa", strings.Repeat("x", 10_000)} {
		sealed := keys.Seal([]byte(plain), "payment_attempts.token/A1")
		if plain != "" && bytes.Contains(sealed, []byte(plain)) {
			t.Fatal("the plain text shows")
		}
		got, err := keys.Open(sealed, "payment_attempts.token/A1")
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != plain {
			t.Errorf("opened %d bytes, want %d", len(got), len(plain))
		}
		if again := keys.Seal([]byte(plain), "payment_attempts.token/A1"); bytes.Equal(again, sealed) {
			t.Error("sealing twice gave the same bytes: the nonce repeats")
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	keys := mustParse(t, entry("k1", 1))
	sealed := keys.Seal([]byte("secret"), "row/1")
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 0x01
		if _, err := keys.Open(changed, "row/1"); err == nil {
			t.Errorf("opened with byte %d changed", i)
		}
	}
	for i := range len(sealed) {
		if _, err := keys.Open(sealed[:i], "row/1"); err == nil {
			t.Errorf("opened when cut to %d bytes", i)
		}
	}
	if _, err := keys.Open(sealed, "row/2"); !errors.Is(err, seal.ErrChanged) {
		t.Errorf("another row's context: %v, want ErrChanged", err)
	}
	if _, err := mustParse(t, entry("k2", 1)).Open(sealed, "row/1"); !errors.Is(err, seal.ErrNoSuchKey) {
		t.Errorf("another ring: %v, want ErrNoSuchKey", err)
	}
	if _, err := mustParse(t, entry("k1", 9)).Open(sealed, "row/1"); !errors.Is(err, seal.ErrChanged) {
		t.Errorf("same id, other key: %v, want ErrChanged", err)
	}
	if _, err := (seal.Keys{}).Open(sealed, "row/1"); !errors.Is(err, seal.ErrNoSuchKey) {
		t.Errorf("no keys: %v, want ErrNoSuchKey", err)
	}
}

func TestRotation(t *testing.T) {
	before := mustParse(t, entry("k1", 1))
	after := mustParse(t, entry("k2", 2)+","+entry("k1", 1))
	old := before.Seal([]byte("secret"), "c")
	if got, err := after.Open(old, "c"); err != nil || string(got) != "secret" {
		t.Errorf("after the rotation: %q, %v", got, err)
	}
	id, err := seal.KeyID(after.Seal(nil, "c"))
	if err != nil || id != "k2" {
		t.Errorf("new values are sealed under %q (%v), want k2", id, err)
	}
	id, mac := before.MAC("member", "zip", "02139")
	if !after.CheckMAC(id, mac, "member", "zip", "02139") {
		t.Error("an answer filed under the older key no longer matches")
	}
	if id, _ := after.MAC("x"); id != "k2" {
		t.Errorf("new answers are filed under %q, want k2", id)
	}
}

func TestMAC(t *testing.T) {
	keys := mustParse(t, entry("k1", 1))
	seen := map[string]string{}
	for _, parts := range [][]string{{}, {""}, {"", ""}, {"ab", "c"}, {"a", "bc"}, {"abc"}, {"abc", ""}, {"a", "b", "c"}} {
		_, mac := keys.MAC(parts...)
		if other, clash := seen[string(mac)]; clash {
			t.Errorf("%q and %s have the same mac", parts, other)
		}
		seen[string(mac)] = fmt.Sprintf("%q", parts)
	}

	id, mac := keys.MAC("100200300401", "zip", "02139")
	with, err := keys.MACWith(id, "100200300401", "zip", "02139")
	if err != nil || !bytes.Equal(with, mac) {
		t.Errorf("MACWith differs from MAC (%v)", err)
	}
	if _, err := keys.MACWith("k9", "x"); !errors.Is(err, seal.ErrNoSuchKey) {
		t.Errorf("unknown key: %v, want ErrNoSuchKey", err)
	}
	if keys.CheckMAC("k9", mac, "100200300401", "zip", "02139") {
		t.Error("an unknown key id matched")
	}
	if keys.CheckMAC(id, nil, "100200300401", "zip", "02139") || keys.CheckMAC(id, mac, "100200300401", "zip", "02138") {
		t.Error("a wrong mac matched")
	}
}

func TestKeysAreNeverPrinted(t *testing.T) {
	keys := mustParse(t, entry("k1", 'S'))
	type config struct {
		Keys   seal.Keys
		hidden seal.Keys
	}
	c := config{Keys: keys, hidden: keys}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "keys", keys, "config", c)
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.Join([]string{
		fmt.Sprint(keys), fmt.Sprintf("%#v %+v %x %d %s %q", keys, keys, keys, keys, keys, keys),
		fmt.Sprintf("%+v %#v %v", c, c, c), log.String(), string(text),
	}, "\n")
	for _, leak := range []string{"SSSS", "U1NT", "5353", "83 83", "seal:[", "mac:["} {
		if strings.Contains(shown, leak) {
			t.Errorf("%q shows in:\n%s", leak, shown)
		}
	}
}

func FuzzOpen(f *testing.F) {
	keys, err := seal.ParseKeys(entry("k1", 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{})
	f.Add([]byte{1, 255, 'k'})
	f.Add([]byte{1, 2, 'k', '1'})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if _, err := keys.Open(sealed, "c"); err == nil {
			t.Error("opened what was never sealed")
		}
	})
}
