package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/mux"

	"duebell/handoff"
	"duebell/internal/twilio"
	"duebell/ivr"
)

// HandOffs stores what a person hears of a caller who is on the way to them, and what became of it. ref is
// the opaque reference in the whisper's address. The agent's leg has a CallSid of its own, so nothing else
// links it to the caller (twilio.md §3, Dial).
type HandOffs interface {
	// RecordHandOff records one; the same call and turn again adds only its reference.
	RecordHandOff(ctx context.Context, h ivr.HandOff) error
	// HandOffContext returns what the person hears, by the reference in the whisper's address, or
	// handoff.ErrUnknownRef.
	HandOffContext(ctx context.Context, ref string, at time.Time) (handoff.CallerContext, error)
	// AcceptHandOff records that the person took the call, or returns handoff.ErrUnknownRef.
	AcceptHandOff(ctx context.Context, ref string, at time.Time) error
	// EndHandOff records what became of a turn's transfer, and returns whether a person took the call.
	EndHandOff(ctx context.Context, call string, turn int, o handoff.Outcome, at time.Time) (bool, error)
}

const (
	whisperPath = "/twilio/voice/whisper/"
	acceptPath  = "/accept"      // behind the reference: the key that the person pressed
	lastPath    = "/accept/last" // the same, after which the words are not said again
)

// acceptKey is the key that takes a call (H5). A voicemail or a fax presses nothing, so it is never connected
// to a caller.
const acceptKey = "1"

// registerWhisper adds the routes of the whisper. None of them is a turn: they answer the agent's leg, by
// reference.
func (h *Handler) registerWhisper(post func(path string, f func(http.ResponseWriter, *http.Request, url.Values))) {
	const ref = whisperPath + "{ref:[A-Za-z0-9_-]{1,64}}"
	post(ref, h.whisper)
	post(ref+acceptPath, h.accept(false))
	post(ref+lastPath, h.accept(true))
}

// whisper answers with what the person hears, alone, before the two sides are connected (H3). A failure here
// costs the caller this person at most; the call itself goes on. A record that cannot be read is no reason to
// leave the caller alone: the person then hears that nothing is known.
func (h *Handler) whisper(w http.ResponseWriter, r *http.Request, _ url.Values) {
	h.whisperAndAsk(w, r, acceptPath, lastPath)
}

// accept takes the key that the person pressed (H5: accepts with key 1). An empty document connects the two
// sides. Any other document ends with the person hung up, and the caller hears that no one is free. The
// record is what counts later (transferOver): Twilio's own word for such a leg is not known for sure.
func (h *Handler) accept(last bool) func(http.ResponseWriter, *http.Request, url.Values) {
	return func(w http.ResponseWriter, r *http.Request, form url.Values) {
		switch pressed := twilio.DecodeVoice(form).Digits; {
		case pressed != acceptKey && last:
			h.writeWhisper(w, h.words.notAccepted, "declined")
			return
		case pressed != acceptKey:
			h.whisperAndAsk(w, r, lastPath)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), h.Timing.Wait)
		defer cancel()
		err := h.HandOffs.AcceptHandOff(ctx, mux.Vars(r)["ref"], h.Clock.Now())
		if errors.Is(err, handoff.ErrUnknownRef) {
			h.writeWhisper(w, h.words.gone, "gone")
			return
		}
		if err != nil { // two people want to talk: that matters more than its record
			h.Log.Warn("it could not be recorded that a person took the call; they are connected all the same", "error", err)
		}
		h.writeWhisper(w, twilio.EmptyResponse(), "accepted")
	}
}

// whisperAndAsk says who is calling and asks for the key, once for each of the paths. So it is said once
// more to a person who is silent or presses something else, and no more often.
func (h *Handler) whisperAndAsk(w http.ResponseWriter, r *http.Request, asks ...string) {
	ref := mux.Vars(r)["ref"]
	ctx, cancel := context.WithTimeout(r.Context(), h.Timing.Wait)
	defer cancel()
	c, err := h.HandOffs.HandOffContext(ctx, ref, h.Clock.Now())
	if errors.Is(err, handoff.ErrUnknownRef) {
		h.writeWhisper(w, h.words.gone, "gone")
		return
	}
	if err != nil { // the caller is real, only the record cannot be read
		h.Log.Warn("a hand-off could not be read; the person hears that nothing is known of the caller", "error", err)
		c = handoff.CallerContext{}
	}
	doc, err := h.renderWhisper(c, ref, asks)
	if err != nil {
		h.Log.Error("a whisper could not be rendered; the person hears that nothing is known of the caller", "error", err)
		doc, err = h.renderWhisper(handoff.CallerContext{}, ref, asks)
	}
	if err != nil {
		doc = h.words.gone
	}
	h.writeWhisper(w, doc, "offered")
}

// writeWhisper sends a document to the person and logs what it was, without anything about the caller.
func (h *Handler) writeWhisper(w http.ResponseWriter, doc []byte, outcome string) {
	h.Log.Info("whisper answered", "outcome", outcome)
	h.write(w, Answer{Body: doc})
}

// renderWhisper returns the words for the person as TwiML, with a question for each of the paths behind the
// reference. Whoever answers none of them is hung up. The words are the agents' language, whatever the caller
// speaks; that language's English name is spoken instead.
func (h *Handler) renderWhisper(c handoff.CallerContext, ref string, asks []string) ([]byte, error) {
	speaks := ""
	if l, known := h.Prompts.Language(c.Lang); known {
		speaks = l.Name
	}
	d := draft{Settings: h.settings, prompts: h.Prompts, lang: handoff.AgentLanguage}
	var inside []twilio.Utterance
	for _, p := range handoff.WhisperPhrases(c, speaks) {
		said, err := d.phrase(p)
		if err != nil {
			return nil, err
		}
		inside = append(inside, said)
	}
	for _, path := range asks {
		d.add(twilio.Gather{
			Input: twilio.Keys, Action: h.url(whisperPath + ref + path), Timeout: int(h.Policy.TimeoutMenuSeconds),
			NumDigits: 1, FinishOnKey: twilio.Set(""), Inside: inside,
		})
	}
	return d.farewell("agent-not-taken")
}

// phrase returns one prompt of a whisper as a verb.
func (d *draft) phrase(p handoff.Phrase) (twilio.Say, error) {
	speech, err := d.prompts.Say(d.lang, p.Key, p.Args)
	if err != nil {
		return twilio.Say{}, err
	}
	said, err := d.say(d.lang, speech)
	if err != nil {
		return twilio.Say{}, fmt.Errorf("prompt %s: %w", p.Key, err)
	}
	return said, nil
}

// farewell ends the document, and with it the person's leg, and returns it.
func (d *draft) farewell(key string) ([]byte, error) {
	said, err := d.phrase(handoff.Phrase{Key: key})
	if err != nil {
		return nil, err
	}
	d.add(said)
	d.add(twilio.Hangup{})
	doc, err := twilio.Encode(twilio.Response{Verbs: d.verbs})
	if err != nil {
		return nil, fmt.Errorf("render a whisper: %w", err)
	}
	return doc, nil
}

// prepareWhisper renders every whisper once at the start. Like prepareWords, it finds at the start what would
// otherwise fail while a person waits.
func (h *Handler) prepareWhisper() error {
	var err error
	for key, doc := range map[string]*[]byte{"agent-gone": &h.words.gone, "agent-not-taken": &h.words.notAccepted} {
		d := draft{Settings: h.settings, prompts: h.Prompts, lang: handoff.AgentLanguage}
		if *doc, err = d.farewell(key); err != nil {
			return fmt.Errorf("what the person hears: %w", err)
		}
	}
	if _, err = h.renderWhisper(handoff.CallerContext{}, "ref", []string{acceptPath, lastPath}); err != nil {
		return fmt.Errorf("what the person hears: %w", err)
	}
	return nil
}

// transferOver records what became of the transfer that the turn before made, and returns it with Bridged
// true also where only the key that the person pressed proves it: Twilio's word on the leg may be missing.
// Where the record cannot be written, Twilio's own word decides; the hand-off may then stay listed as not
// met.
func (h *Handler) transferOver(ctx context.Context, d posted, t ivr.Transfer) *ivr.Transfer {
	if h.HandOffs == nil {
		return &t
	}
	ctx, cancel := context.WithTimeout(ctx, h.Timing.Wait)
	defer cancel()
	accepted, err := h.HandOffs.EndHandOff(ctx, d.Call, d.Turn-1, handoff.OutcomeOf(t.Status, t.Bridged), h.Clock.Now())
	if err != nil {
		h.Log.Warn("the end of a transfer could not be recorded; it may be listed as not met", "call", d.Call, "turn", d.Turn, "error", err)
	}
	t.Bridged = t.Bridged || accepted && t.Status == "completed"
	return &t
}
