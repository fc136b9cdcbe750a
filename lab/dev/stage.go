package dev

import (
	"context"
	"fmt"
	"time"

	"duebell/lab/harness"
	"duebell/lab/phone"
)

// stage is the world as the telephone's page sees it.
type stage struct {
	w     *harness.World
	moved func()
}

// Now is the domain's time.
func (s *stage) Now() time.Time { return s.w.Now() }

// Until moves the clock.
func (s *stage) Until(ctx context.Context, at time.Time) error {
	defer s.moved()
	return s.w.Until(ctx, at)
}

// shownRows is how much of each view the page shows.
const shownRows = 200

// Books reads the contract's views.
func (s *stage) Books(ctx context.Context) (phone.Books, error) {
	rows, err := s.w.Rows(ctx, shownRows)
	if err != nil {
		return phone.Books{}, err
	}
	b := phone.Books{Owed: rows.Owed}
	for _, p := range rows.Payments {
		b.Payments = append(b.Payments, phone.Payment{
			Reference: p.Reference, Confirmation: p.Confirmation, Account: p.Account, Method: p.Method, State: p.State,
			Cents: p.Cents, AuthorizedAt: orZero(p.AuthorizedAt),
		})
	}
	for _, e := range rows.Ledger {
		b.Ledger = append(b.Ledger, phone.Entry(e))
	}
	for _, t := range rows.Texts {
		b.Texts = append(b.Texts, phone.Text{To: t.To, Kind: t.Kind, State: t.State, Body: t.Body, CreatedAt: t.CreatedAt, SentAt: orZero(t.SentAt)})
	}
	for _, r := range rows.Requests {
		state := string(r.Outcome)
		switch {
		case !r.DoneAt.IsZero():
			state = "done"
		case state == "" && r.Open:
			state = "open"
		}
		b.Requests = append(b.Requests, phone.Request{
			Kind: string(r.Kind), State: state, Number: r.Number, Language: r.Lang, Tier: r.Tier, Doing: r.Doing, From: r.From, Deadline: r.Deadline, At: r.At,
		})
	}
	return b, nil
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// Trouble breaks a part, or mends it.
func (s *stage) Trouble(ctx context.Context, part, word string) error {
	switch part + " " + word {
	case "redis up":
		s.w.RedisUp()
	case "redis down":
		s.w.RedisDown(ctx)
	case "redis empty":
		return s.w.RedisEmpty(ctx)
	case "database up":
		s.w.DatabaseUp()
	case "database down":
		s.w.DatabaseDown(ctx)
	case "database drops-next-commit-reply":
		s.w.DropNextCommitReply(ctx, harness.OfServe)
	default:
		return s.standIn(part, word)
	}
	return nil
}

// standIn sets one way to misbehave in the place of every other.
func (s *stage) standIn(part, word string) error {
	switch part {
	case "processor":
		return s.w.SetProcessor(word)
	case "twilio":
		if err := s.w.Normal(); err != nil {
			return err
		}
		return s.w.SetTwilio(word)
	}
	return fmt.Errorf("nothing is called %q", part)
}
