package harness_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"duebell/ivr"
	"duebell/lab/harness"
	"duebell/lab/script"
	"duebell/lab/testenv"
)

func openHarness(t *testing.T, cfg harness.Config) *harness.Harness {
	t.Helper()
	cfg.DatabaseURL, cfg.RedisURL = testenv.Postgres(t)+"&pool_max_conns=8", testenv.Redis(t)
	w, err := harness.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return w
}

// play plays a story from the beginning and wants it to end as told, or with this in its error.
func play(t *testing.T, w *harness.Harness, wrong, text string) {
	t.Helper()
	s, err := script.Parse("story.call", text)
	if err != nil {
		t.Fatal(err)
	}
	got := script.Run(t.Context(), w, s, script.Options{})
	switch {
	case wrong == "" && got.Err != nil:
		t.Errorf("%v\n%s", got.Err, got.Transcript)
	case wrong != "" && (got.Err == nil || !strings.Contains(got.Err.Error(), wrong)):
		t.Errorf("ended with %v, want %q in it", got.Err, wrong)
	}
}

const paysByCard = `
sample
call from +16175550101
press 1  press 1  press 712345678#  press 04121980#  press 02139#  press 1  press 2  press 1
pay-card 4242424242424242 12/29 123 02139
hear "We received 198 dollars"
over
`

// What nobody expected fails a story, each thing by itself.
func TestAStoryFailsOnWhatItDidNotExpect(t *testing.T) {
	t.Parallel()
	w := openHarness(t, harness.Config{})
	const text = `texted +16175550101 "payment received"` + "\n"
	const charge = "charged 712345678 198.00 card\n"
	play(t, w, "", paysByCard+text+charge)
	play(t, w, "nothing should have been charged, but there is:\n  198.00 on 712345678 by card", paysByCard+text)
	play(t, w, "no text was expected", paysByCard+charge)
	play(t, w, "712345678 owes 0.00, not 1.00", paysByCard+charge+text+"owes 712345678 1.00")
	play(t, w, "expected a text to +16175550102", paysByCard+`texted +16175550102 "payment"`)
	play(t, w, "expected in the log, but not there", paysByCard+charge+text+`logs "a thing that never was"`)
	play(t, w, "never heard", paysByCard+charge+text+`when "a word" hang-up`)
	play(t, w, "the line would not take this", "sample\ncall from +16175550101\npress 12")
	play(t, w, "no confirmation number was spoken", "sample\ncall from +16175550101\nreceipt")
	play(t, w, "no person was dialled", "sample\ncall from +16175550101\nhanded-over reason=asked")
	play(t, w, "expected to hear \"lovely weather\"", "sample\ncall from +16175550101\nhear \"lovely weather\"")
	play(t, w, "no call was expected, but a phone has rung", `sample text-from +16175550101 "PAY" texted +16175550101 "calling you now"`)
	play(t, w, "the phone of +14135550102 does not ring", "sample\nanswer +14135550102")
	play(t, w, "due_soon is not held back", "sample\nresume due_soon")
	play(t, w, "0 numbers have got the text", "sample\nall-texted 2 \"bill\"")
	play(t, w, `is "+1617" in the export? false`, "sample\nexported \"+1617\"")
	play(t, w, "the clock does not go back", "sample\nuntil 2026-01-01T00:00")
	play(t, w, "policy: ", "policy no_such_key = 1\nsample")
}

func TestUntrueFactsAreFound(t *testing.T) {
	t.Parallel()
	w := openHarness(t, harness.Config{})
	play(t, w, "", paysByCard+"charged 712345678 198.00 card\n"+`texted +16175550101 "payment received"`)
	paid, err := w.NewestPayment(t.Context(), "712345678")
	if err != nil {
		t.Fatal(err)
	}
	key := w.AttemptKey(t.Context(), paid.Reference)
	tests := []struct {
		fact   ivr.Fact
		untrue string // empty: it is true
	}{
		{ivr.Fact{Says: "owes", Account: "712345678"}, ""},
		{ivr.Fact{Says: "owes", Account: "712345678", Cents: 19800}, "billed less ledger is 0 cents, not 19800"},
		{ivr.Fact{Says: "due", Account: "712345678", Due: "2027-02-23"}, ""},
		{ivr.Fact{Says: "due", Account: "712345678", Due: "2027-03-23"}, "the newest bill is due 2027-02-23"},
		{ivr.Fact{Says: "paid", Attempt: key, Reference: paid.Reference, Cents: 19800}, ""},
		{ivr.Fact{Says: "paid", Attempt: key, Reference: "999999999", Cents: 19800}, "reference or amount"},
		{ivr.Fact{Says: "paid", Attempt: key, Reference: paid.Reference, Cents: 100}, "reference or amount"},
		{ivr.Fact{Says: "not-charged", Attempt: key}, "the payment is taken"},
		{ivr.Fact{Says: "unknown", Attempt: key}, "the payment is taken"},
		{ivr.Fact{Says: "in-flight", Attempt: key}, "the payment is taken"},
		{ivr.Fact{Says: "paid", Attempt: "none"}, "its payment is not in the database"},
	}
	for _, tt := range tests {
		got := w.Untrue(t.Context(), tt.fact)
		if tt.untrue == "" && got != "" || tt.untrue != "" && !strings.Contains(got, tt.untrue) {
			t.Errorf("%s %v: %q, want %q", tt.fact.Says, tt.fact, got, tt.untrue)
		}
	}
}

// A secret is found wherever it is put, and short ones only where they stand by themselves.
func TestLeaksAreFound(t *testing.T) {
	t.Parallel()
	w := openHarness(t, harness.Config{})
	if err := w.ImportSamples(t.Context()); err != nil {
		t.Fatal(err)
	}
	secrets := []string{"5105105105105100", "02197"}
	clean, err := w.Leaks(t.Context(), secrets)
	if err != nil || len(clean) > 0 {
		t.Fatalf("found in a clean harness: %v (%v)", clean, err)
	}
	w.Logger().Debug("a line", "card", "5105105105105100")
	if err := w.Plant(t.Context(), "call:x", "zip=02197", "the ZIP is 02197."); err != nil {
		t.Fatal(err)
	}
	got, err := w.Leaks(t.Context(), secrets)
	if err != nil {
		t.Fatal(err)
	}
	want := "the log, a Redis value, the database, tasks.detail"
	if strings.Join(got, ", ") != want {
		t.Errorf("found in %v, want %s", got, want)
	}
	if err := w.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := w.Leaks(t.Context(), secrets); err != nil || len(got) > 0 {
		t.Errorf("still found after a reset: %v (%v)", got, err)
	}
}

// Every 02:00 brings an import, in order; the one of the night without a 02:00 comes at 03:00.
func TestTheClockPassesEveryImport(t *testing.T) {
	t.Parallel()
	w := openHarness(t, harness.Config{Log: slog.DiscardHandler})
	zone := w.Zone()
	w.StopClock(time.Date(2027, time.March, 12, 12, 0, 0, 0, zone))
	if err := w.ImportSamples(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Until(t.Context(), time.Date(2027, time.March, 15, 1, 59, 59, 0, zone)); err != nil {
		t.Fatal(err)
	}
	got, err := w.ImportsSeen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := "2027-03-12T12:00:00-05:00 2027-03-13T02:00:00-05:00 2027-03-14T03:00:00-04:00"
	if strings.Join(got, " ") != want {
		t.Errorf("imports at %v, want %s", got, want)
	}
	w.StopImports()
	if err := w.Advance(t.Context(), 48*time.Hour); err != nil {
		t.Fatal(err)
	}
	if again, err := w.ImportsSeen(t.Context()); err != nil || len(again) != len(got) {
		t.Errorf("a stale billing system imported: %v (%v)", again, err)
	}
}
