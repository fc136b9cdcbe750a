package app

import (
	"duebell/ivr"
	"duebell/notify"
	"duebell/store"
)

// callable asks the store and has the inbox write.
type callable struct {
	*notify.Inbox
	*store.Store
}

// callable is nil where no calls can be placed: then none are offered.
func (s *Serve) callable(inbox *notify.Inbox) ivr.CallConsents {
	if !s.cfg.calls() {
		return nil
	}
	return callable{inbox, s.store}
}
