package webhook_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"duebell/ivr"
	"duebell/ivr/webhook"
)

// In these tests time is the test's own: seconds pass at once, and every wait is exact.

// within wants an answer to have come in that time.
func (l *line) within(got posted, from, to time.Duration) {
	l.t.Helper()
	if got.took < from || got.took > to {
		l.t.Errorf("answered after %v, want %v to %v", got.took, from, to)
	}
}

// takes makes every turn of the engine take so long.
func takes(d time.Duration) func(context.Context, ivr.Session, ivr.Input) (ivr.Session, ivr.Reply, error) {
	return func(ctx context.Context, s ivr.Session, in ivr.Input) (ivr.Session, ivr.Reply, error) {
		select {
		case <-time.After(d):
			return ask(ctx, s, in)
		case <-ctx.Done():
			return s, ivr.Reply{}, ctx.Err()
		}
	}
}

func withAgents(c *webhook.Config) { c.Policy.AgentDial = "+16175550190" }

// A turn that overruns its budget is answered "one moment" up to three times, then by a person; its own
// answer comes as soon as it is there (design §4.5).
func TestASlowTurnIsAnsweredInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, inMemory(&memory{}), nil)
		l.says("turn 0", webhook.IncomingPath)
		l.engine.does(takes(7 * time.Second))

		got := l.says("One moment, please.", turnPath(1), "Digits", "1")
		l.leads(got, again(1, 1))
		l.within(got, 4500*time.Millisecond, 5*time.Second)
		if repeat := l.post(turnPath(1), "Digits", "1"); repeat.body != got.body {
			t.Error("a repeat of the request got other bytes")
		}

		answer := l.says("turn 1, try 2, keyed 1", again(1, 1)) // the work went on
		l.within(answer, 2*time.Second, 2500*time.Millisecond)
		l.leads(answer, turnPath(2))
		if repeat := l.post(again(1, 1)); repeat.body != answer.body {
			t.Error("a repeat of the second request got other bytes")
		}
		if runs := l.engine.ran(); len(runs) != 2 {
			t.Errorf("the turn ran more than once: %v", runs)
		}
		if repeat := l.post(turnPath(1), "Digits", "1"); repeat.body != got.body {
			t.Error("the first URL has changed its answer")
		}
	})
}

// A turn that never ends leads to a person after the third "one moment".
func TestNobodyWaitsForever(t *testing.T) {
	tests := []struct {
		name   string
		change func(*webhook.Config)
		step   ivr.StepName
		want   []string
		never  string
	}{
		{"a person", withAgents, ivr.MainMenu, []string{"<Number>+16175550190</Number>", "We cannot look up accounts", "connecting you", turnPath(2) + "#"}, "<Hangup>"},
		{"nobody to dial", nil, ivr.MainMenu, []string{"We cannot look up accounts", "<Hangup>"}, "<Dial"},
		{
			"nobody at work", func(c *webhook.Config) { withAgents(c); c.Open = func(time.Time) bool { return false } },
			ivr.MainMenu, []string{"<Hangup>"}, "<Dial",
		},
		{"money may have moved", nil, ivr.TermsAgain, []string{"Please do not pay again", "<Hangup>"}, "call again later"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := open(t, inMemory(&memory{}), tt.change)
				l.engine.does(func(ctx context.Context, s ivr.Session, in ivr.Input) (ivr.Session, ivr.Reply, error) {
					next, r, err := ask(ctx, s, in)
					next.Step = tt.step
					return next, r, err
				})
				l.post(webhook.IncomingPath)
				l.engine.does(takes(time.Hour))
				l.leads(l.says("One moment", turnPath(1), "Digits", "1"), again(1, 1))
				l.leads(l.says("One moment", again(1, 1)), again(1, 2))
				l.leads(l.says("One moment", again(1, 2)), again(1, 3))
				got := l.post(again(1, 3))
				for _, want := range tt.want {
					l.wants(got, want)
				}
				if strings.Contains(got.body, tt.never) {
					t.Errorf("%s\nholds %s", got.body, tt.never)
				}
				l.within(got, 0, 5*time.Second)
				if repeat := l.post(again(1, 3)); repeat.body != got.body {
					t.Error("a repeat got other bytes")
				}
				// The work has its own limit, and the handler waits for it before it ends.
				if err := l.handler.Drain(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Behind a transfer that the webhook made by itself the call goes on, or ends if a person talked.
func TestAfterTheTransferThatNoTurnAskedFor(t *testing.T) {
	hang := func(t *testing.T) *line {
		l := open(t, inMemory(&memory{}), withAgents)
		l.says("turn 0", webhook.IncomingPath)
		l.engine.does(takes(time.Hour))
		for _, path := range []string{turnPath(1), again(1, 1), again(1, 2)} {
			l.says("One moment", path)
		}
		l.leads(l.says("<Dial", again(1, 3)), turnPath(2))
		l.engine.does(nil)
		return l
	}
	t.Run("talked to somebody", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := hang(t)
			got := l.says("<Hangup>", turnPath(2), "DialCallStatus", "completed", "DialBridged", "true")
			if strings.Contains(got.body, "<Say") {
				t.Errorf("something is said to somebody who is through: %s", got.body)
			}
		})
	})
	t.Run("nobody was free, and the database knows the place", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := hang(t)
			l.callStore.milestone["CA1"] = ivr.Milestone{Call: "CA1", Lang: "en", Turn: 1}
			l.leads(l.says("turn 2, try 1, lost", turnPath(2), "DialCallStatus", "no-answer"), turnPath(3))
			if got := l.engine.last(); got.Step != ivr.LostPlace {
				t.Errorf("%+v", got)
			}
		})
	})
	t.Run("nobody was free, and the session is the newest that is known", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := hang(t)
			l.callStore.down = true
			l.says("turn 2, try 2, lost", turnPath(2), "DialCallStatus", "busy") // the second try: the session of turn 0
			if got := l.engine.last(); got.Step != ivr.LostPlace || got.In.Kind != ivr.Lost {
				t.Errorf("%+v", got)
			}
		})
	})
}

// I1: a failed verification is answered 400 ms after its request, however fast the turn was.
func TestAFailedVerificationIsAnsweredAtItsTime(t *testing.T) {
	for _, work := range []time.Duration{0, 50 * time.Millisecond, 390 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			l := open(t, inMemory(&memory{}), nil)
			l.says("turn 0", webhook.IncomingPath)
			l.engine.does(func(ctx context.Context, s ivr.Session, in ivr.Input) (ivr.Session, ivr.Reply, error) {
				next, r, err := takes(work)(ctx, s, in)
				r.Delay = true
				return next, r, err
			})
			for range 2 { // a repeat as well
				got := l.says("turn 1", turnPath(1), "Digits", "02139")
				l.within(got, 400*time.Millisecond, 400*time.Millisecond)
			}
		})
	}
}

// While Redis is down the caller hears "one moment", in their language; then the turn runs once.
func TestRedisIsDownAndComesBack(t *testing.T) {
	t.Run("within the request", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{}
			l := open(t, inMemory(m), nil)
			l.says("turn 0", webhook.IncomingPath)
			m.set(true)
			time.AfterFunc(3*time.Second, func() { m.set(false) })
			got := l.says("turn 1, try 2, keyed 5", turnPath(1), "Digits", "5")
			l.within(got, 3*time.Second, 3200*time.Millisecond)
		})
	})
	t.Run("later: the input is lost, the session is not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{}
			l := open(t, inMemory(m), nil)
			l.says("turn 0", webhook.IncomingPath)
			m.set(true)
			got := l.says("One moment, please.", turnPath(1), "Digits", "5")
			l.leads(got, again(1, 1))
			l.within(got, 4*time.Second, 5*time.Second)
			if repeat := l.post(turnPath(1), "Digits", "5"); repeat.body != got.body {
				t.Error("a repeat got other bytes")
			}
			m.set(false)
			l.says("turn 1, try 2, lost", again(1, 1))
		})
	})
	t.Run("while the turn is worked on", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{}
			l := open(t, inMemory(m), nil)
			l.says("turn 0", webhook.IncomingPath)
			var once sync.Once
			l.engine.does(func(ctx context.Context, s ivr.Session, in ivr.Input) (ivr.Session, ivr.Reply, error) {
				once.Do(func() {
					m.set(true)
					time.AfterFunc(9*time.Second, func() { m.set(false) })
				})
				return ask(ctx, s, in)
			})
			l.leads(l.says("One moment", turnPath(1), "Digits", "5"), again(1, 1))
			l.says("turn 1, try 2, keyed 5", again(1, 1)) // the work was done, or done again, with the input of the first
		})
	})
	t.Run("not at all", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{}
			l := open(t, inMemory(m), withAgents)
			m.set(true)
			l.leads(l.says("One moment", webhook.IncomingPath), again(0, 1))
			l.leads(l.says("One moment", again(0, 1)), again(0, 2))
			l.leads(l.says("One moment", again(0, 2)), again(0, 3))
			l.leads(l.says("<Dial", again(0, 3)), turnPath(1))
			if strings.Contains(l.log.String(), `"level":"ERROR"`) {
				t.Errorf("an outage is no fault of the program: %s", l.log)
			}
		})
	})
}

// With neither session nor milestone to read, the caller is asked to wait, and goes on once one can be read.
func TestSessionAndDatabaseAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, inMemory(&memory{}), nil)
		l.callStore.down = true
		l.leads(l.says("One moment", turnPath(7), "Digits", "1"), again(7, 1))
		l.callStore.mu.Lock()
		l.callStore.down = false
		l.callStore.milestone["CA1"] = ivr.Milestone{Call: "CA1", Lang: "en", Turn: 6}
		l.callStore.mu.Unlock()
		l.leads(l.says("turn 7, try 1, lost", again(7, 1)), turnPath(8))
	})
}

// A turn that fails or panics is answered with an apology and a person, and what was keyed is dropped.
func TestAnEngineThatFails(t *testing.T) {
	failures := map[string]func(context.Context, ivr.Session, ivr.Input) (ivr.Session, ivr.Reply, error){
		"error": func(_ context.Context, s ivr.Session, _ ivr.Input) (ivr.Session, ivr.Reply, error) {
			s.Step = "nowhere"
			return s, ivr.Reply{}, errors.New("no such step")
		},
		"panic": func(context.Context, ivr.Session, ivr.Input) (ivr.Session, ivr.Reply, error) {
			panic(errors.New("04121980"))
		},
		"a reply that Twilio would refuse": func(_ context.Context, s ivr.Session, _ ivr.Input) (ivr.Session, ivr.Reply, error) {
			return s, ivr.Reply{Lang: "en", Say: sentence("<blink>"), Wait: oneKey}, nil
		},
		"no reply": func(_ context.Context, s ivr.Session, _ ivr.Input) (ivr.Session, ivr.Reply, error) {
			return s, ivr.Reply{}, nil
		},
	}
	for name, fails := range failures {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &memory{}
				l := open(t, inMemory(m), withAgents)
				l.engine.does(func(ctx context.Context, s ivr.Session, in ivr.Input) (ivr.Session, ivr.Reply, error) {
					next, r, err := ask(ctx, s, in)
					next.Keyed.ZIP = "02139"
					return next, r, err
				})
				l.post(webhook.IncomingPath)
				l.engine.does(fails)
				got := l.says("We cannot look up accounts", turnPath(1), "Digits", "02139")
				l.wants(got, "<Dial")
				l.leads(got, turnPath(2))
				if repeat := l.post(turnPath(1), "Digits", "02139"); repeat.body != got.body {
					t.Error("a repeat got other bytes")
				}
				if log := l.log.String(); !strings.Contains(log, `"level":"ERROR"`) || strings.Contains(log, "0412") || strings.Contains(log, "2139") {
					t.Errorf("the log: %s", log)
				}
				if s := m.session(t, "CA1"); s.Keyed != (ivr.Identification{}) || s.Turn != 1 {
					t.Errorf("kept behind a failure: %+v", s)
				}
				// The call goes on behind the transfer, from where the database says that it is.
				l.engine.does(nil)
				l.says("turn 2", turnPath(2), "DialCallStatus", "no-answer")
				if last := l.engine.last(); last.Step != ivr.LostPlace || last.In.Kind != ivr.Lost {
					t.Errorf("%+v", last)
				}
			})
		})
	}
}

// Where a consent may have been recorded, the apology is "we do not know", never "not charged".
func TestAFailureWhereMoneyMayHaveMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, inMemory(&memory{}), nil)
		l.engine.does(func(ctx context.Context, s ivr.Session, in ivr.Input) (ivr.Session, ivr.Reply, error) {
			next, r, err := ask(ctx, s, in)
			next.Step, next.Account.Number, next.Attempt = ivr.Terms, "712345678", "a1"
			return next, r, err
		})
		l.post(webhook.IncomingPath)
		l.engine.does(func(context.Context, ivr.Session, ivr.Input) (ivr.Session, ivr.Reply, error) {
			panic("behind the commit")
		})
		l.says("Please do not pay again", turnPath(1), "SpeechResult", "I authorize")
	})
}

// A turn whose request is cancelled still finishes and stores its answer.
func TestACallerWhoHangsUpStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, inMemory(&memory{}), nil)
		l.says("turn 0", webhook.IncomingPath)
		l.engine.does(takes(2 * time.Second))
		ctx, hangUp := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, hangUp)
		l.postWith(ctx, turnPath(1), "Digits", "1")
		if err := l.handler.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.says("turn 1, try 2, keyed 1", turnPath(1), "Digits", "1") // it was done and kept
		if runs := l.engine.ran(); len(runs) != 2 {
			t.Errorf("%v", runs)
		}
	})
}
