package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/ivr/webhook"
	"duebell/lab/testenv"
	"duebell/store/sessions"
)

// A call from its arrival on: each turn is acquired, finished, and repeated with the same answer.
func TestACallTurnByTurn(t *testing.T) {
	everywhere(t, func(t *testing.T, d *fixture) {
		first := d.delivery(0, 0, "arrival")
		d.wants(first, acquired("", "arrival", "", "")) // nothing is known: the call begins
		d.finish(first, "0")
		second := d.delivery(1, 0, "key 1")
		d.wants(second, acquired("session 0", "key 1", "en", "step-0"))
		d.finish(second, "1")

		d.wants(d.delivery(0, 0, "arrival"), webhook.TurnLease{Outcome: webhook.Answered, Answer: answer("0"), Lang: "en", Step: "step-1"})
		d.wants(d.delivery(1, 0, "key 1"), webhook.TurnLease{Outcome: webhook.Answered, Answer: answer("1"), Lang: "en", Step: "step-1"})
		for turn := 2; turn < 5; turn++ {
			d.answered(turn, fmt.Sprint(turn))
		}
		// The last three are kept; an older turn hears what is awaited now.
		d.wants(d.delivery(2, 0, "late"), webhook.TurnLease{Outcome: webhook.Answered, Answer: answer("2"), Lang: "en", Step: "step-4"})
		d.wants(d.delivery(1, 0, "late"), webhook.TurnLease{Outcome: webhook.Older, Answer: answer("4"), Lang: "en", Step: "step-4"})
		if n, err := d.Awaited(context.Background(), "CA1"); n != 5 || err != nil {
			t.Errorf("awaited %d, %v", n, err)
		}
		if _, err := d.Awaited(context.Background(), "CA2"); !errors.Is(err, webhook.ErrNoCall) {
			t.Errorf("another call: %v", err)
		}
	})
}

// A leased turn is busy for others until its lease runs out; its holder may renew it.
func TestALeasedTurnIsBusyUntilItsLeaseRunsOut(t *testing.T) {
	everywhere(t, func(t *testing.T, d *fixture) {
		d.answered(0, "0")
		first, second := d.delivery(1, 0, "key 1"), d.delivery(1, 0, "key 2")
		d.wants(first, acquired("session 0", "key 1", "en", "step-0"))
		d.wants(second, webhook.TurnLease{Outcome: webhook.Busy, Lang: "en", Step: "step-0"})
		d.wants(first, acquired("session 0", "key 1", "en", "step-0")) // its own reply was lost: it may ask again
		leased(t, d, true)

		d.clock.move(lease / 2)
		d.wants(first, acquired("session 0", "key 1", "en", "step-0")) // it is alive: it holds on
		d.clock.move(lease - time.Millisecond)
		leased(t, d, true)
		d.clock.move(2 * time.Millisecond) // the first one's process is dead
		leased(t, d, false)
		d.wants(second, acquired("session 0", "key 1", "en", "step-0")) // with the input of the first delivery
		d.wants(first, webhook.TurnLease{Outcome: webhook.Busy, Lang: "en", Step: "step-0"})
		if got, kept := d.finish(second, "second"); got != "answer second" || !kept {
			t.Errorf("%q, kept %v", got, kept)
		}
		if got, kept := d.finish(first, "first"); got != "answer second" || kept { // it was alive after all, only slow
			t.Errorf("the late one: %q, kept %v", got, kept)
		}
		leased(t, d, false)
	})
}

// Of two that finish one turn the first one's session and answer stand.
func TestTheFirstToFinishWins(t *testing.T) {
	everywhere(t, func(t *testing.T, d *fixture) {
		slow, quick := d.delivery(0, 0, "arrival"), d.delivery(0, 0, "arrival")
		d.acquire(slow)
		d.clock.move(lease + time.Millisecond)
		d.acquire(quick)
		// The slow one has done the work: its answer counts although its lease had run out.
		if got, kept := d.finish(slow, "slow"); got != "answer slow" || !kept {
			t.Errorf("%q, kept %v", got, kept)
		}
		if got, kept := d.finish(quick, "quick"); got != "answer slow" || kept {
			t.Errorf("%q, kept %v", got, kept)
		}
		if got, kept := d.finish(slow, "slow again"); got != "answer slow" || kept { // its own reply was lost
			t.Errorf("repeated: %q, kept %v", got, kept)
		}
	})
}

// Each URL of a turn keeps the interim answer that it gave.
func TestEveryURLKeepsItsAnswer(t *testing.T) {
	everywhere(t, func(t *testing.T, d *fixture) {
		ctx := context.Background()
		d.answered(0, "0")
		first := d.delivery(1, 0, "key 1")
		d.acquire(first)
		put := func(delivery webhook.Delivery, name, want string) {
			t.Helper()
			got, err := d.PutInterim(ctx, delivery, answer(name))
			if err != nil || string(got.Body) != "answer "+want {
				t.Errorf("slot %d gives %q, %v; want %q", delivery.Slot, got.Body, err, want)
			}
		}
		put(first, "moment", "moment")
		put(d.delivery(1, 0, ""), "other", "moment") // what stands, stands
		put(d.delivery(1, 1, ""), "moment 1", "moment 1")
		d.wants(d.delivery(1, 0, "x"), webhook.TurnLease{Outcome: webhook.Answered, Answer: answer("moment"), Lang: "en", Step: "step-0"})
		d.wants(d.delivery(1, 2, "x"), webhook.TurnLease{Outcome: webhook.Busy, Lang: "en", Step: "step-0"})

		d.wants(first, acquired("session 0", "key 1", "en", "step-0")) // the holder works on, and holds it longer
		if got, _ := d.finish(first, "1"); got != "answer moment" {    // its URL has said "one moment" already
			t.Errorf("the first URL gives %q", got)
		}
		d.wants(d.delivery(1, 1, "x"), webhook.TurnLease{Outcome: webhook.Answered, Answer: answer("moment 1"), Lang: "en", Step: "step-1"})
		d.wants(d.delivery(1, 2, "x"), webhook.TurnLease{Outcome: webhook.Answered, Answer: answer("1"), Lang: "en", Step: "step-1"})
		put(d.delivery(1, 3, ""), "too late", "1") // the turn's answer was faster
		d.answered(2, "2")
		d.answered(3, "3")
		d.answered(4, "4")
		put(d.delivery(1, 3, ""), "much too late", "4") // the call is further on

		fields, err := d.redis.HKeys(ctx, "call:{CA1}").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fields {
			if strings.HasPrefix(f, "g:1:") || f == "a:1" {
				t.Errorf("%s is kept longer than three turns", f)
			}
		}
		if n := d.redis.Exists(ctx, "call:{CA9}").Val(); n != 0 {
			t.Error("another call exists")
		}
		otherCall := d.delivery(3, 0, "")
		otherCall.Call = "CA9"
		put(otherCall, "moment", "moment")
		if n := d.redis.Exists(ctx, "call:{CA9}").Val(); n != 0 {
			t.Error("a moment's answer made a call that nothing is known of")
		}
	})
}

// A call that Redis has lost is brought back by its next turn.
func TestALostCallIsFoundAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, d *fixture) {
		ctx := context.Background()
		d.answered(0, "0")
		d.answered(1, "1")
		d.redis.FlushDB(ctx)

		seventh := d.delivery(7, 0, "key 7")
		d.wants(seventh, acquired("", "key 7", "", ""))
		d.wants(d.delivery(7, 0, "key 7"), webhook.TurnLease{Outcome: webhook.Busy})
		d.wants(d.delivery(3, 0, "key 3"), webhook.TurnLease{Outcome: webhook.Busy}) // older, with nothing yet to repeat
		d.finish(seventh, "7")
		d.wants(d.delivery(3, 0, "key 3"), webhook.TurnLease{Outcome: webhook.Older, Answer: answer("7"), Lang: "en", Step: "step-7"})
		if n, _ := d.Awaited(ctx, "CA1"); n != 8 {
			t.Errorf("awaited %d: counting goes on from the caller's number", n)
		}

		// Redis lost the call while its turn was worked on: the end brings it back.
		eighth := d.delivery(8, 0, "key 8")
		d.acquire(eighth)
		d.redis.FlushDB(ctx)
		if got, kept := d.finish(eighth, "8"); got != "answer 8" || !kept {
			t.Errorf("%q, kept %v", got, kept)
		}
		d.wants(d.delivery(9, 0, "key 9"), acquired("session 8", "key 9", "en", "step-8"))
	})
}

// A turn beyond the stored session is acquired: counting never goes back.
func TestATurnAheadOfTheSession(t *testing.T) {
	everywhere(t, func(t *testing.T, d *fixture) {
		d.answered(0, "0")
		held := d.delivery(1, 0, "key 1")
		d.acquire(held)
		ahead := d.delivery(3, 0, "key 3") // Redis is older than the caller's place
		d.wants(ahead, acquired("session 0", "key 3", "en", "step-0"))
		if a, kept, err := d.Finish(context.Background(), held, webhook.TurnResult{Session: []byte("s"), Answer: answer("1")}); err == nil && kept {
			t.Errorf("the turn behind was kept: %q", a.Body)
		}
		if got, kept := d.finish(ahead, "3"); got != "answer 3" || !kept {
			t.Errorf("%q, kept %v", got, kept)
		}
		if a, kept, err := d.Finish(context.Background(), held, webhook.TurnResult{Session: []byte("s"), Answer: answer("1")}); kept || err != nil || string(a.Body) != "answer 3" {
			t.Errorf("the turn behind gets %q, kept %v, %v; want what is asked now", a.Body, kept, err)
		}
	})
}

// A turn that the call has left behind, and whose answer is gone, is superseded.
func TestSupersededWithoutAnAnswer(t *testing.T) {
	everywhere(t, func(t *testing.T, d *fixture) {
		behind := d.delivery(1, 0, "key 1")
		d.acquire(d.delivery(5, 0, "key 5"))
		_, _, err := d.Finish(context.Background(), behind, webhook.TurnResult{Session: []byte("s"), Answer: answer("1")})
		if !errors.Is(err, webhook.ErrSuperseded) {
			t.Errorf("%v, want ErrSuperseded", err)
		}
	})
}

// A lease that is given back is free at once, and its input stays.
func TestRelease(t *testing.T) {
	everywhere(t, func(t *testing.T, d *fixture) {
		ctx := context.Background()
		d.answered(0, "0")
		first, second := d.delivery(1, 0, "key 1"), d.delivery(1, 1, "nothing")
		d.acquire(first)
		if err := d.Release(ctx, second); err != nil { // it is not the holder
			t.Fatal(err)
		}
		d.wants(second, webhook.TurnLease{Outcome: webhook.Busy, Lang: "en", Step: "step-0"})
		if err := d.Release(ctx, first); err != nil {
			t.Fatal(err)
		}
		leased(t, d, false)
		d.wants(second, acquired("session 0", "key 1", "en", "step-0")) // the input stays
	})
}

// That an answer is to be delayed is stored with it.
func TestDelayIsKeptWithTheAnswer(t *testing.T) {
	everywhere(t, func(t *testing.T, d *fixture) {
		delivery := d.delivery(0, 0, "arrival")
		d.acquire(delivery)
		late := webhook.Answer{Body: []byte("not matched"), Delay: true}
		got, _, err := d.Finish(context.Background(), delivery, webhook.TurnResult{Session: []byte("s"), Answer: late})
		if diff := cmp.Diff(late, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
		if diff := cmp.Diff(late, d.acquire(d.delivery(0, 0, "arrival")).Answer); diff != "" {
			t.Error(diff)
		}
	})
}

// TestNothingCanBeRead (D1): what a caller keyed, said or heard is sealed.
func TestNothingCanBeRead(t *testing.T) {
	d := open(t, testenv.Redis(t))
	ctx := context.Background()
	delivery := d.delivery(0, 0, "input 04121980")
	d.acquire(delivery)
	all := dump(t, d)
	if _, err := d.PutInterim(ctx, delivery, answer("moment 04121980")); err != nil {
		t.Fatal(err)
	}
	all += dump(t, d)
	d.finish(delivery, "04121980")
	d.acquire(d.delivery(1, 0, "input 02139"))
	all += dump(t, d)
	for _, secret := range []string{"0412", "4121", "1219", "2198", "1980", "0213", "2139", "answer", "session 0", "input "} {
		if strings.Contains(all, secret) {
			t.Errorf("%q can be read in Redis", secret)
		}
	}
	if ttl := d.redis.PTTL(ctx, "call:{CA1}").Val(); ttl < 5*time.Hour || ttl > 6*time.Hour {
		t.Errorf("the call is kept for %v", ttl)
	}
}

// dump is every field that holds more than our own words.
func dump(t *testing.T, d *fixture) string {
	t.Helper()
	h, err := d.redis.HGetAll(context.Background(), "call:{CA1}").Result()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for field, value := range h {
		if field != "step" && field != "lease_until_ms" {
			b.WriteString(field + "=" + value + "\n")
		}
	}
	return b.String()
}

// A session sealed under a key that is gone counts as lost, and is reported as unreadable.
func TestARetiredKeyIsALostSession(t *testing.T) {
	d := open(t, testenv.Redis(t))
	d.answered(0, "0")
	other := sessions.New(d.redis, keys(t, 2), d.clock, lease)
	c, err := other.Acquire(context.Background(), d.delivery(1, 0, "key 1"))
	if err != nil || c.Outcome != webhook.Acquired || c.Session != nil || !c.Unreadable || string(c.Input) != "key 1" {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := other.Acquire(context.Background(), d.delivery(0, 0, "")); err == nil {
		t.Error("an answer that does not open was given")
	}
}
