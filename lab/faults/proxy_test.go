package faults

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// echo is a store that says every line back.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func proxyTo(t *testing.T, target string) *Proxy {
	t.Helper()
	p, err := NewTCP(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

type caller struct {
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, p *Proxy) *caller {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &caller{c, bufio.NewReader(c)}
}

// ask sends a line and gives the answer.
func (c *caller) ask(line string) (string, error) {
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", err
	}
	return c.in.ReadString('\n')
}

func TestUpDownUp(t *testing.T) {
	p := proxyTo(t, echo(t))
	before := dial(t, p)
	if got, err := before.ask("one"); got != "one\n" || err != nil {
		t.Fatalf("up: %q, %v", got, err)
	}
	p.Down()
	if got, err := before.ask("two"); err == nil {
		t.Errorf("a connection survived Down: %q", got)
	}
	if got, err := dial(t, p).ask("three"); err == nil {
		t.Errorf("a connection was served while down: %q", got)
	}
	p.Up()
	if got, err := dial(t, p).ask("four"); got != "four\n" || err != nil {
		t.Errorf("up again: %q, %v", got, err)
	}
}

func TestStallHoldsBackAndUpLetsThrough(t *testing.T) {
	p := proxyTo(t, echo(t))
	c := dial(t, p)
	if _, err := c.ask("hello"); err != nil {
		t.Fatal(err)
	}
	p.Stall()
	if _, err := io.WriteString(c, "held\n"); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(30 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if got, err := c.in.ReadString('\n'); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("while stalled: %q, %v", got, err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	p.Up()
	if got, err := c.in.ReadString('\n'); got != "held\n" || err != nil {
		t.Errorf("after the stall: %q, %v", got, err)
	}
	p.Stall()
	p.Down() // a stalled connection can be cut
	if got, err := c.ask("gone"); err == nil {
		t.Errorf("after down: %q", got)
	}
}

func TestStoreThatIsNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if got, err := dial(t, proxyTo(t, l.Addr().String())).ask("anyone?"); err == nil {
		t.Errorf("an answer from nobody: %q", got)
	}
}
