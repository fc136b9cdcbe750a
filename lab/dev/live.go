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

// keepEvery is how many ticks pass between two notes of where the clock stands.
const keepEvery = 10

// live ticks until ctx ends, or the database does.
func (d *dev) live(ctx context.Context) error {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-d.server.Done():
			return fmt.Errorf("the private PostgreSQL has ended by itself:\n%s", d.server.LastWords())
		case <-second.C:
		}
		if err := d.world.Tick(ctx); err != nil && ctx.Err() == nil {
			d.Log.Warn("a tick could not do all its work", "error", err)
		}
		if p := d.world.Processor(); p != nil {
			d.keeper.keep(p)
		}
		if n%keepEvery == 0 && !d.control.busy() {
			d.moved()
		}
	}
}

// stop takes everything down, the last first.
func (d *dev) stop(ctx context.Context) error {
	var errs []error
	if d.phone != nil {
		d.phone.Close()
	}
	for _, s := range d.aside {
		errs = append(errs, s.Close())
	}
	if d.world != nil {
		d.moved()
		if p := d.world.Processor(); p != nil {
			d.keeper.keep(p)
		}
		errs = append(errs, d.world.Close(ctx))
	}
	if d.server != nil {
		d.server.Stop()
	}
	return errors.Join(errs...)
}

// keeper writes what the processor's stand-in knows into dev's folder whenever it has changed: an
// intent that a killed dev forgot would stay unknown for ever.
type keeper struct {
	home home
	log  *slog.Logger

	mu   sync.Mutex
	last []byte
}

func (k *keeper) keep(p *processor.Processor) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var state bytes.Buffer
	err := p.Save(&state)
	if err == nil && !bytes.Equal(state.Bytes(), k.last) {
		if err = k.home.write("processor.json", state.Bytes()); err == nil {
			k.last = state.Bytes()
		}
	}
	if err != nil {
		k.log.Warn("the processor's state could not be kept", "error", err)
	}
}

// restore puts back what an earlier dev kept; p is nil where somebody else's processor is used.
func (k *keeper) restore(p *processor.Processor) error {
	text, err := os.ReadFile(k.home.processor())
	if p == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = p.Load(bytes.NewReader(text))
	}
	if err != nil {
		return fmt.Errorf("what the processor had charged cannot be read from %s (start with --fresh, or put it back): %w", k.home.processor(), err)
	}
	return nil
}
