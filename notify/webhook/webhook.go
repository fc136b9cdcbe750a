// Package webhook is Twilio's side of a text: it turns signed requests into the words of the inbox
// and of the deliveries. It decides nothing, and nothing reaches it without a signature.
package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"duebell/internal/twilio"
	"duebell/notify"
)

// The paths that Twilio is told.
const (
	IncomingPath = "/twilio/sms/incoming"
	StatusPath   = "/twilio/sms/status"
)

// referenceParam carries a notice's own reference in the status callback's address; the signature
// covers the query.
const referenceParam = "n"

// StatusURL is the address for status callbacks below the public one; the courier adds the reference.
func StatusURL(publicURL string) string { return strings.TrimRight(publicURL, "/") + StatusPath }

// Inbox takes a text in.
type Inbox interface {
	Receive(ctx context.Context, t notify.Incoming) error
}

// Deliveries takes the carrier's word on a text.
type Deliveries interface {
	Delivered(ctx context.Context, d notify.StatusCallback) error
}

// Incoming serves POST /twilio/sms/incoming. The answer is always an empty document: what we reply
// goes out as a text of its own, planned with what it answers. An error is a 500, so that Twilio's
// error log shows it and a repeat finds nothing done.
func Incoming(v *twilio.Validator, inbox Inbox, log *slog.Logger) http.Handler {
	return v.Handle(func(w http.ResponseWriter, r *http.Request, form url.Values) {
		m := twilio.DecodeMessage(form)
		if m.MessageSid == "" || m.From == "" {
			http.Error(w, "no text in it", http.StatusBadRequest)
			return
		}
		err := inbox.Receive(r.Context(), notify.Incoming{SID: m.MessageSid, From: m.From, Body: m.Body, OptOutType: m.OptOutType})
		if err != nil {
			log.ErrorContext(r.Context(), "text not taken in", "message", m, "error", err)
			http.Error(w, "not taken in", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		_, _ = w.Write([]byte(`<?xml version="1.0" encoding="UTF-8"?><Response></Response>`))
	})
}

// Status serves POST /twilio/sms/status. A reference that is not ours is answered like any other:
// telling Twilio of it mends nothing.
func Status(v *twilio.Validator, deliveries Deliveries, log *slog.Logger) http.Handler {
	return v.Handle(func(w http.ResponseWriter, r *http.Request, form url.Values) {
		m := twilio.DecodeMessage(form)
		reference := r.URL.Query().Get(referenceParam)
		if m.MessageSid == "" || reference == "" {
			http.Error(w, "no text in it", http.StatusBadRequest)
			return
		}
		err := deliveries.Delivered(r.Context(), notify.StatusCallback{
			Reference: reference, SID: m.MessageSid, Status: string(m.Status), Code: m.ErrorCode,
			Trouble: notify.Trouble(twilio.Explain(m.ErrorCode)),
		})
		switch {
		case errors.Is(err, notify.ErrNoSuchText):
			log.WarnContext(r.Context(), "status of a text that is not ours", "message", m)
		case err != nil:
			log.ErrorContext(r.Context(), "status of a text not written down", "message", m, "error", err)
			http.Error(w, "not written down", http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
