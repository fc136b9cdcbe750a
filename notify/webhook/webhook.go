// Package webhook serves Twilio's webhooks about texts: it decodes signed requests and passes them to the
// inbox and the delivery tracker. It decides nothing; a request without a valid signature gets a 403 before
// anything here sees it.
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

// The paths that Twilio is told (design.md §2).
const (
	IncomingPath = "/twilio/sms/incoming"
	StatusPath   = "/twilio/sms/status"
)

// referenceParam carries a notice's reference in the URL of the status callback. The signature covers the
// query, so that nobody can exchange it.
const referenceParam = "n"

// StatusURL returns the URL for status callbacks below the public URL; the sender adds the reference.
func StatusURL(publicURL string) string { return strings.TrimRight(publicURL, "/") + StatusPath }

// Inbox handles inbound texts. An error means that nothing was changed.
type Inbox interface {
	// Receive handles one text; the same text again changes nothing.
	Receive(ctx context.Context, t notify.Incoming) error
}

// Deliveries records what the carrier reports of texts. States only move forward, so it may be called late,
// early or twice.
type Deliveries interface {
	// Delivered records one report; notify.ErrNoSuchText if no notice carries its reference.
	Delivered(ctx context.Context, d notify.StatusCallback) error
}

// Incoming serves POST /twilio/sms/incoming. The answer is always an empty document: our reply goes out as
// a text of its own, planned in the transaction that stores what it answers. An error is a 500: it shows in
// Twilio's error log, and a repeated delivery finds nothing done.
func Incoming(v *twilio.Validator, inbox Inbox, log *slog.Logger) http.Handler {
	return v.Handle(func(w http.ResponseWriter, r *http.Request, form url.Values) {
		m := twilio.DecodeMessage(form)
		if m.MessageSid == "" || m.From == "" {
			http.Error(w, "MessageSid or From is missing", http.StatusBadRequest)
			return
		}
		err := inbox.Receive(r.Context(), notify.Incoming{SID: m.MessageSid, From: m.From, Body: m.Body, OptOutType: m.OptOutType})
		if err != nil {
			log.ErrorContext(r.Context(), "an inbound text could not be stored; Twilio shows it in its error log", "message", m, "error", err)
			http.Error(w, "could not be stored", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		_, _ = w.Write([]byte(`<?xml version="1.0" encoding="UTF-8"?><Response></Response>`))
	})
}

// Status serves POST /twilio/sms/status. A reference that is not ours is answered like any other: Twilio
// could do nothing about it.
func Status(v *twilio.Validator, deliveries Deliveries, log *slog.Logger) http.Handler {
	return v.Handle(func(w http.ResponseWriter, r *http.Request, form url.Values) {
		m := twilio.DecodeMessage(form)
		reference := r.URL.Query().Get(referenceParam)
		if m.MessageSid == "" || reference == "" {
			http.Error(w, "MessageSid or the reference is missing", http.StatusBadRequest)
			return
		}
		err := deliveries.Delivered(r.Context(), notify.StatusCallback{
			Reference: reference, SID: m.MessageSid, Status: string(m.Status), Code: m.ErrorCode,
			Trouble: notify.Trouble(twilio.Explain(m.ErrorCode)),
		})
		switch {
		case errors.Is(err, notify.ErrNoSuchText):
			log.WarnContext(r.Context(), "status of a text that is not ours: ignored", "message", m)
		case err != nil:
			log.ErrorContext(r.Context(), "the status of a text could not be stored; the next poll brings it", "message", m, "error", err)
			http.Error(w, "could not be stored", http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
