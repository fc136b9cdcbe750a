package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"

	"duebell/billing"
	"duebell/voiceprompts"
)

// Inbox takes the texts that come in and every other wish about texts, from a key or an agent.
// What it decides is written in one transaction: who wanted it, what it changed, and our one answer.
type Inbox struct {
	book     InboundStore
	classify *Classifier
	cal      *billing.Calendar
	policy   billing.Policy
	clock    Clock
	log      *slog.Logger
	calls    bool // PAY and CALL are answered by a call
}

// InboundStore is the inbox's part of the book.
type InboundStore interface {
	// ReceiveText keeps a text and carries decide's effect out, in one transaction. The same SID
	// again is ErrDuplicateText and changes nothing.
	ReceiveText(ctx context.Context, t InboundText, at time.Time, decide func(NumberFacts) Effect) error
	// ChangeConsent carries decide's effect on a number out, in one transaction.
	ChangeConsent(ctx context.Context, number string, at time.Time, decide func(NumberFacts) Effect) error
}

// ErrDuplicateText: this text was taken in already.
var ErrDuplicateText = errors.New("notify: this text was taken in already")

// Incoming is a text as it arrives.
type Incoming struct {
	SID        string
	From       string
	Body       string
	OptOutType string // only with Twilio's Advanced Opt-Out: Twilio has acted on it and answers
}

// InboundText is a text as it is kept. Words has no digit in it: people text what they should not.
type InboundText struct {
	SID    string
	Number string
	Class  Class
	Words  string
}

// NumberFacts is what is known of a number when a wish about it is carried out.
type NumberFacts struct {
	Suppressed  Source      // of the suppression in force; empty: none
	Language    string      // of the member whose number it is; empty: nobody's
	Zone        string      // likewise
	LastHelp    time.Time   // newest help_reply; zero: none
	Answers     int         // of ours to this number's texts in the last 24 hours
	CallPending bool        // a call that it asked for is planned, rings or goes on
	Calls       []time.Time // when those of the last day were placed
}

// Source says who or what switched texts off or on.
type Source string

// Sources of suppressions and consents.
const (
	FromText        Source = "text"   // words that we act on
	FromTwilio      Source = "twilio" // words that Twilio has acted on as well
	FromCarrier     Source = "carrier"
	FromKey         Source = "key"
	FromSpeech      Source = "speech"
	FromAgent       Source = "agent"
	FromUnreachable Source = "undeliverable" // no text arrives there (N11)
	FromReassigned  Source = "reassigned"    // somebody else has the number now (O5)
	FromApplication Source = "application"
	FromCall        Source = "call"
)

// blocked: Twilio itself refuses texts to the number until START or UNSTOP comes from it (O4).
func (s Source) blocked() bool { return s == FromTwilio || s == FromCarrier }

// Effect is what a wish about texts changes.
type Effect struct {
	Suppress *Suppression
	Lift     *Consent // lifts what suppresses texts to the number and gives consent
	Calls    *Consent // to reminder calls; it lifts nothing
	Reply    *Reply
	Task     *Task
	Detach   bool // the number is not the member's: no account has it any more (O5)
}

// Suppression switches texts off, and where All is set every other purpose and our calls too (O3).
type Suppression struct {
	Number string
	Source Source
	Words  string
	All    bool
	// CallsOnly: texts stay as they are.
	CallsOnly bool
}

// Consent switches payment texts on, or agrees to reminder calls.
type Consent struct {
	Number string
	Source Source
	Words  string
}

// Reply is the one answer of ours. Cause is the text or call that it answers: one answer each.
type Reply struct {
	Kind     Kind
	Channel  Channel // empty: a text
	Cause    string
	Language string
	Zone     string // whose day it is dated by
	Asked    bool   // for these very words (O4)
	NotAfter time.Time
	// IfSuppressed: only where Suppress really changed something, so that an opt-out said twice
	// is confirmed once.
	IfSuppressed bool
}

// Task is work for a person.
type Task struct {
	Kind   string
	Detail string
	Due    time.Time
}

// NewInbox puts an inbox together.
func NewInbox(book InboundStore, p billing.Policy, cal *billing.Calendar, clock Clock, log *slog.Logger) *Inbox {
	return &Inbox{book: book, classify: NewClassifier(p.OptOutWords), cal: cal, policy: p, clock: clock, log: log}
}

// Receive takes one text in. The same text again changes nothing.
func (in *Inbox) Receive(ctx context.Context, t Incoming) error {
	reading, twilio := in.read(t)
	now := in.clock.Now()
	kept := InboundText{SID: t.SID, Number: t.From, Class: reading.Class, Words: withoutDigits(t.Body)}
	err := in.book.ReceiveText(ctx, kept, now, func(f NumberFacts) Effect {
		return in.effect(t, kept.Words, reading, twilio, f, now)
	})
	if errors.Is(err, ErrDuplicateText) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("take a text in: %w", err)
	}
	in.log.Info("text taken in", "class", string(reading.Class), "message", t.SID)
	return nil
}

// read classifies a text and says whether Twilio answers it (O2).
func (in *Inbox) read(t Incoming) (r Reading, twilio bool) {
	word := strings.ToUpper(strings.TrimSpace(t.Body))
	if t.OptOutType != "" {
		word, twilio = strings.ToUpper(t.OptOutType), true
	}
	for class, list := range map[Class]string{ClassOptOut: twilioStop, ClassStart: twilioStart, ClassHelp: twilioHelp} {
		if slices.Contains(strings.Fields(list), word) {
			return Reading{Class: class, Certain: true}, twilio || in.policy.TwilioDefaultReplies
		}
	}
	return in.classify.Classify(t.Body), false
}

// effect is what a text changes, by what it asks for.
func (in *Inbox) effect(t Incoming, words string, r Reading, twilio bool, f NumberFacts, now time.Time) Effect {
	source := FromText
	if twilio {
		source = FromTwilio
	}
	answer := in.answer(f, t.SID)
	answer.Asked = r.Certain
	if r.Class == ClassOptOut {
		e := in.optOut(t.From, source, words, answer, now)
		if r.WrongPerson {
			e.Detach, e.Task = true, in.task("wrong-number", t.SID, now)
		}
		return e
	}
	e := in.request(t, words, source, r, answer, f, now)
	if f.Answers >= answersADay {
		e.Reply = nil // two machines must not talk to each other
	}
	return e
}

// answersADay is how many texts of a number are answered within 24 hours. A person needs fewer; an
// answering machine that says one of our words is not told the same for ever.
const answersADay = 10

// request is what any other text changes.
func (in *Inbox) request(t Incoming, words string, source Source, r Reading, answer Reply, f NumberFacts, now time.Time) Effect {
	twilio := source == FromTwilio
	switch r.Class {
	case ClassStart:
		return in.optIn(t.From, source, words, answer, f)
	case ClassPay:
		if in.calls {
			return in.callBack(t, answer, f, now)
		}
		// They asked for a call; a person makes it.
		e := in.reply(HelpReply, answer, twilio)
		e.Task = in.task("call-requested", t.SID, now)
		return e
	case ClassBalance:
		return in.reply(BalanceReply, answer, twilio)
	case ClassSkip, ClassMove:
		return in.reply(AutoPayReply, answer, twilio)
	case ClassReal:
		return in.reply(RealReply, answer, twilio)
	case ClassHelp:
		if r.Certain {
			return in.reply(HelpReply, answer, twilio)
		}
	}
	if r.Person {
		return Effect{Task: in.task("text-to-read", t.SID, now)}
	}
	return in.helpOnceADay(answer, f, now)
}

// helpOnceADay tells what we understand, to whoever says something else (O9).
func (in *Inbox) helpOnceADay(answer Reply, f NumberFacts, now time.Time) Effect {
	if !f.LastHelp.IsZero() && now.Sub(f.LastHelp) < in.policy.HelpReplyGapHours.Duration() {
		return Effect{}
	}
	return in.reply(HelpReply, answer, false)
}

// answer addresses our answer to the owner of a number, or to a stranger in English.
func (in *Inbox) answer(f NumberFacts, cause string) Reply {
	r := Reply{Cause: cause, Language: f.Language, Zone: f.Zone}
	if r.Language == "" {
		r.Language = voiceprompts.Reference
	}
	if r.Zone == "" {
		r.Zone = in.cal.Zone().String()
	}
	return r
}

// reply answers, unless Twilio does. To a number that wants no texts only what it just asked for goes.
func (in *Inbox) reply(k Kind, answer Reply, twilio bool) Effect {
	if twilio {
		return Effect{}
	}
	answer.Kind = k
	return Effect{Reply: &answer}
}

// optOut is O2: at once, and confirmed by exactly one text unless Twilio has answered.
func (in *Inbox) optOut(number string, s Source, words string, answer Reply, now time.Time) Effect {
	e := Effect{Suppress: &Suppression{Number: number, Source: s, Words: words, All: !now.Before(in.policy.RevokeAllFrom.Time)}}
	if s != FromTwilio {
		answer.Kind, answer.IfSuppressed = OptOutConfirm, true
		answer.NotAfter = now.Add(in.policy.OptOutConfirmMinutes.Duration())
		e.Reply = &answer
	}
	return e
}

// unlessUnreachable leaves the answer out where no text arrives (N11). Who texts us can be texted.
func (e Effect) unlessUnreachable(f NumberFacts) Effect {
	if f.Suppressed == FromUnreachable {
		e.Reply = nil
	}
	return e
}

// optIn is O1 and O4. Where Twilio blocks the number, only its own words open it again; another
// word of ours would promise what cannot be kept, and is answered on the phone.
func (in *Inbox) optIn(number string, s Source, words string, answer Reply, f NumberFacts) Effect {
	if f.Suppressed.blocked() && s != FromTwilio {
		return Effect{}
	}
	e := Effect{Lift: &Consent{Number: number, Source: s, Words: words}}
	if s != FromTwilio {
		answer.Kind, answer.Asked = OptInConfirm, true
		e.Reply = &answer
	}
	return e
}

// OptOut switches texts to a number off for anyone who asks (O1): by key, speech or an agent.
// cause names the call and turn, so that a repeated request is one wish.
func (in *Inbox) OptOut(ctx context.Context, number string, s Source, words, cause string) error {
	now := in.clock.Now()
	err := in.book.ChangeConsent(ctx, number, now, func(f NumberFacts) Effect {
		return in.optOut(number, s, words, in.answer(f, cause), now).unlessUnreachable(f)
	})
	if err != nil {
		return fmt.Errorf("switch texts off: %w", err)
	}
	return nil
}

// ErrTextStart: Twilio blocks texts to the number; only START or UNSTOP from it opens it again.
var ErrTextStart = errors.New("notify: only a text START from the number itself helps")

// OptIn switches texts to a number on. The caller of this has proven who they are (O1: T2), and the
// number is theirs: on file or the calling one.
func (in *Inbox) OptIn(ctx context.Context, number string, s Source, words, cause string) error {
	blocked := false
	now := in.clock.Now()
	err := in.book.ChangeConsent(ctx, number, now, func(f NumberFacts) Effect {
		blocked = f.Suppressed.blocked()
		return in.optIn(number, s, words, in.answer(f, cause), f)
	})
	switch {
	case err != nil:
		return fmt.Errorf("switch texts on: %w", err)
	case blocked:
		return ErrTextStart
	}
	return nil
}

// task asks for a person by the end of the next business day (O9).
func (in *Inbox) task(kind, cause string, now time.Time) *Task {
	day := in.cal.DateOf(now).Add(1)
	for !in.cal.IsWorkday(day) {
		day = day.Add(1)
	}
	return &Task{Kind: kind, Detail: "text " + cause, Due: in.cal.At(day, in.policy.AgentCloseLocal)}
}

// withoutDigits keeps what was meant and drops what may be a secret (D1).
func withoutDigits(text string) string {
	const longest = 400
	masked := strings.Map(func(r rune) rune {
		if unicode.IsNumber(r) {
			return '#'
		}
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if r := []rune(masked); len(r) > longest {
		masked = string(r[:longest])
	}
	return masked
}
