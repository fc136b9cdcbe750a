package app

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"testing"
)

// A line that cannot show its metrics still answers; one that cannot answer does not pretend to.
func TestAnAddressThatIsTaken(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	ops := Listener{Name: "ops", Addr: taken.Addr().String(), Handler: answer, Optional: true}
	log := slog.New(slog.DiscardHandler)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	status := make(chan int, 1)
	line := Listener{Name: "webhooks", Addr: "127.0.0.1:0", Handler: answer, Ready: func(addr net.Addr) {
		go func() {
			defer stop()
			resp, err := http.Get("http://" + addr.String())
			if err != nil {
				status <- 0
				return
			}
			resp.Body.Close()
			status <- resp.StatusCode
		}()
	}}
	if err := Listen(ctx, log, ops, line); err != nil {
		t.Error(err)
	}
	if got := <-status; got != http.StatusNoContent {
		t.Errorf("the line answered %d", got)
	}

	// What was bound before the address that is taken is free again, and was never called ready.
	bound := ""
	first := Listener{Name: "first", Addr: "127.0.0.1:0", Handler: answer, Ready: func(addr net.Addr) { bound = addr.String() }}
	ops.Optional = false
	if err := Listen(t.Context(), log, first, ops); err == nil {
		t.Error("half of the addresses were served")
	}
	if bound != "" {
		t.Errorf("%s was called ready", bound)
		if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", bound); err == nil {
			conn.Close()
			t.Error("it is still open")
		}
	}

	line.Addr = ops.Addr
	if err := Listen(t.Context(), log, line); err == nil {
		t.Error("a line without an address was served")
	}
}
