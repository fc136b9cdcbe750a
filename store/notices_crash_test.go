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

// killed is what a process that dies at a seam leaves: nothing after that line has run.
type killed struct{}

// seams counts the places between two lines where a process can die, and dies at one of them.
type seams struct {
	passed, deadly int
}

func (s *seams) pass() {
	s.passed++
	if s.passed == s.deadly {
		panic(killed{})
	}
}

// mortal is a book whose process may die before and after each of its transactions.
type mortal struct {
	notify.Book
	*seams
}

func (m mortal) TakeNotice(ctx context.Context, id int64, at notify.Moment, decide func(notify.Facts) (notify.Verdict, error)) (notify.Claim, error) {
	defer m.pass()
	return m.Book.TakeNotice(ctx, id, at, func(f notify.Facts) (notify.Verdict, error) {
		m.pass() // inside the transaction
		return decide(f)
	})
}

func (m mortal) RecordNotice(ctx context.Context, c notify.Claim, r notify.Result, at time.Time) error {
	m.pass()
	defer m.pass()
	return m.Book.RecordNotice(ctx, c, r, at)
}

func (m mortal) ReportNotice(ctx context.Context, r notify.Report, at time.Time) (notify.Reported, error) {
	m.pass()
	defer m.pass()
	return m.Book.ReportNotice(ctx, r, at)
}

func (m mortal) NoticeSiblings(ctx context.Context, c notify.Claim) (notify.Siblings, error) {
	m.pass()
	return m.Book.NoticeSiblings(ctx, c)
}

// mortalTexter may die around the request.
type mortalTexter struct {
	notify.Texter
	*seams
}

func (m mortalTexter) SendSMS(ctx context.Context, to, body, callback string) (string, string, error) {
	m.pass()
	defer m.pass()
	return m.Texter.SendSMS(ctx, to, body, callback)
}

func (m mortalTexter) FindSMS(ctx context.Context, to string, from, until time.Time) ([]notify.Found, error) {
	m.pass()
	defer m.pass()
	return m.Texter.FindSMS(ctx, to, from, until)
}

// TestP3KilledAtAnyLine kills the process once, at every line in turn, while the carrier answers,
// loses its reply, or never gets the first request. Nobody gets the text twice, and the row tells the truth.
func TestP3KilledAtAnyLine(t *testing.T) {
	carriers := map[string]func(*carrier){
		"answers":           func(*carrier) {},
		"loses its reply":   func(c *carrier) { c.after = times(1, errLost) },
		"never hears of it": func(c *carrier) { c.before = times(1, errLost) },
	}
	for name, set := range carriers {
		t.Run(name, func(t *testing.T) {
			for deadly := 1; ; deadly++ {
				s := &seams{deadly: deadly}
				died := killedAt(t, s, set)
				if !died && s.passed < deadly {
					if deadly < 6 {
						t.Errorf("only %d lines to die at", deadly-1)
					}
					return
				}
			}
		})
	}
}

// killedAt plays one life and what follows, and says whether the process died in it.
func killedAt(t *testing.T, s *seams, set func(*carrier)) (died bool) {
	t.Run(fmt.Sprintf("line %d", s.deadly), func(t *testing.T) {
		p := openPost(t)
		set(p.carrier)
		courier := notify.NewCourier(mortal{p.store, s}, mortalTexter{p.carrier, s}, p.rules, p.clock, p.machine,
			func(int) int { return 0 }, discard, notify.CourierOptions{StatusCallback: "https://pay.example.org/twilio/sms/status"})
		p.taken(anas, payments.Card, ana, false)
		for range 40 {
			if _, err := courier.Tick(context.Background()); err != nil {
				t.Fatal(err)
			}
			for _, id := range p.line.take() {
				died = sendOrDie(t, courier, id) || died
			}
			p.clock.add(time.Minute)
			p.machine.add(time.Minute)
		}
		p.wantHonest()
	})
	return died
}

// wantHonest: the text went out once and the row names it; or, after two creates that came to nothing,
// it never did and the row says that.
func (p *post) wantHonest() {
	p.t.Helper()
	got := p.one(`SELECT state, creates, coalesce(message_sid, '') FROM notices`)
	switch {
	case p.carrier.sent() == 0 && got == "failed|2|":
	case p.carrier.sent() == 1 && strings.HasPrefix(got, "accepted|") && strings.HasSuffix(got, "|"+p.carrier.texts[0].SID):
	default:
		p.t.Errorf("%d texts at the carrier, and the row says %s", p.carrier.sent(), got)
	}
}

func sendOrDie(t *testing.T, courier *notify.Courier, id int64) (died bool) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(killed); !ok {
				panic(r)
			}
			died = true
		}
	}()
	if err := courier.Send(context.Background(), id); err != nil {
		t.Errorf("send: %v", err)
	}
	return false
}
