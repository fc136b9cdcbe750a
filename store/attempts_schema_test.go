package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// columns are what an attempt has in each of its states, beyond call, account and amount.
var columns = map[string]map[string]string{
	"offered":    {},
	"tokenized":  {"tokenized_at": "@at", "token_sealed": `'\x01'`},
	"authorized": {"token_sealed": `'\x01'`, "authorized_at": "@at", "reference": "'100000009'", "not_before": "@at"},
	"confirming": {"token_sealed": `'\x01'`, "authorized_at": "@at", "reference": "'100000009'", "intent_id": "'pi_1'"},
	"unknown":    {"token_sealed": `'\x01'`, "authorized_at": "@at", "reference": "'100000009'", "intent_id": "'pi_1'"},
	"taken":      {"authorized_at": "@at", "reference": "'100000009'", "intent_id": "'pi_1'", "settled_at": "@at"},
	"declined":   {"authorized_at": "@at", "reference": "'100000009'", "settled_at": "@at"},
	"returned":   {"authorized_at": "@at", "reference": "'100000009'", "intent_id": "'pi_1'", "settled_at": "@at", "returned_at": "@at"},
	"voided":     {"authorized_at": "@at", "reference": "'100000009'", "settled_at": "@at"},
	"closed":     {"settled_at": "@at"},
}

// insertAttempt writes an attempt of a state with some columns changed; a change to "-" leaves one out.
func insertAttempt(key, state string, changes map[string]string) string {
	set := map[string]string{
		"key": "'" + key + "'", "call_sid": "'CA" + key + "'", "turn": "7", "account": "'712345678'", "cents": "19800", "method": "'card'",
		"state": "'" + state + "'", "offered_at": "@at",
	}
	for _, more := range []map[string]string{columns[state], changes} {
		for name, value := range more {
			set[name] = value
		}
	}
	var names, values []string
	for name, value := range set {
		if value != "-" {
			names, values = append(names, name), append(values, strings.ReplaceAll(value, "@at", "'2027-02-10T15:00:00Z'"))
		}
	}
	return "INSERT INTO payment_attempts (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")"
}

// refused runs a statement that the schema must refuse by the name of a constraint, or in words.
func (p *textFixture) refused(what, by, statement string) {
	p.t.Helper()
	_, err := p.pool.Exec(context.Background(), statement)
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.ConstraintName != by && !strings.Contains(pg.Message, by) {
		p.t.Errorf("%s: %v, want it refused by %s", what, err, by)
	}
}

// TestSchemaTakesEveryState: what the table below changes is possible before the change.
func TestSchemaTakesEveryState(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	for state := range columns {
		p.exec(insertAttempt("k", state, nil))
		p.exec(`DELETE FROM payment_attempts`)
		p.exec(insertAttempt("k", state, map[string]string{"method": "'bank'", "bank_type": "'savings'"}))
		p.exec(`DELETE FROM payment_attempts`)
	}
}

// TestSchemaRefusesImpossibleAttempts: no program, whatever it does, can write these.
func TestSchemaRefusesImpossibleAttempts(t *testing.T) {
	t.Parallel()
	type change = map[string]string
	var consented, open, settled, charged []string
	for state, c := range columns {
		if c["authorized_at"] != "" {
			consented = append(consented, state)
		}
		if c["settled_at"] != "" {
			settled = append(settled, state)
		} else if c["authorized_at"] != "" {
			open = append(open, state)
		}
		if c["intent_id"] != "" {
			charged = append(charged, state)
		}
	}
	p := newTextFixture(t)
	for _, c := range []struct {
		what   string
		states []string
		change change
		by     string
	}{
		{"a state that is no word of ours", []string{"offered"}, change{"state": "'paid'", "authorized_at": "@at", "reference": "'100000009'"}, "payment_attempts_state_check"},
		{"no amount", []string{"offered"}, change{"cents": "0"}, "payment_attempts_cents_check"},
		{"less than nothing", []string{"offered"}, change{"cents": "-1"}, "payment_attempts_cents_check"},
		{"a fee below zero", []string{"offered"}, change{"fee_cents": "-1"}, "payment_attempts_fee_cents_check"},
		{"an account that does not exist", []string{"offered"}, change{"account": "'799999999'"}, "payment_attempts_account_fkey"},
		{"another way to pay", []string{"offered"}, change{"method": "'cash'"}, "payment_attempts_method_check"},
		{"a bank without its type", []string{"offered"}, change{"method": "'bank'"}, "bank_type_with_bank"},
		{"a card with a bank's type", []string{"offered"}, change{"bank_type": "'savings'"}, "bank_type_with_bank"},
		{"a whole number instead of its end", []string{"tokenized"}, change{"last4": "'4242424242424242'"}, "payment_attempts_last4_check"},
		{"a reference of another shape", []string{"authorized"}, change{"reference": "'10000000'"}, "payment_attempts_reference_check"},
		{"consent without its instant", consented, change{"authorized_at": "-"}, "consent_before_money"},
		{"consent without a reference", consented, change{"reference": "-"}, "reference_with_consent"},
		{"a consent to what was closed", []string{"offered", "tokenized", "closed"}, change{"authorized_at": "@at", "reference": "'100000009'"}, "consent_before_money"},
		{"a token before the capture", []string{"offered"}, change{"token_sealed": `'\x01'`}, "token_while_it_may_be_charged"},
		{"a token kept without need", []string{"declined", "voided", "closed"}, change{"token_sealed": `'\x01'`}, "token_while_it_may_be_charged"},
		{"open without a token", append(open, "tokenized"), change{"token_sealed": "-"}, "token_before_consent"},
		{"charged without the processor's object", charged, change{"intent_id": "-"}, "intent_before_confirm"},
		{"settled without an instant", settled, change{"settled_at": "-"}, "settled_when_final"},
		{"open and settled", append(open, "offered", "tokenized"), change{"settled_at": "@at"}, "settled_when_final"},
		{"returned without an instant", []string{"returned"}, change{"returned_at": "-"}, "returned_once"},
		{"returned and still taken", []string{"taken", "declined"}, change{"returned_at": "@at"}, "returned_once"},
	} {
		for _, state := range c.states {
			p.refused(c.what+", "+state, c.by, insertAttempt("k", state, c.change))
		}
	}
	p.exec(insertAttempt("k", "authorized", nil))
	p.refused("a second attempt of a turn", "one_attempt_a_turn", insertAttempt("l", "offered", change{"call_sid": "'CAk'"}))
	p.refused("a second use of a reference", "one_attempt_a_reference", insertAttempt("l", "declined", nil))
	for _, state := range open {
		p.refused("a second open payment, "+state, "one_open_attempt_an_account", insertAttempt("l", state, change{"reference": "'100000017'"}))
		p.exec(insertAttempt("other"+state, state, change{
			"account":   map[string]string{"authorized": "'712345686'", "confirming": "'723456789'", "unknown": "'712345686'"}[state],
			"reference": fmt.Sprintf("'2000000%02d'", len(state)), "intent_id": "'pi_" + state + "'",
		}))
		p.exec(`DELETE FROM payment_attempts WHERE key LIKE 'other%'`)
	}
}

// TestLedgerIsAppendOnly (L1): and an attempt has one entry of a kind at most.
func TestLedgerIsAppendOnly(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.exec(insertAttempt("k", "taken", nil))
	const entry = `INSERT INTO ledger (account, kind, cents, reference, attempt_key, external_id, received_at, recorded_at)
		VALUES ('712345678', '%s', %d, '100000009', %s, %s, '2027-02-10T15:00:00Z', '2027-02-10T15:00:00Z')`
	p.exec(fmt.Sprintf(entry, "payment", 19800, "'k'", "NULL"))
	p.exec(fmt.Sprintf(entry, "foreign", -100, "NULL", "'x1'"))
	for _, c := range []struct{ what, by, statement string }{
		{"a change", "append-only", `UPDATE ledger SET cents = cents`},
		{"a deletion", "append-only", `DELETE FROM ledger`},
		{"a second payment of an attempt", "ledger_once", fmt.Sprintf(entry, "payment", 19800, "'k'", "NULL")},
		{"a payment below zero", "sign_of_kind", fmt.Sprintf(entry, "payment", -1, "'k'", "NULL")},
		{"a reversal above zero", "sign_of_kind", fmt.Sprintf(entry, "reversal", 1, "'k'", "NULL")},
		{"a payment without its attempt", "ours_or_foreign", fmt.Sprintf(entry, "payment", 1, "NULL", "NULL")},
		{"a foreign entry with an attempt", "ours_or_foreign", fmt.Sprintf(entry, "foreign", 1, "'k'", "'x2'")},
		{"a foreign entry twice", "ledger_external_id_key", fmt.Sprintf(entry, "foreign", 1, "NULL", "'x1'")},
		{"another kind", "ledger_kind_check", fmt.Sprintf(entry, "gift", 1, "NULL", "'x2'")},
	} {
		p.refused(c.what, c.by, c.statement)
	}
	p.exec(fmt.Sprintf(entry, "reversal", -19800, "'k'", "NULL"))
	p.refused("a second reversal", "ledger_once", fmt.Sprintf(entry, "reversal", -19800, "'k'", "NULL"))
	if got := p.lines(`SELECT kind, cents FROM ledger ORDER BY id`); strings.Join(got, " ") != "payment|19800 foreign|-100 reversal|-19800" {
		t.Errorf("ledger: %v", got)
	}
}
