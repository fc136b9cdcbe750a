package harness_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/lab/harness"
	"duebell/lab/testenv"
	"duebell/lab/twilio"
)

const member = "+16175550101"

func openWithSamples(t *testing.T, policy string) *harness.Harness {
	t.Helper()
	ctx := context.Background()
	w, err := harness.Open(ctx, harness.Config{DatabaseURL: testenv.Postgres(t), Policy: harness.DefaultPolicy + "\n" + policy})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := w.ImportSamples(ctx); err != nil {
		t.Fatal(err)
	}
	return w
}

type story struct {
	t *testing.T
	w *harness.Harness
}

func (s story) texted(from, body string) {
	s.t.Helper()
	if err := s.w.Twilio().TextFrom(context.Background(), from, body); err != nil {
		s.t.Fatal(err)
	}
	s.settle()
}

func (s story) settle() {
	s.t.Helper()
	if err := s.w.ProcessDue(context.Background()); err != nil {
		s.t.Fatal(err)
	}
}

func (s story) pass(d time.Duration) {
	s.t.Helper()
	if err := s.w.Advance(context.Background(), d); err != nil {
		s.t.Fatal(err)
	}
}

// call is the nth call that the line has placed.
func (s story) call(n int) *twilio.Call {
	s.t.Helper()
	calls := s.w.Twilio().Outbound()
	if len(calls) != n {
		s.t.Fatalf("%d calls placed, want %d", len(calls), n)
	}
	return calls[n-1]
}

func said(c *twilio.Call) string {
	var words []string
	for _, h := range c.HeardSinceInput() {
		words = append(words, h.Text)
	}
	return strings.Join(words, " ")
}

func (s story) hear(c *twilio.Call, want string) {
	s.t.Helper()
	if got := said(c); !strings.Contains(got, want) {
		s.t.Fatalf("heard %q, want %q\n%s", got, want, strings.Join(c.Transcript(), "\n"))
	}
}

func (s story) do(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s story) texts() []string {
	var list []string
	for _, x := range s.w.Texts() {
		list = append(list, x.To+" "+x.Body)
	}
	return list
}

func (s story) clean() {
	s.t.Helper()
	for _, f := range s.w.Twilio().Faults() {
		s.t.Error(f)
	}
}

const ack = "Health Connector: we are calling you now from 1-877-623-6765. We will never ask for bank details by text. STOP to opt out."

// TestPayByText: a text, a call, identity, and the bill is paid by card.
func TestPayByText(t *testing.T) {
	for _, mode := range []twilio.Mode{twilio.ModeNormal, twilio.ModeRepeats, twilio.ModeRepeatsAtOnce, twilio.ModeAPIDropsReply, twilio.ModeCallbacksShuffled, twilio.ModeCallbacksTwice} {
		t.Run(string(mode), func(t *testing.T) {
			ctx := context.Background()
			s := story{t, openWithSamples(t, "")}
			s.do(s.w.Twilio().SetMode(mode))
			s.texted(member, "PAY")
			c := s.call(1)
			if c.To != member || c.From != harness.LineNumber {
				t.Errorf("from %s to %s", c.From, c.To)
			}
			s.do(c.Answer(ctx, "human"))
			s.hear(c, "Massachusetts Health Connector payment line, 1-877-623-6765. You asked us to call you.")
			s.do(c.Press(ctx, "1"))
			s.hear(c, "account number or member ID")
			s.do(c.Press(ctx, "712345678#"))
			s.do(c.Press(ctx, "04121980#"))
			s.do(c.Press(ctx, "02139#"))
			s.hear(c, "you owe 198 dollars")
			s.do(c.Press(ctx, "1"))
			s.hear(c, "bank account")
			s.do(c.Press(ctx, "2"))
			s.do(c.Press(ctx, "1"))
			s.do(c.PayCard(ctx, "4242424242424242", "12/29", "123", "02139"))
			for !strings.Contains(said(c), "confirmation number") && !c.Over() {
				s.settle()
				s.do(c.Silence(ctx))
			}
			s.do(c.HangUp(ctx))
			s.do(s.w.Twilio().SetMode(twilio.ModeNormal))
			s.pass(15 * time.Minute)
			s.call(1)
			if got := s.texts(); len(got) != 2 || got[0] != member+" "+ack || !strings.Contains(got[1], "payment received") {
				t.Errorf("texts %q", got)
			}
			s.do(s.w.Reconcile(ctx))
			s.clean()
		})
	}
}

// TestNobodyAnswersACallBack: busy, no answer and failed end it; the member may ask again later.
func TestNobodyAnswersACallBack(t *testing.T) {
	ctx := context.Background()
	s := story{t, openWithSamples(t, "")}
	s.texted(member, "call me")
	s.texted(member, "call")
	for i, status := range []string{"busy", "no-answer", "failed"} {
		s.do(s.call(i+1).NotAnswered(ctx, status))
		s.pass(9 * time.Minute)
		s.texted(member, "PAY")
		s.pass(time.Minute)
		s.texted(member, "PAY")
	}
	s.call(3) // and no fourth on one day
	var acks int
	for _, text := range s.texts() {
		if strings.HasSuffix(text, ack) {
			acks++
		}
	}
	if acks != 3 {
		t.Errorf("%d announcements: %q", acks, s.texts())
	}
	s.clean()
}

// TestAMachineAnswersACallBack: brand and number, and good-bye.
func TestAMachineAnswersACallBack(t *testing.T) {
	ctx := context.Background()
	s := story{t, openWithSamples(t, "")}
	s.texted(member, "PAY")
	c := s.call(1)
	s.do(c.Answer(ctx, "machine_start"))
	if got := said(c); got != "This is the Massachusetts Health Connector. Our number is 1-877-623-6765." || !c.Over() {
		t.Errorf("%q, over %v", got, c.Over())
	}
	s.clean()
}

// TestTwilioIsDownForACallBack: it comes when Twilio is back, or the text says that none could be made.
func TestTwilioIsDownForACallBack(t *testing.T) {
	s := story{t, openWithSamples(t, "")}
	s.do(s.w.Twilio().SetMode(twilio.ModeAPIRateLimits))
	s.texted(member, "PAY")
	s.pass(5 * time.Minute)
	s.do(s.w.Twilio().SetMode(twilio.ModeNormal))
	s.pass(6 * time.Minute)
	s.call(1)
	if diff := cmp.Diff([]string{member + " " + ack}, s.texts()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.clean()
}

// TestWrongNumberByText: an answer, and the import does not bring the number back.
func TestWrongNumberByText(t *testing.T) {
	s := story{t, openWithSamples(t, "")}
	s.texted(member, "wrong number")
	s.pass(48 * time.Hour) // two imports
	if got := s.texts(); len(got) != 1 || !strings.Contains(got[0], "no more texts") {
		t.Errorf("texts %q", got)
	}
	s.clean()
}

// TestFilteredInTheWorld: a kind that carriers filter is stopped, and the harness does not wait for it.
func TestFilteredInTheWorld(t *testing.T) {
	s := story{t, openWithSamples(t, "")}
	s.w.Twilio().SetOutcome(member, twilio.Outcome{Final: "undelivered", ErrorCode: 30007})
	s.texted(member, "balance")
	s.w.Twilio().SetOutcome(member, twilio.Outcome{})
	s.texted(member, "balance")
	s.texted(member, "skip")
	s.pass(2 * time.Minute)
	if got := s.texts(); len(got) != 2 {
		t.Errorf("texts %q", got)
	}
	s.clean()
}
