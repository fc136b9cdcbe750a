package webhook

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"duebell/ivr"
	"duebell/voiceprompts"
)

// Prompts that the webhook says by itself. They need no session, because there may be none.
const (
	oneMoment  = "one-moment"
	trouble    = "trouble"
	unsure     = "unsure"
	connecting = "connecting"
)

// words is those prompts, rendered in every language that is offered. It is filled by New and never changed
// after it.
type words struct {
	first       string // language of a call of which nothing is known yet
	spoken      map[string]map[string]voiceprompts.Speech
	lastResort  []byte // an apology and the end of the call, should even those fail to render
	gone        []byte // to a person whose caller is not known any more
	notAccepted []byte // to one who did not take the call
}

// prepareWords renders everything once at the start, because it is needed when something else has failed.
// Nothing of it has a placeholder, so what renders here renders on every call.
func (h *Handler) prepareWords() error {
	h.words.spoken = map[string]map[string]voiceprompts.Speech{}
	at := Place{Next: h.url(turnPath + "1")}
	// The first language offered is what a stranger hears.
	for i, l := range h.Prompts.Offered(h.Policy.Languages) {
		if i == 0 {
			h.words.first = l.Tag
		}
		h.words.spoken[l.Tag] = map[string]voiceprompts.Speech{}
		for _, key := range []string{oneMoment, trouble, unsure, connecting} {
			speech, err := h.Prompts.Say(l.Tag, key, nil)
			if err != nil {
				return err
			}
			h.words.spoken[l.Tag][key] = speech
		}
		// Every ending that these sentences can have, so that no combination is met for the first time on a
		// call.
		waits := []ivr.Wait{ivr.Continue{Seconds: 1}, ivr.HangUp{}}
		if h.Policy.AgentDial != "" {
			waits = append(waits, ivr.Transferring{To: h.Policy.AgentDial, Seconds: int(h.Policy.AgentRingSeconds)})
		}
		for _, wait := range waits {
			reply := ivr.Reply{Lang: l.Tag, Say: h.say(l.Tag, oneMoment, trouble, unsure, connecting), Wait: wait}
			if _, err := Render(reply, at, h.Prompts, h.settings); err != nil {
				return fmt.Errorf("what is said in trouble: %w", err)
			}
		}
	}
	doc, err := Render(ivr.Reply{Say: h.say(h.words.first, trouble), Wait: ivr.HangUp{}}, at, h.Prompts, h.settings)
	if err != nil {
		return fmt.Errorf("what is said in trouble: %w", err)
	}
	h.words.lastResort = doc
	return nil
}

// say returns prompts in a language, or in the first one where that is not known. The keys must be among
// those that prepareWords has rendered.
func (h *Handler) say(lang string, keys ...string) []ivr.Spoken {
	if _, known := h.words.spoken[lang]; !known {
		lang = h.words.first
	}
	said := make([]ivr.Spoken, len(keys))
	for i, key := range keys {
		said[i] = ivr.Spoken{Key: key, Lang: lang, Speech: h.words.spoken[lang][key]}
	}
	return said
}

// transfer returns the wait that dials a person, or that ends the call where nobody would answer. It is asked
// for at the instant of the answer, because agents may have gone home since the call began (H1).
func (h *Handler) transfer() ivr.Wait {
	if h.Policy.AgentDial == "" || !h.Open(h.Clock.Now()) {
		return ivr.HangUp{}
	}
	return ivr.Transferring{To: h.Policy.AgentDial, Seconds: int(h.Policy.AgentRingSeconds)}
}

// transferReply returns a reply that says something and then dials a person. facts are those of the first
// sentence; "connecting" states none.
func (h *Handler) transferReply(lang, key string, facts ...ivr.Fact) ivr.Reply {
	wait := h.transfer()
	said := h.say(lang, key)
	said[0].Facts = facts
	if _, dials := wait.(ivr.Transferring); dials && key != connecting {
		said = append(said, h.say(lang, connecting)...)
	}
	return ivr.Reply{Lang: said[0].Lang, Say: said, Wait: wait}
}

// personDocument returns transferReply as TwiML, and records the transfer under the delivery's turn. Where
// nobody can be reached, "we are connecting you" would be untrue: then the apology is said. The caller of it
// waits for recorded a moment at most: the record matters only once somebody picks up.
func (h *Handler) personDocument(ctx context.Context, key, lang string, t Delivery, step string, at Place) (doc []byte, recorded <-chan struct{}) {
	reply := h.transferReply(lang, key)
	if _, ends := reply.Wait.(ivr.HangUp); ends && key == connecting {
		reply = h.transferReply(lang, trouble)
	}
	recorded = h.recordTransfer(ctx, &reply, t.Call, t.Turn, h.contextOfMilestone(t.Call, lang, step))
	return h.renderPrepared(reply, at), recorded
}

// momentDocument asks the caller to wait, and Twilio to come back at the turn's next URL, k + 1 (design
// §4.5). Slots 1 to 3 are the pauses; behind the third answerLater offers a person instead.
func (h *Handler) momentDocument(lang string, t Delivery, at Place) []byte {
	next := 1
	if t.Slot != slotFallback {
		next = t.Slot + 1
	}
	at.Next = h.url(turnPath + strconv.Itoa(t.Turn) + "/again/" + strconv.Itoa(next))
	said := h.say(lang, oneMoment)
	return h.renderPrepared(ivr.Reply{Lang: said[0].Lang, Say: said, Wait: ivr.Continue{Seconds: 1}}, at)
}

// renderPrepared returns a prepared reply as TwiML, which was tried at the start and cannot fail here. If it
// fails all the same, the last resort is spoken: an apology, and the end of the call.
func (h *Handler) renderPrepared(r ivr.Reply, at Place) []byte {
	doc, err := Render(r, at, h.Prompts, h.settings)
	if err != nil {
		h.Log.Error("a prepared reply could not be rendered; the caller heard the last resort", "error", err)
		return h.words.lastResort
	}
	return doc
}

// inDoubt lists the steps after which an authorization may have been written although its answer is lost.
// The only true sentence there is that we do not know, and not to pay again (design §1, promise P1).
var inDoubt = []ivr.StepName{ivr.TakeMoney, ivr.Terms, ivr.TermsAgain, ivr.Settling, ivr.Holding}

// apology returns the prompt for a turn that cannot be answered. In doubt about money the caller hears not to
// pay again; elsewhere, that we are sorry.
func apology(step ivr.StepName) string {
	if slices.Contains(inDoubt, step) {
		return unsure
	}
	return trouble
}
