package connector_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"duebell/payments/connector"
)

// TestRepeatGetsTheFirstAnswer: also after a restart, by the processor's idempotency key.
func TestRepeatGetsTheFirstAnswer(t *testing.T) {
	r := newFixture()
	first := r.post(t, body(nil))
	again := r.post(t, body(nil))
	if again.Token != first.Token || r.count() != 1 {
		t.Errorf("first %s, again %s, %d times asked", first.raw, again.raw, r.count())
	}
	if other := r.post(t, body(map[string]string{"transaction_id": "T2"})); other.Token == first.Token {
		t.Error("another transaction got the same token")
	}
	// After a restart and on another replica the key at the processor gives the same token.
	r.restart()
	if again = r.post(t, body(nil)); again.Token != first.Token || r.keys[2] != "T1" {
		t.Errorf("after a restart: %s under key %s", again.raw, r.keys[2])
	}
}

// TestRepeatAfterFailure: the processor is asked again when it gave no answer, and not again when
// it refused.
func TestRepeatAfterFailure(t *testing.T) {
	r := newFixture()
	r.err = errors.New("connection lost")
	if got := r.post(t, body(nil)); got.Code != "processor-unavailable" {
		t.Fatalf("answer %s", got.raw)
	}
	r.err = nil
	if got := r.post(t, body(nil)); got.Token != "pm_T1" {
		t.Errorf("the repeat: %s", got.raw)
	}
	r.err = fmt.Errorf("no such account: %w", connector.ErrRefused)
	for range 2 {
		if got := r.post(t, body(map[string]string{"transaction_id": "T2"})); got.Code != "refused-by-processor" {
			t.Errorf("answer %s", got.raw)
		}
	}
	if r.count() != 3 {
		t.Errorf("asked %d times", r.count())
	}
}

// TestConcurrentRepeats: five requests at the same time make one token.
func TestConcurrentRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture()
		r.wait = make(chan struct{})
		answers := make([]answer, 5)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() { answers[i] = r.post(t, body(nil)) })
		}
		synctest.Wait()
		close(r.wait)
		all.Wait()
		for _, a := range answers {
			if a.Token != "pm_T1" {
				t.Errorf("answer %s", a.raw)
			}
		}
		if r.count() != 1 {
			t.Errorf("asked %d times", r.count())
		}
	})
}

// TestSlowProcessor: the request is answered after 9 s, and the repeat finds the work done meanwhile.
func TestSlowProcessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture()
		r.wait = make(chan struct{})
		start := time.Now()
		got := r.post(t, body(nil))
		if took := time.Since(start); got.Code != "processor-slow" || took != 9*time.Second {
			t.Errorf("after %v: %s", took, got.raw)
		}
		close(r.wait) // the work went on
		synctest.Wait()
		start = time.Now()
		if got := r.post(t, body(nil)); got.Token != "pm_T1" || time.Since(start) != 0 || r.count() != 1 {
			t.Errorf("the repeat, asked %d times: %s", r.count(), got.raw)
		}
	})
}

// TestProcessorThatNeverAnswers: one job at a time, until it gives up after a minute.
func TestProcessorThatNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture()
		r.wait = make(chan struct{})
		for range 5 {
			if got := r.post(t, body(nil)); got.Code != "processor-slow" {
				t.Errorf("answer %s", got.raw)
			}
		}
		if r.count() != 1 {
			t.Errorf("asked %d times at once", r.count())
		}
		time.Sleep(time.Minute) // of the bubble: the work gives up
		synctest.Wait()
		r.wait = nil
		if got := r.post(t, body(nil)); got.Token != "pm_T1" {
			t.Errorf("after the work gave up: %s", got.raw)
		}
	})
}

// TestAnswerCacheIsBounded: by number and by age.
func TestAnswerCacheIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture()
		r.post(t, body(nil))
		time.Sleep(16 * time.Minute)
		r.post(t, body(map[string]string{"transaction_id": "T2"}))
		r.post(t, body(nil))
		if r.count() != 3 {
			t.Errorf("asked %d times: an old answer is still held", r.count())
		}
		for i := range 4096 {
			r.post(t, body(map[string]string{"transaction_id": fmt.Sprint("U", i)}))
		}
		before := r.count()
		r.post(t, body(nil))
		if r.count() != before+1 {
			t.Error("the cache is larger than it should be")
		}
	})
}
