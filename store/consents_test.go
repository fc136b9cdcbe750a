package store_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/billing/feed"
	"duebell/store"
)

func (p *textFixture) agrees(text string) (store.ConsentSummary, error) {
	p.t.Helper()
	return p.store.ImportConsents(context.Background(), feed.Text("f.csv", text), p.clock.Now())
}

func (p *textFixture) agreed() string {
	p.t.Helper()
	var file bytes.Buffer
	if _, err := p.store.ExportConsents(context.Background(), &file); err != nil {
		p.t.Fatal(err)
	}
	return file.String()
}

// TestConsentsGoInAndOut: what was agreed to elsewhere counts here, once, with its words; and goes out as it came.
func TestConsentsGoInAndOut(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	file := "number,channel,purpose,source,at,wording\n" +
		ben + ",sms,payments,web,2027-01-05T15:00:00Z,\"You may text me, up to 4 a month\"\n" +
		ben + ",voice,payments,letter,2027-01-05T15:00:00Z,form 12\n"
	for i, want := range []store.ConsentSummary{{Read: 2, New: 2}, {Read: 2}} {
		if got, err := p.agrees(file); err != nil || got != want {
			t.Errorf("import %d: %+v, %v", i, got, err)
		}
	}
	if !p.textable(ben) {
		t.Error("not textable after the import")
	}
	if got := p.one(`SELECT number FROM consents WHERE channel = 'voice' AND ended_at IS NULL`); got != ben {
		t.Errorf("%s has agreed to calls", got)
	}
	q := newTextFixture(t)
	if _, err := q.agrees(p.agreed()); err == nil {
		t.Error("Ana's consent of the application has no words, and was taken as evidence")
	}
	p.exec(`UPDATE consents SET wording = 'given on the application' WHERE number = $1`, ana)
	if got, err := q.agrees(p.agreed()); err != nil || got.New != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	q.exec(`UPDATE consents SET wording = 'given on the application' WHERE number = $1`, ana)
	if diff := cmp.Diff(p.agreed(), q.agreed()); diff != "" {
		t.Errorf("(-there +here):\n%s", diff)
	}
}

// TestConsentsLiftNothing: an opt-out is taken back by the person alone, and a consent that has ended since the file was
// made stays ended (O4).
func TestConsentsLiftNothing(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	file := "number,at,wording\n" + ana + ",2027-01-05T15:00:00Z,form 12\n"
	p.receive("SM1", ana, "alto")
	p.clock.add(time.Hour)
	newer := "number,at,wording\n" + ana + "," + p.clock.Now().Format(time.RFC3339) + ",form 12\n"
	for _, f := range []string{file, newer} {
		if got, err := p.agrees(f); err != nil || got != (store.ConsentSummary{Read: 1, OptedOut: 1}) || p.textable(ana) {
			t.Errorf("after an opt-out: %+v, %v", got, err)
		}
	}
	p.exec(`UPDATE suppressions SET lifted_at = $1`, p.clock.Now())
	if got, err := p.agrees(file); err != nil || got.New != 0 || p.textable(ana) {
		t.Errorf("a file from before the end: %+v, %v", got, err)
	}
	if got, err := p.agrees(newer); err != nil || got.New != 1 || !p.textable(ana) {
		t.Errorf("a new consent: %+v, %v", got, err)
	}
}

// TestConsentsWholeOrNotAtAll: one bad row, or one from the future, and nothing is changed.
func TestConsentsWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	for name, row := range map[string]string{
		"calls on the word of an application": ben + ",voice,application,2027-01-05T15:00:00Z,given on the application",
		"the future":                          ben + ",voice,letter,2028-01-05T15:00:00Z,form 12",
	} {
		_, err := p.agrees("number,channel,source,at,wording\n+16175550177,sms,web,2027-01-05T15:00:00Z,yes\n" + row + "\n")
		if bad := (*feed.BadRows)(nil); !errors.As(err, &bad) || bad.Count != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := p.one(`SELECT count(*) FROM consents`); got != "1" {
		t.Errorf("%s consents, want Ana's alone", got)
	}
}

// TestAgreesToCalls: what a caller agreed to is kept as it was spoken; nobody is asked twice, and nobody who has refused.
func TestAgreesToCalls(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	ctx := context.Background()
	mayBeAsked := func(when string, want bool) {
		t.Helper()
		if got, err := p.store.MayOfferCalls(ctx, ben); err != nil || got != want {
			t.Errorf("%s: %t, %v", when, got, err)
		}
	}
	mayBeAsked("at first", true)
	for range 2 { // a turn that is run twice
		if err := p.inbox.ConsentToCalls(ctx, ben, "Shall we call it?", "CA1/9"); err != nil {
			t.Fatal(err)
		}
	}
	mayBeAsked("agreed", false)
	want := []string{"voice|payments|key|Shall we call it? (key 1, CA1/9)|<nil>"}
	if diff := cmp.Diff(want, p.lines(`SELECT channel, purpose, source, wording, ended_at FROM consents WHERE number = $1`, ben)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := p.inbox.NoMoreCalls(ctx, ben, "CA2/1"); err != nil {
		t.Fatal(err)
	}
	mayBeAsked("refused", false)
	if got := p.one(`SELECT count(*) FROM consents WHERE number = $1 AND ended_at IS NULL`, ben); got != "0" {
		t.Error("a consent is in force after key 7")
	}
}
