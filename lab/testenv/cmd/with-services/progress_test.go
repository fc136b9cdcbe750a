package main

import (
	"strings"
	"testing"
	"time"
)

// What a failed test printed is shown, what a passed one printed is not, and what is no JSON is passed on.
func TestProgress(t *testing.T) {
	events := `go: downloading something
{"Action":"start","Package":"a"}
{"Action":"output","Package":"a","Test":"TestGood","Output":"good says this\n"}
{"Action":"pass","Package":"a","Test":"TestGood"}
{"Action":"output","Package":"a","Test":"TestBad","Output":"bad says that\n"}
{"Action":"fail","Package":"a","Test":"TestBad"}
{"Action":"output","Package":"a","Test":"TestHangs","Output":"hangs here\n"}
{"Action":"output","Package":"a","Output":"FAIL\ta\t0.1s\n"}
{"Action":"fail","Package":"a"}
{"ImportPath":"b","Action":"build-output","Output":"b.go:1: broken\n"}
{"Action":"start","Package":"c"}
{"Action":"output","Package":"c","Output":"PASS\n"}
{"Action":"output","Package":"c","Output":"ok  \tc\t0.2s\n"}
{"Action":"pass","Package":"c"}
`
	var out strings.Builder
	follow(strings.NewReader(events), &out, time.Time{}, nil)
	want := "go: downloading something\nbad says that\nFAIL\ta\t0.1s\nhangs here\nb.go:1: broken\nok  \tc\t0.2s\n"
	if out.String() != want {
		t.Errorf("shown:\n%s\nwant:\n%s", out.String(), want)
	}
}

// While nothing ends, it says what runs and how far it is.
func TestHeartbeat(t *testing.T) {
	began := time.Date(2027, time.February, 10, 10, 0, 0, 0, time.UTC)
	var out strings.Builder
	p := &progress{out: &out, began: began, running: map[string]int{"duebell/lab/script": 120, "duebell/store": 0}, ended: 7}
	p.tell(began.Add(80 * time.Second))
	if want := "… 1m20s: 7 packages done, running duebell/lab/script (120 tests done)\n"; out.String() != want {
		t.Errorf("said %q, want %q", out.String(), want)
	}
}
