package main

import (
	"strings"
	"testing"
	"time"

	"duebell/cmd/internal/command"
	"duebell/handoff"
)

// D3: account and phone numbers are shown as their last four unless they are asked for, to call back.
func TestHandoffsAreListed(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2027, time.February, 10, 23, 30, 0, 0, time.UTC)
	slot := time.Date(2027, time.February, 11, 13, 0, 0, 0, time.UTC)
	list := []handoff.Request{
		{
			ID: 3, Kind: handoff.CallBack, Number: "+16175550101", From: slot, Until: slot.Add(30 * time.Minute), Reason: "asked", Account: "712345678",
			Lang: "es", Deadline: time.Date(2027, time.February, 23, 22, 0, 0, 0, time.UTC), At: at, Open: true,
		},
		{
			ID: 2, Kind: handoff.HandOver, Reason: "tries", Lang: "en", At: at, Tier: "T0", Doing: "ask-zip",
			Outcome: handoff.Busy, Open: true,
		},
		{ID: 1, Kind: handoff.HandOver, Number: "+16175550102", Lang: "en", Reason: "asked", At: at, Tier: "T2", Payment: "open", DoneAt: at},
	}
	tests := []struct {
		reveal bool
		want   string
	}{
		{false, `
			ID WHAT STATE DEADLINE CALL FROM CALL UNTIL NUMBER LANGUAGE ACCOUNT PROVEN WHY WHERE PAYMENT SINCE
			3 call-back open 2027-02-23 17:00:00 EST 2027-02-11 08:00:00 EST 2027-02-11 08:30:00 EST …0101 es …5678 - asked - - 2027-02-10 18:30:00 EST
			2 hand-over busy - - - - en - T0 tries ask-zip - 2027-02-10 18:30:00 EST
			1 hand-over done - - - …0102 en - T2 asked - open 2027-02-10 18:30:00 EST`},
		{true, `
			ID WHAT STATE DEADLINE CALL FROM CALL UNTIL NUMBER LANGUAGE ACCOUNT PROVEN WHY WHERE PAYMENT SINCE
			3 call-back open 2027-02-23 17:00:00 EST 2027-02-11 08:00:00 EST 2027-02-11 08:30:00 EST +16175550101 es 712345678 - asked - - 2027-02-10 18:30:00 EST
			2 hand-over busy - - - - en - T0 tries ask-zip - 2027-02-10 18:30:00 EST
			1 hand-over done - - - +16175550102 en - T2 asked - open 2027-02-10 18:30:00 EST`},
	}
	for _, tt := range tests {
		var out strings.Builder
		if err := command.Table(&out, command.Format{}, zone, list, handoffColumns(command.Reveal{Reveal: tt.reveal})); err != nil {
			t.Fatal(err)
		}
		if got, want := strings.Join(strings.Fields(out.String()), " "), strings.Join(strings.Fields(tt.want), " "); got != want {
			t.Errorf("reveal %t:\n%s", tt.reveal, out.String())
		}
	}
}
