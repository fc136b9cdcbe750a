package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"duebell/lab/harness"
	"duebell/lab/script"
)

// control is where a running dev is told to play a script or to move its clock. It listens on loopback.
type control struct {
	world   *harness.Harness
	moved   func()
	emptied func() // told when the world was reset
	url     string

	mu      sync.Mutex
	playing bool
}

// order is a script to play, with the files that it imports.
type order struct {
	Name  string            `json:"name"`
	Text  string            `json:"text"`
	Files map[string]string `json:"files"`
}

// The answer to an order is the conversation as it goes, and one of these as its last line.
const (
	passed = "== as told =="
	failed = "== not as told =="
)

func (c *control) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /script", c.script)
	mux.HandleFunc("GET /clock", c.showClock)
	mux.HandleFunc("POST /clock", c.moveClock)
	return http.NewCrossOriginProtection().Handler(mux)
}

func (c *control) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.playing
}

// take reserves dev for one script.
func (c *control) take() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.playing {
		return false
	}
	c.playing = true
	return true
}

func (c *control) give() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.playing = false
}

const mostScript = 8 << 20

func (c *control) script(w http.ResponseWriter, r *http.Request) {
	var o order
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostScript)).Decode(&o); err != nil {
		http.Error(w, "the order cannot be read", http.StatusBadRequest)
		return
	}
	story, err := script.Parse(o.Name, o.Text)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	if !c.take() {
		http.Error(w, "another script is being played; wait for its end", http.StatusConflict)
		return
	}
	defer c.give()
	out := &stream{w: w, control: http.NewResponseController(w)}
	// The story is told to its end, whoever goes away: a half-told one would leave the world broken.
	c.play(context.WithoutCancel(r.Context()), story, o.Files, out)
}

func (c *control) play(ctx context.Context, story script.Script, files map[string]string, out io.Writer) {
	fmt.Fprintln(out, "dev's calls, payments and texts are emptied for", story.Name)
	result := script.Run(ctx, c.world, story, script.Options{Out: out, Files: func(name string) ([]byte, error) {
		text, there := files[name]
		if !there {
			return nil, fmt.Errorf("the file %s was not sent along", name)
		}
		return []byte(text), nil
	}})
	for _, t := range result.TalkTimes {
		fmt.Fprintf(out, "the call with %s: %s\n", t.Phone, t)
	}
	err := errors.Join(result.Err, c.back(ctx, story))
	if err != nil {
		fmt.Fprintf(out, "%v\n%s\n", err, failed)
		return
	}
	fmt.Fprintln(out, passed)
}

// back makes the world one to telephone in again. What the story left in the books stays to be looked
// at, and the clock runs on from where it stands.
func (c *control) back(ctx context.Context, story script.Script) error {
	w := c.world
	defer c.moved()
	defer w.RunClock()
	c.emptied()
	w.RedisUp()
	w.DatabaseUp()
	if w.Twilio() == nil || w.Processor() == nil {
		return nil // nothing was played
	}
	if err := errors.Join(w.SetProcessor("up"), w.EndTwilioFaults()); err != nil {
		return err
	}
	if story.Policy != "" {
		if err := w.SetPolicy(ctx, ""); err != nil {
			return err
		}
	}
	if story.Uses("sample") {
		return nil
	}
	if err := w.ImportSamples(ctx); err != nil { // the story's accounts and the samples' do not go together
		return errors.Join(w.Reset(ctx), w.ImportSamples(ctx))
	}
	return nil
}

// stream sends every line as soon as it is written.
type stream struct {
	w       io.Writer
	control *http.ResponseController
}

func (s *stream) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	_ = s.control.Flush() // whoever has gone away misses the rest
	return n, err
}

func (c *control) showClock(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set(nowHeader, c.world.Now().Format(time.RFC3339Nano))
	fmt.Fprintln(w, c.world.Now().In(c.world.Zone()).Format("Monday 2006-01-02T15:04:05 MST"))
}

func (c *control) moveClock(w http.ResponseWriter, r *http.Request) {
	at, err := c.target(r.FormValue("advance"), r.FormValue("until"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if !c.take() {
		http.Error(w, "a script is being played, and has the clock; wait for its end", http.StatusConflict)
		return
	}
	defer c.give()
	defer c.moved()
	if err := c.world.Until(context.WithoutCancel(r.Context()), at); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	c.showClock(w, r)
}

// target is the instant to move to: now and a span, or one on the line's wall clock.
func (c *control) target(advance, until string) (time.Time, error) {
	if advance != "" {
		d, err := script.Span(advance)
		if err != nil {
			return time.Time{}, err
		}
		return c.world.Now().Add(d), nil
	}
	return script.Instant(strings.TrimSpace(until), c.world.Zone())
}
