package webhook

import (
	"errors"
	"fmt"
	"strings"

	"duebell/billing"
	"duebell/internal/twilio"
	"duebell/ivr"
	"duebell/voiceprompts"
)

// Place is what rendering must know of the call besides the Reply. It belongs to one turn; Settings belong to
// the process.
type Place struct {
	Next string // URL of the turn that is awaited after it, as twilio.VoiceURL makes it
	Line string // the number that was called, shown to the person of a transfer; may be empty
	Slow bool   // the caller needs more time: the capture's time-out is doubled (V4)
}

// Settings is what rendering needs of the configuration. It is the same for every call. Speakers holds a
// voice for every language of the catalog, offered or not.
type Settings struct {
	Speakers      map[string]Speaker // by language
	CardConnector string             // names of Twilio's two Pay connectors
	BankConnector string
	KeySeconds    int    // the capture's time-out, from key to key (V4)
	PublicURL     string // base of the whispers' addresses; empty: transfers have no whisper
}

// Speaker is how Twilio speaks and understands one language. The values are Twilio's own names (twilio.md §3,
// voices; §1.2, <Pay>).
type Speaker struct {
	Voice      string
	Language   string // of the voice; empty where the voice's own name decides
	Capture    string // language of <Pay>, whose own prompts are all replaced
	Recogniser string // empty: speech is not understood in this language
}

// NewSettings returns settings with the policy's voices, and the catalog's own where the policy names none.
// PublicURL is set by New, only where transfers have a whisper.
func NewSettings(prompts *voiceprompts.Catalog, policy billing.Policy, cardConnector, bankConnector string) Settings {
	s := Settings{
		Speakers: map[string]Speaker{}, CardConnector: cardConnector, BankConnector: bankConnector,
		KeySeconds: int(policy.TimeoutDigitSeconds),
	}
	for _, l := range prompts.Languages() {
		speaker := Speaker{Voice: l.Voice, Language: l.VoiceLanguage, Capture: l.PayLanguage, Recogniser: l.SpeechLanguage}
		if chosen := policy.Voices[l.Tag]; chosen != "" && chosen != l.Voice {
			speaker.Voice, speaker.Language = chosen, "" // a voice beside a foreign language fails the verb
		}
		s.Speakers[l.Tag] = speaker
	}
	return s
}

// Render returns a Reply as TwiML. The same Reply gives the same bytes, so that a turn that is run again
// after a crash says the same. It is the only way from the conversation to Twilio. An error is a mistake of
// ours: a language without a voice, a capture of an unknown kind, a document over Twilio's 64 kB. The turn
// then fails and the caller hears the apology.
func Render(r ivr.Reply, at Place, prompts *voiceprompts.Catalog, settings Settings) ([]byte, error) {
	d := draft{Settings: settings, at: at, prompts: prompts, lang: r.Lang}
	if err := d.reply(r); err != nil {
		return nil, fmt.Errorf("render a reply: %w", err)
	}
	doc, err := twilio.Encode(twilio.Response{Verbs: d.verbs})
	if err != nil {
		return nil, fmt.Errorf("render a reply: %w", err)
	}
	return doc, nil
}

// draft is a TwiML document that is being written. It is used for one document and thrown away.
type draft struct {
	Settings
	at      Place
	prompts *voiceprompts.Catalog
	lang    string
	verbs   []twilio.Verb
}

// reply writes what is said, then what the call waits for. Everything up to the last prompt without barge-in
// stands before the question, the rest inside it (V5).
func (d *draft) reply(r ivr.Reply) error {
	said := make([]twilio.Say, len(r.Say))
	first := 0 // index of the first prompt that may be interrupted
	for i, s := range r.Say {
		var err error
		if said[i], err = d.say(s.Lang, s.Speech); err != nil {
			return fmt.Errorf("prompt %s: %w", s.Key, err)
		}
		if s.NoBargeIn {
			first = i + 1
		}
	}
	if ask, ok := r.Wait.(ivr.Ask); ok {
		d.speak(said[:first])
		return d.ask(ask, said[first:])
	}
	d.speak(said)
	switch w := r.Wait.(type) {
	case ivr.TakePayment:
		return d.takePayment(w)
	case ivr.Continue:
		if w.Seconds > 0 {
			d.add(twilio.Pause{Seconds: w.Seconds})
		}
		d.add(d.redirect())
	case ivr.Transferring:
		d.add(d.dial(w))
	case ivr.HangUp:
		d.add(twilio.Hangup{})
	default:
		return fmt.Errorf("no TwiML for a wait of type %T", r.Wait)
	}
	return nil
}

// add appends a verb.
func (d *draft) add(v twilio.Verb) { d.verbs = append(d.verbs, v) }

// speak appends what is said without listening.
func (d *draft) speak(said []twilio.Say) {
	for _, s := range said {
		d.add(s)
	}
}

// say returns the verb that speaks words in a language's voice. lang may be another than the reply's: a
// language offers itself in its own voice.
func (d *draft) say(lang string, speech voiceprompts.Speech) (twilio.Say, error) {
	speaker, ok := d.Speakers[lang]
	if !ok || speaker.Voice == "" {
		return twilio.Say{}, fmt.Errorf("nobody speaks %q", lang)
	}
	return twilio.Say{Voice: speaker.Voice, Language: speaker.Language, Speech: string(speech)}, nil
}

// ask puts what may be interrupted inside <Gather>: a key there ends the speech (V5: barge-in). Without an
// answer Twilio goes on to the <Redirect>, which posts to the same turn: silence is an input too. The
// <Gather> has an action of its own and no default: the default is the current document, a loop (twilio.md
// §3).
func (d *draft) ask(a ivr.Ask, inside []twilio.Say) error {
	g := twilio.Gather{Action: d.at.Next, Timeout: a.Seconds}
	switch {
	case a.Keys && a.Speech:
		g.Input = twilio.KeysAndSpeech
	case a.Keys:
		g.Input = twilio.Keys
	case a.Speech:
		g.Input = twilio.Speech
	default:
		return errors.New("a question that nothing can answer")
	}
	if a.Keys {
		switch {
		case a.Until:
			g.FinishOnKey = twilio.Set("#")
		default:
			// No key ends the entry: # and * arrive as keys, instead of looking like silence.
			g.FinishOnKey = twilio.Set("")
			g.NumDigits = a.MaxKeys
		}
	}
	if a.Speech {
		speaker := d.Speakers[d.lang]
		if speaker.Recogniser == "" {
			return fmt.Errorf("speech in %q is not understood", d.lang)
		}
		g.SpeechTimeout, g.Language, g.Hints = "auto", speaker.Recogniser, a.Hints
	}
	for _, s := range inside {
		g.Inside = append(g.Inside, s)
	}
	d.add(g)
	d.add(d.redirect())
	return nil
}

// redirect goes on to the awaited turn, with no input.
func (d *draft) redirect() twilio.Redirect { return twilio.Redirect{URL: d.at.Next} }

// dial rings a person. Its action is the next turn: whatever becomes of the transfer, the call goes on there.
// The caller hears ringing until the two are connected, and the person sees the line's number.
func (d *draft) dial(t ivr.Transferring) twilio.Dial {
	whisper := ""
	if t.Whisper != "" && d.PublicURL != "" { // only that side hears it, and takes the call by key (H5)
		whisper = twilio.VoiceURL(d.PublicURL, whisperPath+t.Whisper)
	}
	var to twilio.Destination = twilio.Number{To: t.To, Whisper: whisper}
	if strings.HasPrefix(t.To, "sip:") || strings.HasPrefix(t.To, "sips:") {
		to = twilio.Sip{To: t.To, Whisper: whisper}
	}
	return twilio.Dial{
		Action: d.at.Next, Timeout: t.Seconds, CallerID: d.at.Line, AnswerOnBridge: true, To: []twilio.Destination{to},
	}
}
