package twilio

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// callFields are what a create may hold (twilio.md §5), with their kinds and Twilio's errors for wrong
// values. Only what the product may send is in it: Record must be false, because recordings are not imitated.
var callFields = map[string]field{
	"To": {kind: "phone", code: 21211}, "From": {kind: "phone", code: 21212},
	"Url": {kind: "absolute", code: 21205}, "Method": {kind: "method"}, "Twiml": {kind: "string"},
	"FallbackUrl": {kind: "absolute", code: 21205}, "FallbackMethod": {kind: "enum POST"},
	"StatusCallback": {kind: "absolute", code: 21609}, "StatusCallbackMethod": {kind: "enum POST"},
	"StatusCallbackEvent": {kind: "enum initiated ringing answered completed", repeated: true},
	"Timeout":             {kind: "range 1 600"}, "TimeLimit": {kind: "range 1 14400"}, "CallReason": {kind: "string"},
	"SendDigits": {kind: "tones"}, "Record": {kind: "enum false"},
	"MachineDetection": {kind: "enum Enable DetectMessageEnd"}, "MachineDetectionTimeout": {kind: "range 3 59"},
	"MachineDetectionSpeechThreshold": {kind: "range 1000 6000"}, "MachineDetectionSpeechEndThreshold": {kind: "range 500 5000"},
	"MachineDetectionSilenceTimeout": {kind: "range 2000 10000"},
}

// createCall places a call. It rings once the answer is on its way, as at Twilio. There is no idempotency
// key: asked twice, it places two calls.
func (t *Twilio) createCall(r *http.Request) response {
	form := r.PostForm
	// Missing ones have an error of their own at Twilio; what they hold is checked with the other fields.
	for _, name := range []string{"To", "From"} {
		if form.Get(name) == "" {
			return refuse(http.StatusBadRequest, 21201, "No '%s' number is specified", name)
		}
	}
	if answer, fine := checkForm(form, callFields); !fine {
		return answer
	}
	// Only the account's own numbers are verified here.
	if _, ours := t.number(form.Get("From")); !ours {
		return refuse(http.StatusBadRequest, 21210, "The source phone number provided is not yet verified for your account.")
	}
	if answer, fine := t.checkDocument(form); !fine {
		return answer
	}
	c := t.newOutbound(form)
	answer := created(t.callJSON(c))
	// Known before the reply goes out: a product that never gets it may still look for the call.
	t.keep(c)
	// The phone rings on when the request is over or its client has gone.
	ctx := context.WithoutCancel(r.Context())
	answer.after = func() { t.background.Go(func() { t.place(ctx, c) }) }
	return answer
}

// checkDocument wants a Url or a Twiml, and never both: which of the two wins is told both ways (twilio.md
// §5). Inline TwiML is judged now, so the refusal meets the request that brought it. True: it is right.
func (t *Twilio) checkDocument(form url.Values) (response, bool) {
	target, twiml := form.Get("Url"), form.Get("Twiml")
	switch {
	case target == "" && twiml == "":
		return refuse(http.StatusBadRequest, 21205, "Url parameter is required."), false
	case target != "" && twiml != "":
		return refuse(http.StatusBadRequest, 21218, "Url and Twiml exclude each other."), false
	case len(twiml) > 4000:
		return refuse(http.StatusBadRequest, 32018, "Twiml is longer than 4000 characters."), false
	// Twilio would take it; the project's rule does not (twilio.md §4.2).
	case t.cfg.OverridesRequired && target != "" && !hasOverrides(target):
		return refuse(http.StatusBadRequest, 21205, "Url lacks the connection overrides."), false
	}
	if twiml != "" {
		if _, problems := readVoice([]byte(twiml), t.cfg.OverridesRequired, inline); len(problems) > 0 {
			return refuse(http.StatusBadRequest, 12100, "Twiml: %s", describe(problems)), false
		}
	}
	return response{}, true
}

// callJSON shows a call as REST does. What runs is not waited for, so it never blocks on a call whose webhook
// asks for it. Dates, duration and price are left out; a phone that rings shows as queued.
func (t *Twilio) callJSON(c *Call) object {
	status := "in-progress"
	// From what is seen from outside, not from the leg's own CallStatus, which belongs to whoever runs the
	// call.
	switch s := c.State().(type) {
	case Ended:
		status = s.Status
	case Ringing:
		status = "queued"
	}
	return object{
		"sid": c.SID, "account_sid": t.cfg.AccountSID, "api_version": apiVersion, "to": c.To, "from": c.From,
		"to_formatted": c.To, "from_formatted": c.From, "status": status, "direction": c.Direction,
		"date_created": nil, "date_updated": nil, "start_time": nil, "end_time": nil, "duration": nil, "price": nil, "price_unit": "USD",
		"answered_by": nil, "parent_call_sid": nil, "uri": t.uri("/Calls/" + c.SID + ".json"), "subresource_uris": object{},
	}
}

// getCall shows one call, running or lately ended; 404 afterwards.
func (t *Twilio) getCall(r *http.Request) response {
	c, found := t.Lookup(sidOf(r))
	if !found {
		return notFound()
	}
	return ok(t.callJSON(c))
}

// listCalls lists calls by number and status, in the order of their SIDs; agents' legs are among them.
func (t *Twilio) listCalls(r *http.Request) response {
	query := r.URL.Query()
	rules := map[string]field{
		"To": {kind: "string"}, "From": {kind: "string"}, "Status": {kind: "string"},
		"PageSize": {kind: "range 1 1000"}, "Page": {kind: "range 0 100000"}, "PageToken": {kind: "string"},
	}
	if answer, fine := checkForm(query, rules); !fine {
		return answer
	}
	t.mu.Lock()
	calls := make([]*Call, 0, len(t.calls))
	for _, c := range t.calls {
		calls = append(calls, c)
	}
	t.mu.Unlock()
	slices.SortFunc(calls, func(a, b *Call) int { return strings.Compare(a.SID, b.SID) })
	var found []any
	for _, c := range calls {
		if to := query.Get("To"); to != "" && to != c.To {
			continue
		}
		if from := query.Get("From"); from != "" && from != c.From {
			continue
		}
		shown := t.callJSON(c)
		if status := query.Get("Status"); status == "" || status == shown["status"] {
			found = append(found, shown)
		}
	}
	return ok(t.page(r, "Calls.json", "calls", found))
}

// updateCall redirects or ends a call; a later update replaces one that waits. It takes effect at the
// caller's next act or at RunPending: the request itself may come from a webhook of that very call, which
// must not wait for itself.
func (t *Twilio) updateCall(r *http.Request) response {
	form := r.PostForm
	rules := map[string]field{
		"Url": {kind: "absolute", code: 21205}, "Method": {kind: "method"}, "Twiml": {kind: "string"}, "Status": {kind: "enum canceled completed"},
	}
	if answer, fine := checkForm(form, rules); !fine {
		return answer
	}
	c, found := t.Lookup(sidOf(r))
	switch {
	case !found:
		return notFound()
	case c.Over():
		return refuse(http.StatusBadRequest, 21220, "Call is not in-progress. Cannot redirect.")
	}
	status := form.Get("Status")
	// A phone that rings can be stopped and cannot be redirected.
	if _, ringing := c.State().(Ringing); ringing && status == "" {
		return refuse(http.StatusBadRequest, 21220, "Call is not in-progress. Cannot redirect.")
	}
	// Status alone ends the call; a document beside it would not be looked at.
	if status == "" {
		if answer, fine := t.checkDocument(form); !fine {
			return answer
		}
	}
	method := form.Get("Method")
	if method == "" {
		method = http.MethodPost
	}
	c.mu.Lock()
	// Only noted. A call that runs sees it before its next verb, one that waits at RunPending.
	c.pending = &redirection{url: form.Get("Url"), method: method, twiml: form.Get("Twiml"), status: status}
	c.mu.Unlock()
	return ok(t.callJSON(c))
}
