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

// refused says that the product turned a webhook away, which no overload or
// crash explains.
func refused(err error) bool {
	var failure *deliveryError
	return errors.As(err, &failure) && failure.kind == "4xx"
}

// statusCallback reports one event of a leg, if it was asked for. Arrival order
// is not promised: SequenceNumber tells the true one.
func (c *Call) statusCallback(ctx context.Context, event string) {
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
		form.Set("CallStatus", "in-progress")
	case "completed":
		form.Set("CallStatus", c.status)
		duration := strconv.Itoa(int(now.Sub(c.answered) / time.Second))
		form.Set("CallDuration", duration)
		form.Set("Duration", "1")
	default:
		form.Set("CallStatus", event)
	}
	form.Set("Timestamp", now.UTC().Format(time.RFC1123Z))
	form.Set("CallbackSource", "call-progress-events")
	form.Set("SequenceNumber", strconv.Itoa(c.sequence))
	c.sequence++
	c.t.callback(ctx, webhook{url: c.urls.status, method: http.MethodPost, form: form, port: PortDropped, callSID: c.SID})
}

// callback delivers a status callback, or keeps it back where the mode wants
// them out of order. Its reply decides nothing.
func (t *Twilio) callback(ctx context.Context, w webhook) {
	switch t.callbacksMode() {
	case ModeCallbacksShuffled:
		t.mu.Lock()
		defer t.mu.Unlock()
		t.countMode(ModeCallbacksShuffled)
		t.held = append(t.held, w)
		return
	case ModeCallbacksLost:
		t.mu.Lock()
		defer t.mu.Unlock()
		t.countMode(ModeCallbacksLost)
		return
	case ModeCallbacksTwice:
		t.mu.Lock()
		t.countMode(ModeCallbacksTwice)
		t.mu.Unlock()
		t.deliverCallback(ctx, w)
	}
	t.deliverCallback(ctx, w)
}

// deliverCallback delivers one; a refusal (4xx) is a fault, a lost answer is not.
func (t *Twilio) deliverCallback(ctx context.Context, w webhook) {
	answer, err := t.deliver(ctx, w)
	if refused(err) || err == nil && answer.status/100 != 2 {
		_ = t.addFault(Fault{FaultReply, w.callSID, w.path(), "a status callback was refused"})
	}
}

// deliverHeld delivers what was kept back, the last first.
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

// fetchSound asks once for a recording of the product's own, as Twilio does
// before it plays it: a plain GET without signature or parameters.
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
