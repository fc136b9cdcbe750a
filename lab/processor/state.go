package processor

import (
	"encoding/json"
	"fmt"
	"io"
)

// Save writes everything that a later start must know: payment methods, PaymentIntents, idempotency keys and
// events that wait. Numbers are not among it; they were never kept. A request meanwhile waits for it.
func (p *Processor) Save(w io.Writer) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := json.NewEncoder(w).Encode(p.state); err != nil {
		return fmt.Errorf("processor: save: %w", err)
	}
	return nil
}

// Load puts the processor back to what Save wrote, in place of what it holds. On an error nothing is changed.
// The published methods are added anew, so a later version may have more of them.
func (p *Processor) Load(r io.Reader) error {
	var w state
	if err := json.NewDecoder(r).Decode(&w); err != nil {
		return fmt.Errorf("processor: load: %w", err)
	}
	if w.Methods == nil || w.Keys == nil {
		return fmt.Errorf("processor: load: this is not what Save wrote")
	}
	w.byID = make(map[string]*intent, len(w.Intents))
	for _, in := range w.Intents {
		w.byID[in.ID] = in
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = w
	p.addPublishedMethods()
	return nil
}
