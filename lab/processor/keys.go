package processor

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// keyAge is how long a key is remembered; then it starts a new request.
const keyAge = 24 * time.Hour

// stored is the first answer under an idempotency key. Of the parameters only a digest is
// kept: they may hold bank numbers.
type stored struct {
	Digest    string
	Status    int
	Body      []byte
	At        time.Time
	BusyUntil time.Time // its answer is being held: until then the key is in use
}

// digest binds a key to the request that used it first.
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
	write(req.path)
	for _, name := range names {
		write(name)
		write(q[name])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// storedAnswer replays what the key was answered before, 500s included; it refuses the key
// with other parameters, and a key whose first request is still under way.
func (p *Processor) storedAnswer(req request, q params, now time.Time) (answer, bool) {
	if req.key == "" {
		return answer{}, false
	}
	if len(req.key) > 255 {
		return refuse(&apiError{status: 400, Type: idempotency, Message: "The idempotency key is longer than 255 characters."}), true
	}
	s := p.state.Keys[req.key]
	if s == nil || now.Sub(s.At) >= keyAge {
		delete(p.state.Keys, req.key)
		return answer{}, false
	}
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

// store keeps the answer under the key and gives it back.
func (p *Processor) store(req request, q params, now time.Time, a answer) answer {
	if req.key != "" && req.op.writes() {
		p.state.Keys[req.key] = &stored{Digest: digest(req, q), Status: a.status, Body: a.body, At: now}
	}
	return a
}

// sweepKeys forgets keys that are a day old. The lock is held.
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
