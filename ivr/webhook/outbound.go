package webhook

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"duebell/internal/twilio"
	"duebell/ivr"
)

// outPath is below which the webhooks of calls of ours lie. They carry the call's opaque reference, so
// that a create whose answer was lost is known by them.
const outPath = "/twilio/voice/out/"

// Behind the reference: what became of the call, and Twilio's fallback.
const (
	outStatus   = "/status"
	outFallback = "/fallback"
)

// OutboundCalls knows the calls that the line places.
type OutboundCalls interface {
	// CallAnswered notes that a call was answered, under its SID, and says what it is for. Again is
	// the same. ivr.ErrNotPlaced: nothing of ours carries the reference.
	CallAnswered(ctx context.Context, reference, call string, at time.Time) (ivr.Placed, error)
	// CallProgress notes Twilio's word on a call. A word that comes late or again changes nothing.
	CallProgress(ctx context.Context, reference, call, status string, at time.Time) error
}

// OutboundURLs are what Twilio is given with a call: the document, the fallback and the status.
func OutboundURLs(publicURL, reference string) (document, fallback, status string) {
	at := outPath + url.PathEscape(reference)
	return twilio.VoiceURL(publicURL, at), twilio.VoiceURL(publicURL, at+outFallback), twilio.VoiceURL(publicURL, at+outStatus)
}

// registerOutbound adds the routes of calls that the line places, where it places any.
func (h *Handler) registerOutbound(post func(string, func(http.ResponseWriter, *http.Request, url.Values))) {
	if h.Outbound == nil {
		return
	}
	const reference = outPath + "{reference:[a-z0-9]{16,40}}"
	post(reference, h.answered(slotTurn))
	post(reference+outFallback, h.outboundFallback)
	post(reference+outStatus, h.progress)
}

// answered is turn 0 of a call of ours: somebody, or something, has taken it.
func (h *Handler) answered(slot int) func(http.ResponseWriter, *http.Request, url.Values) {
	return func(w http.ResponseWriter, r *http.Request, form url.Values) {
		v := twilio.DecodeVoice(form)
		ctx, cancel := context.WithTimeout(r.Context(), h.Timing.Wait)
		defer cancel()
		placed, err := h.Outbound.CallAnswered(ctx, mux.Vars(r)["reference"], v.CallSid, h.Clock.Now())
		if err != nil {
			// Nobody on the other end has asked for anything yet: better no call than one that
			// does not know why it was made.
			level := h.Log.Error
			if errors.Is(err, ivr.ErrNotPlaced) {
				level = h.Log.Warn
			}
			level("a call of ours was answered and is not known", "call", logged(v.CallSid), "error", err)
			h.write(w, Answer{Body: h.words.lastResort})
			return
		}
		placed.Machine = machine(v.AnsweredBy)
		h.respond(w, r, 0, slot, v, ivr.Input{Kind: ivr.Arrived, Placed: &placed})
	}
}

// machine says whether an answering machine or a fax has answered. In doubt it is a person, who hears
// nothing about anybody before proving who it is.
func machine(answeredBy string) bool {
	return strings.HasPrefix(answeredBy, "machine_") || answeredBy == "fax"
}

// outboundFallback is asked when a document of such a call could not be used. Its first one is asked
// for anew; behind it the call is like any other.
func (h *Handler) outboundFallback(w http.ResponseWriter, r *http.Request, form url.Values) {
	v := twilio.DecodeVoice(form)
	if failedURL.MatchString(v.ErrorURL) {
		h.fallback(w, r, form)
		return
	}
	h.answered(slotFallback)(w, r, form)
}

// progress notes what Twilio says of a call of ours, and its end like any call's.
func (h *Handler) progress(w http.ResponseWriter, r *http.Request, form url.Values) {
	v := twilio.DecodeVoice(form)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), h.Timing.Wait)
	defer cancel()
	err := h.Outbound.CallProgress(ctx, mux.Vars(r)["reference"], v.CallSid, v.CallStatus, h.Clock.Now())
	switch {
	case errors.Is(err, ivr.ErrNotPlaced):
		h.Log.Warn("news of a call that is not ours", "call", logged(v.CallSid))
	case err != nil:
		h.Log.Error("news of a call of ours was not noted", "call", logged(v.CallSid), "error", err)
		http.Error(w, "not written down", http.StatusInternalServerError) // Twilio asks once more
		return
	}
	h.status(w, r, form)
}
