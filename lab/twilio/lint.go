package twilio

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// Overrides is the fragment that every voice URL of the product ends in: two
// reads of 6.5 s fit into Twilio's ceiling of 15 s.
const Overrides = "ct=2000&rt=6500&rc=1&rp=ct,rt,5xx"

// documentContext is where a document is going to run, which decides what it may hold.
type documentContext int

const (
	onCall    documentContext = iota
	onWhisper                 // on the called leg of a Dial, before it is bridged
	inline                    // given as Twiml in a REST request
)

// Verbs after which nothing in the document is reached (twilio.md §10, flow lint). Dial is among them because
// ours always has an action.
var terminal = map[string]bool{"Redirect": true, "Record": true, "Hangup": true, "Reject": true, "Dial": true, "Refer": true}

// Verbs that a whisper may hold, stricter than Twilio: no Redirect, so the agent hears it in one document.
var whisperVerbs = []string{"Say", "Play", "Gather", "Hangup"}

// CheckVoice reads a voice document as strictly as a call does. It returns the problems in reading order,
// none for a good one; overrides demands the retry fragment on every voice URL. Golden and fuzz tests of the
// product's encoder use it without a call.
func CheckVoice(doc []byte, overrides bool) []Problem {
	_, problems := readVoice(doc, overrides, onCall)
	return problems
}

// readVoice parses a document and checks it. The root is nil when it cannot be parsed; otherwise it may be
// used beside its problems.
func readVoice(doc []byte, overrides bool, where documentContext) (*Node, []Problem) {
	g := grammars().Voice
	root, problems := parse(doc, g)
	if root != nil {
		// Flow is looked at even where the parser has complaints: all of them should show in one run.
		l := &linter{grammar: g, overrides: overrides, where: where}
		l.document(root)
		problems = append(problems, l.problems...)
	}
	sortProblems(problems)
	return root, problems
}

// linter holds the checks that need more than one element, and the project's own rules on the flow of a
// document. What one element may hold is the grammar's.
type linter struct {
	grammar   grammar
	overrides bool
	where     documentContext
	problems  []Problem
}

// bad adds a problem of an element.
func (l *linter) bad(n *Node, format string, args ...any) {
	l.problems = append(l.problems, Problem{n.Line, n.key, fmt.Sprintf(format, args...)})
}

// document checks the order of the verbs, and then each element.
func (l *linter) document(root *Node) {
	verbs := root.Elements()
	for i, v := range verbs {
		last := i == len(verbs)-1
		switch {
		// Nobody would hear what is written there.
		case terminal[v.Name] && !last:
			l.bad(v, "is followed by verbs that are never reached")
		case (v.Name == "Gather" || v.Name == "Pay") && last:
			// Silence and exhausted attempts run on below; with nothing there the call ends.
			l.bad(v, "has nothing after it")
		// Reject is for calls not yet answered, so it is the first verb or useless (twilio.md §3, unverified
		// there).
		case v.Name == "Reject" && i > 0:
			l.bad(v, "is not the first verb")
		}
		// Twilio allows Say, Play, Gather and Hangup there, and no Dial (twilio.md §3).
		if l.where == onWhisper && !slices.Contains(whisperVerbs, v.Name) {
			l.bad(v, "is not allowed in a whisper")
		}
		// Observed by others on outbound calls: no question, no result, no error (twilio.md §2.1, rule 6).
		if l.where == inline && v.Name == "Pay" {
			l.bad(v, "does nothing inside inline TwiML")
		}
	}
	l.walk(root)
}

// walk visits every element once.
func (l *linter) walk(n *Node) {
	l.voiceURLs(n)
	switch n.key {
	case "Say":
		l.say(n)
	case "Gather":
		l.gather(n)
	case "Pay":
		l.pay(n)
	case "Dial":
		l.dial(n)
	case "Dial/Sip":
		if len(n.text()) >= 255 {
			l.bad(n, "has a URI of 255 characters or more")
		}
	case "Refer":
		if len(n.Elements()) != 1 {
			l.bad(n, "does not hold exactly one Sip")
		}
	case "Enqueue":
		if len([]rune(n.text())) > 64 {
			l.bad(n, "has a queue name of more than 64 characters")
		}
		if (n.text() == "") == (len(n.Elements()) == 0) {
			l.bad(n, "needs a queue name or a Task, and not both")
		}
	}
	for _, kid := range n.Elements() {
		l.walk(kid)
	}
}

// voiceURLs demands the retry fragment: without it a process killed after it took the connection is not asked
// again, and the caller hears an error. Which attributes are voice URLs the grammar says.
func (l *linter) voiceURLs(n *Node) {
	if !l.overrides {
		return
	}
	rules := l.grammar[n.key]
	for name, kind := range rules.Attributes {
		// An attribute that is left out means the document's own URL, which has been looked at where it was
		// given.
		if kind == "voiceurl" && n.Has(name) && !hasOverrides(n.Attrs[name]) {
			l.bad(n, "attribute %s lacks the connection overrides", name)
		}
	}
	if rules.Text == "voiceurl" && !hasOverrides(n.text()) {
		l.bad(n, "its URL lacks the connection overrides")
	}
}

// hasOverrides says whether a URL ends in the connection overrides, written exactly as the product writes
// them.
func hasOverrides(rawURL string) bool {
	_, fragment, _ := strings.Cut(rawURL, "#")
	return fragment == Overrides
}

// maxSay is how much text one Say takes, in bytes (twilio.md §3: 4 KB, from an older copy of the docs).
const maxSay = 4096

// say checks length, voice and language of a Say.
func (l *linter) say(n *Node) {
	switch text := spoken(n); {
	case text == "":
		l.bad(n, "says nothing")
	case len(text) > maxSay:
		l.bad(n, "is longer than %d characters", maxSay)
	}
	voice := n.Attr("voice", "")
	// From twilio.md §3, unverified there: taken for certain, since a prompt read with its markup would be
	// noise.
	if (voice == "man" || voice == "woman") && len(n.Elements()) > 0 {
		l.bad(n, "has SSML, which the voices man and woman do not read")
	}
	// A Google voice is named after its language; a wrong pair can fail the verb.
	if named, ok := strings.CutPrefix(voice, "Google."); ok && n.Has("language") && !strings.HasPrefix(named, n.Attr("language", "")+"-") {
		l.bad(n, "its voice does not speak its language")
	}
}

// gather checks combinations of a Gather's attributes that Twilio rejects or ignores. Ignored ones count as
// wrong: whoever wrote them expected something of them.
func (l *linter) gather(n *Node) {
	keys, speech := inputs(n)
	for _, kid := range n.Elements() {
		if kid.Name == "Play" && kid.Has("digits") {
			l.bad(kid, "plays digits inside Gather")
		}
	}
	// speechModel needs a whole number of seconds (twilio.md §3).
	if timeout := n.Attr("speechTimeout", "auto"); n.Has("speechModel") && timeout == "auto" {
		l.bad(n, "sets speechModel without a whole speechTimeout")
	}
	for _, name := range []string{"numDigits", "finishOnKey"} {
		if !keys && n.Has(name) {
			l.bad(n, "sets %s, which is ignored without dtmf", name)
		}
	}
	for _, name := range []string{"speechTimeout", "speechModel", "hints", "maxSpeechTime"} {
		if !speech && n.Has(name) {
			l.bad(n, "sets %s, which is ignored without speech", name)
		}
	}
}

// inputs says what a Gather listens to; keys alone where it does not say.
func inputs(n *Node) (keys, speech bool) {
	words := strings.Fields(n.Attr("input", "dtmf"))
	return slices.Contains(words, "dtmf"), slices.Contains(words, "speech")
}

// dial checks what a Dial holds: an action (project rule, twilio.md §3), and ten numbers at most.
func (l *linter) dial(n *Node) {
	if !n.Has("action") {
		// Without it a failed transfer simply runs on to the end of the document.
		l.bad(n, "has no action")
	}
	numbers := 0
	for _, kid := range n.Elements() {
		if kid.Name == "Number" {
			numbers++
		}
	}
	if numbers > 10 {
		l.bad(n, "dials more than 10 numbers")
	}
}

// pay checks a Pay and its prompts. Two prompts for the same moment are wrong: the second is never spoken.
func (l *linter) pay(n *Node) {
	if action := n.Attr("action", ""); action != "" && !secureAction(action) {
		l.bad(n, "its action is not an absolute https URL")
	}
	// The account type is asked for with a Gather before Pay, and goes with a bank account alone.
	method := n.Attr("paymentMethod", "credit-card")
	if method == "credit-card" && n.Has("bankAccountType") {
		l.bad(n, "sets bankAccountType for a card (error 64017)")
	}
	seen := map[string]bool{}
	names := map[string]bool{}
	for _, kid := range n.Elements() {
		switch kid.Name {
		// Names come back as PayConnector_<name> or in a flat object, where a second one would hide the
		// first.
		case "Parameter":
			if name := kid.Attr("name", ""); name == "" || names[name] {
				l.bad(kid, "has an empty or repeated name")
			} else {
				names[name] = true
			}
		case "Prompt":
			l.prompt(kid, method)
			// Equal in every condition means that the choice always falls on the earlier one (prompts.go).
			same := fmt.Sprintf("%q", []string{kid.Attr("for", ""), kid.Attr("attempt", ""), kid.Attr("errorType", ""), kid.Attr("cardType", ""), kid.Attr("requireMatchingInputs", "false")})
			if seen[same] {
				l.bad(kid, "repeats an earlier Prompt and is never spoken")
			}
			seen[same] = true
		}
	}
}

// prompt refuses what can never be spoken: a step that the method does not ask, an error that the step does
// not know. Which moments lack a prompt is another question, and asked when the Pay is played (prompts.go).
func (l *linter) prompt(n *Node, method string) {
	step := n.Attr("for", "")
	known, ok := stepErrors[step]
	if !ok {
		return // already reported as a value
	}
	if step != stepProcessing && stepMethod(step) != method {
		l.bad(n, "is for a step that paymentMethod does not ask")
	}
	for _, word := range strings.Fields(n.Attr("errorType", "")) {
		if word != "internal-error" && !slices.Contains(known, word) {
			l.bad(n, "names an error that its step does not know")
		}
	}
	// Bank fields alone are entered twice (twilio.md §1.3).
	if n.Attr("requireMatchingInputs", "") == "true" && stepMethod(step) != "ach-debit" {
		l.bad(n, "asks for matching inputs on a field that has none")
	}
	if len(n.Elements()) == 0 {
		l.bad(n, "holds nothing to say")
	}
}

// secureAction says whether an action is one that Pay takes: https and absolute. Plain http is let through to
// a loopback host alone, where development runs.
func secureAction(action string) bool {
	u, err := url.Parse(action)
	if err != nil || u.Host == "" {
		return false
	}
	if u.Scheme == "https" {
		return true
	}
	// By name or by number: a development URL may have either form.
	host := u.Hostname()
	ip := net.ParseIP(host)
	return u.Scheme == "http" && (host == "localhost" || ip != nil && ip.IsLoopback())
}
