package harness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"

	"duebell/internal/app"
	"duebell/lab/faults"
)

// workshop is the machine that the work processes run on, with the way to the database that they share.
type workshop struct {
	base *faults.Postgres
	dead *atomic.Bool // its power is gone: nothing that its processes still do or say gets out
}

func newWorkshop(databaseURL string) (*workshop, error) {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("the database's address: %w", err)
	}
	base, err := faults.NewPostgres(u.Host)
	if err != nil {
		return nil, err
	}
	return &workshop{base: base, dead: new(atomic.Bool)}, nil
}

// die ends it outright: no transaction of its processes is ever committed after this.
func (s *workshop) die() {
	s.dead.Store(true)
	s.base.Down()
}

// worksIn gives the workshop that stands now.
func (w *World) worksIn() *workshop {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.workshop
}

// Deaths of a worker with a text in its hands.
const (
	AfterTheText  = "after-the-text"  // Twilio has it, and nobody has heard so
	BeforeTheText = "before-the-text" // the request never arrived
)

// KillWorker lets every work process die outright at the next text that one of them creates. Others come
// up in their place.
func (w *World) KillWorker(how string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.killWork = how
}

// killedBy kills the workers if that was ordered and this request is their next text; it does not return then.
func (o *outside) killedBy(r *http.Request) {
	w := o.w
	w.mu.Lock()
	how := w.killWork
	if how == "" || r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/Messages.json") {
		w.mu.Unlock()
		return
	}
	w.killWork = ""
	dead, old := w.workshop, w.work
	w.work = nil
	w.mu.Unlock()
	dead.die()
	if how == AfterTheText {
		o.twilio.Load().Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
	if err := w.takeOver(context.WithoutCancel(r.Context()), len(old)); err != nil {
		w.complain("no worker came up again: %v", err)
	}
	go func() {
		for _, k := range old {
			w.bury(k)
		}
	}()
	panic(http.ErrAbortHandler)
}

// takeOver starts so many workers in a workshop of their own.
func (w *World) takeOver(ctx context.Context, many int) error {
	next, err := newWorkshop(w.cfg.DatabaseURL)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.workshop, w.ruins = next, append(w.ruins, w.workshop)
	w.mu.Unlock()
	var errs []error
	for range many {
		k, err := w.newWork(ctx)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		w.mu.Lock()
		w.work = append(w.work, k)
		w.mu.Unlock()
	}
	return errors.Join(errs...)
}

// bury frees what a dead process holds within this one. What it says of that is nobody's.
func (w *World) bury(k *app.Work) {
	ctx, cancel := context.WithTimeout(context.Background(), workersPatience)
	defer cancel()
	_ = k.Stop(ctx) // it cannot end well: its database is gone
}
