package processor

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// keyAge is how long a key is remembered; then it starts a new request (twilio.md §13.1). The product must
// not use a key again so late (twilio.md §13.2, rule 3: after 23 hours a new one).
const keyAge = 24 * time.Hour

// stored is the first answer under an idempotency key. Of the parameters only a digest is kept: they may hold
// bank numbers.
type stored struct {
	Digest string
	// The answer, byte for byte as it was given, or would have been had its reply not been lost.
	Status int
	Body   []byte
	// When it was answered first; keyAge counts from here.
	At time.Time
	// Its answer is being held: until then the key is in use. Zero for all others.
	BusyUntil time.Time
}

// digest returns what binds a key to the request that used it first: a hash over path and fields, in a fixed
// order, each closed by a zero byte so that no two requests run together.
func digest(req request, q params) string {
	names := make([]string, 0, len(q))
	for name := range q {
		names = append(names, name)
	}
	slices.Sort(names)
	sum := sha256.New()
	write := func(s string) {
		sum.Write([]byte(s))
		sum.Write([]byte{0})
	}
	// The path is part of it: the same key on another object is another request.
	write(req.path)
	for _, name := range names {
		write(name)
		write(q[name])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// storedAnswer replays what the key was answered before, 500s included; it refuses the key with other
// parameters, and a key whose first request is still under way. False: the request has to be carried out. The
// lock is held.
func (p *Processor) storedAnswer(req request, q params, now time.Time) (answer, bool) {
	if req.key == "" {
		return answer{}, false
	}
	// Stripe's limit.
	if len(req.key) > 255 {
		return refuse(&apiError{status: 400, Type: idempotency, Message: "The idempotency key is longer than 255 characters."}), true
	}
	s := p.state.Keys[req.key]
	if s == nil || now.Sub(s.At) >= keyAge {
		// Forgotten, so the same key confirms or creates anew: at Stripe this is how a late retry becomes a
		// second request.
		delete(p.state.Keys, req.key)
		return answer{}, false
	}
	// Stripe answers 409 while the first request runs; here it is done, and its answer still on the way.
	if s.BusyUntil.After(now) {
		return refuse(&apiError{
			status: 409, Type: idempotency, Code: "idempotency_key_in_use",
			Message: "There is currently another in-progress request using this idempotency key.",
		}), true
	}
	if s.Digest != digest(req, q) {
		return refuse(&apiError{
			status: 400, Type: idempotency,
			Message: "Keys for idempotent requests can only be used with the same parameters they were first used with.",
		}), true
	}
	return answer{status: s.Status, body: s.Body, replayed: true}, true
}

// store keeps the answer under the key, if the operation writes and there is one, and returns it. The lock is
// held.
func (p *Processor) store(req request, q params, now time.Time, a answer) answer {
	if req.key != "" && req.op.writes() {
		p.state.Keys[req.key] = &stored{Digest: digest(req, q), Status: a.status, Body: a.body, At: now}
	}
	return a
}

// sweepKeys forgets keys that are a day old, at most once an hour. The lock is held.
func (p *Processor) sweepKeys(now time.Time) {
	if now.Sub(p.keysSweptAt) < time.Hour {
		return
	}
	p.keysSweptAt = now
	for key, s := range p.state.Keys {
		if now.Sub(s.At) >= keyAge {
			delete(p.state.Keys, key)
		}
	}
}
