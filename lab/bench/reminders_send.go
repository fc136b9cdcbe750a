package bench

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"duebell/lab/servers/child"
)

const kills = 20

// send drains what is planned. With faults the worker is killed while it does, and what is in doubt
// afterwards is settled by workers whose clocks stand where the looks are due.
func (b *reminderBench) send(ctx context.Context) error {
	pool, err := openPool(ctx, b.stores.dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	if b.o.Faults {
		if err := b.killWorkers(ctx, pool); err != nil {
			return err
		}
	}
	if err := b.drain(ctx, pool, 0); err != nil {
		return err
	}
	if !b.o.Faults {
		n, took := b.carrier.took()
		b.report.SendSeconds, b.report.TextsPerS = took.Seconds(), float64(n)/max(took.Seconds(), .001)
		return nil
	}
	// The looks are due 2, 5 and 10 minutes after the create; what was not found goes once more, and may
	// have to be looked for as well.
	for _, minutes := range []int{3, 6, 11, 14, 17, 22} {
		ahead := time.Duration(minutes) * time.Minute
		b.carrier.setAhead(ahead)
		fmt.Fprintf(b.o.Log, "what is in doubt, %v later\n", ahead)
		if err := b.drain(ctx, pool, ahead); err != nil {
			return err
		}
	}
	return nil
}

// leftSQL: something is still to be claimed. A few texts are all in the hands of the dead after a few kills.
const leftSQL = `SELECT EXISTS (SELECT 1 FROM notices WHERE state = 'planned')`

// killWorkers kills one worker after another, spread over the texts.
func (b *reminderBench) killWorkers(ctx context.Context, pool *pgxpool.Pool) error {
	for k := 1; k <= kills; k++ {
		w, err := b.worker(0)
		if err != nil {
			return err
		}
		want := b.report.Planned * k / (kills + 1)
		n := 0
		err = b.waitFor(ctx, w, func() (enough bool, err error) {
			if n, _ = b.carrier.took(); n >= want {
				return true, nil
			}
			left := true
			err = pool.QueryRow(ctx, leftSQL).Scan(&left)
			return !left, err
		})
		_ = syscall.Kill(w.Pid(), syscall.SIGKILL)
		<-w.Done()
		if err != nil {
			return fmt.Errorf("before kill %d: %w", k, err)
		}
		fmt.Fprintf(b.o.Log, "killed worker %d after %d texts\n", k, n)
	}
	return nil
}

// doneSQL: nothing is due at an instant, and nobody has anything in hand.
const doneSQL = `SELECT NOT EXISTS (SELECT 1 FROM notices WHERE state = 'planned' AND not_before <= $1)
	AND NOT EXISTS (SELECT 1 FROM notices WHERE state = 'claimed')
	AND NOT EXISTS (SELECT 1 FROM notices WHERE state = 'unknown' AND next_look_at <= $1)`

// drain has one worker do all that is due by its clock.
func (b *reminderBench) drain(ctx context.Context, pool *pgxpool.Pool, ahead time.Duration) error {
	w, err := b.worker(ahead)
	if err != nil {
		return err
	}
	defer w.Stop(child.Ask{Signal: syscall.SIGTERM, Patience: 30 * time.Second})
	at := time.Now().Add(ahead)
	err = b.waitFor(ctx, w, func() (done bool, err error) {
		err = pool.QueryRow(ctx, doneSQL, at).Scan(&done)
		return done, err
	})
	b.report.WorkMB = max(b.report.WorkMB, peakMB(w.Pid()))
	return err
}

// patience is how long nothing may happen at the carrier; a killed worker's leases take one minute.
const patience = 5 * time.Minute

func (b *reminderBench) waitFor(ctx context.Context, w *child.Child, ready func() (bool, error)) error {
	before, since := -1, time.Now()
	for {
		ok, err := ready()
		if ok || err != nil {
			return err
		}
		if n, _ := b.carrier.took(); n != before {
			before, since = n, time.Now()
		} else if time.Since(since) > patience {
			return errors.New("nothing goes on any more")
		}
		select {
		case <-w.Done():
			return fmt.Errorf("the worker ended by itself: %s", w.LastWords())
		default:
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// sums compares every row with what the carrier has.
func (b *reminderBench) sums(ctx context.Context) (*Sums, error) {
	pool, err := openPool(ctx, b.stores.dsn)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	rows, err := pool.Query(ctx, `SELECT reference, state, coalesce(why, ''),
		format('looked %s times, created %s times, next look %s after the create', looks, creates, next_look_at - tried_at) FROM notices`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	b.carrier.mu.Lock()
	defer b.carrier.mu.Unlock()
	s := &Sums{Never: map[string]int{}, Wrong: map[string]int{}, LostReplies: b.carrier.lost}
	if b.o.Faults {
		s.Kills = kills
	}
	for rows.Next() {
		var reference, state, why, about string
		if err := rows.Scan(&reference, &state, &why, &about); err != nil {
			return nil, err
		}
		if !s.add(b.carrier.count[reference], state, why) {
			fmt.Fprintf(b.o.Log, "notice %s: %s, %s; the carrier has it %d times\n", reference, state, about, b.carrier.count[reference])
		}
	}
	return s, rows.Err()
}

// add counts one notice: how often the carrier has it, and what its row says. False: they differ.
func (s *Sums) add(texts int, state, why string) bool {
	sent := state == "accepted" || state == "sent" || state == "delivered"
	final := sent || state == "failed" || state == "dropped" || state == "suppressed" || state == "undelivered"
	switch {
	case texts > 1:
		s.Twice++
	case texts == 1:
		s.Once++
	case final:
		s.Never[state+": "+why]++
	default:
		s.Never["unaccounted"]++
	}
	if sent != (texts > 0) {
		s.Wrong[state+": "+why]++
	}
	return sent == (texts > 0) && texts <= 1
}
