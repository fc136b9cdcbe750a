package phone

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"duebell/lab/harness"
	"duebell/lab/twilio"
)

// recorder writes down what is done on the page as the lines of a script, so that what somebody tried by hand
// can be played again by `duebell-lab call`. What came of it (texts, charges, what is owed) is added when the
// script is asked for. It notes what the caller did and heard, never what the page looked like. Fields but mu
// are guarded by mu.
type recorder struct {
	mu      sync.Mutex
	began   time.Time // by the domain clock: what was there before is not part of the story
	at      time.Time // up to when the script's clock has been told
	lines   []storyLine
	calls   map[string]bool // by SID: their end has been written
	current *twilio.Call
	agents  bool // a person was rung, or their behaviour set
}

// storyLine is one line of the script. A line with a receipt stands only if that number was texted in the end.
type storyLine struct {
	text    string
	receipt string       // nine digits
	keys    *twilio.Call // a press on this call, to which more keys of the same entry are added
}

// storyGap is how long the line may stand idle before the script's clock is told to follow. Shorter waits are left
// out: a script's clock runs ahead of dev's by the length of its pauses.
const storyGap = 5 * time.Minute

// Instants in scripts are on the line's wall clock.
const storyTime = "2006-01-02T15:04:05"

// begin starts a new story at an instant of the domain clock, and forgets the one before.
func (s *recorder) begin(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began, s.at, s.lines, s.calls, s.current, s.agents = now, now, nil, map[string]bool{}, nil, false
}

// moment is what an act finds: what was heard since the act before, whether keys were typed already, and
// whether Pay is asking.
type moment struct {
	heard []twilio.Heard
	typed bool
	pay   bool
}

// before looks at a call just before an act.
func before(c *twilio.Call) moment {
	m := moment{heard: c.HeardSinceInput()}
	switch s := c.State().(type) {
	case twilio.AskGather:
		m.typed = s.Typed > 0
	case twilio.AskPay:
		m.typed, m.pay = s.Typed > 0, true
	}
	return m
}

// tellAct adds an act of a caller that the line has taken, with what the caller had heard before it. Keys that
// were pressed one by one for one question become one press. found is the call just before the act.
func (p *Phone) tellAct(c *twilio.Call, name string, a actRequest, found moment) {
	s := &p.recorder
	s.mu.Lock()
	defer s.mu.Unlock()
	// An entry was open before this act: what comes now belongs to the same question.
	if found.typed && len(s.lines) > 0 {
		last := &s.lines[len(s.lines)-1]
		switch {
		case name == "silence" && last.keys == c:
			return // press waits for the end of the entry by itself
		case (name == "key" || name == "press") && last.keys == c:
			last.text += a.Keys
			return
		}
	}
	// In this order: first time and call, then what was heard, then the act; so a script is written too.
	s.follow(p.cfg.Environment.Now(), c, p)
	s.hear(c, found)
	line := storyLine{text: actLine(name, a)}
	switch name {
	case "key", "press":
		line.keys = c
	case "person-hangs-up":
		s.agents = true
	case "hang-up":
		s.current = nil // nothing more comes of it
	}
	s.lines = append(s.lines, line)
}

// actLine returns an act in the words of scripts. Where the page's word is the script's own it stays as it is.
func actLine(name string, a actRequest) string {
	switch name {
	case "key", "press":
		return "press " + a.Keys
	case "say":
		line := "say " + quoted(a.Text)
		if a.Confidence != nil {
			line += fmt.Sprintf(" confidence %g", *a.Confidence)
		}
		return line
	case "pay-card":
		expires := onlyDigits(a.Expiry)
		if len(expires) == 4 {
			expires = expires[:2] + "/" + expires[2:]
		}
		return fmt.Sprintf("pay-card %s %s %s %s", onlyDigits(a.Number), expires, onlyDigits(a.Code), onlyDigits(a.Postal))
	case "pay-bank":
		return fmt.Sprintf("pay-bank %s %s", onlyDigits(a.Routing), onlyDigits(a.Account))
	case "person-hangs-up":
		return "over"
	default: // silence and hang-up are words of scripts
		return name
	}
}

var (
	numberSpoken = regexp.MustCompile(`\b(\d{3}) (\d{3}) (\d{3})\b`)              // a confirmation number, said in threes
	differs      = regexp.MustCompile(`\b\d{3} ?\d{3} ?\d{3}\b|\b\d{1,2}:\d\d\b`) // from run to run: reference numbers and times of day
)

// hear adds what was heard last, and the receipt where a confirmation number was among it. How often the line
// said that it is still at work depends on the machine, so that only the document that asked is quoted. The
// caller holds s.mu.
func (s *recorder) hear(c *twilio.Call, m moment) {
	var words []string
	number := ""
	for i, h := range m.heard {
		// The last one counts, as for the word receipt.
		spoken := numberSpoken.FindStringSubmatch(h.Text)
		if spoken != nil {
			number = strings.Join(spoken[1:], "")
		}
		// Within Pay all prompts are of one document; only the last of them belongs to this question.
		last := h.Turn == m.heard[len(m.heard)-1].Turn
		if m.pay {
			last = i == len(m.heard)-1
		}
		if last || spoken != nil {
			words = append(words, h.Text)
		}
	}
	if len(words) > 0 {
		s.lines = append(s.lines, storyLine{text: "hear " + quoted(strings.Join(words, " … "))})
	}
	if number != "" {
		s.lines = append(s.lines, storyLine{text: "receipt", receipt: number})
	}
	s.current = c
}

// quoted returns words as a script has them, in quotation marks, with an ellipsis for what is another one in
// each run. Spaces are made single, as the script's own comparison does.
func quoted(words string) string {
	// What differs is replaced before quotation marks are escaped; the ellipsis is the script's own sign for
	// any words.
	words = differs.ReplaceAllString(strings.Join(strings.Fields(words), " "), "…")
	return `"` + strings.ReplaceAll(words, `"`, `\"`) + `"`
}

// follow moves the script's clock to now if dev's has run on meanwhile, writes the end of a call that is over,
// and goes back to a call which is not the newest. c is nil for what is no act in a call. The caller holds
// s.mu.
func (s *recorder) follow(now time.Time, c *twilio.Call, p *Phone) {
	if s.current != nil && s.current != c {
		s.end(s.current)
	}
	// A new call needs no line here: "call" and "answer" make it the current one.
	if c != nil && s.current != nil && s.current != c && s.calls[c.SID] {
		s.lines = append(s.lines, storyLine{text: "caller " + memberNumber(c, p)})
	}
	if now.Sub(s.at) > storyGap {
		s.at = now
		s.lines = append(s.lines, storyLine{text: "until " + now.In(p.cfg.Calendar.Zone()).Format(storyTime)})
	}
	if c != nil {
		s.calls[c.SID] = true
	}
}

// memberNumber returns the number by which scripts name a call: the member's, whoever has called whom.
func memberNumber(c *twilio.Call, p *Phone) string {
	if c.From == p.cfg.Number {
		return c.To
	}
	return c.From
}

// end writes the end of a call that is over, unless the caller's hang-up has been written: what was heard last,
// and over. A call that goes on is left alone. The caller holds s.mu.
func (s *recorder) end(c *twilio.Call) {
	if c == nil || !c.Over() {
		return
	}
	s.hear(c, moment{heard: c.HeardSinceInput()})
	// over after a person's end has been written already, with person-hangs-up.
	if s.lines[len(s.lines)-1].text != "over" {
		s.lines = append(s.lines, storyLine{text: "over"})
	}
	s.current = nil
}

// tell adds a line that is no act in a call, such as a fault or a text. It must be in the words of scripts.
func (p *Phone) tell(format string, args ...any) {
	p.recorder.mu.Lock()
	defer p.recorder.mu.Unlock()
	p.recorder.follow(p.cfg.Environment.Now(), nil, p)
	p.recorder.lines = append(p.recorder.lines, storyLine{text: fmt.Sprintf(format, args...)})
}

// tellClock adds a move of the clock to an instant, on the line's wall clock.
func (p *Phone) tellClock(at time.Time) {
	p.recorder.mu.Lock()
	defer p.recorder.mu.Unlock()
	p.recorder.end(p.recorder.current)
	// So that follow does not tell the same move again.
	p.recorder.at = at
	p.recorder.lines = append(p.recorder.lines, storyLine{text: "until " + at.In(p.cfg.Calendar.Zone()).Format(storyTime)})
}

// showStory answers with the script as plain text, or with 503 while the database is down: without it nobody
// knows what came of the story.
func (p *Phone) showStory(w http.ResponseWriter, r *http.Request) {
	text, err := p.script(r.Context())
	if err != nil {
		http.Error(w, "The database cannot be read just now: ask again once it is up.", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = fmt.Fprint(w, text) // the page may have been closed
}

// script returns the story so far: what was done, and then everything that came of it. A script fails on what
// it does not expect, so nothing may be left out. It can be asked for at any time, again and again, and the
// story goes on. It begins with the sample members as they were at first, so payments of an earlier dev are no
// part of it.
func (p *Phone) script(ctx context.Context) (string, error) {
	rows, err := p.cfg.Environment.Rows(ctx)
	if err != nil {
		return "", err
	}
	charges, err := p.cfg.Environment.Charges(ctx)
	if err != nil {
		return "", err
	}
	s := &p.recorder
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(s.current)
	var texts []twilio.Message
	if line := p.cfg.Line(); line != nil {
		// Twilio's own answers to STOP and the like are not among them: scripts do not expect those.
		texts = line.AllTexts()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# What was done on the phone's page. Play it: duebell-lab call story.call\nclock %s\nsample\n", s.began.In(p.cfg.Calendar.Zone()).Format(storyTime))
	if reminded(rows, s.began) {
		b.WriteString("plan\n")
	}
	// In a script nobody takes a call unless dial says so; here somebody does from the start.
	if s.agents || len(rows.Requests) > 0 {
		b.WriteString("dial accepts\n")
	}
	// A confirmation number that was spoken but whose receipt never went (no consent) is no receipt to a
	// script.
	for _, l := range s.lines {
		if l.receipt == "" || textedNumber(texts, l.receipt) {
			b.WriteString(l.text + "\n")
		}
	}
	b.WriteString("\n")
	for _, m := range texts {
		fmt.Fprintf(&b, "texted %s %s\n", m.To, quoted(m.Body))
	}
	outcome(&b, rows, charges, s.began)
	return b.String(), nil
}

// outcome adds the charges of the story, oldest first, and what is owed then on their accounts. A charge is of
// the story when its payment was authorized after the story began.
func outcome(b *strings.Builder, rows harness.Rows, charges []harness.Charge, began time.Time) {
	mine, earlier := map[string]bool{}, false
	for _, x := range rows.Payments {
		mine[x.Reference] = !x.AuthorizedAt.Before(began)
		earlier = earlier || !x.AuthorizedAt.IsZero() && x.AuthorizedAt.Before(began)
	}
	var accounts []string
	told := map[string]bool{}
	// Charges of the processor and not payments of the database: a charge that no payment of ours explains is
	// left to the script, which then fails on it.
	for _, c := range charges {
		if !mine[c.Reference] {
			continue
		}
		company := ""
		if c.Company {
			company = " CCD"
		}
		fmt.Fprintf(b, "charged %s %s %s%s\n", c.Account, plain(c.Cents), c.Method, company)
		if !told[c.Account] {
			told[c.Account], accounts = true, append(accounts, c.Account)
		}
	}
	// What is owed now, after all of them: each account once.
	for _, account := range accounts {
		fmt.Fprintf(b, "owes %s %s\n", account, plain(rows.Owed[account]))
	}
	if earlier {
		b.WriteString("# Payments from before this dev was started are no part of the script: start dev with --fresh for a story from the beginning.\n")
	}
}

// reminded reports whether reminders went out since then: a script sends none unless it plans them.
func reminded(rows harness.Rows, since time.Time) bool {
	for _, t := range rows.Texts {
		if !t.SentAt.Before(since) && (strings.HasPrefix(t.Kind, "due_") || strings.HasPrefix(t.Kind, "past_") || strings.HasPrefix(t.Kind, "grace_") || strings.HasPrefix(t.Kind, "autopay_")) {
			return true
		}
	}
	return false
}

// textedNumber reports whether a text holds the number, in whatever groups.
func textedNumber(texts []twilio.Message, number string) bool {
	for _, m := range texts {
		if strings.Contains(strings.ReplaceAll(m.Body, " ", ""), number) {
			return true
		}
	}
	return false
}

// plain returns an amount as scripts write it: 198.00.
func plain(cents int64) string {
	sign := ""
	if cents < 0 {
		sign, cents = "-", -cents
	}
	return fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100)
}

// taken reports whether the line took an act: what it refused has changed nothing and is no part of the story.
// A fault of the product counts as taken, for the act has happened.
func taken(err error) bool {
	return !errors.Is(err, twilio.ErrRefused) && !errors.Is(err, twilio.ErrEnded)
}
