package app

import (
	"context"
	"errors"

	"duebell/ivr"
	"duebell/notify"
	"duebell/store"
)

// callTexts is what a caller may do about texts: the calls' words in those of the texts' room, which
// decides what each wish changes and what is answered.
type callTexts struct {
	*store.Store
	inbox *notify.Inbox
	basis []string // the consents that count (O1)
}

// Textable reports whether a text may go to a number: consent that counts, and no opt-out.
func (t callTexts) Textable(ctx context.Context, number string) (bool, error) {
	return t.Store.Textable(ctx, number, t.basis)
}

// onCall is what the ledgers keep as the words of a wish that was keyed or said to a menu: the call and the
// turn stand beside it.
const onCall = "chosen on a call"

// Stop ends all texts to a number, at once (O1, O2).
func (t callTexts) Stop(ctx context.Context, number, cause string) error {
	return t.inbox.OptOut(ctx, number, notify.FromCall, onCall, cause)
}

// Start lets texts to a number begin again, or says that only a text from the number itself does (O4).
func (t callTexts) Start(ctx context.Context, number, cause string) error {
	err := t.inbox.OptIn(ctx, number, notify.FromCall, onCall, cause)
	if errors.Is(err, notify.ErrTextStart) {
		return ivr.ErrTextStart
	}
	return err
}
