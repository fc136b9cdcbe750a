package app

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"duebell/billing"
	"duebell/internal/seal"
	"duebell/ivr"
	"duebell/lab/testenv"
	"duebell/notify"
	"duebell/store"
)

type noon struct{}

func (noon) Now() time.Time { return time.Date(2027, time.February, 10, 17, 0, 0, 0, time.UTC) }

// O1, O2, O4: off at once and answered once, on again by the caller, and by a text alone where Twilio blocks.
func TestTextsByVoice(t *testing.T) {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, testenv.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	keys, err := seal.ParseKeys("k1:" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	s := store.New(pool, nil, keys, keys, noon{})
	policy := billing.DefaultPolicy()
	calendar, err := billing.NewCalendar(policy)
	if err != nil {
		t.Fatal(err)
	}
	texts := callTexts{s, notify.NewInbox(s, policy, calendar, noon{}, slog.New(slog.DiscardHandler)), policy.SMSBasis}
	const number = "+16175550101"
	wants := func(textable bool, kind notify.Kind, notices int) {
		t.Helper()
		if got, err := texts.Textable(ctx, number); err != nil || got != textable {
			t.Errorf("textable %t, %v", got, err)
		}
		var n int
		if err := pool.QueryRow(ctx, "SELECT count(*) FROM notices WHERE kind = $1", string(kind)).Scan(&n); err != nil || n != notices {
			t.Errorf("%d notices %s, %v; want %d", n, kind, err, notices)
		}
	}
	if err := texts.Start(ctx, number, "CA1/3"); err != nil {
		t.Fatal(err)
	}
	wants(true, notify.OptInConfirm, 1)
	for range 2 { // the turn runs twice
		if err := texts.Stop(ctx, number, "CA1/5"); err != nil {
			t.Fatal(err)
		}
	}
	wants(false, notify.OptOutConfirm, 1)
	if err := texts.Start(ctx, number, "CA1/7"); err != nil {
		t.Fatal(err)
	}
	wants(true, notify.OptInConfirm, 2)
	if err := s.SuppressNumber(ctx, notify.Suppression{Number: number, Source: notify.FromTwilio, Words: "STOP"}, noon{}.Now()); err != nil {
		t.Fatal(err)
	}
	if err := texts.Start(ctx, number, "CA1/9"); !errors.Is(err, ivr.ErrTextStart) {
		t.Errorf("blocked by Twilio: %v", err)
	}
	wants(false, notify.OptInConfirm, 2)
}
