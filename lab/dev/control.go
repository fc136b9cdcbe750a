package dev

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"duebell/lab/harness"
	"duebell/lab/script"
)

// control is the HTTP interface on loopback by which `duebell-lab call` and `duebell-lab clock` reach a running
// dev. dev.env names its address in DUEBELL_DEV_CONTROL. It has an address of its own, because what is on the
// line's address may be shown to the outside world; it asks for no password, for it breaks nothing but a dev.
type control struct {
	harness *harness.Harness
	scripts http.Handler
	moved   func() // called after the clock has moved
	url     string
}

// handler returns the routes. A page in a browser of this machine cannot post here: cross-origin requests are
// refused.
func (c *control) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /script", c.scripts)
	mux.HandleFunc("GET /clock", c.showClock)
	mux.HandleFunc("POST /clock", c.moveClock)
	return http.NewCrossOriginProtection().Handler(mux)
}

// showClock answers with dev's time in words, on the line's wall clock. The header tells a client that this is
// a dev at all, and the time exactly.
func (c *control) showClock(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set(nowHeader, c.harness.Now().Format(time.RFC3339Nano))
	fmt.Fprintln(w, c.harness.Now().In(c.harness.Zone()).Format("Monday 2006-01-02T15:04:05 MST"))
}

// moveClock moves dev's clock forward and answers with the time then, once nothing due is left undone. What
// cannot be read is 400; what cannot be done (backwards, or work that does not end) is 422.
func (c *control) moveClock(w http.ResponseWriter, r *http.Request) {
	at, err := c.target(r.FormValue("advance"), r.FormValue("until"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	// Also after an error: the clock stands at the stop that it had reached.
	defer c.moved()
	// A client that goes away does not stop the clock half-way.
	if err := c.harness.Until(context.WithoutCancel(r.Context()), at); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	// As at the end of the move: a running clock has gone on a little since.
	c.showClock(w, r)
}

// target returns the instant to move to: now and a span, or an instant of the line's wall clock. The forms are
// those of scripts. Of both the span counts; without either it is an error.
func (c *control) target(advance, until string) (time.Time, error) {
	if advance != "" {
		d, err := script.Span(advance)
		if err != nil {
			return time.Time{}, err
		}
		return c.harness.Now().Add(d), nil
	}
	return script.Instant(strings.TrimSpace(until), c.harness.Zone())
}
