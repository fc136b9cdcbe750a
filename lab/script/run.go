package script

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"duebell/billing/feed"
	"duebell/lab/harness"
)

// Result is what became of a script.
type Result struct {
	Name       string
	Err        error          // nil when everything was as told
	Transcript string         // what was said and pressed, one line each, and warnings of the log
	Coverage   map[string]int // harness.Coverage at the end
	TalkTimes  []TalkTime     // one a call, in the order of the calls
}

// Options are what a run needs besides the harness. The zero value plays on a harness that has played before,
// in English, without files.
type Options struct {
	Out   io.Writer                         // gets the conversation as it goes; may be nil
	Files func(name string) ([]byte, error) // the files beside the script
	Fresh bool                              // the harness was opened for this script alone, with Script.Config: there is nothing to reset
	Lang  string                            // tell it in another language than the one it is written in
}

// run is one script while it is played. One goroutine plays it; whens and what they do run on it too, in the
// middle of an act (see heard). watch reads steps alone.
//
// The maps and lists of expected things grow as words are done. What is left over at the end fails the script.
type run struct {
	h       *harness.Harness
	opts    Options
	script  Script
	calls   []*caller
	current *caller
	whens   []*when
	hangsUp bool // the caller leaves on what was just heard

	listening bool // something is being said at this moment

	whenErr         error
	payExhausted    string
	cardsTried      int               // cards that somebody came to try
	saidBefore      map[string]string // what was said, by the name that the story gives it
	expectedTexts   map[string]bool
	optionalTexts   []harness.Text // Body is a pattern
	expectedCharges map[string]bool
	handledCalls    map[string]bool // calls of ours that a word was said of, by SID
	logsExpected    []string
	secrets         []string
	lines           []string
	logged          int          // log lines looked at
	steps           atomic.Int64 // that have ended, for watch
}

// Run plays a script on a harness and returns what became of it; a failure is in Result.Err, with the script's
// name and line. Unless Options.Fresh is set the harness is reset first. It never hangs for good: when nothing
// has moved for harness.StallLimit it gives up. The harness can be used again afterwards, unless a reset
// failed.
func Run(ctx context.Context, w *harness.Harness, s Script, opts Options) Result {
	r := &run{h: w, opts: opts, script: s, expectedTexts: map[string]bool{}, expectedCharges: map[string]bool{}, handledCalls: map[string]bool{}, saidBefore: map[string]string{}}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go r.watch(ctx, cancel)
	err := r.play(ctx)
	// Cancelled by watch, or by whoever started the run (Ctrl-C).
	if err != nil && ctx.Err() != nil { // the cause says more than "context canceled"
		err = errors.Join(context.Cause(ctx), err)
	}
	result := Result{Name: s.Name, Err: err, Transcript: strings.Join(r.lines, "\n"), Coverage: w.Coverage()}
	for _, c := range r.calls {
		result.TalkTimes = append(result.TalkTimes, c.talkTime)
	}
	return result
}

// play does the words one after another. After each it looks for what must not happen in any script. The first
// word that fails ends it: what comes after would fail because of it. The end's own checks are left out then.
func (r *run) play(ctx context.Context) error {
	if !r.opts.Fresh {
		if err := r.begin(ctx); err != nil {
			return err
		}
	}
	for _, s := range r.script.steps {
		err := s.do(ctx, r)
		r.steps.Add(1)
		// Also of the step that failed: whoever reads why needs its lines the most.
		r.appendTranscript()
		if err = errors.Join(err, r.whenErr, r.violations()); err != nil {
			return fmt.Errorf("%s:%d: %s\n%w", r.script.Name, s.line, s.text, err)
		}
	}
	if err := r.finish(ctx); err != nil {
		return fmt.Errorf("%s: at the end: %w", r.script.Name, err)
	}
	return nil
}

// begin empties the harness and puts the script's policy in force. The clock is set before the policy, because
// roles that start read it.
func (r *run) begin(ctx context.Context) error {
	if err := r.h.Reset(ctx); err != nil {
		return err
	}
	r.h.StopClock(harness.DefaultStart)
	if r.script.Policy == "" {
		return nil
	}
	if err := r.h.SetPolicy(ctx, r.script.Policy); err != nil {
		return fmt.Errorf("%s: %w", r.script.Name, err)
	}
	return nil
}

// watch cancels the script when nothing has moved for harness.StallLimit: no step ended, no request came. Acts
// in the stand-in wait for the product without a limit of their own; this is the only one.
func (r *run) watch(ctx context.Context, stalled context.CancelCauseFunc) {
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	last, still := int64(-1), time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return
		// Looked at once a second; the limit is far longer.
		case <-ticks.C:
		}
		// Two counters that only grow: their sum stands still only if both do.
		if now := r.h.Progress() + r.steps.Load(); now != last {
			last, still = now, 0
			continue
		}
		if still += time.Second; still >= harness.StallLimit {
			stalled(fmt.Errorf("given up: nothing has moved for %v", harness.StallLimit))
			return
		}
	}
}

// appendTranscript adds what has newly happened in the calls to the transcript, and warnings of the log, for
// whoever reads why a script failed. Where several calls are on, each line begins with the member's number.
// Lines of the stand-in about requests are left out of what is shown as it goes.
func (r *run) appendTranscript() {
	for _, c := range r.calls {
		all := c.Transcript()
		for _, line := range all[c.shown:] {
			if len(r.calls) > 1 {
				line = c.phone + " " + line
			}
			r.lines = append(r.lines, line)
			// Whoever watches a play wants the conversation; what was posted to whom is in the transcript.
			if r.opts.Out != nil && !strings.Contains(line, "twilio: ") {
				_, _ = fmt.Fprintln(r.opts.Out, line) // nobody listening is no reason to stop
			}
		}
		c.shown = len(all)
	}
	logs := r.h.Logs()
	for _, l := range logs[min(r.logged, len(logs)):] {
		if l.Level >= slog.LevelWarn { // for whoever reads why it failed
			r.lines = append(r.lines, "log: "+l.Level.String()+" "+l.Text)
		}
	}
	// The harness may drop old lines in a run of days; min above keeps the place from lying beyond the end.
	r.logged = len(logs)
}

// violations returns what must not happen in any script, as soon as it happens; the step that caused it is
// named then.
func (r *run) violations() error {
	var errs []error
	// All so far, also those of earlier steps: the first step that sees one ends the script.
	for _, c := range r.h.Violations() {
		errs = append(errs, errors.New(c))
	}
	return errors.Join(errs...)
}

// finish ends outages, hangs up, lets everything happen that is due, and then fails on what no word has
// expected. All checks are made, and all their errors returned: one cause often shows in several.
func (r *run) finish(ctx context.Context) error {
	r.h.RedisUp()
	r.h.DatabaseUp()
	for _, c := range r.calls {
		if err := c.HangUp(ctx); err != nil {
			return err
		}
	}
	if err := r.h.ProcessDue(ctx); err != nil {
		return err
	}
	r.appendTranscript()
	// With everything at rest: a text or a charge that was still to come has come.
	errs := []error{r.violations(), r.whensLeft(), r.checkLog()}
	errs = append(errs, r.anyTexts(), r.anyCalls(), r.anyCharges(ctx), r.h.Reconcile(ctx))
	errs = append(errs, r.h.CoverTexts(ctx))
	// Sorted and without doubles, because each secret is searched for in everything that the product has left
	// behind.
	leaks, err := r.h.Leaks(ctx, slices.Compact(slices.Sorted(slices.Values(r.secrets))))
	errs = append(errs, err)
	// Counted even when one was found: the script has keyed one, which is what this row of the table asks.
	if len(r.secrets) > 0 {
		r.h.Cover("secret keyed")
	}
	for _, place := range leaks {
		errs = append(errs, fmt.Errorf("a secret that the caller keyed or said lies in %s (promise P4: no secret is kept)", place))
	}
	return errors.Join(errs...)
}

// whensLeft fails when a word still waits for something that was never heard: its fault has not acted, and the
// script has not shown what it is there for.
func (r *run) whensLeft() error {
	if len(r.whens) > 0 {
		return fmt.Errorf("%q was never heard when it was waited for", r.whens[0].heard)
	}
	return nil
}

// checkLog fails on lines logged as errors that no word has expected, and on expected lines that did not come.
// A line at error level means that a person should look; in a story whose ending is known nobody should have
// to.
func (r *run) checkLog() error {
	var errs []error
	// A line may fit several patterns, and a pattern several lines: each pattern must have been met at least
	// once.
	came := map[string]bool{}
	for _, l := range r.h.Logs() {
		expected := false
		for _, p := range r.logsExpected {
			if matches(p, l.Text) {
				came[p], expected = true, true
			}
		}
		if l.Level >= slog.LevelError && !expected {
			errs = append(errs, fmt.Errorf("logged as an error, and no word logs expects it: %s", l.Text))
		}
	}
	for _, p := range r.logsExpected {
		if !came[p] {
			errs = append(errs, fmt.Errorf("expected in the log, but not there: %q", p))
		}
	}
	return errors.Join(errs...)
}

// importFile imports a file that lies beside the script, past every fault, as of the clock's time.
func (r *run) importFile(ctx context.Context, name string) error {
	if r.opts.Files == nil {
		return fmt.Errorf("import %s: this script was given without the files beside it", name)
	}
	text, err := r.opts.Files(name)
	if err != nil {
		return fmt.Errorf("import %s: %w", name, err)
	}
	return r.h.Import(ctx, feed.Text(name, string(text)))
}
