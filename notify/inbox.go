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

// Inbox handles the texts that come in and every other wish about texts, from a key or an agent. What it
// decides is written in one transaction: who wanted it, what it changed, and our one answer. It may be used
// by any number of goroutines.
type Inbox struct {
	store    InboundStore
	classify *Classifier
	cal      *billing.Calendar
	policy   billing.Policy
	clock    billing.Clock
	log      *slog.Logger
	calls    bool // PAY and CALL are answered by a call
}

// InboundStore is what the inbox needs of the database. decide runs while the number is locked, so it waits
// for nothing.
type InboundStore interface {
	// ReceiveText stores a text and carries out decide's effect, in one transaction. The same SID again is
	// ErrDuplicateText and changes nothing.
	ReceiveText(ctx context.Context, t InboundText, at time.Time, decide func(NumberFacts) Effect) error
	// ChangeConsent carries out decide's effect on a number, in one transaction.
	ChangeConsent(ctx context.Context, number string, at time.Time, decide func(NumberFacts) Effect) error
}

// ErrDuplicateText says that a text with this SID has been received before.
var ErrDuplicateText = errors.New("notify: this text has been received before")

// Incoming is a text as the carrier delivers it.
type Incoming struct {
	SID        string
	From       string
	Body       string
	OptOutType string // only with Twilio's Advanced Opt-Out: Twilio acts on the text and answers it
}

// InboundText is a text as it is stored. Words has no digit in it: people text what they should not (D1).
type InboundText struct {
	SID    string
	Number string
	Class  Class
	Words  string
}

// NumberFacts is what is known of a number, read in the transaction that carries out a wish about it. Where
// several members share the number, Language and Zone are of one of them.
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

// blocked says whether Twilio itself refuses texts to the number until START or UNSTOP comes from it (O4).
func (s Source) blocked() bool { return s == FromTwilio || s == FromCarrier }

// Effect is what a wish about texts changes. The store writes all of it in the transaction that read the
// NumberFacts; a crash leaves all of it or nothing. The zero value changes nothing, which is also an answer.
type Effect struct {
	Suppress *Suppression
	Lift     *Consent // lifts what suppresses texts to the number and gives consent
	Calls    *Consent // to reminder calls; it lifts nothing
	Reply    *Reply
	Task     *Task
	Detach   bool // the number is not the member's: no account has it any more (O5)
}

// Suppression switches texts off; with All every other purpose and our calls too (O3). Words is what the
// person wrote, digits masked, or the key that was pressed.
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

// Reply is our one answer to a text, key or call. Cause identifies what it answers: one answer each. The
// store makes one notice of it, unique by Cause and Kind, so a repeated wish gets no second answer.
type Reply struct {
	Kind     Kind
	Channel  Channel // empty: a text
	Cause    string
	Language string
	Zone     string // whose local day it is dated by
	Asked    bool   // the person asked for exactly this (O4)
	NotAfter time.Time
	// IfSuppressed: send it only if Suppress changed something, so that an opt-out said twice is confirmed
	// once (O2: exactly one confirmation).
	IfSuppressed bool
}

// Task is work for a person. Kind is a word of the tasks list, Detail a sentence without digits of a number.
type Task struct {
	Kind   string
	Detail string
	Due    time.Time
}

// NewInbox returns an inbox that answers PAY and CALL through a person; see WithCallBacks.
func NewInbox(store InboundStore, p billing.Policy, cal *billing.Calendar, clock billing.Clock, log *slog.Logger) *Inbox {
	return &Inbox{store: store, classify: NewClassifier(p.OptOutWords), cal: cal, policy: p, clock: clock, log: log}
}

// Receive handles one text. The same text again changes nothing; after an error nothing was changed, and the
// carrier's retry handles it. Nothing of the text is logged but its class.
func (in *Inbox) Receive(ctx context.Context, t Incoming) error {
	// The class is found before the transaction: it depends on the words alone, and takes no lock.
	reading, twilio := in.read(t)
	now := in.clock.Now()
	kept := InboundText{SID: t.SID, Number: t.From, Class: reading.Class, Words: withoutDigits(t.Body)}
	err := in.store.ReceiveText(ctx, kept, now, func(f NumberFacts) Effect {
		return in.effect(t, kept.Words, reading, twilio, f, now)
	})
	if errors.Is(err, ErrDuplicateText) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("receive a text: %w", err)
	}
	in.log.Info("text received", "class", string(reading.Class), "message", t.SID)
	return nil
}

// read classifies a text and says whether Twilio answers it (O2: Twilio answers its own words).
func (in *Inbox) read(t Incoming) (r Reading, twilio bool) {
	// Twilio compares the trimmed, upper-case body with its own words, or says by OptOutType which it took
	// the text for; our own classifier has no say in these.
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

// effect returns what a text changes, by what it asks for.
func (in *Inbox) effect(t Incoming, words string, r Reading, twilio bool, f NumberFacts, now time.Time) Effect {
	// The source decides later who can lift the suppression: Twilio's own block only START or UNSTOP (O4).
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
	// Only the answer is left out: what the text asks for is done all the same.
	if f.Answers >= answersADay {
		e.Reply = nil // two machines must not talk to each other
	}
	return e
}

// answersADay is how many texts of a number are answered within 24 hours. A person needs fewer; an
// answering machine that uses one of our words must not be answered for ever.
const answersADay = 10

// request returns what a text changes that is no opt-out.
func (in *Inbox) request(t Incoming, words string, source Source, r Reading, answer Reply, f NumberFacts, now time.Time) Effect {
	twilio := source == FromTwilio
	switch r.Class {
	case ClassStart:
		return in.optIn(t.From, source, words, answer, f)
	case ClassPay:
		if in.calls {
			return in.callBack(t, answer, f, now)
		}
		// Nobody can place calls here: a person must (N8).
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
		// A text that is nothing but HELP is answered every time (O9); one that only holds the word may be an
		// answering machine, and is answered once a day like any other.
		if r.Certain {
			return in.reply(HelpReply, answer, twilio)
		}
	}
	if r.Person {
		return Effect{Task: in.task("text-to-read", t.SID, now)}
	}
	return in.helpOnceADay(answer, f, now)
}

// helpOnceADay answers a text that we do not understand with the help text, once in a while (O9).
func (in *Inbox) helpOnceADay(answer Reply, f NumberFacts, now time.Time) Effect {
	if !f.LastHelp.IsZero() && now.Sub(f.LastHelp) < in.policy.HelpReplyGapHours.Duration() {
		return Effect{}
	}
	return in.reply(HelpReply, answer, false)
}

// answer returns a reply addressed to the owner of a number, or to a stranger in English.
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

// reply returns an answer of a kind, unless Twilio answers (O2).
func (in *Inbox) reply(k Kind, answer Reply, twilio bool) Effect {
	if twilio {
		return Effect{}
	}
	answer.Kind = k
	return Effect{Reply: &answer}
}

// optOut returns the effect of an opt-out: at once, and confirmed by exactly one text unless Twilio answers
// (O2). From the switch date on it ends calls as well (O3).
func (in *Inbox) optOut(number string, s Source, words string, answer Reply, now time.Time) Effect {
	e := Effect{Suppress: &Suppression{Number: number, Source: s, Words: words, All: !now.Before(in.policy.RevokeAllFrom.Time)}}
	if s != FromTwilio {
		answer.Kind, answer.IfSuppressed = OptOutConfirm, true
		answer.NotAfter = now.Add(in.policy.OptOutConfirmMinutes.Duration())
		e.Reply = &answer
	}
	return e
}

// unlessUnreachable drops the answer where no text arrives (N11). It is for wishes that did not come by text:
// who texts us can be texted.
func (e Effect) unlessUnreachable(f NumberFacts) Effect {
	if f.Suppressed == FromUnreachable {
		e.Reply = nil
	}
	return e
}

// optIn returns the effect of an opt-in (O1: consent is recorded). Where Twilio blocks the number, only START
// or UNSTOP lifts the block (O4): to any other word we would promise what we cannot keep. It lifts whatever
// suppresses texts to the number (O4: START restores), also that none arrives there.
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

// OptOut switches texts to a number off for anyone who asks (O1: off for anyone): by key, speech or an
// agent. cause identifies the call and turn, so that a repeated request is one wish.
func (in *Inbox) OptOut(ctx context.Context, number string, s Source, words, cause string) error {
	now := in.clock.Now()
	err := in.store.ChangeConsent(ctx, number, now, func(f NumberFacts) Effect {
		return in.optOut(number, s, words, in.answer(f, cause), now).unlessUnreachable(f)
	})
	if err != nil {
		return fmt.Errorf("switch texts off: %w", err)
	}
	return nil
}

// ErrTextStart says that Twilio blocks texts to the number until START or UNSTOP comes from it (O4).
var ErrTextStart = errors.New("notify: only a text START from the number itself helps")

// OptIn switches texts to a number on. The caller of the line has proven who they are, and the number is
// theirs (O1: on only after T2), on file or the calling one. ErrTextStart: the member must text START.
func (in *Inbox) OptIn(ctx context.Context, number string, s Source, words, cause string) error {
	blocked := false
	now := in.clock.Now()
	err := in.store.ChangeConsent(ctx, number, now, func(f NumberFacts) Effect {
		blocked = f.Suppressed.blocked()
		return in.optIn(number, s, words, in.answer(f, cause), f)
	})
	switch {
	case err != nil:
		return fmt.Errorf("switch texts on: %w", err)
	case blocked: // nothing was changed: the caller hears that only a text START helps
		return ErrTextStart
	}
	return nil
}

// task returns a task for a person, due at the end of the next business day (O9).
func (in *Inbox) task(kind, cause string, now time.Time) *Task {
	day := in.cal.DateOf(now).Add(1)
	for !in.cal.IsWorkday(day) {
		day = day.Add(1)
	}
	return &Task{Kind: kind, Detail: "text " + cause, Due: in.cal.At(day, in.policy.AgentCloseLocal)}
}

// withoutDigits masks every digit of a text: what was meant stays, what may be a secret goes (D1).
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
