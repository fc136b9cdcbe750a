package notify

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"duebell/billing"
)

// SendLimits are the limits of our sender number and our lines. They come from the operator's contract with
// the carrier, so they are settings and no policy. Zero: no limit.
type SendLimits struct {
	SegmentsPerSecond float64 `name:"segments-per-second" env:"DUEBELL_SEGMENTS_PER_SECOND" help:"What the sender may send in a second, in segments, over all workers; 0: no limit."`
	SegmentsPerDay    int     `name:"segments-per-day" env:"DUEBELL_SEGMENTS_PER_DAY" help:"What the sender may send in a day, in segments; 0: no limit."`
	Lines             int     `name:"lines" env:"DUEBELL_LINES" help:"How many calls the line can hold at once: reminders are paced by those that are free; 0: no pacing."`
}

// Problems returns what is impossible about the limits, one sentence each.
func (l SendLimits) Problems() []string {
	var list []string
	if !(l.SegmentsPerSecond >= 0 && l.SegmentsPerSecond <= 1e6) { // asked this way round, because no comparison with NaN is true
		list = append(list, "DUEBELL_SEGMENTS_PER_SECOND is no number from 0 to 1000000")
	}
	if l.SegmentsPerDay < 0 {
		list = append(list, "DUEBELL_SEGMENTS_PER_DAY is negative")
	}
	if l.Lines < 0 {
		list = append(list, "DUEBELL_LINES is negative")
	}
	return list
}

// Throttle is the token bucket that all workers share. Package store/limits keeps it in Redis. An error means
// that nothing may be sent: the limit is the carrier's, and texts beyond it are queued there for hours.
type Throttle interface {
	// Reserve takes tokens for as many of the texts, from the first on, as there are tokens for; all in
	// one step. Tokens of texts that then do not go are lost.
	Reserve(ctx context.Context, a Reservation) (Grant, error)
}

// Reservation is a request for tokens for some texts. It carries the limits along, so that a change of
// settings counts at the next reservation and nothing is stored.
type Reservation struct {
	Sender   string
	Segments []int // of each
	First    bool  // not reminders: these may use the last tokens, and are not paced by free lines (N9)
	Now      time.Time

	SegmentsPerSecond float64 // 0: no limit
	SegmentsPerDay    int
	TextsPerSecond    float64 // of reminders, by free lines; 0: no pacing
	Day               string  // the day that SegmentsPerDay counts
}

// Grant is the answer to a Reservation. Granted is never more than the texts that were asked about.
type Grant struct {
	Granted int           // how many may go, from the first on
	Wait    time.Duration // until there may be tokens for the next one
	DayFull bool          // the next one cannot go today any more
}

// Lines counts calls. It reads the database, so Pacer asks it seldom.
type Lines interface {
	// CallsInProgress returns how many calls there are at an instant, both ways.
	CallsInProgress(ctx context.Context, now time.Time) (int, error)
}

// Pacer limits how fast texts and calls go that the rules have let go. Payment and AutoPay texts and answers
// go before reminders (N9: payment texts first). The count of free lines is this process's own view, a few
// seconds old; the tokens are shared by all.
type Pacer struct {
	throttle Throttle
	lines    Lines
	machine  billing.Clock
	o        PaceOptions

	mu        sync.Mutex
	free      int       // free lines when last counted
	counted   time.Time // when that was, by the machine's clock; zero: never
	countedAt time.Time // and by the domain's, which may be moved
	dialed    int       // calls let go since
}

// PaceOptions are a pacer's settings. Segments must count as the carrier does (N7).
type PaceOptions struct {
	SendLimits
	Sender       string  // our number or messaging service
	CallbackRate float64 // share of reminders that cause a call, 0 to 1
	CallSeconds  int     // length of such a call
	Segments     func(body string) int
	Zone         *time.Location // whose midnight ends the sender's day
}

// PaceFromPolicy returns the settings of a pacer from the limits and the policy. segments counts the
// segments of a text.
func PaceFromPolicy(l SendLimits, sender string, segments func(string) int, p billing.Policy, cal *billing.Calendar) PaceOptions {
	return PaceOptions{
		SendLimits: l, Sender: sender, CallbackRate: p.CallbackRate, CallSeconds: int(p.CallSeconds.Duration() / time.Second),
		Segments: segments, Zone: cal.Zone(),
	}
}

// NewPacer returns a pacer. It counts the free lines again every few seconds of machine's clock. It may be
// used by any number of goroutines.
func NewPacer(throttle Throttle, lines Lines, machine billing.Clock, o PaceOptions) *Pacer {
	return &Pacer{throttle: throttle, lines: lines, machine: machine, o: o}
}

const (
	recount    = 3 * time.Second  // how old a count of free lines may be
	noFreeLine = 5 * time.Second  // how long a notice waits that needs a free line
	horizon    = 10 * time.Second // a tick enqueues what can leave in this time
)

// TextsPerSecond returns how many texts a second may go so that the calls they cause find a free line (N9:
// free channels / (call-back rate x call length)). Without free lines it is 0; with a rate or a length of 0
// it is infinite. 3,000 free lines, 0.06 and 270 s give 185.
func TextsPerSecond(free int, callbackRate float64, callSeconds int) float64 {
	// One text a second keeps callbackRate x callSeconds lines busy.
	load := callbackRate * float64(callSeconds)
	if load <= 0 {
		return math.Inf(1)
	}
	return float64(max(free, 0)) / load
}

// admit turns the decision to send into a wait where there are no tokens or no line. It runs within the
// transaction that claims the notices, and so makes no query: refresh has counted the lines before. It
// changes the decisions in place; only a decision to send can become a wait.
func (p *Pacer) admit(ctx context.Context, facts []Facts, decisions []Decision, now time.Time) error {
	// Answers and payment texts reserve first, and reminders get what is left (N9).
	var first, later []int
	for i, f := range facts {
		switch {
		case decisions[i].Action != ActionSend:
		case f.Channel == Voice:
			decisions[i].putOff(p.admitCall(!f.Kind.capped()), now)
		case f.Kind.capped():
			later = append(later, i)
		default:
			first = append(first, i)
		}
	}
	if err := p.admitTexts(ctx, first, true, decisions, now); err != nil {
		return err
	}
	return p.admitTexts(ctx, later, false, decisions, now)
}

// admitTexts reserves tokens for the texts with these indexes, in one step. Who comes first in the list goes
// first; the rest waits together for the same instant.
func (p *Pacer) admitTexts(ctx context.Context, texts []int, first bool, decisions []Decision, now time.Time) error {
	if len(texts) == 0 {
		return nil
	}
	a := Reservation{
		Sender: p.o.Sender, First: first, Now: now,
		SegmentsPerSecond: p.o.SegmentsPerSecond, SegmentsPerDay: p.o.SegmentsPerDay, Day: billing.DateIn(now, p.o.Zone).String(),
	}
	// Without a limit there is nothing to ask, and every text may go.
	grant := Grant{Granted: len(texts)}
	paced := p.texts()
	if !math.IsInf(paced, 1) {
		a.TextsPerSecond = paced
	}
	switch {
	case paced == 0 && !first: // no line is free: reminders would bring calls that nobody can answer
		grant = Grant{Wait: noFreeLine}
	case a.SegmentsPerSecond > 0, a.SegmentsPerDay > 0, a.TextsPerSecond > 0:
		for _, i := range texts {
			a.Segments = append(a.Segments, p.o.Segments(decisions[i].Body))
		}
		var err error
		if grant, err = p.throttle.Reserve(ctx, a); err != nil {
			return fmt.Errorf("reserve room for texts: %w", err)
		}
	}
	// A wait of zero would send at once what has no token.
	wait := max(grant.Wait, time.Millisecond)
	if grant.DayFull {
		tomorrow := billing.DateIn(now, p.o.Zone).Add(1)
		wait = billing.AtIn(tomorrow, 0, p.o.Zone).Sub(now)
	}
	for _, i := range texts[grant.Granted:] {
		decisions[i].putOff(wait, now)
	}
	return nil
}

// texts returns how many reminders a second the free lines allow. Infinite: they are not paced.
func (p *Pacer) texts() float64 {
	if p.o.Lines == 0 {
		return math.Inf(1)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return TextsPerSecond(p.free, p.o.CallbackRate, p.o.CallSeconds)
}

// admitCall returns how long a call must wait for a line; zero: it may go. Reminder calls leave a tenth of
// the lines to those who call us and to those who asked for a call. Calls let go since the last count are
// subtracted, because that count does not know of them yet.
func (p *Pacer) admitCall(asked bool) time.Duration {
	if p.o.Lines == 0 {
		return 0
	}
	spare := 0
	if !asked {
		spare = p.o.Lines / 10
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free-p.dialed <= spare {
		return noFreeLine
	}
	p.dialed++
	return 0
}

// refresh counts the free lines, unless they were counted a moment ago. It is called before a transaction
// begins, and holds the mutex while it asks, so one process asks once.
func (p *Pacer) refresh(ctx context.Context, now time.Time) error {
	if p.o.Lines == 0 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// Both clocks count: tests and dev move the domain's while the machine's stands nearly still.
	machineNow := p.machine.Now()
	fresh := func(since time.Duration) bool { return since >= 0 && since < recount }
	if !p.counted.IsZero() && fresh(machineNow.Sub(p.counted)) && fresh(now.Sub(p.countedAt)) {
		return nil
	}
	used, err := p.lines.CallsInProgress(ctx, now)
	if err != nil {
		return fmt.Errorf("count the calls in progress: %w", err)
	}
	p.free, p.counted, p.countedAt, p.dialed = max(0, p.o.Lines-used), machineNow, now, 0
	return nil
}

// batch returns how many reminders a tick may enqueue, at most most: what can leave until the next ticks.
// More would be claimed and put off in vain, again and again. It counts each text as one segment; of longer
// ones fewer leave, and the rest is put off.
func (p *Pacer) batch(most int) int {
	perSecond := p.texts()
	if p.o.SegmentsPerSecond > 0 {
		perSecond = min(perSecond, p.o.SegmentsPerSecond)
	}
	return int(min(math.Ceil(perSecond*horizon.Seconds()), float64(most)))
}
