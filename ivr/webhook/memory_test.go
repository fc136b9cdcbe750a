package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"duebell/ivr"
	"duebell/ivr/webhook"
)

// memory keeps calls in this process, for tests in which time is not the machine's.
type memory struct {
	mu    sync.Mutex
	clock *clock
	calls map[string]*storedCall
	down  bool
}

type storedCall struct {
	turn    int
	holder  string
	until   time.Time
	session []byte
	input   []byte
	step    string
	answers map[string]webhook.Answer // "turn" or "turn:slot"
}

var errDown = errors.New("redis is down")

func inMemory(m *memory) func(*clock) webhook.Sessions {
	return func(c *clock) webhook.Sessions {
		m.clock, m.calls = c, map[string]*storedCall{}
		return m
	}
}

func (m *memory) set(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

func (m *memory) lock() error {
	m.mu.Lock()
	if m.down {
		m.mu.Unlock()
		return errDown
	}
	return nil
}

func (k *storedCall) stands(t webhook.Delivery) (webhook.Answer, bool) {
	if a, ok := k.answers[fmt.Sprintf("%d:%d", t.Turn, t.Slot)]; ok {
		return a, true
	}
	a, ok := k.answers[fmt.Sprint(t.Turn)]
	return a, ok
}

func (m *memory) Acquire(_ context.Context, t webhook.Delivery) (webhook.TurnLease, error) {
	if err := m.lock(); err != nil {
		return webhook.TurnLease{}, err
	}
	defer m.mu.Unlock()
	k := m.calls[t.Call]
	if k == nil {
		k = &storedCall{turn: t.Turn, answers: map[string]webhook.Answer{}}
		m.calls[t.Call] = k
	}
	held := t.Turn == k.turn && k.holder == t.Holder
	if a, ok := k.stands(t); ok && !held {
		return webhook.TurnLease{Outcome: webhook.Answered, Answer: a, Step: k.step}, nil
	}
	if t.Turn == k.turn && k.holder != "" && !held && k.until.After(m.clock.Now()) {
		return webhook.TurnLease{Outcome: webhook.Busy, Step: k.step}, nil
	}
	if t.Turn != k.turn || k.input == nil {
		k.input = t.Input
	}
	k.turn, k.holder, k.until = t.Turn, t.Holder, m.clock.Now().Add(webhook.DefaultTiming.Lease)
	return webhook.TurnLease{Outcome: webhook.Acquired, Session: k.session, Input: k.input, Step: k.step}, nil
}

func (m *memory) Finish(_ context.Context, t webhook.Delivery, d webhook.TurnResult) (webhook.Answer, bool, error) {
	if err := m.lock(); err != nil {
		return webhook.Answer{}, false, err
	}
	defer m.mu.Unlock()
	k := m.calls[t.Call]
	won := k.turn == t.Turn
	if won {
		k.turn, k.session, k.step, k.input, k.holder = t.Turn+1, d.Session, d.Step, nil, ""
		k.answers[fmt.Sprint(t.Turn)] = d.Answer
	}
	a, ok := k.stands(t)
	if !ok {
		return a, won, webhook.ErrSuperseded
	}
	return a, won, nil
}

func (m *memory) PutInterim(_ context.Context, t webhook.Delivery, a webhook.Answer) (webhook.Answer, error) {
	if err := m.lock(); err != nil {
		return webhook.Answer{}, err
	}
	defer m.mu.Unlock()
	k := m.calls[t.Call]
	if k == nil {
		return a, nil
	}
	if stands, ok := k.stands(t); ok {
		return stands, nil
	}
	k.answers[fmt.Sprintf("%d:%d", t.Turn, t.Slot)] = a
	return a, nil
}

func (m *memory) Release(_ context.Context, t webhook.Delivery) error {
	if err := m.lock(); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if k := m.calls[t.Call]; k.turn == t.Turn && k.holder == t.Holder {
		k.holder = ""
	}
	return nil
}

func (m *memory) Awaited(_ context.Context, call string) (int, error) {
	if err := m.lock(); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	k := m.calls[call]
	if k == nil {
		return 0, webhook.ErrNoCall
	}
	return k.turn, nil
}

// session is what is kept of a call.
func (m *memory) session(t *testing.T, call string) ivr.Session {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	var s ivr.Session
	if err := json.Unmarshal(m.calls[call].session, &s); err != nil {
		t.Fatal(err)
	}
	return s
}
