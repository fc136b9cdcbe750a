package bench

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"duebell/lab/servers/child"
)

// kills is how many workers a run with faults kills, spread evenly over its texts.
const kills = 20

// send drains what is planned. With faults the worker is killed while it does, and what is in doubt afterwards
// is settled by workers whose clocks stand where the looks are due: so twenty minutes of looks cost seconds.
// The time that is reported is the carrier's, from the first text to the last, without the start of a process.
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
	// What is still planned, and what the last killed worker had claimed.
	if err := b.drain(ctx, pool, 0); err != nil {
		return err
	}
	if !b.o.Faults {
		n, took := b.carrier.took()
		b.report.SendSeconds, b.report.TextsPerS = took.Seconds(), float64(n)/max(took.Seconds(), .001)
		return nil
	}
	// The looks are due 2, 5 and 10 minutes after the create; what was not found goes once more, and may have
	// to be looked for as well. Each a minute after a look is due, so that the worker finds it due when it
	// starts.
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

// leftSQL says whether a text is still to be claimed: with few texts, all of them are leased to dead workers
// after a few kills, and the next kill need not wait for more.
const leftSQL = `SELECT EXISTS (SELECT 1 FROM notices WHERE state = 'planned')`

// killWorkers kills one worker after another, spread over the texts. SIGKILL: the process gets no chance to
// give its claims back or to record what it has sent. The carrier may have texts that no row says were sent;
// look-ups find those.
func (b *reminderBench) killWorkers(ctx context.Context, pool *pgxpool.Pool) error {
	for k := 1; k <= kills; k++ {
		w, err := b.worker(0)
		if err != nil {
			return err
		}
		// Spread evenly: the last part of the texts is left for the drain afterwards.
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
		// Gone before the next one starts, so that two never work side by side.
		<-w.Done()
		if err != nil {
			return fmt.Errorf("before kill %d: %w", k, err)
		}
		fmt.Fprintf(b.o.Log, "killed worker %d after %d texts\n", k, n)
	}
	return nil
}

// doneSQL says whether nothing is due at an instant and nothing is being sent. Claimed rows count whatever
// their lease: those of a killed worker must run out and be looked into first.
const doneSQL = `SELECT NOT EXISTS (SELECT 1 FROM notices WHERE state = 'planned' AND not_before <= $1)
	AND NOT EXISTS (SELECT 1 FROM notices WHERE state = 'claimed')
	AND NOT EXISTS (SELECT 1 FROM notices WHERE state = 'unknown' AND next_look_at <= $1)`

// drain has one worker do all that is due by its clock, and ends it in order. It takes at least the lease of a
// text where a worker was killed before.
func (b *reminderBench) drain(ctx context.Context, pool *pgxpool.Pool, ahead time.Duration) error {
	w, err := b.worker(ahead)
	if err != nil {
		return err
	}
	defer w.Stop(child.Ask{Signal: syscall.SIGTERM, Patience: 30 * time.Second})
	// Fixed at the start: what falls due while the worker runs (a later look) is the next worker's.
	at := time.Now().Add(ahead)
	err = b.waitFor(ctx, w, func() (done bool, err error) {
		err = pool.QueryRow(ctx, doneSQL, at).Scan(&done)
		return done, err
	})
	// Read while the process lives: its file in /proc goes with it.
	b.report.WorkMB = max(b.report.WorkMB, peakMB(w.Pid()))
	return err
}

// patience is how long nothing may happen at the carrier; a killed worker's leases take one minute of the
// machine's time.
const patience = 5 * time.Minute

// waitFor asks ten times a second whether it is ready. It gives up when nothing came to the carrier for
// patience, or when the worker has ended by itself; it waits as long as things move, however slow the machine
// is.
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
			return fmt.Errorf("no text has come to the carrier for %v: look at the worker's log above", patience)
		}
		select {
		// A worker that cannot start says why and ends; waiting for it would take all of patience.
		case <-w.Done():
			return fmt.Errorf("the worker ended by itself: %s", w.LastWords())
		default:
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// sums compares the row of every text with how often the carrier has it, and logs each that differs. No worker
// may run any more.
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

// add counts one text: how often the carrier has it, and what its row says. It returns false when the two
// differ, or when the carrier has it twice. A row that says sent of a text that the carrier never got is as
// wrong as the reverse.
func (s *Sums) add(texts int, state, why string) bool {
	// The states of design §2 in which the carrier has the text; this carrier never fails one afterwards.
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
