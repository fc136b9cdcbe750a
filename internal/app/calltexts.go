package app

import (
	"context"
	"errors"

	"duebell/ivr"
	"duebell/notify"
	"duebell/store"
)

// callTexts lets a caller end or allow texts. It translates the call's words into those of notify, which decides
// what changes and what is answered by text.
// It implements ivr.Texts. A caller's key reaches notify's inbox as if the owner of the number had written.
type callTexts struct {
	*store.Store
	inbox *notify.Inbox
	basis []string // the consents that count (O1)
}

// Textable reports whether a text may go to a number: consent that counts, and no opt-out.
func (t callTexts) Textable(ctx context.Context, number string) (bool, error) {
	return t.Store.Textable(ctx, number, t.basis)
}

// onCall is recorded as the words of an opt-in or opt-out that was keyed or said in a menu; the call and the turn
// are recorded beside it.
const onCall = "chosen on a call"

// Stop ends all texts to a number at once. Doing so twice for the same cause changes nothing. cause names the
// call and turn. The opt-out is in force when Stop returns; the one confirmation (O2: exactly one) goes as a
// text of its own.
func (t callTexts) Stop(ctx context.Context, number, cause string) error {
	return t.inbox.OptOut(ctx, number, notify.FromCall, onCall, cause)
}

// Start allows texts to a number again. ivr.ErrTextStart: Twilio blocks the number, and only a text START from it
// ends that (O4: opting in again).
func (t callTexts) Start(ctx context.Context, number, cause string) error {
	err := t.inbox.OptIn(ctx, number, notify.FromCall, onCall, cause)
	if errors.Is(err, notify.ErrTextStart) {
		return ivr.ErrTextStart
	}
	return err
}
