package dev_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"duebell/internal/app"
	"duebell/lab/dev"
)

// A story that stands for any other, and one that goes otherwise.
const (
	story = `clock 2027-02-10T10:00
sample
call from +16175550101
hear "For English, press 1"
press 1
hear "balance … press 1"
hang-up
no-texts
charged-nothing
`
	otherwise = `clock 2027-02-10T10:00
sample
call from +16175550101
hear "a word that nobody says"
`
)

// Scripts play on data of their own: what somebody paid in dev before is still there afterwards, and dev's clock
// has not moved.
func TestCallAndClock(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	// It pays, and is told otherwise to who has called before.
	guest, err := os.ReadFile(filepath.FromSlash("../../ivr/testdata/calls/guest.call"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"story.call": story, "otherwise.call": otherwise, "guest.call": string(guest), "nonsense.call": "sing a song\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"call", "story.call"}, {"clock"}} {
		if out, ok := runIn(t, dir, "", args...); ok || !strings.Contains(out, "start one with: duebell-lab dev") {
			t.Errorf("without a dev, duebell-lab %v: %v %q", args, ok, out)
		}
	}
	p := launch(t, dir)
	paid := p.pays712345678()
	for _, c := range []struct {
		args string
		ok   bool
		want string
	}{
		{"clock", true, "Wednesday 2027-02-10T10:0"},
		{"clock advance 2h", true, "Wednesday 2027-02-10T12:0"},
		{"clock until 2027-02-12T09:30", true, "Friday 2027-02-12T09:30:00 EST"},
		{"clock until 2027-02-11T09:30", false, "does not go back"},
		{"clock advance soon", false, "no time span"},
		{"call story.call", true, "on data of its own"},
		{"call otherwise.call story.call", false, "otherwise.call:4: hear"},
		{"call guest.call guest.call", true, "on data of its own"},
		{"call nonsense.call", false, "nonsense.call:1"},
		{"clock", true, "Friday 2027-02-12T09:3"},
	} {
		out, ok := p.run("", strings.Fields(c.args)...)
		if ok != c.ok || !strings.Contains(out, c.want) {
			t.Errorf("duebell-lab %s: %v, want %v and %q:\n%s", c.args, ok, c.ok, c.want, out)
		}
	}
	if got := look(t, p.settings(), "712345678"); got != paid {
		t.Errorf("after the scripts dev holds %+v, and before them %+v", got, paid)
	}
	// The stand-in for Twilio, and with it the phone, are the same as before, too.
	if caller := p.outsider("CA00000000000000000000000000000009", "+16175550101"); caller.public != p.url {
		t.Errorf("the line is at %s now", caller.public)
	}
	if err := p.end(syscall.SIGINT); err != nil {
		t.Errorf("dev ends with %v:\n%s", err, p.stderr)
	}
	if out, ok := runIn(t, dir, "", "clock"); ok || !strings.Contains(out, "start one with: duebell-lab dev") {
		t.Errorf("after the dev: %v %q", ok, out)
	}
}

// DUEBELL_DEV_CONTROL may name a dev only: whatever else answers is left alone.
func TestOnlyADevPlaysScripts(t *testing.T) {
	t.Parallel()
	asked := 0
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			asked++
		}
		w.WriteHeader(http.StatusOK)
	}))
	t.Cleanup(other.Close)
	file := filepath.Join(t.TempDir(), "story.call")
	if err := os.WriteFile(file, []byte(story), 0o600); err != nil {
		t.Fatal(err)
	}
	for given, want := range map[string]string{
		"https://duebell.example":  "no http address",
		"http://duebell.example:1": "names another machine",
		"http://10.0.0.7:4000":     "names another machine",
	} {
		if _, err := dev.ControlURL(given, t.TempDir()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", given, err, want)
		}
	}
	err := dev.Play(t.Context(), other.URL, file, t.Output())
	if err == nil || !strings.Contains(err.Error(), "is no duebell-lab dev") || asked > 0 {
		t.Errorf("played against something else: %v, %d requests that change something", err, asked)
	}
}

// dev.env is rewritten whenever the clock moves, so that commands in other shells go by dev's time.
func TestTheShiftFollowsTheClock(t *testing.T) {
	t.Parallel()
	r := run(t, nil)
	p := &process{t: t, dir: filepath.Dir(r.dir)}
	shift := func() time.Duration {
		t.Helper()
		d, err := time.ParseDuration(p.settings()["DUEBELL_CLOCK_SHIFT"])
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	before := shift()
	start := time.Date(2027, 2, 10, 15, 0, 0, 0, time.UTC)
	if off := (before - time.Until(start)).Abs(); off > patience {
		t.Errorf("dev began at %v, and the shift is %v", start, before)
	}
	if _, err := dev.MoveClock(t.Context(), p.settings()["DUEBELL_DEV_CONTROL"], "30h", ""); err != nil {
		t.Fatal(err)
	}
	if moved := shift() - before; moved < 30*time.Hour-time.Second || moved > 30*time.Hour+patience {
		t.Errorf("the clock moved by 30h, and the shift by %v", moved)
	}
}

// start is a dev that is expected not to start.
func start(t *testing.T, o dev.Options) string {
	t.Helper()
	err := dev.Run(t.Context(), o)
	if err == nil {
		t.Fatal("dev ran and ended without a word")
	}
	return err.Error()
}

func TestWhatKeepsDevFromStarting(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	options := func() dev.Options {
		return dev.Options{
			Dir: filepath.Join(folder(t), ".duebell"), Settings: app.Settings{HTTPAddr: "127.0.0.1:0"}, Log: quiet(t),
			Ready: func(string) { t.Error("dev says that it is ready") },
		}
	}
	o := options()
	o.Settings.HTTPAddr = taken.Addr().String()
	if words := start(t, o); !strings.Contains(words, "stop it, or choose another address") || !strings.Contains(words, "DUEBELL_HTTP_ADDR=") {
		t.Errorf("a port that is taken: %s", words)
	}
	if _, err := os.Stat(o.Dir); err == nil {
		t.Error("nothing was started, and a folder was made")
	}
	o = options()
	o.Dir = filepath.Join(os.DevNull, ".duebell") // no folder can be made there, not even by root
	if words := start(t, o); !strings.Contains(words, "cannot write there") || strings.Contains(words, "PostgreSQL") {
		t.Errorf("a folder that cannot be written: %s", words)
	}
	o = options()
	o.Now = "2027-02-10 10:00"
	if words := start(t, o); !strings.Contains(words, "DUEBELL_NOW is no instant") {
		t.Errorf("a time without offset: %s", words)
	}
	o = options()
	o.Settings.PolicyFile = filepath.Join(o.Dir, "no-such.toml")
	if words := start(t, o); !strings.Contains(words, "DUEBELL_POLICY") {
		t.Errorf("a policy that is not there: %s", words)
	}
	r := run(t, nil)
	o = options()
	o.Dir = r.dir
	if words := start(t, o); !strings.Contains(words, "another duebell-lab dev runs in this folder") {
		t.Errorf("a folder in use: %s", words)
	}
	o.Settings.HTTPAddr = taken.Addr().String()
	if words := start(t, o); !strings.Contains(words, "another duebell-lab dev runs in this folder") {
		t.Errorf("a folder in use, and the port taken as well: %s", words)
	}
	o.Settings.HTTPAddr = "127.0.0.1:0"
	o.Fresh = true
	if words := start(t, o); !strings.Contains(words, "another duebell-lab dev runs in this folder") {
		t.Errorf("emptying a folder in use: %s", words)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "dev.env")); err != nil {
		t.Errorf("the dev that runs has lost its settings: %v", err)
	}
}

// A shell that has read dev.env starts dev again: what the first dev made up is gone and forgotten,
// and what was named beforehand is not.
func TestASecondDevFromAShellThatKnowsTheFirst(t *testing.T) {
	t.Parallel()
	external := "http://127.0.0.1:1"
	first := run(t, func(o *dev.Options) { o.Settings.TwilioAPIURL = external; o.Now = "" })
	env := (&process{t: t, dir: filepath.Dir(first.dir)}).settings()
	if env["TWILIO_API_URL"] != external {
		t.Errorf("dev talks to %s", env["TWILIO_API_URL"])
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	run(t, func(o *dev.Options) {
		o.Dir, o.Now = first.dir, env["DUEBELL_NOW"]
		o.Settings.TwilioAPIURL, o.Settings.StripeAPIURL, o.Settings.PublicURL = env["TWILIO_API_URL"], env["STRIPE_API_URL"], env["DUEBELL_PUBLIC_URL"]
		o.Settings.PolicyFile = env["DUEBELL_POLICY"]
	})
	again := (&process{t: t, dir: filepath.Dir(first.dir)}).settings()
	if again["TWILIO_API_URL"] != external {
		t.Errorf("what was named beforehand became %s", again["TWILIO_API_URL"])
	}
	if again["STRIPE_API_URL"] == env["STRIPE_API_URL"] {
		t.Error("dev talks to the processor of the dev before it")
	}
	if again["DUEBELL_DATA_KEYS"] != env["DUEBELL_DATA_KEYS"] || again["DUEBELL_HASH_KEYS"] != env["DUEBELL_HASH_KEYS"] {
		t.Error("the keys changed")
	}
}

func TestTheClockGoesOnFromWhereItStood(t *testing.T) {
	t.Parallel()
	first := run(t, nil)
	at := func(r running) time.Time {
		t.Helper()
		control, err := dev.ControlURL("", r.dir)
		if err != nil {
			t.Fatal(err)
		}
		words, err := dev.Clock(t.Context(), control)
		if err != nil {
			t.Fatal(err)
		}
		boston, err := time.LoadLocation("America/New_York")
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.ParseInLocation("Monday 2006-01-02T15:04:05 MST", words, boston)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	control, err := dev.ControlURL("", first.dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dev.MoveClock(t.Context(), control, "30d", ""); err != nil {
		t.Fatal(err)
	}
	stood := at(first)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	second := run(t, func(o *dev.Options) { o.Dir, o.Now = first.dir, "" })
	if now := at(second); now.Before(stood) {
		t.Errorf("the clock stood at %v and goes on from %v", stood, now)
	}
	if err := second.stop(); err != nil {
		t.Fatal(err)
	}
	third := run(t, func(o *dev.Options) { o.Dir, o.Now, o.Fresh = first.dir, "", true })
	if now := at(third); time.Since(now).Abs() > patience {
		t.Errorf("begun anew, the clock shows %v", now)
	}
}

func TestOnlyReadyWhenEverythingIs(t *testing.T) {
	t.Parallel()
	r := run(t, nil)
	base := strings.TrimSuffix(r.phone, "/phone")
	for path, want := range map[string]int{"/readyz": 200, "/healthz": 200, "/": 200, "/phone": 200, "/nothing": 404} {
		res, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, res.StatusCode, want)
		}
	}
}

// Ctrl-C in the middle of starting leaves nothing behind, and is no error.
func TestStoppedWhileStarting(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, 100 * time.Millisecond, 400 * time.Millisecond, time.Second} {
		dir := filepath.Join(folder(t), ".duebell")
		ctx, cancel := context.WithTimeout(t.Context(), after)
		err := dev.Run(ctx, dev.Options{
			Dir: dir, Settings: app.Settings{HTTPAddr: "127.0.0.1:0"}, Log: slog.New(slog.DiscardHandler), Ready: func(string) {},
		})
		cancel()
		if err != nil {
			t.Errorf("stopped after %v: %v", after, err)
		}
		if n := servers(t, dir); n != 0 {
			t.Errorf("stopped after %v: %d database servers are left", after, n)
		}
	}
}
