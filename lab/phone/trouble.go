package phone

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"duebell/lab/twilio"
)

// part is something that can be broken, and the words of scripts that do it; the first of them mends it. The
// page shows one word of each part as set, and sets one at a time.
type part struct {
	Name  string
	Label string
	Words []word
}

// word is a word of scripts and what it says on the page.
type word struct{ Word, Label string }

// parts is everything that can be broken from the page. A word that is missing here can still be used in a script.
var parts = []part{
	{"processor", "Card and bank processor", []word{
		{"up", "works"},
		{"declines", "declines every card"},
		{"slow 20s", "answers after 20 seconds"},
		{"down", "is down"},
		{"charges-then-drops-the-reply", "charges, then its reply is lost"},
		{"wants-verification", "wants bank accounts verified"},
	}},
	{"twilio", "Twilio", []word{
		{"normal", "works"},
		{"repeats-every-webhook", "repeats every webhook"},
		{"repeats-at-once", "repeats webhooks at once"},
		{"drops-next-reply", "loses our next reply"},
		{"api-down", "its API is down"},
		{"api-accepts-then-drops-the-reply", "its API accepts, then its reply is lost"},
	}},
	{"redis", "Redis", []word{{"up", "works"}, {"down", "is down"}, {"empty", "is emptied now"}}},
	{"database", "Database", []word{{"up", "works"}, {"down", "is down"}, {"drops-next-commit-reply", "loses the reply to its next commit"}}},
}

// troubleRequest is a POST to trouble: a Name of parts, and one of its Words.
type troubleRequest struct {
	Part string `json:"part"`
	Word string `json:"word"`
}

// once are the words that act one time and leave nothing broken: the page shows the part as working again.
var once = []string{"empty", "drops-next-reply", "drops-next-commit-reply"}

// trouble breaks a part or mends it, and notes it in the story. Only what stands in parts is passed on.
func (p *Phone) trouble(r *http.Request) (any, error) {
	req, err := read[troubleRequest](r)
	if err != nil {
		return nil, err
	}
	// The page offers only what stands there; anything else is a mistake or somebody's own request.
	known := slices.ContainsFunc(parts, func(x part) bool {
		return x.Name == req.Part && slices.ContainsFunc(x.Words, func(w word) bool { return w.Word == req.Word })
	})
	if !known {
		return nil, refuse(http.StatusBadRequest, "There is no such trouble.")
	}
	if err := p.cfg.Environment.Trouble(p.ctx, req.Part, req.Word); err != nil {
		return nil, fmt.Errorf("set trouble: %w", err)
	}
	// After it was done: what was refused is no part of the story.
	p.tell("%s %s", req.Part, req.Word)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.troubles[req.Part] = req.Word
	// The empty word is no button's, and the page falls back on the first.
	if slices.Contains(once, req.Word) {
		p.troubles[req.Part] = ""
	}
	return nil, nil
}

// agentRequest is a POST to agent: what becomes of calls to a person, a key of agents.
type agentRequest struct {
	Outcome string `json:"outcome"`
}

// agents are what can become of a call to a person, who takes it with key 1 once the whisper is heard.
var agents = map[string]twilio.AgentPlan{
	"answered": {Keys: []string{"1"}}, "declined": {}, "busy": {Outcome: "busy"}, "no-answer": {Outcome: "no-answer"},
}

// dialWords are the same in the words of scripts.
var dialWords = map[string]string{"answered": "accepts", "declined": "declines", "busy": "busy", "no-answer": "no-answer"}

// agent sets what happens when the line rings a person (H5: accepted with key 1, or not taken), from now on.
func (p *Phone) agent(r *http.Request) (any, error) {
	req, err := read[agentRequest](r)
	if err != nil {
		return nil, err
	}
	plan, known := agents[req.Outcome]
	if !known {
		return nil, refuse(http.StatusBadRequest, "A person takes the call, does not take it, is busy or does not answer.")
	}
	line, err := p.line()
	if err != nil {
		return nil, err
	}
	// Before it is noted: a script must not say what was refused.
	line.SetAgent(plan)
	p.tell("dial %s", dialWords[req.Outcome])
	p.recorder.mu.Lock()
	// The script must say dial from then on, whether or not anybody is rung.
	p.recorder.agents = true
	p.recorder.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.troubles["agent"] = req.Outcome
	return nil, nil
}

// textRequest is a POST to texts: a text from a caller's phone to the line.
type textRequest struct {
	From string `json:"from"`
	Body string `json:"body"`
}

// text sends a text to the line from a caller's phone, any number. It returns when the line has taken it; what
// the line answers comes by state.
func (p *Phone) text(r *http.Request) (any, error) {
	req, err := read[textRequest](r)
	if err != nil {
		return nil, err
	}
	from, err := phoneNumber(req.From)
	if err != nil {
		return nil, err
	}
	body := strings.TrimSpace(req.Body)
	if body == "" {
		return nil, refuse(http.StatusBadRequest, "Write what the text says.")
	}
	line, err := p.line()
	if err != nil {
		return nil, err
	}
	// The product's fault in answering a text is no error here; it shows among the stand-in's faults.
	if err := explain(line.TextFrom(p.ctx, from, body)); err != nil {
		return nil, err
	}
	p.tell("text-from %s %q", from, body)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, sentText{from, body, p.cfg.Environment.Now()})
	return nil, nil
}

// sentText is a text from a caller's phone to the line, with the instant of the domain clock.
type sentText struct {
	from, body string
	at         time.Time
}

// clockRequest is a POST to clock.
type clockRequest struct {
	Move string `json:"move"` // one of the buttons, or until
	At   string `json:"at"`   // of until: 2027-02-23T16:55, on the line's wall clock
}

// moveClock moves the clock forward and answers when nothing due is left undone; that may take a while, for a
// month. Backwards is refused. A page that is closed meanwhile does not stop the move.
func (p *Phone) moveClock(r *http.Request) (any, error) {
	req, err := read[clockRequest](r)
	if err != nil {
		return nil, err
	}
	now := p.cfg.Environment.Now()
	at, err := p.target(req, now)
	if err != nil {
		return nil, err
	}
	// An equal instant is refused too: nothing would happen, and the page would seem to have done something.
	if !at.After(now) {
		return nil, refuse(http.StatusBadRequest, "The clock only moves forward.")
	}
	// Under the phone's context: half a move would leave the line between two days.
	if err := p.cfg.Environment.Until(p.ctx, at); err != nil {
		return nil, fmt.Errorf("move the clock: %w", err)
	}
	p.tellClock(at)
	return nil, nil
}

// target returns the instant that a button or a typed time means, from now on; it may lie in the past.
func (p *Phone) target(req clockRequest, now time.Time) (time.Time, error) {
	if req.Move == "until" {
		// The form of a browser's date and time field.
		at, err := time.ParseInLocation("2006-01-02T15:04", req.At, p.cfg.Calendar.Zone())
		if err != nil {
			return time.Time{}, refuse(http.StatusBadRequest, "Give the time as 2027-02-23T16:55.")
		}
		return at, nil
	}
	for _, m := range moves {
		if m.ID == req.Move {
			return m.to(now, p.cfg.Calendar), nil
		}
	}
	return time.Time{}, refuse(http.StatusBadRequest, "The clock has no such button.")
}
