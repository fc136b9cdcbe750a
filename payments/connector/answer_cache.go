package connector

import (
	"sync"
	"time"
)

const (
	// keepAnswers is how long an answer is kept for a repeat; repeats come within a minute.
	keepAnswers = 15 * time.Minute
	// maxAnswers bounds the memory of answers.
	maxAnswers = 4096
)

// job is the work for one transaction_id. Its fields besides done are read after done is
// closed.
type job struct {
	id    string
	begun time.Time
	done  chan struct{}

	out         outcome
	token       string
	last4, bank string
}

// answers remembers what each transaction_id was answered, so that a repeat gets the first
// answer again, also one whose work is still going on. It holds no bank number.
type answerCache struct {
	mu    sync.Mutex
	byID  map[string]*job
	order []*job // by begun
}

func newAnswerCache() *answerCache { return &answerCache{byID: make(map[string]*job)} }

// begin finds the job of a transaction_id, or starts one. It fails when the memory is full
// of work that is not done.
func (a *answerCache) startOrJoin(id string, now time.Time, start func(*job)) (*job, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if j := a.byID[id]; j != nil {
		return j, true
	}
	if !a.evict(now) {
		return nil, false
	}
	j := &job{id: id, begun: now, done: make(chan struct{})}
	a.byID[id] = j
	a.order = append(a.order, j)
	start(j)
	return j, true
}

// makeRoom forgets old answers. The lock is held.
func (a *answerCache) evict(now time.Time) bool {
	for len(a.order) > 0 {
		oldest := a.order[0]
		if len(a.order) < maxAnswers && now.Sub(oldest.begun) < keepAnswers {
			return true
		}
		select {
		case <-oldest.done:
		default:
			return len(a.order) < maxAnswers
		}
		a.forget(oldest)
		a.order[0] = nil
		a.order = a.order[1:]
	}
	return true
}

// end makes the answer known. One that proves nothing is not kept: the repeat asks again.
func (a *answerCache) finish(j *job) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if j.out == unavailable {
		a.forget(j)
	}
	close(j.done)
}

func (a *answerCache) forget(j *job) {
	if a.byID[j.id] == j {
		delete(a.byID, j.id)
	}
}
