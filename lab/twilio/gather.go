package twilio

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// gathering is a Gather that waits. typed are the keys that Key has pressed so far; numDigits 0 and an empty
// finishOnKey mean that these do not end the entry.
type gathering struct {
	node         *Node
	keys, speech bool
	numDigits    int
	finishOnKey  string
	typed        string
}

// startGather speaks what is nested and waits for the caller. Nested prompts may be cut short by keys, which
// this does not play: all of them are heard, and then the caller acts.
func (c *Call) startGather(ctx context.Context, n *Node) (asks bool, err error) {
	for _, kid := range n.Elements() {
		if err := c.speak(ctx, kid, duringGather); err != nil {
			return false, err
		}
		if c.hungUp.Load() {
			return false, nil
		}
	}
	// The grammar has checked the attributes' values, so a number can be read without a look at its error.
	keys, speech := inputs(n)
	g := &gathering{node: n, keys: keys, speech: speech, finishOnKey: n.Attr("finishOnKey", "#")}
	g.numDigits, _ = strconv.Atoi(n.Attr("numDigits", "0"))
	c.gather = g
	c.setState(g.ask())
	return true, nil
}

// ask returns the question as State shows it.
func (g *gathering) ask() AskGather {
	seconds, _ := strconv.Atoi(g.node.Attr("timeout", "5"))
	return AskGather{
		Keys: g.keys, Speech: g.speech, NumDigits: g.numDigits, FinishOnKey: g.finishOnKey,
		Timeout: time.Duration(seconds) * time.Second, Hints: g.node.Attr("hints", ""),
		Language: g.node.Attr("language", "en-US"), Typed: len(g.typed),
	}
}

// take adds keys until the entry is complete. Keys beyond that are not taken: then nothing is, and the error
// says after how many the entry was complete. A line in real life would give the rest to the next question,
// which stories must not lean on. Nothing of g is changed.
func (g *gathering) take(keys string) (typed, finishedOn string, complete bool, err error) {
	if !g.keys {
		return "", "", false, fmt.Errorf("%w: the Gather listens to speech alone", ErrRefused)
	}
	typed = g.typed
	for i, key := range strings.Split(keys, "") {
		switch {
		// The terminator is not part of the entry, and reported in FinishedOnKey.
		case g.finishOnKey != "" && key == g.finishOnKey:
			finishedOn, complete = key, true
		default:
			typed += key
			complete = g.numDigits > 0 && len(typed) == g.numDigits
		}
		if complete && i < len(keys)-1 {
			return "", "", false, fmt.Errorf("%w: the entry is complete after %d of %d keys", ErrRefused, i+1, len(keys))
		}
	}
	return typed, finishedOn, complete, nil
}

// gatherKeys takes keys; final means that nothing follows and the time-out ends the entry. An entry that may
// go on is kept in g.typed.
func (c *Call) gatherKeys(ctx context.Context, keys string, final bool) error {
	g := c.gather
	typed, finishedOn, complete, err := g.take(keys)
	if err != nil {
		return err
	}
	if !complete && !final {
		g.typed = typed
		c.line("caller: presses %s", keys)
		c.setState(g.ask())
		return nil
	}
	c.beginAct("presses %s", keys)
	return c.endGather(ctx, typed, finishedOn)
}

// endGather posts the keys, or goes on below when there are none: silence and a bare terminator make no
// request unless the document asks for one (twilio.md §3). That is why something must stand after every
// Gather.
func (c *Call) endGather(ctx context.Context, typed, finishedOn string) error {
	g := c.gather
	c.gather = nil
	// The docs' default: no request, the next verb runs (twilio.md §3).
	if typed == "" && g.node.Attr("actionOnEmptyResult", "false") != "true" {
		return c.run(ctx)
	}
	form := url.Values{"Digits": {typed}, "FinishedOnKey": {finishedOn}, "msg": {"Gather End"}}
	return c.gathered(ctx, g, form)
}

// gathered posts an entry to the action and runs the answer. Without an action the document's own URL is
// asked again, as Twilio does: a loop unless the product tells the two apart.
func (c *Call) gathered(ctx context.Context, g *gathering, form url.Values) error {
	method := g.node.Attr("method", http.MethodPost)
	if err := c.fetch(ctx, g.node.Attr("action", c.url), method, form); err != nil {
		return err
	}
	return c.run(ctx)
}

// gatherSpeech posts what was recognised. Once keys were pressed the first kind has won, and speech is
// refused.
func (c *Call) gatherSpeech(ctx context.Context, text string, confidence *float64) error {
	g := c.gather
	if !g.speech {
		return fmt.Errorf("%w: the Gather listens to keys alone", ErrRefused)
	}
	// The first kind of input wins.
	if g.typed != "" {
		return fmt.Errorf("%w: keys came first", ErrRefused)
	}
	c.beginAct("says %q", text)
	c.gather = nil
	form := url.Values{"SpeechResult": {text}, "Language": {g.node.Attr("language", "en-US")}}
	if confidence != nil { // Twilio may leave it out
		form.Set("Confidence", strconv.FormatFloat(*confidence, 'f', -1, 64))
	}
	return c.gathered(ctx, g, form)
}
