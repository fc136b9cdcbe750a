package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"duebell/ivr/webhook"
	"duebell/lab/testenv"
	"duebell/store/sessions"
)

// Every method returns an error while Redis is down, and works again behind it.
func TestRedisOutOfReach(t *testing.T) {
	server := miniredis.RunT(t)
	d := open(t, "redis://"+server.Addr())
	d.answered(0, "0")
	server.SetError("LOADING")
	ctx := context.Background()
	delivery := d.delivery(1, 0, "key 1")
	if _, err := d.Acquire(ctx, delivery); err == nil {
		t.Error("acquired a lease without Redis")
	}
	if _, _, err := d.Finish(ctx, delivery, webhook.TurnResult{}); err == nil || errors.Is(err, webhook.ErrSuperseded) {
		t.Errorf("finish: %v", err)
	}
	if _, err := d.PutInterim(ctx, delivery, answer("x")); err == nil {
		t.Error("kept without Redis")
	}
	if err := d.Release(ctx, delivery); err == nil {
		t.Error("released without Redis")
	}
	if _, err := d.Leased(ctx, "CA1"); err == nil {
		t.Error("leased or not, without Redis")
	}
	if _, err := d.Awaited(ctx, "CA1"); err == nil || errors.Is(err, webhook.ErrNoCall) {
		t.Errorf("awaited: %v", err)
	}
	if err := d.Ping(ctx); err == nil {
		t.Error("ping without Redis")
	}
	server.SetError("")
	if c := d.acquire(delivery); c.Outcome != webhook.Acquired {
		t.Errorf("after it is back: %s", c.Outcome)
	}
}

// TestManyDeliveriesOneHolder: of deliveries at the same instant exactly one may answer.
func TestManyDeliveriesOneHolder(t *testing.T) {
	d := open(t, testenv.Redis(t))
	var mu sync.Mutex
	got := map[webhook.Outcome]int{}
	var all sync.WaitGroup
	for i := range 20 {
		delivery := webhook.Delivery{Call: "CA1", Holder: fmt.Sprint(i), Input: []byte("arrival")}
		all.Go(func() {
			c, err := d.Acquire(context.Background(), delivery)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				got["error"]++
				return
			}
			got[c.Outcome]++
		})
	}
	all.Wait()
	if diff := cmp.Diff(map[webhook.Outcome]int{webhook.Acquired: 1, webhook.Busy: 19}, got); diff != "" {
		t.Error(diff)
	}
}

// TestARedisThatIsSilent: a command ends with its caller's time, whatever the network does.
func TestARedisThatIsSilent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }() // accepted, and never answered
		}
	}()
	d := open(t, "redis://"+listener.Addr().String())
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := d.Acquire(ctx, d.delivery(0, 0, "arrival")); err == nil {
		t.Error("acquired a lease from a Redis that does not answer")
	}
	if took := time.Since(began); took > 500*time.Millisecond {
		t.Errorf("waited %v", took)
	}
}

// REDIS_URL: one node, TLS, a cluster, and what is refused, without showing a password.
func TestConnect(t *testing.T) {
	for _, bad := range []string{"", "localhost:6379", "http://x", "redis://a,rediss://b", "redis://:one@a,redis://:two@b", "redis://a/1,redis://b/1"} {
		if c, err := sessions.Connect(bad); err == nil {
			_ = c.Close()
			t.Errorf("%q was taken", bad)
		} else if strings.Contains(err.Error(), "one") {
			t.Errorf("the error shows a password: %v", err)
		}
	}
	c, err := sessions.Connect("rediss://:secret@a:7000, rediss://:secret@b:7001")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, cluster := c.(*redis.ClusterClient); !cluster {
		t.Errorf("%T for several addresses", c)
	}
}
