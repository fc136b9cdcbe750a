package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/billing/feed"
	"duebell/notify"
	"duebell/store"
)

func (p *textFixture) exported() string {
	p.t.Helper()
	var file bytes.Buffer
	if _, err := p.store.ExportSuppressions(context.Background(), &file); err != nil {
		p.t.Fatal(err)
	}
	return file.String()
}

func (p *textFixture) imports(text string) (store.SuppressionSummary, error) {
	p.t.Helper()
	return p.store.ImportSuppressions(context.Background(), feed.Text("f.csv", text), p.clock.Now())
}

// TestSuppressionsGoOutAndIn: what is exported can be imported elsewhere, and is the same there.
func TestSuppressionsGoOutAndIn(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.receive("SM1", ana, "alto, gracias")
	p.clock.add(time.Hour)
	dead := notify.Suppression{Number: ben, Source: notify.FromUnreachable}
	if err := p.store.SuppressNumber(context.Background(), dead, p.clock.Now()); err != nil {
		t.Fatal(err)
	}
	p.receive("SM2", "+16175550177", "STOP")
	p.receive("SM3", "+16175550177", "START") // not in force any more
	want := `number,channel,purpose,source,at,words
+16175550101,sms,payments,text,2027-02-10T15:00:00Z,"alto, gracias"
+16175550101,sms,all,text,2027-02-10T15:00:00Z,"alto, gracias"
+16175550101,voice,all,text,2027-02-10T15:00:00Z,"alto, gracias"
+16175550102,sms,payments,undeliverable,2027-02-10T16:00:00Z,
+16175550177,voice,all,twilio,2027-02-10T16:00:00Z,STOP
`
	if diff := cmp.Diff(want, p.exported()); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	q := newTextFixture(t)
	if err := q.store.GrantConsent(context.Background(), notify.Consent{Number: ben, Source: notify.FromApplication}, textsAt); err != nil {
		t.Fatal(err)
	}
	q.clock.add(2 * time.Hour)
	for i, want := range []store.SuppressionSummary{{Read: 5, New: 5, Consents: 1}, {Read: 5}} {
		if got, err := q.imports(p.exported()); err != nil || got != want {
			t.Errorf("import %d: %+v, %v", i, got, err)
		}
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(q.exported(), "\n"), sorted); diff != "" {
		t.Errorf("after an import (-want +got):\n%s", diff)
	}
	if q.textable(ana) || q.textable(ben) {
		t.Error("textable after the import")
	}
	if got := q.one(`SELECT count(*) FROM consents WHERE number = $1 AND ended_at IS NULL`, ben); got != "1" {
		t.Error("where nothing arrives its owner has said nothing")
	}
}

// sorted compares lines in any order.
var sorted = cmp.Transformer("sorted", func(lines []string) map[string]int {
	count := map[string]int{}
	for _, l := range lines {
		count[l]++
	}
	return count
})

// TestSuppressionsTakenBack: an old file does not silence who has said START since; a newer opt-out does.
func TestSuppressionsTakenBack(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	old := "number,at\n" + ana + ",2027-01-05T15:00:00Z\n"
	if got, err := p.imports(old); err != nil || got.New != 1 || p.textable(ana) {
		t.Fatalf("%+v, %v", got, err)
	}
	p.receive("SM1", ana, "START")
	if got, err := p.imports(old); err != nil || got.New != 0 || !p.textable(ana) {
		t.Errorf("the same file after START: %+v, %v", got, err)
	}
	p.clock.add(24 * time.Hour)
	if got, err := p.imports("number,at\n" + ana + ",2027-02-11T12:00:00Z\n"); err != nil || got.New != 1 || p.textable(ana) {
		t.Errorf("a new opt-out: %+v, %v", got, err)
	}
}

// TestSuppressionsWholeOrNotAtAll: one bad row in many, and nothing is changed.
func TestSuppressionsWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	var file strings.Builder
	file.WriteString("number,at\n")
	for i := range 12_000 {
		fmt.Fprintf(&file, "+1617%07d,2027-01-05T15:00:00Z\n", i)
	}
	good := file.String()
	file.WriteString(ana + ",2028-01-05T15:00:00Z\n")
	got, err := p.imports(file.String())
	bad := (*feed.BadRows)(nil)
	if !errors.As(err, &bad) || bad.Count != 1 || bad.Problems[0].String() != "f.csv:12002: at: lies in the future" {
		t.Errorf("%+v, %v", got, err)
	}
	if got := p.one(`SELECT count(*) FROM suppressions`); got != "0" {
		t.Errorf("%s rows", got)
	}
	if got, err := p.imports(good); err != nil || got.New != 12_000 {
		t.Errorf("%+v, %v", got, err)
	}
	if n := strings.Count(p.exported(), "\n"); n != 12_001 {
		t.Errorf("%d lines", n)
	}
}
