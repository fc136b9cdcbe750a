package twilio

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// Limits of Twilio's, or ours where its pages give none (twilio.md §3, §10).
const (
	maxSeconds = 600
	maxLoop    = 1000
	maxHints   = 500
	maxHint    = 100
	maxNumbers = 10
	maxSipURI  = 254
)

// encode writes a Say. A voice of Google's names its language, so a wrong pair is seen here; of Amazon's it
// cannot be.
func (s Say) encode(e *encoder) {
	a := e.attrs("Say")
	a.text("voice", s.Voice, voiceShape)
	a.oneOf("language", s.Language, sayLanguages)
	a.optNumber("loop", s.Loop, 0, maxLoop)
	if google, ok := strings.CutPrefix(s.Voice, "Google."); ok && s.Language != "" && !strings.HasPrefix(google, s.Language+"-") {
		a.fail("voice", "speaks another language") // Twilio would fail the verb
	}
	e.element(a, func() { e.speech(s.Speech) })
}

// encode writes a Play. Its file is fetched by Twilio with GET, so the URL is no webhook and needs no
// overrides.
func (p Play) encode(e *encoder) {
	a := e.attrs("Play")
	a.optNumber("loop", p.Loop, 0, maxLoop)
	a.text("digits", p.Digits, keysShape)
	if (p.URL == "") == (p.Digits == "") {
		a.fail("digits", "and a URL exclude each other, and one is needed")
	}
	if u, err := url.Parse(p.URL); p.URL != "" && (err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http") {
		a.fail("text", "is not an absolute http(s) URL")
	}
	e.element(a, func() { e.text("Play", p.URL) })
}

// encode writes a Pause. 0 seconds leave the attribute out, which is one second.
func (p Pause) encode(e *encoder) {
	a := e.attrs("Pause")
	a.number("length", p.Seconds, 1, maxSeconds)
	e.element(a, nil)
}

// encode writes a Gather (twilio.md §3).
func (g Gather) encode(e *encoder) {
	a := e.attrs("Gather")
	keys, speech := g.Input == Keys || g.Input == KeysAndSpeech, g.Input == Speech || g.Input == KeysAndSpeech
	if !keys && !speech {
		a.fail("input", "is missing or unknown")
	}
	// Always written: the default is keys only.
	a.put("input", string(g.Input))
	a.mustVoiceURL("action", g.Action)
	a.post("method")
	a.number("timeout", g.Timeout, 1, maxSeconds)
	a.text("speechTimeout", g.SpeechTimeout, speechEndShape)
	a.optText("finishOnKey", g.FinishOnKey, oneKeyShape)
	a.number("numDigits", g.NumDigits, 1, 64)
	a.oneOf("language", g.Language, gatherLanguages)
	a.hints(g.Hints)
	a.flag("actionOnEmptyResult", g.ActionOnEmptyResult)
	a.text("speechModel", g.SpeechModel, nameShape)
	// Twilio ignores attributes of the input that it does not listen for: the turn would then
	// behave otherwise than written.
	switch {
	case !keys && (g.FinishOnKey.set || g.NumDigits != 0):
		a.fail("input", "takes no keys, so finishOnKey and numDigits would be ignored")
	case !speech && (g.SpeechTimeout != "" || g.Language != "" || len(g.Hints) > 0 || g.SpeechModel != ""):
		a.fail("input", "takes no speech, so the speech attributes would be ignored")
	case g.SpeechModel != "" && !secondsShape.MatchString(g.SpeechTimeout):
		a.fail("speechTimeout", "must be in seconds when a speechModel is set")
	}
	e.element(a, func() { e.utterances("Gather", g.Inside) })
}

// hints writes the phrases for the recogniser, separated by commas.
func (a *attrs) hints(hints []string) {
	if len(hints) == 0 {
		return
	}
	if len(hints) > maxHints {
		a.fail("hints", "has too many entries")
	}
	for _, h := range hints {
		// A comma separates hints, so one inside would make two of them.
		if h == "" || strings.Contains(h, ",") || utf8.RuneCountInString(h) > maxHint {
			a.fail("hints", "has an empty or long entry, or one with a comma")
		}
	}
	a.put("hints", strings.Join(hints, ","))
}

// utterances writes what is heard inside a Gather or Prompt, and refuses what Twilio would not play
// there.
func (e *encoder) utterances(parent string, inside []Utterance) {
	for _, u := range inside {
		switch u := u.(type) {
		case Say:
		case Pause:
			if parent == "Prompt" { // the SDK offers it, the documentation does not
				e.fail(parent, "cannot hold a Pause")
			}
		case Play:
			if u.Digits != "" {
				e.fail(parent, "cannot play keys")
			}
		default: // nil or a pointer
			e.fail(parent, "holds something that is no utterance")
			return
		}
		u.encode(e)
	}
}

// encode writes a Dial. It never records: a leg that may pay is not recorded (twilio.md §3).
func (d Dial) encode(e *encoder) {
	a := e.attrs("Dial")
	a.mustVoiceURL("action", d.Action)
	a.post("method")
	a.number("timeout", d.Timeout, 1, maxSeconds)
	a.number("timeLimit", d.TimeLimit, 1, 24*3600)
	a.text("callerId", d.CallerID, e164Shape)
	a.flag("answerOnBridge", d.AnswerOnBridge)
	// Numbers ring together and the first to answer gets the call; a Sip is rung alone.
	for _, to := range d.To {
		_, number := to.(Number)
		_, sip := to.(Sip)
		if !number && !(sip && len(d.To) == 1) {
			e.fail("Dial", "rings one Sip, or Numbers")
			return
		}
	}
	if len(d.To) == 0 || len(d.To) > maxNumbers {
		e.fail("Dial", "rings 1 to 10 destinations")
	}
	e.element(a, func() {
		for _, to := range d.To {
			to.encode(e)
		}
	})
}

// encode writes a telephone number inside a Dial.
func (n Number) encode(e *encoder) {
	if !e164Shape.MatchString(n.To) {
		e.fail("Number", "is not an E.164 number")
	}
	e.destination("Number", n.Whisper, n.StatusCallback, n.StatusEvents, n.To)
}

// encode writes a SIP address inside a Dial.
func (s Sip) encode(e *encoder) {
	if !sipShape.MatchString(s.To) || len(s.To) > maxSipURI {
		e.fail("Sip", "is not a sip: address of at most 254 characters")
	}
	e.destination("Sip", s.Whisper, s.StatusCallback, s.StatusEvents, s.To)
}

// destination writes a Number or Sip. Without a whisper URL the callee is connected at once.
func (e *encoder) destination(element, whisper, statusCallback string, events []string, to string) {
	a := e.attrs(element)
	// The whisper's URL carries the hand-off's opaque reference: the called leg has a CallSid of its own
	// (twilio.md §3).
	if whisper != "" {
		a.voiceURL("url", whisper)
		a.post("method")
	}
	if statusCallback != "" {
		a.voiceURL("statusCallback", statusCallback)
		a.words("statusCallbackEvent", events, statusEvents)
		a.post("statusCallbackMethod")
	} else if len(events) > 0 {
		a.fail("statusCallbackEvent", "has no statusCallback")
	}
	e.element(a, func() { e.text(element, to) })
}

// encode writes a Redirect. Its URL is the element's text.
func (r Redirect) encode(e *encoder) {
	a := e.attrs("Redirect")
	a.post("method")
	if err := checkVoiceURL(r.URL); err != nil {
		a.fail("text", err.Error())
	}
	e.element(a, func() { e.text("Redirect", r.URL) })
}

// encode writes a Hangup.
func (Hangup) encode(e *encoder) { e.element(e.attrs("Hangup"), nil) }

// encode writes a Reject. Without a reason Twilio takes its default.
func (r Reject) encode(e *encoder) {
	a := e.attrs("Reject")
	a.oneOf("reason", r.Reason, rejectReasons)
	e.element(a, nil)
}
