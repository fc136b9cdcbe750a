package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"duebell/notify"
	"duebell/payments"
)

// crash is the panic of a process that dies at a crash point: nothing after that line has run.
type crash struct{}

// crashPoints counts the places between two lines where a process can die, and dies at one of them.
type crashPoints struct {
	passed, deadly int
}

func (s *crashPoints) pass() {
	s.passed++
	if s.passed == s.deadly {
		panic(crash{})
	}
}

// crashingStore is a store whose process may die before and after each of its transactions.
type crashingStore struct {
	notify.NoticeStore
	*crashPoints
}

func (m crashingStore) ClaimNotices(ctx context.Context, ids []int64, at notify.ClaimTime, decide func([]notify.Facts) ([]notify.Decision, error)) ([]notify.ClaimedNotice, error) {
	defer m.pass()
	return m.NoticeStore.ClaimNotices(ctx, ids, at, func(facts []notify.Facts) ([]notify.Decision, error) {
		m.pass() // inside the transaction
		return decide(facts)
	})
}

func (m crashingStore) RecordNotice(ctx context.Context, c notify.ClaimedNotice, r notify.SendResult, at time.Time) error {
	m.pass()
	defer m.pass()
	return m.NoticeStore.RecordNotice(ctx, c, r, at)
}

func (m crashingStore) RecordReports(ctx context.Context, list []notify.DeliveryReport, at time.Time) ([]notify.ReportResult, error) {
	m.pass()
	defer m.pass()
	return m.NoticeStore.RecordReports(ctx, list, at)
}

func (m crashingStore) SimilarTexts(ctx context.Context, c notify.ClaimedNotice) (notify.Similar, error) {
	m.pass()
	return m.NoticeStore.SimilarTexts(ctx, c)
}

// crashingTexter may die around the request.
type crashingTexter struct {
	notify.Texter
	*crashPoints
}

func (m crashingTexter) SendSMS(ctx context.Context, to, body, callback string) (string, string, error) {
	m.pass()
	defer m.pass()
	return m.Texter.SendSMS(ctx, to, body, callback)
}

func (m crashingTexter) FindSMS(ctx context.Context, to string, from, until time.Time) ([]notify.CarrierText, error) {
	m.pass()
	defer m.pass()
	return m.Texter.FindSMS(ctx, to, from, until)
}

// TestP3KilledAtAnyLine kills the process once, at every line in turn, while the carrier answers,
// loses its reply, or never gets the first request: with one text in progress, and with a batch of which
// two go to one number. Nobody gets a text twice, and the rows tell the truth.
func TestP3KilledAtAnyLine(t *testing.T) {
	carriers := map[string]func(*carrier){
		"answers":           func(*carrier) {},
		"loses its reply":   func(c *carrier) { c.after = times(1, errLost) },
		"never hears of it": func(c *carrier) { c.before = times(1, errLost) },
	}
	one := func(p *textFixture) { p.taken(anas, payments.Card, ana, false) }
	batch := func(p *textFixture) {
		p.taken(anas, payments.Card, ana, false)
		p.taken(anaB, payments.Card, ana, false)
		p.taken(bens, payments.Card, ben, true)
	}
	for name, set := range carriers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			atAnyLine(t, 6, one, set)
		})
		t.Run(name+", a batch", func(t *testing.T) {
			t.Parallel()
			atAnyLine(t, 11, batch, set)
		})
	}
}

// atAnyLine plays as many lives as there are lines, each ending at another one.
func atAnyLine(t *testing.T, least int, plan func(*textFixture), set func(*carrier)) {
	for deadly := 1; ; deadly++ {
		s := &crashPoints{deadly: deadly}
		died := killedAt(t, s, plan, set)
		if !died && s.passed < deadly {
			if deadly < least {
				t.Errorf("only %d lines to die at", deadly-1)
			}
			return
		}
	}
}

// killedAt plays one life and what follows, and says whether the process died in it.
func killedAt(t *testing.T, s *crashPoints, plan func(*textFixture), set func(*carrier)) (died bool) {
	t.Run(fmt.Sprintf("line %d", s.deadly), func(t *testing.T) {
		p := newTextFixture(t)
		set(p.carrier)
		sender := notify.NewSender(crashingStore{p.store, s}, crashingTexter{p.carrier, s}, p.rules, p.clock, p.machine,
			func(int) int { return 0 }, discard, notify.SenderOptions{StatusCallback: "https://pay.example.org/twilio/sms/status", AtOnce: 1})
		plan(p)
		for range 40 {
			if _, err := sender.Tick(context.Background()); err != nil {
				t.Fatal(err)
			}
			if ids := p.jobs.take(); len(ids) > 0 {
				died = sendOrDie(t, sender, ids) || died
			}
			p.clock.add(time.Minute)
			p.machine.add(time.Minute)
		}
		p.wantHonest()
	})
	return died
}

// wantHonest: each text went out once and its row names it; or, after two creates that came to nothing,
// it never did and the row says that.
func (p *textFixture) wantHonest() {
	p.t.Helper()
	at := map[string][]string{} // what the carrier has, by our reference
	for _, text := range p.carrier.texts {
		_, reference, _ := strings.Cut(text.callback, "?n=")
		at[reference] = append(at[reference], text.SID)
	}
	for _, row := range p.lines(`SELECT reference, state, creates, coalesce(message_sid, '') FROM notices`) {
		reference, got, _ := strings.Cut(row, "|")
		switch sids := at[reference]; {
		case len(sids) == 0 && got == "failed|2|":
		case len(sids) == 1 && strings.HasPrefix(got, "accepted|") && strings.HasSuffix(got, "|"+sids[0]):
		default:
			p.t.Errorf("the carrier has %v, and the row says %s", sids, got)
		}
	}
}

func sendOrDie(t *testing.T, sender *notify.Sender, ids []int64) (died bool) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(crash); !ok {
				panic(r)
			}
			died = true
		}
	}()
	if err := sender.Send(context.Background(), ids...); err != nil {
		t.Errorf("send: %v", err)
	}
	return false
}
