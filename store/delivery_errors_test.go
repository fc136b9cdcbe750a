package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/internal/twilio"
	"duebell/notify"
	"duebell/payments"
)

// TestEveryErrorClass: each code that a carrier gives for a text that did not arrive, from its number to
// what follows.
func TestEveryErrorClass(t *testing.T) {
	t.Parallel()
	const again, dead, stop, kind, all, nothing = "sent again", "number suppressed: undeliverable", "number suppressed: carrier", "stopped payment_received", "stopped *", "noted"
	for code, want := range map[int]string{
		30001: again, 30003: again, 30008: again, 30036: again, 63017: again,
		30005: dead, 30006: dead, 21614: dead,
		30004: stop, 21610: stop,
		30007: kind,
		30002: all, 30024: all, 30034: all,
		21408: nothing, 39999: nothing, 0: nothing,
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			p := newTextFixture(t)
			p.taken(anas, payments.Card, ana, false)
			p.work()
			p.reportCode(1, "undelivered", notify.Trouble(twilio.Explain(code)), code)
			p.firstIs("undelivered")
			p.pass(16 * time.Minute)
			got := nothing
			for _, row := range p.lines(`SELECT 'number suppressed: ' || source FROM suppressions
				UNION ALL SELECT 'stopped ' || kind FROM paused_kinds
				UNION ALL SELECT 'sent again' FROM notices WHERE retries = 1 AND state = 'accepted'`) {
				got = strings.TrimPrefix(got+", "+row, nothing+", ")
			}
			if got != want {
				t.Errorf("%s, want %s", got, want)
			}
			tasks := map[string]string{dead: "number-takes-no-texts", kind: "texts-stopped", all: "texts-stopped"}
			if got := strings.Join(p.lines(`SELECT kind FROM tasks`), " "); got != tasks[want] {
				t.Errorf("tasks %q, want %q", got, tasks[want])
			}
			if p.textable(ana) != (want != dead && want != stop) {
				t.Errorf("textable: %v", p.textable(ana))
			}
		})
	}
}

// firstIs wants a state of the first notice.
func (p *textFixture) firstIs(want string) {
	p.t.Helper()
	if got := p.one(`SELECT state FROM notices ORDER BY id LIMIT 1`); got != want {
		p.t.Errorf("the first notice is %s, want %s", got, want)
	}
}

// TestEveryInboundClass: what each kind of text leaves in the books, once, however often it is delivered.
func TestEveryInboundClass(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		body string
		want []string
	}{
		{"STOP", []string{"suppressed by twilio"}},
		{"alto", []string{"suppressed by text", "text optout_confirm"}},
		{"Please stop sending me these", []string{"suppressed by text", "text optout_confirm"}},
		{"wrong number", []string{"detached", "suppressed by text", "task wrong-number", "text optout_confirm"}},
		{"START", []string{"consent by twilio"}},
		{"subscribe", []string{"consent by text", "text optin_confirm"}},
		{"HELP", nil},
		{"ayuda", []string{"text help_reply"}},
		{"PAY", []string{"call call_back", "text call_ack"}},
		{"please call me now", []string{"call call_back", "text call_ack"}},
		{"BALANCE", []string{"text balance_reply"}},
		{"is this real?", []string{"text real_reply"}},
		{"skip", []string{"text autopay_reply"}},
		{"change date", []string{"text autopay_reply"}},
		{"stop the payment on Friday", []string{"task text-to-read"}},
		{"who is this", []string{"text help_reply"}},
	} {
		t.Run(c.body, func(t *testing.T) {
			t.Parallel()
			p := openPhone(t, 0)
			p.exec(`DELETE FROM consents`)
			for range 3 {
				p.receive("SM1", ana, c.body)
				p.work()
			}
			got := p.lines(`SELECT 'consent by ' || source FROM consents
				UNION ALL SELECT DISTINCT 'suppressed by ' || source FROM suppressions
				UNION ALL SELECT CASE channel WHEN 'voice' THEN 'call ' ELSE 'text ' END || kind FROM notices WHERE state = 'accepted'
				UNION ALL SELECT 'task ' || kind FROM tasks
				UNION ALL SELECT 'detached' FROM detached_numbers
				ORDER BY 1`)
			if diff := cmp.Diff(append([]string{}, c.want...), append([]string{}, got...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
