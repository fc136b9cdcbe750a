package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"duebell/internal/telemetry"
)

// Listener is one address and the handler that answers there.
// Addr with port 0 takes any free port; Ready then tells which.
type Listener struct {
	Name    string
	Addr    string
	Handler http.Handler
	Ready   func(addr net.Addr) // called when connections are accepted; may be nil
	// Optional: if this address is taken the others are served all the same, and the log says so.
	Optional bool
}

// Listen serves all listeners until ctx ends or one fails, then lets requests in progress end. It returns nil if
// ctx ended.
//
// Requests in progress get drainRequests to end. A listener that fails ends all of them, so that a process
// never serves half of its addresses. An address that is taken is an error at once, and the process is
// expected to end with it.
func Listen(ctx context.Context, log *slog.Logger, listeners ...Listener) error {
	sockets, err := bind(ctx, log, listeners)
	if err != nil {
		return err
	}
	// Room for every server: each goroutine ends although only the first failure is read.
	failed := make(chan error, len(listeners))
	var servers []*http.Server
	for i, l := range listeners {
		socket := sockets[i]
		if socket == nil {
			continue
		}
		server := &http.Server{
			Handler: l.Handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, IdleTimeout: idleTimeout,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		}
		servers = append(servers, server)
		log.Info("listening", "for", l.Name, "addr", socket.Addr().String())
		go func() { failed <- server.Serve(socket) }()
		if l.Ready != nil {
			l.Ready(socket.Addr())
		}
	}
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	// ctx has ended here, so the draining has a time of its own.
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainRequests)
	defer cancel()
	// One after another, all within the one time.
	for _, s := range servers {
		err = errors.Join(err, s.Shutdown(draining))
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// bind opens the socket of each listener before any of them is served; nil stands for an optional one whose address
// is taken. After an error none is open.
func bind(ctx context.Context, log *slog.Logger, listeners []Listener) ([]net.Listener, error) {
	sockets := make([]net.Listener, len(listeners))
	for i, l := range listeners {
		socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", l.Addr)
		// The line must answer also where another program has the private port.
		if err != nil && l.Optional {
			log.Error("this address is not served, the others are; is another program on it?", "what", l.Name, "addr", l.Addr, "error", err)
			continue
		}
		if err != nil {
			for _, open := range sockets {
				if open != nil {
					err = errors.Join(err, open.Close())
				}
			}
			return nil, fmt.Errorf("listen for %s: %w (is another program on that address?)", l.Name, err)
		}
		sockets[i] = socket
	}
	return sockets, nil
}

// OpsHandler returns the handler of the private address: metrics, a probe and profiles.
// It has no password: bind it to an address that only operators and Prometheus reach (DUEBELL_OPS_ADDR). The
// probe says that the process lives, whatever its stores do.
func OpsHandler(m *telemetry.Metrics) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
