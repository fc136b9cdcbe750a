package faults

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"sync"
)

// Postgres is a proxy before PostgreSQL that can lose the reply to a COMMIT. It is a Proxy in all else. It
// reads the protocol of version 3 without encryption: a client that insists on TLS is told that there is
// none, and sslmode "require" does not connect.
type Postgres struct {
	*Proxy

	orderMu sync.Mutex
	order   *dropOrder // nil when nothing is to be lost
}

// dropOrder asks for one reply to a COMMIT to be lost. It is fulfilled once, by one connection.
type dropOrder struct {
	// Words, in lower case, of which the transaction's statements must hold one; empty means any transaction.
	touching []string
	// Closed when the reply has been lost.
	done chan struct{}
}

// NewPostgres puts a proxy before the PostgreSQL at target (host:port) and returns it, up. Close must follow.
func NewPostgres(target string) (*Postgres, error) {
	p := &Postgres{}
	var err error
	p.Proxy, err = listen(target, p.relay)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// DropNextCommitReply lets the next COMMIT through, waits until the server has answered it, and then cuts the
// connection without passing the answer on: it happened, and the client cannot know. That is the case in
// which the product may neither say "paid" nor "not paid" (design §5, last paragraph).
//
// With words, only a transaction counts of which a statement holds one of them (a table's name, so that the
// job queue's own commits are left alone). A statement outside BEGIN and COMMIT never counts. The channel is
// closed once a reply has been lost; a later order replaces one that is still waiting, whose channel then
// stays open.
func (p *Postgres) DropNextCommitReply(touching ...string) <-chan struct{} {
	d := &dropOrder{done: make(chan struct{})}
	for _, word := range touching {
		d.touching = append(d.touching, strings.ToLower(word))
	}
	p.orderMu.Lock()
	defer p.orderMu.Unlock()
	p.order = d
	return d.done
}

// takeOrder returns the order that a transaction of these statements fulfils, and removes it; nil when there
// is none. Of two commits at once only one gets it.
func (p *Postgres) takeOrder(statements map[string]bool) *dropOrder {
	p.orderMu.Lock()
	defer p.orderMu.Unlock()
	d := p.order
	if d == nil || !d.matches(statements) {
		return nil
	}
	p.order = nil
	return d
}

// matches says whether a transaction of these statements is one that the order means. The statements are in
// lower case.
func (d *dropOrder) matches(statements map[string]bool) bool {
	if len(d.touching) == 0 {
		return true
	}
	for s := range statements {
		for _, word := range d.touching {
			if strings.Contains(s, word) {
				return true
			}
		}
	}
	return false
}

// postgresLink is one client's connection, read message by message.
type postgresLink struct {
	*link
	proxy *Postgres

	// Statement name → its text, in lower case. Kept over transactions, as the server keeps them.
	parsed map[string]string
	// Portal name → its statement's text.
	bound map[string]string
	// Statements of the transaction so far; nil before the first BEGIN and after a COMMIT.
	in map[string]bool

	mu sync.Mutex
	// Set when a COMMIT has been passed on whose answer is to be lost; never unset, since the connection ends
	// with it.
	dropping *dropOrder
}

// relay passes one connection on, both ways, until either side ends it. The end of either closes both.
func (p *Postgres) relay(l *link) {
	c := &postgresLink{link: l, proxy: p, parsed: map[string]string{}, bound: map[string]string{}}
	client := bufio.NewReaderSize(l.client, 32<<10)
	if !c.startup(client) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { c.fromClient(client) })
	both.Go(func() { c.fromServer() })
	both.Wait()
}

// Codes of the messages that come before a client has said who it is.
const (
	cancelRequest = 80877102
	sslRequest    = 80877103
	gssRequest    = 80877104
)

// startup handles the untyped first messages: encryption is refused, the rest passed on. It returns false
// when nothing more is to be passed: the client went, what it sent is not this protocol, or it came only to
// cancel a query.
func (c *postgresLink) startup(client *bufio.Reader) bool {
	for {
		head, err := client.Peek(8)
		if err != nil {
			return false
		}
		size, code := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:])
		// The length counts itself and the code after it; a longer one than this is no start-up message.
		if size < 8 || size > 1<<20 {
			return false
		}
		if code == sslRequest || code == gssRequest {
			if _, err := client.Discard(8); err != nil || !c.mayPass() {
				return false
			}
			if _, err := c.client.Write([]byte{'N'}); err != nil {
				return false
			}
			continue
		}
		if !c.mayPass() {
			return false
		}
		if _, err := io.CopyN(c.server, client, int64(size)); err != nil {
			return false
		}
		// A request to cancel gets no answer; the server closes, and that ends it.
		return code != cancelRequest || c.awaitClose()
	}
}

// awaitClose waits until the server closes; it returns false: nothing more is to be passed.
func (c *postgresLink) awaitClose() bool {
	_, _ = io.Copy(io.Discard, c.server) // it ends when either side closes, and there is nothing in it
	return false
}

// longestRead is the longest message that is looked at. A longer one (rows of a COPY, a large parameter) is
// passed on unread.
const longestRead = 1 << 20

// verdict is what becomes of one message: it is passed on, dropped, or it ends the connection unsent.
type verdict int

const (
	forward verdict = iota
	discard
	end // of the connection
)

// pass copies messages one by one, as look decides, until the connection ends. look is shown the body of the
// types it asked for, nil of all others and of those that are too long; the body is only good until look
// returns.
func (c *postgresLink) pass(to io.Writer, from *bufio.Reader, types string, look func(kind byte, body []byte) verdict) {
	defer c.close()
	out := bufio.NewWriterSize(to, 32<<10)
	for {
		head, err := from.Peek(5)
		if err != nil {
			return
		}
		kind, size := head[0], int64(binary.BigEndian.Uint32(head[1:]))+1
		if size < 5 {
			return // not this protocol
		}
		message := io.LimitReader(from, size)
		var body []byte
		if strings.IndexByte(types, kind) >= 0 && size <= longestRead {
			whole := make([]byte, size)
			if _, err := io.ReadFull(from, whole); err != nil {
				return
			}
			message, body = bytes.NewReader(whole), whole[5:]
		}
		switch look(kind, body) {
		case end:
			return
		case discard:
			_, err = io.Copy(io.Discard, message)
		case forward:
			if !c.mayPass() {
				return
			}
			_, err = io.Copy(out, message)
		}
		// What has come is sent on before we wait for more: either side may be waiting for it.
		if err == nil && from.Buffered() == 0 {
			err = out.Flush()
		}
		if err != nil {
			return
		}
	}
}

// fromClient passes the client's messages on and recognises a COMMIT in them: as a simple query, as pgx sends
// it, or prepared and executed. Everything is passed on; only answers are ever lost.
func (c *postgresLink) fromClient(client *bufio.Reader) {
	c.pass(c.server, client, "QPBE", func(kind byte, body []byte) verdict {
		switch kind {
		case 'Q': // query
			text, _ := word(body)
			c.executes(text)
		case 'P': // parse: statement, text
			name, rest := word(body)
			text, _ := word(rest)
			c.parsed[name] = text
		case 'B': // bind: portal, statement
			portal, rest := word(body)
			name, _ := word(rest)
			c.bound[portal] = c.parsed[name]
		case 'E': // execute: portal
			portal, _ := word(body)
			c.executes(c.bound[portal])
		}
		return forward
	})
}

// word returns a zero-terminated string at the start of b, in lower case, and what follows it. (Names that
// differ in case only do not occur in clients that number their statements.)
func word(b []byte) (string, []byte) {
	text, rest, _ := bytes.Cut(b, []byte{0})
	return strings.ToLower(string(text)), rest
}

// executes notes one statement, and orders its answer to be lost if it is the COMMIT waited for. The order
// stands before the statement is passed on, so the answer cannot be quicker. A simple query that holds several
// statements is taken as one.
func (c *postgresLink) executes(text string) {
	first, _, _ := strings.Cut(strings.TrimRight(strings.TrimSpace(text), "; \n"), " ")
	switch first {
	case "begin", "start":
		c.in = map[string]bool{}
	case "commit", "end":
		if d := c.proxy.takeOrder(c.in); d != nil {
			c.mu.Lock()
			c.dropping = d
			c.mu.Unlock()
		}
		c.in = nil
	default:
		if c.in != nil {
			c.in[text] = true
		}
	}
}

// fromServer passes the server's messages on, until an answer is to be lost: then nothing is, and the answer
// ends the connection. The order's channel is closed after that, when the client can no longer get the reply.
func (c *postgresLink) fromServer() {
	c.pass(c.client, bufio.NewReaderSize(c.server, 32<<10), "CEZ", func(kind byte, body []byte) verdict {
		switch {
		case c.droppingNow() == nil:
			return forward
		case endsCommit(kind, body):
			return end
		default:
			return discard
		}
	})
	if d := c.droppingNow(); d != nil {
		close(d.done)
	}
}

// droppingNow returns the order that a COMMIT under way fulfils, or nil.
func (c *postgresLink) droppingNow() *dropOrder {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropping
}

// endsCommit says whether a message is the server's word on a COMMIT: it completed (as a COMMIT, or as a
// ROLLBACK of a transaction that had failed), it failed, or the server waits for the next question.
func endsCommit(kind byte, body []byte) bool {
	return kind == 'E' || kind == 'Z' ||
		kind == 'C' && (bytes.HasPrefix(body, []byte("COMMIT")) || bytes.HasPrefix(body, []byte("ROLLBACK")))
}
