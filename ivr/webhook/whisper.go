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

// HandOvers is what the database knows of callers on their way to a person.
type HandOvers interface {
	// HandOff records one; the same call and turn again adds only its reference.
	HandOff(ctx context.Context, h ivr.HandOff) error
	// HandOver is what the person hears, by the reference in the whisper's address, or handoff.ErrUnknownRef.
	HandOver(ctx context.Context, ref string, at time.Time) (handoff.CallerContext, error)
	// Accept notes that the person took the call, or says handoff.ErrUnknownRef.
	Accept(ctx context.Context, ref string, at time.Time) error
	// TransferOver notes what became of a turn's transfer, and says whether a person took the call.
	TransferOver(ctx context.Context, call string, turn int, o handoff.Outcome, at time.Time) (bool, error)
}

const (
	whisperPath = "/twilio/voice/whisper/"
	acceptPath  = "/accept"      // behind the reference: the key that the person pressed
	lastPath    = "/accept/last" // the same, after which the words are not said again
)

// acceptKey is the key that takes a call (H5).
const acceptKey = "1"

func (h *Handler) registerWhisper(post func(path string, f func(http.ResponseWriter, *http.Request, url.Values))) {
	const ref = whisperPath + "{ref:[A-Za-z0-9_-]{1,64}}"
	post(ref, h.whisper)
	post(ref+acceptPath, h.accept(false))
	post(ref+lastPath, h.accept(true))
}

// whisper is what the person hears, alone, before the two sides are connected (H3). What can go wrong
// here may cost the caller this person, and nothing else.
func (h *Handler) whisper(w http.ResponseWriter, r *http.Request, _ url.Values) {
	h.offer(w, r, acceptPath, lastPath)
}

// accept takes the key that the person pressed. An empty document connects the two sides; any other
// ends, at last, with the person hung up, and the caller hears that no one is free.
func (h *Handler) accept(last bool) func(http.ResponseWriter, *http.Request, url.Values) {
	return func(w http.ResponseWriter, r *http.Request, form url.Values) {
		switch pressed := twilio.DecodeVoice(form).Digits; {
		case pressed != acceptKey && last:
			h.whispered(w, h.words.notTaken, "declined")
			return
		case pressed != acceptKey:
			h.offer(w, r, lastPath)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), h.Timing.Wait)
		defer cancel()
		err := h.HandOvers.Accept(ctx, mux.Vars(r)["ref"], h.Clock.Now())
		if errors.Is(err, handoff.ErrUnknownRef) {
			h.whispered(w, h.words.gone, "gone")
			return
		}
		if err != nil { // two people want to talk: that matters more than its record
			h.Log.Warn("it was not noted that a person took the call", "error", err)
		}
		h.whispered(w, twilio.EmptyResponse(), "accepted")
	}
}

// offer says who is calling and asks for the key, once for each path behind the reference: so it is said
// again once to a person who is silent, or who pressed something else, and no more.
func (h *Handler) offer(w http.ResponseWriter, r *http.Request, asks ...string) {
	ref := mux.Vars(r)["ref"]
	ctx, cancel := context.WithTimeout(r.Context(), h.Timing.Wait)
	defer cancel()
	c, err := h.HandOvers.HandOver(ctx, ref, h.Clock.Now())
	if errors.Is(err, handoff.ErrUnknownRef) {
		h.whispered(w, h.words.gone, "gone")
		return
	}
	if err != nil { // the call is real, only its record is out of reach
		h.Log.Warn("a hand-over cannot be read", "error", err)
		c = handoff.CallerContext{}
	}
	doc, err := h.renderWhisper(c, ref, asks)
	if err != nil {
		h.Log.Error("a whisper does not render", "error", err)
		doc, err = h.renderWhisper(handoff.CallerContext{}, ref, asks)
	}
	if err != nil {
		doc = h.words.gone
	}
	h.whispered(w, doc, "offered")
}

func (h *Handler) whispered(w http.ResponseWriter, doc []byte, outcome string) {
	h.Log.Info("whisper answered", "outcome", outcome)
	h.write(w, Answer{Body: doc})
}

// renderWhisper writes the words for the person, with a question for each of the paths behind the
// reference. Whoever answers none of them is hung up.
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

// farewell ends the document, and the person's leg with it.
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

// prepareWhisper finds out at the start what could not be whispered.
func (h *Handler) prepareWhisper() error {
	var err error
	for key, doc := range map[string]*[]byte{"agent-gone": &h.words.gone, "agent-not-taken": &h.words.notTaken} {
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

// transferOver notes what became of the transfer that the turn before made. Whether a person took the
// call is known by the key that they pressed, too, and not only by what Twilio says of the leg.
func (h *Handler) transferOver(ctx context.Context, d delivery, t ivr.Transfer) *ivr.Transfer {
	if h.HandOvers == nil {
		return &t
	}
	ctx, cancel := context.WithTimeout(ctx, h.Timing.Wait)
	defer cancel()
	accepted, err := h.HandOvers.TransferOver(ctx, d.Call, d.Turn-1, handoff.OutcomeOf(t.Status, t.Bridged), h.Clock.Now())
	if err != nil {
		h.Log.Warn("the end of a transfer was not noted", "call", d.Call, "turn", d.Turn, "error", err)
	}
	t.Bridged = t.Bridged || accepted && t.Status == "completed"
	return &t
}
