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

// outPath is the folder of the webhooks of calls that the line places. They carry the call's opaque
// reference, so that a call whose create lost its reply is recognised by them. The reference is the notice's
// own, random and opaque; the signature covers the path, so nobody can exchange it.
const outPath = "/twilio/voice/out/"

// Behind the reference: what became of the call, and Twilio's fallback.
const (
	outStatus   = "/status"
	outFallback = "/fallback"
)

// OutboundCalls stores the calls that the line places. The store finds the notice by its reference, also
// where the create's reply was lost and no SID is known yet (N11: settle it first).
type OutboundCalls interface {
	// CallAnswered records that a call was answered, under its SID, and returns what it is for, or
	// ivr.ErrNotPlaced where no call of ours has the reference. Repeating it changes nothing.
	CallAnswered(ctx context.Context, reference, call string, at time.Time) (ivr.Placed, error)
	// CallProgress records Twilio's status of a call. One that comes late or again changes nothing.
	CallProgress(ctx context.Context, reference, call, status string, at time.Time) error
}

// OutboundURLs returns the addresses that Twilio is given with a call: document, fallback and status. All
// three carry the retry settings of every voice URL (twilio.md §4.2).
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

// answered is turn 0 of a call that the line has placed: somebody, or a machine, has answered it. Twilio may
// deliver it again: CallAnswered then returns the same, and turn 0 its stored bytes.
func (h *Handler) answered(slot int) func(http.ResponseWriter, *http.Request, url.Values) {
	return func(w http.ResponseWriter, r *http.Request, form url.Values) {
		v := twilio.DecodeVoice(form)
		ctx, cancel := context.WithTimeout(r.Context(), h.Timing.Wait)
		defer cancel()
		placed, err := h.Outbound.CallAnswered(ctx, mux.Vars(r)["reference"], v.CallSid, h.Clock.Now())
		if err != nil {
			// Nobody on the other end has asked for anything yet: better to end the call than to
			// hold it without knowing why it was made.
			level := h.Log.Error
			if errors.Is(err, ivr.ErrNotPlaced) {
				level = h.Log.Warn
			}
			level("a call that the line placed was answered, but its row could not be read; the call was ended with an apology", "call", logged(v.CallSid), "error", err)
			h.write(w, Answer{Body: h.words.lastResort})
			return
		}
		// Told by this request alone; the session keeps what was made of it.
		placed.Machine = answeredByMachine(v.AnsweredBy)
		h.respond(w, r, 0, slot, v, ivr.Input{Kind: ivr.Arrived, Placed: &placed})
	}
}

// answeredByMachine says whether an answering machine or a fax has answered. In doubt it is a person, who
// hears nothing about anybody before proving an identity.
func answeredByMachine(answeredBy string) bool {
	return strings.HasPrefix(answeredBy, "machine_") || answeredBy == "fax"
}

// outboundFallback answers when a document of a placed call could not be used. Its first one is made
// anew; later ones are like any call's.
func (h *Handler) outboundFallback(w http.ResponseWriter, r *http.Request, form url.Values) {
	v := twilio.DecodeVoice(form)
	if failedURL.MatchString(v.ErrorURL) {
		h.fallback(w, r, form)
		return
	}
	h.answered(slotFallback)(w, r, form)
}

// progress records Twilio's status of a placed call, and its end like any call's. The record comes first:
// while it fails Twilio is asked to post again, and the call's end is then recorded with it.
func (h *Handler) progress(w http.ResponseWriter, r *http.Request, form url.Values) {
	v := twilio.DecodeVoice(form)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), h.Timing.Wait)
	defer cancel()
	err := h.Outbound.CallProgress(ctx, mux.Vars(r)["reference"], v.CallSid, v.CallStatus, h.Clock.Now())
	switch {
	case errors.Is(err, ivr.ErrNotPlaced):
		h.Log.Warn("a status came for a call that the line has not placed", "call", logged(v.CallSid))
	case err != nil:
		h.Log.Error("the status of a placed call could not be recorded; Twilio was asked to send it again", "call", logged(v.CallSid), "error", err)
		http.Error(w, "not written down", http.StatusInternalServerError) // Twilio asks once more
		return
	}
	h.status(w, r, form)
}
