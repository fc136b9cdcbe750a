package sessions

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"duebell/billing"
	"duebell/internal/seal"
	"duebell/ivr/webhook"
)

// life is how long a call is kept after its last turn. No call lasts longer.
const life = 6 * time.Hour

//go:embed acquire.lua
var acquireLua string

//go:embed finish.lua
var finishLua string

//go:embed put_interim.lua
var putInterimLua string

//go:embed release.lua
var releaseLua string

var (
	acquireScript    = redis.NewScript(acquireLua)
	finishScript     = redis.NewScript(finishLua)
	putInterimScript = redis.NewScript(putInterimLua)
	releaseScript    = redis.NewScript(releaseLua)
)

// Sessions implements webhook.Sessions on Redis.
// It is safe for concurrent use by any number of replicas: every change is one script, which Redis runs
// alone.
type Sessions struct {
	redis   redis.UniversalClient
	keys    seal.Keys
	machine billing.Clock
	lease   time.Duration
}

var _ webhook.Sessions = (*Sessions)(nil)

// New returns Sessions over an open client. lease is how long a lease on a turn holds (webhook.Timing.Lease).
func New(client redis.UniversalClient, keys seal.Keys, machine billing.Clock, lease time.Duration) *Sessions {
	return &Sessions{redis: client, keys: keys, machine: machine, lease: lease}
}

// Ping says whether Redis answers.
func (s *Sessions) Ping(ctx context.Context) error { return s.redis.Ping(ctx).Err() }

// Acquire asks for the lease on a turn. A session or input that cannot be opened any more is returned as
// none, and Unreadable set: the call then goes on from its last milestone.
func (s *Sessions) Acquire(ctx context.Context, t webhook.Delivery) (webhook.TurnLease, error) {
	got, err := s.run(ctx, acquireScript, t.Call,
		t.Turn, t.Slot, t.Holder, s.keys.Seal(t.Input, inputOf(t)), s.machine.Now().UnixMilli(), s.lease.Milliseconds(), life.Milliseconds())
	if err != nil || len(got) != 6 {
		return webhook.TurnLease{}, fmt.Errorf("acquire a turn: %w", orShape(err))
	}
	c := webhook.TurnLease{Outcome: webhook.Outcome(got[0]), Lang: got[4], Step: got[5]}
	switch c.Outcome {
	case webhook.Answered, webhook.Older:
		c.Answer, err = s.open(t.Call, got[1], got[2])
	case webhook.Acquired:
		var whole, intact bool
		c.Session, whole = s.unseal(got[1], sessionOf(t.Call))
		c.Input, intact = s.unseal(got[3], inputOf(t))
		c.Unreadable = !whole || !intact
	}
	if err != nil {
		return webhook.TurnLease{}, fmt.Errorf("acquire a turn: %w", err)
	}
	return c, nil
}

// Finish ends a turn and returns what its URL answers from now on, and whether d was stored.
//
// The first to finish a turn wins, whoever holds the lease by then: session, answer and next turn's number
// are stored in one step. A late one gets the stored answer and false. webhook.ErrSuperseded: the call is
// further on and no answer is left to repeat. After a lost reply it may be run again and finds its own answer
// stored.
func (s *Sessions) Finish(ctx context.Context, t webhook.Delivery, d webhook.TurnResult) (webhook.Answer, bool, error) {
	got, err := s.run(ctx, finishScript, t.Call,
		t.Turn, t.Slot, s.keys.Seal(d.Session, sessionOf(t.Call)), s.sealed(t, d.Answer), d.Lang, d.Step, life.Milliseconds())
	if err != nil || len(got) != 3 {
		return webhook.Answer{}, false, fmt.Errorf("finish a turn: %w", orShape(err))
	}
	if got[1] == "" {
		return webhook.Answer{}, false, webhook.ErrSuperseded
	}
	a, err := s.open(t.Call, got[1], got[2])
	if err != nil {
		return webhook.Answer{}, false, fmt.Errorf("finish a turn: %w", err)
	}
	return a, got[0] == "kept", nil
}

// PutInterim stores what a URL answers while its turn has no answer, and returns what stands.
// It is the "one moment" of a turn that overran its budget (design §4): a repeat of the URL must get the same
// bytes.
func (s *Sessions) PutInterim(ctx context.Context, t webhook.Delivery, a webhook.Answer) (webhook.Answer, error) {
	got, err := s.run(ctx, putInterimScript, t.Call, t.Turn, t.Slot, s.sealed(t, a))
	if err != nil || len(got) != 2 {
		return webhook.Answer{}, fmt.Errorf("keep an interim answer: %w", orShape(err))
	}
	stands, err := s.open(t.Call, got[0], got[1])
	if err != nil {
		return webhook.Answer{}, fmt.Errorf("keep an interim answer: %w", err)
	}
	return stands, nil
}

// Release gives a lease back with the turn unanswered.
func (s *Sessions) Release(ctx context.Context, t webhook.Delivery) error {
	if err := releaseScript.Run(ctx, s.redis, []string{key(t.Call)}, t.Turn, t.Holder).Err(); err != nil {
		return fmt.Errorf("release a turn: %w", err)
	}
	return nil
}

// Awaited returns the number of the turn that a call waits for, or webhook.ErrNoCall.
func (s *Sessions) Awaited(ctx context.Context, call string) (int, error) {
	n, err := s.redis.HGet(ctx, key(call), "turn").Int()
	if errors.Is(err, redis.Nil) {
		return 0, webhook.ErrNoCall
	}
	if err != nil {
		return 0, fmt.Errorf("read the awaited turn: %w", err)
	}
	return n, nil
}

// Leased says whether a turn of the call is being answered at this moment, by any replica. The sweeper of
// payments asks before it closes an offer: a consent may be under way (design §5).
func (s *Sessions) Leased(ctx context.Context, call string) (bool, error) {
	until, err := s.redis.HGet(ctx, key(call), "lease_until_ms").Int64()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read a turn's lease: %w", err)
	}
	return until > s.machine.Now().UnixMilli(), nil
}

// key returns a call's Redis key. Its id stands in braces, so that all of a call lies on one node of a
// cluster and a script can change it in one step.
func key(call string) string { return "call:{" + call + "}" }

// run runs a script on a call's hash. go-redis sends the script's hash first, and its text only where Redis
// lacks it.
func (s *Sessions) run(ctx context.Context, script *redis.Script, call string, args ...any) ([]string, error) {
	return script.Run(ctx, s.redis, []string{key(call)}, args...).StringSlice()
}

// errShape says that a script returned another number of values than this code expects: two versions of
// the program at work, or a fault of ours.
var errShape = errors.New("a script answered in another shape")

// orShape returns err, or errShape where the command went well and its values did not fit.
func orShape(err error) error {
	if err == nil {
		return errShape
	}
	return err
}

// The contexts below bind a sealed value to its place: one that is copied elsewhere does not open.

func sessionOf(call string) string { return "call-session:" + call }

func inputOf(t webhook.Delivery) string { return "call-input:" + t.Call + ":" + strconv.Itoa(t.Turn) }

func answerOf(call, turn string) string { return "call-answer:" + call + ":" + turn }

// unseal opens a sealed value. An empty one is nothing, and whole; one that cannot be opened is returned as
// nothing, and not whole.
func (s *Sessions) unseal(sealed, context string) (plain []byte, whole bool) {
	if sealed == "" {
		return nil, true
	}
	plain, err := s.keys.Open([]byte(sealed), context)
	return plain, err == nil
}

// The first byte of a sealed answer says when it is written.
const (
	atOnce  = 'n'
	delayed = 'd'
)

// sealed returns an answer as it is stored: its first byte says whether the bytes that follow are delayed.
func (s *Sessions) sealed(t webhook.Delivery, a webhook.Answer) []byte {
	when := byte(atOnce)
	if a.Delay {
		when = delayed
	}
	return s.keys.Seal(append([]byte{when}, a.Body...), answerOf(t.Call, strconv.Itoa(t.Turn)))
}

// open returns a stored answer. Unlike a session, an answer that does not open is an error: there is nothing
// to go on with, and another answer for the same URL would not be the same bytes.
func (s *Sessions) open(call, sealed, turn string) (webhook.Answer, error) {
	plain, err := s.keys.Open([]byte(sealed), answerOf(call, turn))
	if err != nil || len(plain) == 0 {
		return webhook.Answer{}, fmt.Errorf("open an answer: %w", orShape(err))
	}
	return webhook.Answer{Body: plain[1:], Delay: plain[0] == delayed}, nil
}
