package twilio

import (
	"errors"
	"fmt"
)

// lint checks the order of the verbs (twilio.md §10, flow lint): whatever would leave the caller in
// silence, in a loop or cut off is an error.
// Only the order is looked at here; each verb checks its own attributes when it is written.
func lint(verbs []Verb) error {
	if len(verbs) == 0 {
		return errors.New("an empty document hangs up; EmptyResponse is for where that is meant")
	}
	for i, v := range verbs {
		var next Verb
		if i+1 < len(verbs) {
			next = verbs[i+1]
		}
		if err := lintVerb(i, v, next); err != nil {
			return fmt.Errorf("verb %d: %w", i+1, err)
		}
	}
	return nil
}

// lintVerb checks the i-th verb and what follows it; next is nil at the end of the document.
// Verbs are matched by value types: a pointer to one would pass none of the cases.
func lintVerb(i int, v, next Verb) error {
	switch v := v.(type) {
	case Say, Play, Pause:
	case Gather:
		if next == nil {
			return errors.New("nothing follows a Gather: silence would end the call")
		}
	case Pay:
		// Exhausted attempts post to the action or run on to the next verb: both must reach the
		// same turn.
		if after, ok := next.(Redirect); !ok || after.URL != v.Action {
			return errors.New("a Redirect to the action of a Pay must follow it")
		}
	// A Dial always has an action, so nothing below it is run.
	case Redirect, Hangup, Dial, Reject:
		if next != nil {
			return fmt.Errorf("a verb stands after %T, where it is never reached", v)
		}
		if _, reject := v.(Reject); reject && i != 0 {
			return errors.New("a Reject must stand first: the call is answered by then")
		}
	default: // nil, or a pointer, which the rules above would not see
		return fmt.Errorf("%T is no verb", v)
	}
	return nil
}
