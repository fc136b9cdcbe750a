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

// workerHost plays the machine that the work processes run on, with the one way to the database that they
// share. When it dies it stays dead: workers that come up in their place run on a new host.
type workerHost struct {
	database *faults.Postgres
	dead     *atomic.Bool // its power is gone: nothing that its processes still do or say gets out
}

// newWorkerHost returns a host that is up, with a switch of its own before the database.
func newWorkerHost(databaseURL string) (*workerHost, error) {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("the database's address: %w", err)
	}
	base, err := faults.NewPostgres(u.Host)
	if err != nil {
		return nil, err
	}
	return &workerHost{database: base, dead: new(atomic.Bool)}, nil
}

// die takes its power away: no transaction of its processes is committed after this, and no log line is heard.
// The log is silenced first, for the cut itself makes the processes log.
func (m *workerHost) die() {
	m.dead.Store(true)
	m.database.Down()
}

// workerHost returns the host that is up now.
func (h *Harness) workerHost() *workerHost {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.workers
}

// Moments at which a worker that is sending a text is killed.
const (
	KillAfterText  = "after-the-text"  // Twilio has it, and nobody has heard so
	KillBeforeText = "before-the-text" // the request never arrived
)

// KillWorker lets every work process die outright at the next text that one of them creates: KillAfterText or
// KillBeforeText. Others come up in their place. All die, because they share a host. After KillAfterText the
// product must find out by look-ups that the text went (twilio.md §6: create is not idempotent), and not send
// it again.
func (h *Harness) KillWorker(how string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.killWorker = how
}

// killWorkersOn kills the workers if that was ordered and this request is their next text. Then it does not
// return: the connection is cut. What they held stays claimed in the database until the lease runs out, which
// the machine clock is put forward for.
func (s *standIns) killWorkersOn(r *http.Request) {
	h := s.h
	h.mu.Lock()
	how := h.killWorker
	if how == "" || r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/Messages.json") {
		h.mu.Unlock()
		return
	}
	// Taken back under the lock that read it: of two texts at once only one kills.
	h.killWorker = ""
	// From here on no worker is there (hasWorkers), and waits go on until the new ones are.
	dead, old := h.workers, h.work
	h.work = nil
	h.mu.Unlock()
	// The database goes before Twilio may answer: otherwise a worker could still record that the text was
	// accepted.
	dead.die()
	h.machine.expire(h.cfg.Timing.Text) // of the texts that it had claimed
	if how == KillAfterText {
		s.twilio.Load().Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
	if err := h.replaceWorkers(context.WithoutCancel(r.Context()), len(old)); err != nil {
		h.violate("killed workers could not be replaced: %v", err)
	}
	// Beside the request: closing pools of a database that is gone may take its time.
	go func() {
		for _, k := range old {
			h.release(k)
		}
	}()
	panic(http.ErrAbortHandler)
}

// replaceWorkers starts so many workers on a host of their own. The dead host is kept until Close, because its
// processes still hold connections to it. Errors are joined: the workers that could be started run.
func (h *Harness) replaceWorkers(ctx context.Context, many int) error {
	next, err := newWorkerHost(h.cfg.DatabaseURL)
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.workers, h.deadHosts = next, append(h.deadHosts, h.workers)
	h.mu.Unlock()
	var errs []error
	for range many {
		k, err := h.newWork(ctx)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		h.mu.Lock()
		h.work = append(h.work, k)
		h.mu.Unlock()
	}
	return errors.Join(errs...)
}

// release frees what a dead process holds within this one: connections, goroutines. Its errors are expected. It
// may take workersPatience, so it runs beside the request that killed the process.
func (h *Harness) release(k *app.Work) {
	ctx, cancel := context.WithTimeout(context.Background(), workersPatience)
	defer cancel()
	_ = k.Stop(ctx) // it cannot end well: its database is gone
}
