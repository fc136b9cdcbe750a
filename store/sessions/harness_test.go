package sessions_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"duebell/internal/seal"
	"duebell/ivr/webhook"
	"duebell/lab/testenv"
	"duebell/store/sessions"
)

const lease = 6 * time.Second

// hand is the machine's clock, moved by hand.
type hand struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hand) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hand) move(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// fixture is the Sessions under test with what a test needs around it.
type fixture struct {
	*sessions.Sessions
	t      *testing.T
	redis  redis.UniversalClient
	clock  *hand
	holder int
}

func keys(t *testing.T, fill byte) seal.Keys {
	t.Helper()
	k, err := seal.ParseKeys("k" + string('0'+fill) + ":" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func open(t *testing.T, address string) *fixture {
	t.Helper()
	client, err := sessions.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	clock := &hand{now: time.Date(2027, 2, 10, 15, 0, 0, 0, time.UTC)}
	return &fixture{Sessions: sessions.New(client, keys(t, 1), clock, lease), t: t, redis: client, clock: clock}
}

// everywhere runs a test on a real Redis and on miniredis, which dev uses.
func everywhere(t *testing.T, test func(t *testing.T, d *fixture)) {
	t.Run("redis", func(t *testing.T) { test(t, open(t, testenv.Redis(t))) })
	t.Run("miniredis", func(t *testing.T) { test(t, open(t, "redis://"+miniredis.RunT(t).Addr())) })
}

// delivery is a fresh delivery of a turn.
func (d *fixture) delivery(turn, slot int, input string) webhook.Delivery {
	d.holder++
	return webhook.Delivery{Call: "CA1", Turn: turn, Slot: slot, Holder: fmt.Sprintf("h%d", d.holder), Input: []byte(input)}
}

func (d *fixture) acquire(t webhook.Delivery) webhook.TurnLease {
	d.t.Helper()
	c, err := d.Acquire(context.Background(), t)
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

// wants claims and compares everything that came back.
func (d *fixture) wants(t webhook.Delivery, want webhook.TurnLease) {
	d.t.Helper()
	if diff := cmp.Diff(want, d.acquire(t)); diff != "" {
		d.t.Errorf("lease of turn %d, slot %d: %s", t.Turn, t.Slot, diff)
	}
}

// finish ends a turn with answer and session named after it.
func (d *fixture) finish(t webhook.Delivery, name string) (string, bool) {
	d.t.Helper()
	a, kept, err := d.Finish(context.Background(), t, webhook.TurnResult{
		Session: []byte("session " + name), Answer: answer(name), Lang: "en", Step: "step-" + name,
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return string(a.Body), kept
}

// answered runs a turn from lease to end.
func (d *fixture) answered(turn int, name string) {
	d.t.Helper()
	t := d.delivery(turn, 0, "input "+name)
	if c := d.acquire(t); c.Outcome != webhook.Acquired {
		d.t.Fatalf("turn %d is %s", turn, c.Outcome)
	}
	if got, kept := d.finish(t, name); got != "answer "+name || !kept {
		d.t.Fatalf("turn %d: %q kept %v", turn, got, kept)
	}
}

func answer(name string) webhook.Answer { return webhook.Answer{Body: []byte("answer " + name)} }

func acquired(session, input, lang, step string) webhook.TurnLease {
	c := webhook.TurnLease{Outcome: webhook.Acquired, Input: []byte(input), Lang: lang, Step: step}
	if session != "" {
		c.Session = []byte(session)
	}
	return c
}

func leased(t *testing.T, d *fixture, want bool) {
	t.Helper()
	if got, err := d.Leased(context.Background(), "CA1"); got != want || err != nil {
		t.Errorf("leased %v, %v; want %v", got, err, want)
	}
}
