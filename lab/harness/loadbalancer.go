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

// loadBalancer is the line's one public address. It passes each request to the next replica of serve that is
// alive, as the load balancer of a deployment does. Requests of one call so reach different replicas: nothing
// of a call may live in a process (design §9: serve is stateless). url is what the line calls itself, without a
// slash at the end; Twilio's signatures are made over it.
type loadBalancer struct {
	h        *Harness
	listener net.Listener
	server   *http.Server
	url      string

	mu       sync.Mutex
	next     int
	wake     chan struct{} // closed, and made anew, when a replica came up
	requests []string      // paths and queries of every request
}

// listenBalancer takes the address early, so that everybody can be told it; requests are served once there are
// replicas. Until then connections wait in the operating system's queue.
func (h *Harness) listenBalancer(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", orElse(h.cfg.HTTPAddr, "127.0.0.1:0"))
	if err != nil {
		return fmt.Errorf("the line's address: %w (is another program on it?)", err)
	}
	f := &loadBalancer{h: h, listener: listener, wake: make(chan struct{})}
	f.url = strings.TrimSuffix(orElse(h.cfg.PublicURL, f.local()), "/")
	h.balancer = f
	return nil
}

// local returns the URL at which this machine reaches the line, whatever it is called outside.
func (b *loadBalancer) local() string {
	// Dev may listen on every address of the machine; 0.0.0.0 is none to connect to.
	at, ok := b.listener.Addr().(*net.TCPAddr)
	if !ok || !at.IP.IsUnspecified() {
		return "http://" + b.listener.Addr().String()
	}
	return "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(at.Port))
}

// openBalancer begins to serve requests. The first may come before the first replica; it waits.
func (h *Harness) openBalancer(context.Context) error {
	f := h.balancer
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = f.server.Serve(f.listener) }() // it ends with close
	return nil
}

// close stops serving: it waits a second for answers under way and then cuts the connections. It waits although
// ctx may have ended: the end of ctx is what closes a harness.
func (b *loadBalancer) close(ctx context.Context) error {
	if b.server == nil {
		return b.listener.Close()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := b.server.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		return b.server.Close()
	} else if err != nil {
		return fmt.Errorf("close the line: %w", err)
	}
	return nil
}

// wakeWaiting lets requests that wait for a replica look again. Whoever adds a replica calls it afterwards.
func (b *loadBalancer) wakeWaiting() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.wake)
	b.wake = make(chan struct{})
}

// pick returns the next live replica, in turn. With none it waits for one, as a connection waits in a queue,
// for as long as the client does; nil when the client has gone. The channel is read before the replicas: one
// that comes up in between has closed it, and the wait ends at once.
func (b *loadBalancer) pick(ctx context.Context) *replica {
	for {
		b.mu.Lock()
		wake, n := b.wake, b.next
		b.next++
		b.mu.Unlock()
		b.h.mu.Lock()
		for i := range b.h.serve {
			if r := b.h.serve[(n+i)%len(b.h.serve)]; !r.dead {
				b.h.mu.Unlock()
				return r
			}
		}
		b.h.mu.Unlock()
		select {
		case <-wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// ServeHTTP answers dev's pages itself and passes everything else to a replica, counting for the coverage table
// what the request is and what faults it meets. The path decides, not the host: signatures are the replica's
// business.
func (b *loadBalancer) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if b.h.cfg.Pages != nil && !productPath(r.URL.Path) {
		b.h.cfg.Pages.ServeHTTP(rw, r)
		return
	}
	// The replicas may be ready before dev.env is complete; whoever waits for /readyz reads that file next.
	if r.URL.Path == "/readyz" && b.h.cfg.StartUnready && !b.h.ready.Load() {
		http.Error(rw, "not ready yet", http.StatusServiceUnavailable)
		return
	}
	b.record(r.URL.RequestURI())
	b.h.noteProgress()
	// Read whole and put back, because the record needs it and the handler too. A megabyte is far above what
	// Twilio or Stripe send; the product has lower limits of its own.
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, 1<<20))
	if err != nil {
		http.Error(rw, "the request could not be read", http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	to := b.pick(r.Context())
	if to == nil {
		panic(http.ErrAbortHandler) // nobody lives: the connection is cut
	}
	// Recorded before the answer: the product may ask Twilio or the processor while it answers, and those
	// records come after the one that caused them.
	b.h.recordWebhook(r, body)
	to.handler.ServeHTTP(rw, r)
	b.h.recordWebhookFaults(r.Context(), r.URL.Path)
}

// productPath reports whether a path is the product's own (design §2, the table of paths); the others are dev's
// pages.
func productPath(path string) bool {
	for _, p := range []string{"/twilio/", "/stripe/", "/console", "/healthz", "/readyz"} {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

// maxKept bounds how many requests, and how many log lines, a harness keeps that runs for days. A script stays
// far below it, so its search for secrets misses nothing.
const maxKept = 20_000

// RequestedURIs returns path and query of every request from outside, oldest first, as far back as they are kept.
func (h *Harness) RequestedURIs() []string {
	h.balancer.mu.Lock()
	defer h.balancer.mu.Unlock()
	return slices.Clone(h.balancer.requests)
}

// record keeps the address of one request, and drops the older half when there are too many. Bodies are not
// kept: they hold secrets by right, and the search for secrets must not find them here.
func (b *loadBalancer) record(uri string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) == maxKept {
		b.requests = b.requests[maxKept/2:]
	}
	b.requests = append(b.requests, uri)
}
