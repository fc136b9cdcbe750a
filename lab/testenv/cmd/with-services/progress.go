package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// event is one line of `go test -json` (see go doc test2json). Test is empty where the package itself speaks.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// progress turns what `go test -json` writes into what a person wants to see: a line a package when it ends,
// everything that a failed test has printed, and now and then what is still running.
type progress struct {
	out io.Writer

	mu sync.Mutex
	// When the run began, to say how long it has lasted.
	began time.Time
	// Packages that have ended.
	ended int
	// Tests ended so far, by package that still runs.
	running map[string]int
	// What tests have printed that have not ended, by package and test.
	printed map[[2]string]*strings.Builder
}

// heartbeat is how often a run says what it is at, so that a long silence is not taken for a hang.
const heartbeat = 20 * time.Second

// follow reads events from r until it ends and shows them on out; at each beat it says what still runs. It
// returns when all has been shown.
func follow(r io.Reader, out io.Writer, began time.Time, beat <-chan time.Time) {
	p := &progress{out: out, began: began, running: map[string]int{}, printed: map[[2]string]*strings.Builder{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Not a Scanner: a test may print a line longer than any limit.
		lines := bufio.NewReader(r)
		for {
			line, err := lines.ReadBytes('\n')
			p.take(line)
			if err != nil {
				return
			}
		}
	}()
	for {
		select {
		case <-done:
			return
		case now := <-beat:
			p.tell(now)
		}
	}
}

// take reads one line. A line that is no event is shown as it is: a compiler's or go's own words.
func (p *progress) take(line []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var e event
	if json.Unmarshal(line, &e) != nil {
		_, _ = p.out.Write(line) // what go itself says is no JSON
		return
	}
	// For the output of a build Package is empty, so it is shown at once like a package's own words.
	key := [2]string{e.Package, e.Test}
	switch e.Action {
	case "start":
		// Sent when the package's tests begin to run, after it has been compiled.
		p.running[e.Package] = 0
	case "output", "build-output":
		p.print(key, e.Output)
	case "pass", "fail", "skip":
		p.end(key, e.Action == "fail")
	}
}

// print shows what a package says at once, and keeps what a test says until it is known to have failed.
func (p *progress) print(key [2]string, text string) {
	if key[1] == "" {
		// A package's last line says "ok"; the others before it are noise, but for packages without tests.
		if text != "PASS\n" && !strings.HasSuffix(text, "[no test files]\n") {
			fmt.Fprint(p.out, text)
		}
		return
	}
	if p.printed[key] == nil {
		p.printed[key] = &strings.Builder{}
	}
	p.printed[key].WriteString(text)
}

// end forgets what an ended test or package has printed, and shows it first if that failed.
func (p *progress) end(key [2]string, failed bool) {
	if key[1] != "" {
		p.running[key[0]]++
		if b := p.printed[key]; b != nil && failed {
			fmt.Fprint(p.out, b.String())
		}
		// Shown or not, it is not needed again; a run of thousands of tests would hold all of it.
		delete(p.printed, key)
		return
	}
	delete(p.running, key[0])
	p.ended++
	// Whatever never ended was running when its package panicked or ran out of time.
	for _, k := range slices.SortedFunc(maps.Keys(p.printed), func(a, b [2]string) int { return cmp.Compare(a[1], b[1]) }) {
		if k[0] != key[0] {
			continue
		}
		if failed {
			fmt.Fprint(p.out, p.printed[k].String())
		}
		delete(p.printed, k)
	}
}

// tell shows what still runs, and how long the run has lasted. A package of which no test has ended yet is left
// out.
func (p *progress) tell(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var parts []string
	for _, pkg := range slices.Sorted(maps.Keys(p.running)) {
		if n := p.running[pkg]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s (%d tests done)", pkg, n))
		}
	}
	what := "building"
	if len(parts) > 0 {
		what = "running " + strings.Join(parts, ", ")
	}
	fmt.Fprintf(p.out, "… %s: %d packages done, %s\n", now.Sub(p.began).Round(time.Second), p.ended, what)
}
