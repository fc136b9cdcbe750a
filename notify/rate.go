package notify

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"duebell/billing"
)

// SendLimits are what our sender and our lines can bear. They are the operator's contract with the
// carrier and no policy, so that they come as settings. Zero: no limit is known, and none is kept.
type SendLimits struct {
	SegmentsPerSecond float64 `name:"segments-per-second" env:"DUEBELL_SEGMENTS_PER_SECOND" help:"What the sender may send in a second, in segments, over all workers; 0: no limit."`
	SegmentsPerDay    int     `name:"segments-per-day" env:"DUEBELL_SEGMENTS_PER_DAY" help:"What the sender may send in a day, in segments; 0: no limit."`
	Lines             int     `name:"lines" env:"DUEBELL_LINES" help:"How many calls the line can hold at once: reminders are paced by those that are free; 0: no pacing."`
}

// Problems says what is impossible about the limits.
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

// Throttle is what all workers share: who has sent how much lately. Package store/limits keeps it.
type Throttle interface {
	// Reserve asks for room for texts and takes it for as many of them, from the first on, as there is
	// room for; all in one step.
	Reserve(ctx context.Context, a Reservation) (Grant, error)
}

// Reservation is some texts that want to leave.
type Reservation struct {
	Sender   string
	Segments []int // of each
	First    bool  // no reminders: they may use the last part of what there is, and are not paced
	Now      time.Time

	SegmentsPerSecond float64 // 0: no limit
	SegmentsPerDay    int
	TextsPerSecond    float64 // of reminders, by free lines; 0: no pacing
	Day               string  // the day that SegmentsPerDay counts
}

// Grant is the answer.
type Grant struct {
	Granted int           // so many may go
	Wait    time.Duration // of the next one: when there may be room
	DayFull bool          // of the next one: not today any more
}

// Lines tells how many calls there are just now, both ways.
type Lines interface {
	CallsInProgress(ctx context.Context, now time.Time) (int, error)
}

// Pacer decides when a text or call that may go has room to go. Payment and AutoPay texts and answers
// come before reminders (N9).
type Pacer struct {
	throttle Throttle
	lines    Lines
	machine  Clock
	o        PaceOptions

	mu      sync.Mutex
	free    int
	asked   time.Time // when free was counted, by the machine's clock; zero: never
	askedAt time.Time // and by the domain's, which may be moved
	handed  int       // calls let go since
}

// PaceOptions are a pacer's settings.
type PaceOptions struct {
	SendLimits
	Sender       string  // our number or messaging service
	CallbackRate float64 // what part of reminders is answered by a call
	CallSeconds  int     // how long such a call takes
	Segments     func(body string) int
	Zone         *time.Location // whose midnight ends the sender's day
}

// PaceFromPolicy takes from the policy what it says of pacing.
func PaceFromPolicy(l SendLimits, sender string, segments func(string) int, p billing.Policy, cal *billing.Calendar) PaceOptions {
	return PaceOptions{
		SendLimits: l, Sender: sender, CallbackRate: p.CallbackRate, CallSeconds: int(p.CallSeconds.Duration() / time.Second),
		Segments: segments, Zone: cal.Zone(),
	}
}

// NewPacer puts a pacer together. machine is for counting the free lines anew every few seconds.
func NewPacer(throttle Throttle, lines Lines, machine Clock, o PaceOptions) *Pacer {
	return &Pacer{throttle: throttle, lines: lines, machine: machine, o: o}
}

const (
	recount    = 3 * time.Second  // free lines are counted so often
	noFreeLine = 5 * time.Second  // how long whoever needs one waits
	horizon    = 10 * time.Second // a tick puts in line what can leave until the next ticks
)

// TextsPerSecond is N9: so many texts a second that the calls they cause find a free line.
func TextsPerSecond(free int, callbackRate float64, callSeconds int) float64 {
	load := callbackRate * float64(callSeconds)
	if load <= 0 {
		return math.Inf(1)
	}
	return float64(max(free, 0)) / load
}

// admit makes what may go wait that has no room; the others have taken theirs. It is asked within the
// transaction that claims the notices, and so asks no database: refresh has done that before.
func (p *Pacer) admit(ctx context.Context, facts []Facts, verdicts []Decision, now time.Time) error {
	var first, later []int
	for i, f := range facts {
		trait, _ := f.Kind.Spec()
		switch {
		case verdicts[i].Action != ActionSend:
		case f.Channel == Voice:
			verdicts[i].putOff(p.admitCall(!trait.Capped), now)
		case trait.Capped:
			later = append(later, i)
		default:
			first = append(first, i)
		}
	}
	if err := p.admitTexts(ctx, first, true, verdicts, now); err != nil {
		return err
	}
	return p.admitTexts(ctx, later, false, verdicts, now)
}

// admitTexts asks for the room of those texts once.
func (p *Pacer) admitTexts(ctx context.Context, texts []int, first bool, verdicts []Decision, now time.Time) error {
	if len(texts) == 0 {
		return nil
	}
	a := Reservation{
		Sender: p.o.Sender, First: first, Now: now,
		SegmentsPerSecond: p.o.SegmentsPerSecond, SegmentsPerDay: p.o.SegmentsPerDay, Day: billing.DateIn(now, p.o.Zone).String(),
	}
	room := Grant{Granted: len(texts)}
	paced := p.texts()
	if !math.IsInf(paced, 1) {
		a.TextsPerSecond = paced
	}
	switch {
	case paced == 0 && !first:
		room = Grant{Wait: noFreeLine}
	case a.SegmentsPerSecond > 0, a.SegmentsPerDay > 0, a.TextsPerSecond > 0:
		for _, i := range texts {
			a.Segments = append(a.Segments, p.o.Segments(verdicts[i].Body))
		}
		var err error
		if room, err = p.throttle.Reserve(ctx, a); err != nil {
			return fmt.Errorf("ask for room: %w", err)
		}
	}
	wait := max(room.Wait, time.Millisecond)
	if room.DayFull {
		tomorrow := billing.DateIn(now, p.o.Zone).Add(1)
		wait = billing.AtIn(tomorrow, 0, p.o.Zone).Sub(now)
	}
	for _, i := range texts[room.Granted:] {
		verdicts[i].putOff(wait, now)
	}
	return nil
}

// texts is how many reminders a second the free lines allow.
func (p *Pacer) texts() float64 {
	if p.o.Lines == 0 {
		return math.Inf(1)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return TextsPerSecond(p.free, p.o.CallbackRate, p.o.CallSeconds)
}

// admitCall lets a call go where a line is free. Reminder calls leave a tenth of the lines to those
// who call us and to those who asked for a call.
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
	if p.free-p.handed <= spare {
		return noFreeLine
	}
	p.handed++
	return 0
}

// refresh counts the free lines: the configured ones without those in use.
func (p *Pacer) refresh(ctx context.Context, now time.Time) error {
	if p.o.Lines == 0 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	machineNow := p.machine.Now()
	fresh := func(since time.Duration) bool { return since >= 0 && since < recount }
	if !p.asked.IsZero() && fresh(machineNow.Sub(p.asked)) && fresh(now.Sub(p.askedAt)) {
		return nil
	}
	used, err := p.lines.CallsInProgress(ctx, now)
	if err != nil {
		return fmt.Errorf("count the calls in progress: %w", err)
	}
	p.free, p.asked, p.askedAt, p.handed = max(0, p.o.Lines-used), machineNow, now, 0
	return nil
}

// batch is how many reminders a tick may put in line: what can leave until the next ticks. More
// would be looked at in vain, again and again.
func (p *Pacer) batch(most int) int {
	perSecond := p.texts()
	if p.o.SegmentsPerSecond > 0 {
		perSecond = min(perSecond, p.o.SegmentsPerSecond)
	}
	return int(min(math.Ceil(perSecond*horizon.Seconds()), float64(most)))
}
