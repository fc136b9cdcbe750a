package twilio

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// refused says that the product turned a webhook away (4xx), which no overload or crash explains.
func refused(err error) bool {
	var failure *deliveryError
	return errors.As(err, &failure) && failure.kind == "4xx"
}

// statusCallback reports one event of a leg (initiated, ringing, answered, completed), if it was asked for.
// Arrival order is not promised: SequenceNumber, from 0, tells the true one (twilio.md §4.4). The caller
// holds c.turn.
func (c *Call) statusCallback(ctx context.Context, event string) {
	// Twilio reports the end alone unless the create or the Dial asks for more.
	wanted := c.urls.statusEvents
	if len(wanted) == 0 {
		wanted = []string{"completed"}
	}
	if c.urls.status == "" || !slices.Contains(wanted, event) {
		return
	}
	now := c.t.cfg.Now()
	form := c.params()
	switch event {
	case "answered":
		// "answered" is an event, not a CallStatus.
		form.Set("CallStatus", "in-progress")
	case "completed":
		form.Set("CallStatus", c.status)
		duration := strconv.Itoa(int(now.Sub(c.answered) / time.Second))
		form.Set("CallDuration", duration)
		// Duration is in minutes begun, CallDuration in seconds. Calls here are short in clock time: always
		// one.
		form.Set("Duration", "1")
	default:
		form.Set("CallStatus", event)
	}
	form.Set("Timestamp", now.UTC().Format(time.RFC1123Z))
	form.Set("CallbackSource", "call-progress-events")
	// Counted over what was sent, so a callback that was not asked for leaves no gap.
	form.Set("SequenceNumber", strconv.Itoa(c.sequence))
	c.sequence++
	c.t.callback(ctx, webhook{url: c.urls.status, method: http.MethodPost, form: form, port: PortDropped, callSID: c.SID})
}

// callback delivers a status callback, or does with it what the mode in force says: keeps it back, loses it,
// sends it twice. It returns when the product has answered; the reply decides nothing.
func (t *Twilio) callback(ctx context.Context, w webhook) {
	switch t.callbacksMode() {
	case ModeCallbacksShuffled:
		t.mu.Lock()
		defer t.mu.Unlock()
		t.countMode(ModeCallbacksShuffled)
		// Not sent from here: RunPending delivers them, in reverse.
		t.held = append(t.held, w)
		return
	case ModeCallbacksLost:
		t.mu.Lock()
		defer t.mu.Unlock()
		t.countMode(ModeCallbacksLost)
		return
	// The same request again, token aside, as Twilio's own retry would be.
	case ModeCallbacksTwice:
		t.mu.Lock()
		t.countMode(ModeCallbacksTwice)
		t.mu.Unlock()
		t.deliverCallback(ctx, w)
	}
	t.deliverCallback(ctx, w)
}

// deliverCallback delivers one. A status other than 2xx is a fault (204 or an empty Response is right,
// twilio.md §4.3); a lost answer or a 5xx is not, since every callback may be lost at Twilio too.
func (t *Twilio) deliverCallback(ctx context.Context, w webhook) {
	answer, err := t.deliver(ctx, w)
	if refused(err) || err == nil && answer.status/100 != 2 {
		_ = t.addFault(Fault{FaultReply, w.callSID, w.path(), "a status callback was refused"})
	}
}

// deliverHeld delivers what was kept back, the last first, and says whether there was any. What a callback
// makes the product do may keep back new ones; those wait for the next round.
func (t *Twilio) deliverHeld(ctx context.Context) bool {
	t.mu.Lock()
	held := t.held
	t.held = nil
	t.mu.Unlock()
	slices.Reverse(held)
	for _, w := range held {
		t.deliverCallback(ctx, w)
	}
	return len(held) > 0
}

// fetchSound asks once for a recording of the product's own, as Twilio does before it plays it: a plain GET
// without signature or parameters (twilio.md §3). One that is fetched well is not asked for again while the
// stand-in lives. A sound that is not there ends the call: the caller would hear silence in place of a
// sentence.
func (c *Call) fetchSound(ctx context.Context, rawURL string) error {
	target := c.resolve(rawURL)
	if !strings.HasPrefix(target, c.t.cfg.PublicURL+"/") {
		return nil // somebody else's; not ours to judge
	}
	c.t.mu.Lock()
	known := c.t.sounds[target]
	c.t.mu.Unlock()
	if known {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, ceiling)
	defer cancel()
	// With Targets one replica is asked; without, the base is empty, only the path is left, and the URL
	// itself is asked.
	where := c.t.bases(target)[0] + strings.TrimPrefix(target, c.t.cfg.PublicURL)
	if strings.HasPrefix(where, "/") {
		where = target
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return c.fail(ctx, FaultTwiML, "Play's URL cannot be asked for")
	}
	res, err := c.t.client.Do(req)
	if err != nil {
		return c.fail(ctx, FaultReply, "the sound %s could not be fetched", pathOf(target))
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "audio/") {
		return c.fail(ctx, FaultReply, "the sound %s is answered with status %d and no audio", pathOf(target), res.StatusCode)
	}
	c.t.mu.Lock()
	c.t.sounds[target] = true
	c.t.mu.Unlock()
	return nil
}
