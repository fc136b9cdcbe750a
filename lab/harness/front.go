package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// front is the one public address: a load balancer before the replicas, which knows who lives.
type front struct {
	w        *World
	listener net.Listener
	server   *http.Server
	url      string

	mu   sync.Mutex
	next int
	wake chan struct{} // closed, and made anew, when a replica came up
	seen []string      // paths and queries of every request
}

// listen takes the address; requests are served once there is somebody to serve them.
func (w *World) listenFront(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", orElse(w.cfg.HTTPAddr, "127.0.0.1:0"))
	if err != nil {
		return fmt.Errorf("the line's address: %w (is another program on it?)", err)
	}
	f := &front{w: w, listener: listener, wake: make(chan struct{})}
	f.url = strings.TrimSuffix(orElse(w.cfg.PublicURL, f.local()), "/")
	w.front = f
	return nil
}

// local is the address at which this machine reaches it, whatever it is called outside.
func (f *front) local() string {
	at, ok := f.listener.Addr().(*net.TCPAddr)
	if !ok || !at.IP.IsUnspecified() {
		return "http://" + f.listener.Addr().String()
	}
	return "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(at.Port))
}

func (w *World) openFront(context.Context) error {
	f := w.front
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = f.server.Serve(f.listener) }() // it ends with close
	return nil
}

func (f *front) close(ctx context.Context) error {
	if f.server == nil {
		return f.listener.Close()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := f.server.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		return f.server.Close()
	} else if err != nil {
		return fmt.Errorf("close the line: %w", err)
	}
	return nil
}

func (f *front) changed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.wake)
	f.wake = make(chan struct{})
}

// pick is the next living replica; with none it waits for one as a connection waits in a queue.
func (f *front) pick(ctx context.Context) *replica {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for {
		f.mu.Lock()
		wake, n := f.wake, f.next
		f.next++
		f.mu.Unlock()
		f.w.mu.Lock()
		for i := range f.w.serve {
			if r := f.w.serve[(n+i)%len(f.w.serve)]; !r.dead {
				f.w.mu.Unlock()
				return r
			}
		}
		f.w.mu.Unlock()
		select {
		case <-wake:
		case <-ctx.Done():
			return nil
		}
	}
}

func (f *front) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if f.w.cfg.Pages != nil && !productPath(r.URL.Path) {
		f.w.cfg.Pages.ServeHTTP(rw, r)
		return
	}
	if r.URL.Path == "/readyz" && f.w.cfg.NotYet && !f.w.ready.Load() {
		http.Error(rw, "not ready yet", http.StatusServiceUnavailable)
		return
	}
	f.note(r.URL.RequestURI())
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, 1<<20))
	if err != nil {
		http.Error(rw, "the request could not be read", http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	to := f.pick(r.Context())
	if to == nil {
		panic(http.ErrAbortHandler) // nobody lives: the connection is cut
	}
	f.w.webhookCame(r, body)
	to.handler.ServeHTTP(rw, r)
	f.w.webhookAnswered(r.Context(), r.URL.Path)
}

// productPath says which paths are the product's own; the others are dev's pages.
func productPath(path string) bool {
	for _, p := range []string{"/twilio/", "/stripe/", "/console", "/healthz", "/readyz"} {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

// mostSeen bounds what a world that runs for days keeps of its requests.
const mostSeen = 20_000

// Requested are the paths and queries of every request that came from outside, as far back as they are kept.
func (w *World) Requested() []string {
	w.front.mu.Lock()
	defer w.front.mu.Unlock()
	return slices.Clone(w.front.seen)
}

func (f *front) note(uri string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.seen) == mostSeen {
		f.seen = f.seen[mostSeen/2:]
	}
	f.seen = append(f.seen, uri)
}
