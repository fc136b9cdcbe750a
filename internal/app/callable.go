package app

import (
	"duebell/ivr"
	"duebell/notify"
	"duebell/store"
)

// callable joins the two parts that a call offers texts and call-backs by: the store answers questions, the inbox
// writes.
// Both are safe for concurrent use, so this is too.
type callable struct {
	*notify.Inbox
	*store.Store
}

// callable returns nil if the line has no number to call from: then no call-back is offered.
func (s *Serve) callable(inbox *notify.Inbox) ivr.CallConsents {
	if !s.cfg.calls() {
		// A nil interface, not a nil pointer in one: the engine compares with nil.
		return nil
	}
	return callable{inbox, s.store}
}
