package connector_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"duebell/payments/connector"
)

// instants are the times and durations of log lines.
var instants = regexp.MustCompile(`time=\S+|"time":"[^"]*"|"ms":[0-9.]+`)

// TestNoNumberLeavesTheConnector looks for every run of four digits of the numbers in everything
// that leaves the connector but the processor's request (D1: no run of four).
func TestNoNumberLeavesTheConnector(t *testing.T) {
	const routing, account, holder, card = "325181015", "77390428661", "Zebulon Quax", "4929718203647583"
	r := newFixture()
	asked := func(change map[string]string) string {
		return body(mergeInto(map[string]string{"routingnumber": routing, "bankaccountnumber": account, "holder_name": holder}, change))
	}
	var out strings.Builder
	for i, b := range []string{
		asked(nil),
		asked(map[string]string{"method": "charge"}),
		asked(map[string]string{"transaction_id": "T2", "account_type": "none"}),
		asked(map[string]string{"bankaccountnumber": account + "x"}),
		asked(map[string]string{"routingnumber": routing[:8]}),
		strings.TrimSuffix(asked(nil), "}") + `,"cardnumber":"` + card + `"}`,
		`{"cardnumber":"` + card + `"}`,
		asked(nil)[:120],
	} {
		if i == 2 {
			r.err = fmt.Errorf("declined: %w", connector.ErrRefused)
		}
		out.WriteString(r.post(t, b).raw)
	}
	r.err = errors.New("refused " + routing) // a careless Tokenizer
	out.WriteString(r.post(t, asked(map[string]string{"transaction_id": "T9"})).raw)
	b := connector.BankAccount{Routing: routing, Account: account, Holder: holder}
	text, err := json.Marshal(map[string]any{"a": b, "b": &b})
	if err != nil {
		t.Fatal(err)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("printed", "account", b, "pointer", &b)
	fmt.Fprintf(&out, "%v %+v %#v %s %q %x %d %v %+v %#v %s", b, b, b, b, b, b, b, &b, &b, []connector.BankAccount{b}, text)
	all := out.String() + r.log.String()
	last4 := `"last4":"` + account[len(account)-4:] + `"` // D1: the last four may be shown
	all = strings.ReplaceAll(all, last4, "")
	all = instants.ReplaceAllString(all, "") // whose fractions may hold any four digits
	for _, secret := range []string{routing, account, card, holder} {
		for i := range len(secret) - 3 {
			if run := secret[i : i+4]; strings.Contains(all, run) {
				t.Errorf("%q was found in what leaves the connector", run)
			}
		}
	}
}

// TestLogsOutcomeAndTimeOnly: the one log line holds nothing else.
func TestLogsOutcomeAndTimeOnly(t *testing.T) {
	r := newFixture()
	r.post(t, body(nil))
	var line map[string]any
	if err := json.Unmarshal(r.log.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	delete(line, "time")
	delete(line, "ms")
	want := map[string]any{"level": "INFO", "msg": "bank connector", "outcome": "tokenized"}
	if diff := cmp.Diff(want, line); diff != "" {
		t.Error(diff)
	}
}

func mergeInto(base, change map[string]string) map[string]string {
	for name, value := range change {
		base[name] = value
	}
	return base
}
