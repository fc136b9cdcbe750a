package webhook

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"duebell/ivr"
	"duebell/voiceprompts"
)

// Prompts that the webhook speaks by itself. They need no session, because there may be none.
const (
	oneMoment  = "one-moment"
	trouble    = "trouble"
	unsure     = "unsure"
	connecting = "connecting"
)

// words are those prompts, ready in every language in force.
type words struct {
	first      string // language of a call of which nothing is known yet
	spoken     map[string]map[string]voiceprompts.Speech
	lastResort []byte // an apology and the end of the call, should even those fail
	gone       []byte // to a person whose caller is not known any more
	notTaken   []byte // to one who did not take the call
}

// prepareWords finds out at the start what would otherwise be found out in the worst moment.
func (h *Handler) prepareWords() error {
	h.words.spoken = map[string]map[string]voiceprompts.Speech{}
	at := Place{Next: h.url(turnPath + "1")}
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

// transfer dials a person, or ends the call where there is none to dial.
func (h *Handler) transfer() ivr.Wait {
	if h.Policy.AgentDial == "" || !h.Open(h.Clock.Now()) {
		return ivr.HangUp{}
	}
	return ivr.Transferring{To: h.Policy.AgentDial, Seconds: int(h.Policy.AgentRingSeconds)}
}

// handOver says something and then reaches for a person.
func (h *Handler) handOver(lang, key string, facts ...ivr.Fact) ivr.Reply {
	wait := h.transfer()
	said := h.say(lang, key)
	said[0].Facts = facts
	if _, dials := wait.(ivr.Transferring); dials && key != connecting {
		said = append(said, h.say(lang, connecting)...)
	}
	return ivr.Reply{Lang: said[0].Lang, Say: said, Wait: wait}
}

// person is handOver as a document, on the record of the ticket's turn. Where nobody can be reached, "we are connecting you" would not
// be true: then it is the apology.
func (h *Handler) person(ctx context.Context, key, lang string, t Ticket, step string, at Place) (doc []byte, recorded <-chan struct{}) {
	reply := h.handOver(lang, key)
	if _, ends := reply.Wait.(ivr.HangUp); ends && key == connecting {
		reply = h.handOver(lang, trouble)
	}
	recorded = h.announce(ctx, &reply, t.Call, t.Turn, h.inMilestone(t.Call, lang, step))
	return h.canned(reply, at), recorded
}

// moment asks the caller to wait, and Twilio to come back at the turn's next URL.
func (h *Handler) moment(lang string, t Ticket, at Place) []byte {
	next := 1
	if t.Slot != slotFallback {
		next = t.Slot + 1
	}
	at.Next = h.url(turnPath + strconv.Itoa(t.Turn) + "/again/" + strconv.Itoa(next))
	said := h.say(lang, oneMoment)
	return h.canned(ivr.Reply{Lang: said[0].Lang, Say: said, Wait: ivr.Continue{Seconds: 1}}, at)
}

func (h *Handler) canned(r ivr.Reply, at Place) []byte {
	doc, err := Render(r, at, h.Prompts, h.settings)
	if err != nil {
		h.Log.Error("a prepared reply does not render", "error", err)
		return h.words.lastResort
	}
	return doc
}

// inDoubt are the steps behind which an authorization may have been written without our knowing:
// there the only true sentence is that we do not know (P1).
var inDoubt = []ivr.StepName{ivr.TakeMoney, ivr.Terms, ivr.TermsAgain, ivr.Settling, ivr.Holding}

// apology chooses what is said when a turn cannot be answered.
func apology(step ivr.StepName) string {
	if slices.Contains(inDoubt, step) {
		return unsure
	}
	return trouble
}
