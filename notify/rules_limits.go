package notify

import "slices"

// fits sends a text that is no longer than sms_max_segments, and drops a longer one: it is our words that are
// wrong, and cutting them would make them untrue (N7). The limit counts segments of the text as it will be
// sent, placeholders filled.
func (r *Rules) fits(body string) Decision {
	if r.segments != nil && r.segments(body) > r.policy.SMSMaxSegments {
		return drop(WhyTooLong)
	}
	return Decision{Action: ActionSend, Body: body}
}

// MeasureWith has the rules count the segments of every text with count before it goes (N7). It is called
// once, before the rules are used by several goroutines, and returns the same Rules.
func (r *Rules) MeasureWith(count func(text string) int) *Rules {
	r.segments = count
	return r
}

// consents reports whether a consent counts: its basis is one of sms_basis (O1). Whatever is not the
// application's number is the person's own yes, by text, key, speech or letter. With a basis switched off, a
// consent on it stands in the ledger and counts for nothing.
func (r *Rules) consents(given, fromApplication bool) bool {
	basis := "opt_in"
	if fromApplication {
		basis = "application"
	}
	return given && slices.Contains(r.policy.SMSBasis, basis)
}
