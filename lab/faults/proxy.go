// Package faults stands between the product and its stores, in dev and in tests, and breaks the connection on
// command: the store is gone, it hangs, or a COMMIT happens and its reply is lost.
//
// It owns TCP connections on loopback and enough of PostgreSQL's protocol to recognise a commit. It refuses
// to touch the stores themselves, and is no part of production.
//
// Connections are not encrypted on either side, and the proxy reads what passes: it is for sample data alone.
package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Proxy passes connections on to a store while it is up. Its methods may be called by several goroutines, in
// any order and again; each says when it has taken effect. The state concerns all connections, old and new
// ones.
type Proxy struct {
	// host:port of the store. It is dialed anew for each connection, so a store that was restarted there is
	// found.
	target   string
	listener net.Listener
	// What is done with a connection that is admitted: it returns when either side has ended.
	relay func(*link)
	// Over when the proxy is closed.
	ctx    context.Context
	cancel context.CancelFunc
	// The accepting goroutine and one for each connection.
	serving sync.WaitGroup

	mu    sync.Mutex
	state state
	// Closed, and made anew, when state changes: whoever waits while stalled looks again.
	changed chan struct{}
	// The admitted connections, which Down has to cut.
	links map[*link]struct{}
}

// state is what the proxy does with bytes: pass, hold back, or refuse. The zero value passes.
type state int

const (
	up state = iota
	stalled
	down
)

// NewTCP puts a proxy before the store at target (host:port) and returns it, up and listening on a free
// loopback port. Nothing is dialed yet, so the store need not be there. Close must follow.
func NewTCP(target string) (*Proxy, error) {
	return listen(target, func(l *link) {
		var both sync.WaitGroup
		both.Go(func() { l.pump(l.server, l.client) })
		both.Go(func() { l.pump(l.client, l.server) })
		both.Wait()
	})
}

// listen starts a proxy whose connections relay handles, each in a goroutine of its own.
func listen(target string, relay func(*link)) (*Proxy, error) {
	ctx, cancel := context.WithCancel(context.Background())
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		cancel()
		return nil, fmt.Errorf("fault proxy: %w", err)
	}
	p := &Proxy{
		target: target, listener: listener, relay: relay, ctx: ctx, cancel: cancel,
		changed: make(chan struct{}), links: map[*link]struct{}{},
	}
	p.serving.Go(p.serve)
	return p, nil
}

// Addr returns the host and port to connect to instead of the store's. It stays the same until Close.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Down cuts every connection and every new one, until Up. When it returns, no byte passes any more. The port
// stays ours: a new connection is closed at once, as by a server that is going down. What the store had
// received, it does: a statement may have happened whose answer nobody got.
func (p *Proxy) Down() { p.cut(down) }

// Stall leaves connections open and passes nothing, like a store that hangs or a network that drops packets,
// until Up lets what was held back through, or Down cuts it off. New connections are accepted and hang too. A
// piece that is just being written may still pass when it returns.
func (p *Proxy) Stall() { p.set(stalled) }

// Up passes everything again, at once also on connections that were stalled. Those that were cut stay cut.
func (p *Proxy) Up() { p.set(up) }

// Close ends the proxy for good: it cuts all connections, gives the port back, and returns when no goroutine
// of it is left.
func (p *Proxy) Close() {
	p.cancel()
	_ = p.listener.Close() // the only error is that it was closed before
	p.cut(down)
	p.serving.Wait()
}

// set changes the state and wakes whoever waits for it.
func (p *Proxy) set(s state) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = s
	close(p.changed)
	p.changed = make(chan struct{})
}

// cut sets a state, closes all connections, and waits until their goroutines are done. The state comes first,
// so a connection that is just being made is either among those or not admitted.
func (p *Proxy) cut(s state) {
	p.set(s)
	p.mu.Lock()
	open := make([]*link, 0, len(p.links))
	for l := range p.links {
		open = append(open, l)
	}
	p.mu.Unlock()
	for _, l := range open {
		l.close()
	}
	for _, l := range open {
		<-l.done
	}
}

// serve accepts connections until the listener is closed.
func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of file descriptors, most likely: the next one may do better.
			pause := time.NewTimer(10 * time.Millisecond)
			select {
			case <-pause.C:
			case <-p.ctx.Done():
			}
			continue
		}
		p.serving.Go(func() { p.handle(client) })
	}
}

// handle connects one client to the store and relays until either side ends. A client whose store cannot be
// reached sees its connection closed, after ten seconds at most.
func (p *Proxy) handle(client net.Conn) {
	l := &link{proxy: p, client: client, gone: make(chan struct{}), done: make(chan struct{})}
	defer close(l.done)
	defer l.close()
	dialer := net.Dialer{Timeout: 10 * time.Second}
	server, err := dialer.DialContext(p.ctx, "tcp", p.target)
	if err != nil {
		return // the client sees its connection closed, which is what it would see of a dead store
	}
	l.server = server
	// Only now, with both sides open, may it count: Down must find something to close.
	if !p.admit(l) {
		return
	}
	p.relay(l)
	l.close()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// admit counts the connection among those to cut, and returns false when the store is down.
func (p *Proxy) admit(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == down {
		return false
	}
	p.links[l] = struct{}{}
	return true
}

// link is one connection of a client, and ours to the store. server is nil until the store was reached.
type link struct {
	proxy          *Proxy
	client, server net.Conn
	closing        sync.Once
	// Closed as soon as the link is cut; wakes what waits for Up.
	gone chan struct{}
	// Closed when its goroutines have ended, so no byte passes after it.
	done chan struct{}
}

// close cuts both sides. It may be called again and by several goroutines.
func (l *link) close() {
	l.closing.Do(func() {
		close(l.gone)
		_ = l.client.Close() // cutting is the purpose; an error changes nothing
		if l.server != nil {
			_ = l.server.Close()
		}
	})
}

// mayPass waits while the store is stalled, and says whether bytes may go on. False: the store is down, or
// the link was cut meanwhile. It is asked before each write, never in the middle of one.
func (l *link) mayPass() bool {
	for {
		l.proxy.mu.Lock()
		s, changed := l.proxy.state, l.proxy.changed
		l.proxy.mu.Unlock()
		if s != stalled {
			return s == up
		}
		select {
		case <-changed:
		case <-l.gone:
			return false
		}
	}
}

// pump copies from one side to the other. The end of either is the end of both: none of our stores'
// protocols closes a connection by halves.
func (l *link) pump(to io.Writer, from io.Reader) {
	defer l.close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if !l.mayPass() {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
