package phone

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"duebell/handoff"
	"duebell/lab/harness"
	"duebell/lab/twilio"
)

// stateView is everything on the page that changes. Lists are never null: the page's scripts walk them.
type stateView struct {
	Clock    clockView         `json:"clock"`
	Call     *callView         `json:"call"`
	Ringing  []ringView        `json:"ringing"`
	People   []requestView     `json:"people"`
	Texts    []textView        `json:"texts"`
	Owed     map[string]string `json:"owed"`
	Payments []paymentView     `json:"payments"`
	Ledger   []entryView       `json:"ledger"`
	Troubles map[string]string `json:"troubles"`
	Trouble  string            `json:"trouble"` // why the database could not be read; empty: it was
}

// clockView is the domain clock on the line's wall clock.
type clockView struct {
	Text  string `json:"text"`
	Local string `json:"local"` // as a datetime-local input has it
}

// callView is one call as its caller sees it. Question goes back with each act, so that a late key is known as
// late.
type callView struct {
	SID      string     `json:"sid"`
	From     string     `json:"from"`
	Running  bool       `json:"running"`
	Question int        `json:"question"`
	Ask      askView    `json:"ask"`
	Lines    []lineView `json:"lines"`
}

// requestView is a caller who was sent on to a person, or was promised a call.
type requestView struct {
	What     string `json:"what"`
	State    string `json:"state"`
	Number   string `json:"number"`
	Language string `json:"language"`
	Proven   string `json:"proven"`
	Doing    string `json:"doing"`
	When     string `json:"when"`
	Deadline string `json:"deadline"`
}

// askView is what the line waits for, and how long: Keys and Speech say which inputs it takes, Typed how many keys of
// an open entry have come.
type askView struct {
	Kind     string  `json:"kind"` // running, gather, pay, dial or ended
	Words    string  `json:"words"`
	Keys     bool    `json:"keys"`
	Speech   bool    `json:"speech"`
	Typed    int     `json:"typed"`
	Patience float64 `json:"patience"` // seconds until silence counts; 0: it never does
	Method   string  `json:"method,omitempty"`
	Step     string  `json:"step,omitempty"`
}

// lineView is one line of the conversation.
type lineView struct {
	Who      string `json:"who"` // line, person (what only the person hears), caller, twilio, webhook, fault or end
	Text     string `json:"text"`
	Language string `json:"language,omitempty"`
}

// textView is one text. At is for the eye, on the line's wall clock; when is what they are sorted by.
type textView struct {
	Number string `json:"number"`
	Way    string `json:"way"` // in: to the number; out: from it
	Body   string `json:"body"`
	State  string `json:"state"`
	Kind   string `json:"kind"`
	At     string `json:"at"`

	when time.Time
}

// paymentView is one row of contract.payments. State is a word of design §5.
type paymentView struct {
	Reference string `json:"reference"`
	Account   string `json:"account"`
	Amount    string `json:"amount"`
	Method    string `json:"method"`
	State     string `json:"state"`
	At        string `json:"at"`
}

// entryView is one row of contract.ledger. Amount has a minus where the entry takes away from paid.
type entryView struct {
	Account   string `json:"account"`
	Kind      string `json:"kind"`
	Amount    string `json:"amount"`
	Reference string `json:"reference"`
	At        string `json:"at"`
}

// state answers with everything, and with the one call that the page asks for. A database that is down (somebody may
// have chosen that on this very page) leaves its lists empty and says so.
func (p *Phone) state(w http.ResponseWriter, r *http.Request) {
	now := p.cfg.Environment.Now().In(p.cfg.Calendar.Zone())
	view := stateView{
		Clock:   clockView{Text: now.Format("Monday, January 2, 2006, 3:04:05 PM"), Local: now.Format("2006-01-02T15:04")},
		Ringing: p.ringing(), People: []requestView{}, Texts: []textView{}, Payments: []paymentView{}, Ledger: []entryView{}, Troubles: map[string]string{}, Owed: map[string]string{},
	}
	p.mu.Lock()
	c := p.calls[r.URL.Query().Get("call")]
	for part, word := range p.troubles {
		view.Troubles[part] = word
	}
	p.mu.Unlock()
	// A SID that is not known any more shows the page without a call.
	if c != nil {
		view.Call = p.callView(c)
	}
	// Read outside the lock: the database may be slow, and acts need the lock.
	rows, err := p.cfg.Environment.Rows(r.Context())
	if err != nil {
		view.Trouble = "The database cannot be read just now."
	}
	p.showRows(&view, rows)
	send(w, http.StatusOK, view)
}

// showRows puts the rows of the database into the page's words. A credit is owed by the line, and is said so.
func (p *Phone) showRows(view *stateView, rows harness.Rows) {
	for account, cents := range rows.Owed {
		switch {
		case cents > 0:
			view.Owed[account] = "owes " + dollars(cents)
		case cents < 0:
			view.Owed[account] = "has a credit of " + dollars(-cents)
		default:
			view.Owed[account] = "owes nothing"
		}
	}
	// A payment that was never authorized has neither number nor instant: dashes.
	for _, x := range rows.Payments {
		view.Payments = append(view.Payments, paymentView{
			Reference: cmp.Or(x.Reference, "–"), Account: x.Account, Amount: dollars(x.Cents), Method: x.Method, State: x.State, At: p.at(x.AuthorizedAt),
		})
	}
	for _, x := range rows.Ledger {
		view.Ledger = append(view.Ledger, entryView{
			Account: x.Account, Kind: x.Kind, Amount: dollars(x.Cents), Reference: cmp.Or(x.Reference, "–"), At: p.at(x.ReceivedAt),
		})
	}
	for _, x := range rows.Requests {
		view.People = append(view.People, p.requestView(x))
	}
	view.Texts = append(view.Texts, p.texts(rows.Texts)...)
}

// requestView shows a hand-over with the instant of its call, and a call-back with the slot that was promised.
func (p *Phone) requestView(x handoff.Request) requestView {
	state, when := string(x.Outcome), p.at(x.From)
	switch {
	// What a person has recorded says more than what became of the call.
	case !x.DoneAt.IsZero():
		state = "done"
	case state == "" && x.Open:
		state = "open"
	}
	if x.From.IsZero() {
		when = p.at(x.At)
	}
	return requestView{
		What: string(x.Kind), State: state, Number: shownPhone(x.Number), Language: x.Lang, Proven: x.Tier, Doing: x.Doing, When: when, Deadline: p.at(x.Deadline),
	}
}

// texts returns what the page shows as texts, newest first: those that the product keeps, Twilio's own answers to
// STOP and the like (which the product never sees), and what was sent from the page.
func (p *Phone) texts(kept []harness.TextRow) []textView {
	var out []textView
	// Every number that the page knows: Twilio's own answers are asked for by number.
	numbers := map[string]bool{}
	for _, s := range p.cfg.Stories {
		numbers[s.Phone] = true
	}
	for _, x := range kept {
		numbers[x.To] = true
		when := x.SentAt
		// Not handed to Twilio yet, or dropped: it stands where it was made.
		if when.IsZero() {
			when = x.CreatedAt
		}
		out = append(out, textView{Number: x.To, Way: "in", Body: x.Body, State: x.State, Kind: x.Kind, when: when})
	}
	p.mu.Lock()
	for _, s := range p.sent {
		numbers[s.from] = true
		out = append(out, textView{Number: s.from, Way: "out", Body: s.body, State: "sent to the line", when: s.at})
	}
	p.mu.Unlock()
	if line := p.cfg.Line(); line != nil {
		for number := range numbers {
			for _, m := range line.AutoReplies(number) {
				out = append(out, textView{Number: number, Way: "in", Body: m.Body, State: "Twilio's own answer", when: m.Created})
			}
		}
	}
	// Texts of one instant in the order of numbers, so that the list does not jump from one drawing to the
	// next.
	slices.SortStableFunc(out, func(a, b textView) int { return cmp.Or(b.when.Compare(a.when), cmp.Compare(a.Number, b.Number)) })
	for i := range out {
		out[i].At = p.at(out[i].when)
	}
	return out
}

// callView returns a call as the page shows it. A call that has not come up yet has no transcript.
func (p *Phone) callView(c *activeCall) *callView {
	call, placed := p.lookup(c.sid)
	c.mu.Lock()
	v := &callView{SID: c.sid, From: c.from, Question: c.question, Running: c.busy, Lines: []lineView{}}
	failed := c.failed
	c.mu.Unlock()
	if !placed {
		v.Ask = askView{Kind: "running", Words: "Dialing …"}
		if failed != "" {
			v.Ask = askView{Kind: "ended", Words: "The call could not be placed: " + failed}
		}
		return v
	}
	v.Lines = lines(call)
	// The state and the transcript are read one after the other; the next drawing mends what came between.
	v.Ask = ask(call.State())
	if v.Running && v.Ask.Kind != "ended" { // between two questions, whatever the state says this instant
		v.Ask = askView{Kind: "running", Words: "The line is at work …"}
	}
	return v
}

// ask says in words what the line waits for in this state.
func ask(s twilio.State) askView {
	switch s := s.(type) {
	case twilio.AskGather:
		return askView{Kind: "gather", Keys: s.Keys, Speech: s.Speech, Typed: s.Typed, Patience: s.Timeout.Seconds(), Words: gatherWords(s)}
	case twilio.AskPay:
		return askView{
			Kind: "pay", Keys: true, Typed: s.Typed, Patience: s.Timeout.Seconds(), Method: s.Method, Step: s.Step,
			Words: "Twilio's keypad capture waits for the " + strings.ReplaceAll(s.Step, "-", " ") + ".",
		}
	case twilio.AskDial:
		return askView{Kind: "dial", Words: "You are talking to a person."}
	case twilio.Ended:
		return askView{Kind: "ended", Words: "The call is over: " + s.Reason + "."}
	default:
		return askView{Kind: "running", Words: "The line is at work …"}
	}
}

// gatherWords returns what a Gather takes, as a sentence: as many keys as its attributes allow, speech, or
// both.
func gatherWords(s twilio.AskGather) string {
	var keys string
	switch {
	case s.NumDigits == 1:
		keys = "one key"
	case s.NumDigits > 1 && s.FinishOnKey != "":
		keys = fmt.Sprintf("up to %d keys, ended by %s", s.NumDigits, s.FinishOnKey)
	case s.NumDigits > 1:
		keys = fmt.Sprintf("%d keys", s.NumDigits)
	default:
		keys = "keys, ended by " + s.FinishOnKey
	}
	switch {
	case s.Keys && s.Speech:
		return "The line waits for " + keys + ", or for you to speak."
	case s.Speech:
		return "The line waits for you to speak."
	default:
		return "The line waits for " + keys + "."
	}
}

// presses begins the transcript's line of an act with keys.
const presses = "presses "

// lines returns the conversation for the page: the transcript, with the language of each prompt beside it, so that a
// browser speaks it with the right voice, and with the whisper where the line rang a person. Keys of one entry that
// were pressed one by one are one line.
func lines(call *twilio.Call) []lineView {
	heard := call.Heard()
	whispered := whisper(call)
	transcript := call.Transcript()
	// The stand-in keeps what the last person heard; earlier ones are not shown.
	rings := lastIndex(transcript, "line: rings an agent")
	out := []lineView{}
	for i, l := range transcript {
		who, text, _ := strings.Cut(l, ": ")
		switch who {
		case "line":
			v := lineView{Who: "line", Text: text}
			// Transcript and heard are in the same order; what has no counterpart was not spoken.
			if len(heard) > 0 && heard[0].Text == text {
				v.Language, heard = heard[0].Language, heard[1:]
			} else {
				v.Who = "twilio" // what happens on the line: it rings, somebody answers
			}
			out = append(out, v)
			if i == rings {
				out = append(out, whispered...)
			}
		case "twilio":
			if strings.HasPrefix(text, http.MethodPost+" ") || strings.HasPrefix(text, http.MethodGet+" ") {
				who = "webhook"
			}
			out = append(out, lineView{Who: who, Text: text})
		case "caller", "fault":
			if keys, more := strings.CutPrefix(text, presses); more && len(out) > 0 && out[len(out)-1].Who == who && strings.HasPrefix(out[len(out)-1].Text, presses) {
				out[len(out)-1].Text += keys // keys of one entry, pressed one by one
				continue
			}
			out = append(out, lineView{Who: who, Text: text})
		default:
			out = append(out, lineView{Who: "end", Text: l})
		}
	}
	return out
}

// whisper returns what the person heard whom the line rang last, before the call was theirs; nothing if nobody was.
func whisper(call *twilio.Call) []lineView {
	leg := call.Agent()
	if leg == nil || len(leg.Heard()) == 0 {
		return nil
	}
	var words []string
	for _, h := range leg.Heard() {
		words = append(words, h.Text)
	}
	// In one line, because the person hears it as one; the whisper has one language.
	return []lineView{{Who: "person", Text: strings.Join(words, " "), Language: leg.Heard()[0].Language}}
}

// lastIndex returns where the text stands last in the list, or -1.
func lastIndex(list []string, of string) int {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] == of {
			return i
		}
	}
	return -1
}

// at shows an instant on the line's wall clock; a dash for one that has not come.
func (p *Phone) at(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.In(p.cfg.Calendar.Zone()).Format("Jan 2, 3:04:05 PM")
}

// dollars shows cents as people read them: −$198.00.
func dollars(cents int64) string {
	sign := ""
	if cents < 0 {
		sign, cents = "−", -cents
	}
	return fmt.Sprintf("%s$%d.%02d", sign, cents/100, cents%100)
}
