package script

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"duebell/billing/feed"
	"duebell/lab/harness"
)

// Result is what became of a story.
type Result struct {
	Name       string
	Err        error          // nil: everything was as told
	Transcript string         // what was said, pressed and asked, so far
	Passed     map[string]int // what was really passed, by the names of the coverage table
	Talk       []Talk         // of every call
}

// Options are what a run needs besides the world.
type Options struct {
	Out   io.Writer                         // gets the conversation as it goes; may be nil
	Files func(name string) ([]byte, error) // the files beside the script
	Keep  bool                              // play against what is there: no reset
	Lang  string                            // tell it in another language than the one it is written in
}

// run is a story being told.
type run struct {
	w       *harness.World
	opts    Options
	script  Script
	calls   []*caller
	current *caller
	whens   []*when
	leave   bool // the caller leaves on what was just heard

	listening bool // something is being said at this moment

	armedErr     error
	exhausts     string
	tried        int               // cards that somebody came to try
	alike        map[string]string // what was said, by the name that the story gives it
	texted       map[string]bool
	mayText      []harness.Text // Body is a pattern
	charged      map[string]bool
	rung         map[string]bool // calls of ours that a word was said of, by SID
	logsExpected []string
	secrets      []string
	lines        []string
	logged       int // log lines looked at
}

// Run plays a script against a world, from the beginning: the world is reset.
func Run(ctx context.Context, w *harness.World, s Script, opts Options) Result {
	r := &run{w: w, opts: opts, script: s, texted: map[string]bool{}, charged: map[string]bool{}, rung: map[string]bool{}, alike: map[string]string{}}
	err := r.play(ctx)
	result := Result{Name: s.Name, Err: err, Transcript: strings.Join(r.lines, "\n"), Passed: w.Passed()}
	for _, c := range r.calls {
		result.Talk = append(result.Talk, c.talk)
	}
	return result
}

func (r *run) play(ctx context.Context) error {
	if !r.opts.Keep {
		if err := r.w.Reset(ctx); err != nil {
			return err
		}
		r.w.Stand(harness.DefaultStart)
	}
	if r.script.Policy != "" {
		if err := r.w.SetPolicy(ctx, r.script.Policy); err != nil {
			return fmt.Errorf("%s: %w", r.script.Name, err)
		}
	}
	for _, s := range r.script.steps {
		err := s.do(ctx, r)
		r.show()
		if err = errors.Join(err, r.armedErr, r.beside()); err != nil {
			return fmt.Errorf("%s:%d: %s\n%w", r.script.Name, s.line, s.text, err)
		}
	}
	if err := r.end(ctx); err != nil {
		return fmt.Errorf("%s: at the end: %w", r.script.Name, err)
	}
	return nil
}

// show adds what has newly happened in the calls to the transcript.
func (r *run) show() {
	for _, c := range r.calls {
		all := c.Transcript()
		for _, line := range all[c.shown:] {
			if len(r.calls) > 1 {
				line = c.phone + " " + line
			}
			r.lines = append(r.lines, line)
			if r.opts.Out != nil && !strings.Contains(line, "twilio: ") {
				_, _ = fmt.Fprintln(r.opts.Out, line) // nobody listening is no reason to stop
			}
		}
		c.shown = len(all)
	}
	logs := r.w.Logs()
	for _, l := range logs[min(r.logged, len(logs)):] {
		if l.Level >= slog.LevelWarn { // for whoever reads why it failed
			r.lines = append(r.lines, "log: "+l.Level.String()+" "+l.Text)
		}
	}
	r.logged = len(logs)
}

// beside are the things that no story expects, as soon as they happen.
func (r *run) beside() error {
	var errs []error
	for _, c := range r.w.Complaints() {
		errs = append(errs, errors.New(c))
	}
	return errors.Join(errs...)
}

// end mends the world, lets everything happen that is due, and looks for what nobody expected.
func (r *run) end(ctx context.Context) error {
	r.w.RedisUp()
	r.w.DatabaseUp()
	for _, c := range r.calls {
		if err := c.HangUp(ctx); err != nil {
			return err
		}
	}
	if err := r.w.Settle(ctx); err != nil {
		return err
	}
	r.show()
	errs := []error{r.beside(), r.unheard(), r.errorLines()}
	errs = append(errs, noTexts(ctx, r), noCalls(ctx, r), chargedNothing(ctx, r), r.w.Balanced(ctx))
	errs = append(errs, r.w.PassTexts(ctx))
	leaks, err := r.w.Leaks(ctx, slices.Compact(slices.Sorted(slices.Values(r.secrets))))
	errs = append(errs, err)
	if len(r.secrets) > 0 {
		r.w.Pass("secret keyed")
	}
	for _, place := range leaks {
		errs = append(errs, fmt.Errorf("a secret of the caller's lies in %s", place))
	}
	return errors.Join(errs...)
}

// unheard are words that waited for something that was never heard.
func (r *run) unheard() error {
	if len(r.whens) > 0 {
		return fmt.Errorf("%q was never heard when it was waited for", r.whens[0].heard)
	}
	return nil
}

// errorLines are lines logged at error level that the story did not expect, and those that it
// expected and that did not come.
func (r *run) errorLines() error {
	var errs []error
	came := map[string]bool{}
	for _, l := range r.w.Logs() {
		expected := false
		for _, p := range r.logsExpected {
			if heardIn(p, l.Text) {
				came[p], expected = true, true
			}
		}
		if l.Level >= slog.LevelError && !expected {
			errs = append(errs, fmt.Errorf("logged as an error: %s", l.Text))
		}
	}
	for _, p := range r.logsExpected {
		if !came[p] {
			errs = append(errs, fmt.Errorf("expected in the log, but not there: %q", p))
		}
	}
	return errors.Join(errs...)
}

func (r *run) importFile(ctx context.Context, name string) error {
	if r.opts.Files == nil {
		return fmt.Errorf("import %s: there are no files beside this script", name)
	}
	text, err := r.opts.Files(name)
	if err != nil {
		return fmt.Errorf("import %s: %w", name, err)
	}
	return r.w.Import(ctx, feed.Text(name, string(text)))
}
