package connector

import (
	"sync"
	"time"
)

const (
	// keepAnswers is how long an answer is kept for a repeat; repeats come within a minute.
	keepAnswers = 15 * time.Minute
	// maxAnswers bounds the cache.
	maxAnswers = 4096
)

// job is the work for one transaction_id. The fields below done are written before done is closed and read
// after it. Whoever waits reads them without a lock, because done is closed after they are written.
type job struct {
	id    string
	begun time.Time
	done  chan struct{}

	out         outcome
	token       string
	last4, bank string
}

// answerCache holds what each transaction_id was answered, so that a repeat gets the first answer again, also
// one whose work is still going on. It holds tokens and last digits, no bank number. It is one process's;
// another replica asks the processor under the same key and gets the same token.
type answerCache struct {
	mu    sync.Mutex
	byID  map[string]*job
	order []*job // oldest first
}

func newAnswerCache() *answerCache { return &answerCache{byID: make(map[string]*job)} }

// startOrJoin returns the job of a transaction_id, and starts one if there is none. It returns false when the
// cache is full of jobs that are not done: then Twilio's repeat may find room. start is called under the lock
// and must not wait: it begins a goroutine.
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

// evict drops answers that are too old or too many, oldest first, and reports whether there is room for one
// more. A job that is not done is never dropped. The lock is held. A job that takes long keeps younger
// answers from being dropped meanwhile, and does no other harm.
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

// finish publishes the answer to whoever waits. One that proves nothing is not kept: the repeat asks the
// processor again. It is called once a job.
func (a *answerCache) finish(j *job) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if j.out == unavailable {
		a.forget(j)
	}
	close(j.done)
}

// forget drops a job, unless a later one of the same transaction_id has taken its place. The lock
// is held.
func (a *answerCache) forget(j *job) {
	if a.byID[j.id] == j {
		delete(a.byID, j.id)
	}
}
