package dev

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"duebell/lab/processor"
)

// saveEvery is how many ticks, of a second each, pass before the clock's time is saved again: so many seconds
// of it a kill loses, which the machine's own clock makes up for unless dev's was ahead.
const saveEvery = 10

// live ticks every second until ctx ends, or the database does. A tick that fails is logged and not the end:
// the next one takes up what was left. Ticks that come late are not made up for.
func (d *dev) live(ctx context.Context) error {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		// Nothing works without it, and dev cannot start it again while the roles use it.
		case <-d.server.Done():
			return fmt.Errorf("the private PostgreSQL has ended by itself:\n%s", d.server.LastWords())
		case <-second.C:
		}
		if err := d.harness.Tick(ctx); err != nil && ctx.Err() == nil {
			d.Log.Warn("a tick could not do all its work; the next one, in a second, goes on", "error", err)
		}
		if p := d.harness.Processor(); p != nil {
			d.processor.save(p)
		}
		if n%saveEvery == 0 {
			d.clockMoved()
		}
	}
}

// stop ends everything that was started, the last first: nobody can call any more before the roles go, and the
// database goes when nothing writes to it. It also serves a start that failed half-way. Errors are joined, and
// nothing is left running for one of them.
func (d *dev) stop(ctx context.Context) error {
	var errs []error
	if d.phone != nil {
		d.phone.Close()
	}
	for _, s := range d.sideServers {
		errs = append(errs, s.Close())
	}
	// A last time, while both are still there: what was charged and when.
	if d.harness != nil {
		d.clockMoved()
		if p := d.harness.Processor(); p != nil {
			d.processor.save(p)
		}
		errs = append(errs, d.harness.Close(ctx))
	}
	if d.server != nil {
		d.server.Stop()
	}
	return errors.Join(errs...)
}

// processorFile holds what the processor's stand-in knows in dev's folder: an intent that a killed dev forgot
// would stay unknown for ever, since look-ups ask for it by id (twilio.md §13.2). It is saved after every
// request that changes something, and once a second.
type processorFile struct {
	folder stateFolder
	log    *slog.Logger

	mu   sync.Mutex
	last []byte // as it stands in the file
}

// save writes the processor's state, if it has changed since the last time. It may be called from many
// goroutines. A failure is a warning: the line goes on.
func (k *processorFile) save(p *processor.Processor) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var state bytes.Buffer
	// Written to memory first: most seconds nothing has changed, and the disk is left alone.
	err := p.Save(&state)
	if err == nil && !bytes.Equal(state.Bytes(), k.last) {
		if err = k.folder.write("processor.json", state.Bytes()); err == nil {
			k.last = state.Bytes()
		}
	}
	if err != nil {
		k.log.Warn("the processor's state could not be saved: a dev that is started again does not know its newest charges", "error", err)
	}
}

// load puts back what an earlier dev saved; p is nil where somebody else's processor is used. No file is no
// error. A file that cannot be read is: the product would ask for payments that the stand-in does not know.
func (k *processorFile) load(p *processor.Processor) error {
	text, err := os.ReadFile(k.folder.processor())
	if p == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = p.Load(bytes.NewReader(text))
	}
	if err != nil {
		return fmt.Errorf("what the processor had charged cannot be read from %s (start with --fresh, or put it back): %w", k.folder.processor(), err)
	}
	return nil
}
