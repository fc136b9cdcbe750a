package notify

import (
	"testing"
	"time"
)

// TestMatch: a text is ours by number, exact words, sender and time; one that may be another notice's is not adopted.
func TestMatch(t *testing.T) {
	tried := time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC)
	claim := ClaimedNotice{Body: "words", TriedAt: tried}
	text := func(sid string, change ...func(*CarrierText)) CarrierText {
		f := CarrierText{SID: sid, Body: "words", Ours: true, CreatedAt: tried.Add(time.Second)}
		for _, c := range change {
			c(&f)
		}
		return f
	}
	created := func(after time.Duration) func(*CarrierText) {
		return func(f *CarrierText) { f.CreatedAt = tried.Add(after) }
	}
	tests := []struct {
		name  string
		texts []CarrierText
		known Similar
		want  finding
		sid   string
	}{
		{name: "nothing there", want: foundNone},
		{name: "there", texts: []CarrierText{text("SM1")}, want: foundOne, sid: "SM1"},
		{name: "five seconds early, by the carrier's clock", texts: []CarrierText{text("SM1", created(-5*time.Second))}, want: foundOne, sid: "SM1"},
		{name: "too early", texts: []CarrierText{text("SM1", created(-6*time.Second))}, want: foundNone},
		{name: "two minutes late", texts: []CarrierText{text("SM1", created(2*time.Minute))}, want: foundOne, sid: "SM1"},
		{name: "too late", texts: []CarrierText{text("SM1", created(121*time.Second))}, want: foundNone},
		{name: "no instant told", texts: []CarrierText{text("SM1", func(f *CarrierText) { f.CreatedAt = time.Time{} })}, want: foundOne, sid: "SM1"},
		{name: "other words", texts: []CarrierText{text("SM1", func(f *CarrierText) { f.Body = "Words" })}, want: foundNone},
		{name: "another sender", texts: []CarrierText{text("SM1", func(f *CarrierText) { f.Ours = false })}, want: foundNone},
		{name: "another notice's", texts: []CarrierText{text("SM1")}, known: Similar{SIDs: []string{"SM1"}}, want: foundNone},
		{name: "one of two is another notice's", texts: []CarrierText{text("SM1"), text("SM2")}, known: Similar{SIDs: []string{"SM1"}}, want: foundOne, sid: "SM2"},
		{name: "two of the same", texts: []CarrierText{text("SM1"), text("SM2")}, want: foundMany},
		{name: "may be its twin's", texts: []CarrierText{text("SM1")}, known: Similar{InDoubt: 1}, want: foundMany},
		{name: "nothing there, twin or not", known: Similar{InDoubt: 1}, want: foundNone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, how := match(claim, tt.texts, tt.known)
			if how != tt.want || got.SID != tt.sid {
				t.Errorf("%s %q, want %s %q", how, got.SID, tt.want, tt.sid)
			}
		})
	}
}

// TestEveryEntryIsItsOwnClass: no entry counts for another class, with or without accents.
func TestEveryEntryIsItsOwnClass(t *testing.T) {
	c := NewClassifier(nil)
	for class, listed := range entries {
		for _, entry := range listed {
			for _, form := range forms(entry) {
				if got := c.Classify(form); got.Class != class || !got.Certain {
					t.Errorf("%q: %s, want %s", form, got.Class, class)
				}
			}
		}
	}
}

// TestO6OperatorsAddWords: the policy's words count in addition to the built-in ones.
func TestO6OperatorsAddWords(t *testing.T) {
	c := NewClassifier([]string{"Enough already"})
	for _, text := range []string{"enough ALREADY!", "stop", "end", "quit", "revoke", "opt out", "cancel", "unsubscribe"} {
		if got := c.Classify(text); got.Class != ClassOptOut {
			t.Errorf("%q: %s", text, got.Class)
		}
	}
}

// FuzzClassify: whatever people text is read without harm, and no digit of it is kept.
func FuzzClassify(f *testing.F) {
	for _, s := range []string{"STOP", "“stop", "🛑", "sent from my", "", "\x00\xff", "pay 123"} {
		f.Add(s)
	}
	c := NewClassifier(nil)
	f.Fuzz(func(t *testing.T, text string) {
		r := c.Classify(text)
		if r.Class == "" || r.Person && r.Class != ClassNone || r.Certain && r.Class == ClassNone {
			t.Errorf("an impossible reading: %+v", r)
		}
		for _, r := range withoutDigits(text) {
			if r >= '0' && r <= '9' {
				t.Error("a digit is kept")
			}
		}
	})
}

// TestBackoff: the wait grows to five minutes, half of it is random, and nothing overflows.
func TestBackoff(t *testing.T) {
	least := &Sender{rand: func(int) int { return 0 }}
	most := &Sender{rand: func(n int) int { return n - 1 }}
	for waits, whole := range map[int]time.Duration{0: time.Second, 3: 8 * time.Second, 8: 256 * time.Second, 9: 5 * time.Minute, 1000: 5 * time.Minute} {
		if got := least.backoff(waits); got != whole/2 {
			t.Errorf("after %d waits at least %s, want %s", waits, got, whole/2)
		}
		if got := most.backoff(waits); got != whole {
			t.Errorf("after %d waits at most %s, want %s", waits, got, whole)
		}
	}
}
