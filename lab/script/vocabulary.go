package script

import "context"

// word is one word of the language: how it is written, what it does, and how it is read. read takes the word's
// arguments when the script is parsed and returns what the word does when it is played; all mistakes that can
// be told without playing are told by read.
type word struct {
	name string
	// form is what follows the name: CAPITALS are values, [ ] may be left out, a|b is one of the two.
	form    string
	does    string // one sentence for docs/scripts.md
	example string // a line that parses by itself
	read    func(p *parser, t *tokens) (action, error)
}

// written returns how the word is written, with everything that may follow it, for the page and for errors.
func (w word) written() string {
	if w.form == "" {
		return w.name
	}
	return w.name + " " + w.form
}

// chapter is one part of the language in docs/scripts.md.
type chapter struct {
	title string
	about string
	words []word
}

// The whole language, in the order of docs/scripts.md, and the same words by name. They are filled in by
// init, because words hold words ("when").
var (
	chapters   []chapter
	vocabulary = map[string]word{}
)

func init() {
	// The order of chapters and words is that of the page: what a script needs first comes first.
	chapters = []chapter{
		{"Before the first call", "Who is there, what they owe, and what day it is.", setupWords()},
		{"The caller", "What a person does on the phone, and what it takes to ring back.", callerWords()},
		{"What must be so", "Each of these fails the script when it is not so. What no word expects (a charge, a text, a call of ours) fails it too.", checkWords()},
		{"Texts and reminders", "What the line sends by itself, and what carriers make of it.", textWords()},
		{"People who work for the exchange", "What agents and operators do, and what is left for them to do.", staffWords()},
		{"Time", "In a script time stands still unless a word, or a pause in the call, moves it. Each move passes every import at 02:00, and returns when nothing that is due is left to do.", timeWords()},
		{"What breaks, and when", "Faults stay until a word ends them, unless it says once.", faultWords()},
	}
	for _, c := range chapters {
		// Of a name that stood in two chapters the later one would win.
		for _, w := range c.words {
			vocabulary[w.name] = w
		}
	}
}

// noArguments returns the reader of a word that nothing follows. It takes no token, so what stands behind it is
// the next word of the line.
func noArguments(do action) func(*parser, *tokens) (action, error) {
	return func(*parser, *tokens) (action, error) { return do, nil }
}

// setupWords are the words about what is there before anybody calls. They also work later, but for clock and
// policy.
func setupWords() []word {
	return []word{
		{"clock", "INSTANT", "puts the clock there, in the time zone of the line (Massachusetts); without it a script begins on 2027-02-10 at 10:00.", "clock 2027-02-10T10:00", readClock},
		{
			"sample", "", "imports the sample members that dev knows too: Anna Whitfield with 712345678 and the others.", "sample",
			noArguments(func(ctx context.Context, r *run) error { return r.inScriptLanguage(ctx, r.h.ImportSamples(ctx)) }),
		},
		{
			"account", "NUMBER [FIELD VALUE …]",
			"imports one account with its member. Fields: owes, past-due, phone, born, zip, ssn, invoice, invoice-previous, kind, status, grace, first, autopay, language, name, member.",
			"account 712345678 owes 198.00 phone +16175550101 born 1980-04-12 zip 02139", readAccount,
		},
		{"accounts", "COUNT NUMBER [FIELD VALUE …]", "imports so many accounts alike; account, member and phone numbers rise by one.", "accounts 30 712300000 owes 98.00 phone +16175560000 born 1980-04-12 zip 02139", readAccounts},
		{"import", "stale | file NAME", "stops billing's nightly import, or imports a file that lies beside the script.", "import file paid-on-the-web.csv", readImport},
		{"limits", "segments-per-second|segments-per-day|lines NUMBER", "sets what the sender of texts and the telephone lines can bear, and starts the line anew.", "limits segments-per-second 10", readLimits},
		{"plan", "", "plans reminders from here on whenever the clock moves; without it a script sends none.", "plan", noArguments(func(ctx context.Context, r *run) error { return r.h.PlanReminders(ctx) })},
	}
}

// callerWords are what a person does on the phone. An act that the line does not take fails the script.
func callerWords() []word {
	return []word{
		{"call", "from NUMBER [attested A|B|C] [to NUMBER]", "calls the line; attested is how sure the carrier is of the number (A: quite).", "call from +16175550101 attested A", readCall},
		{"caller", "NUMBER", "lets another caller act, where two are on the line at once.", "caller +16175550101", readCaller},
		{"press", "KEYS", "presses keys: 0 to 9, * and #.", "press 712345678#", readPress},
		{"say", `"WORDS" [confidence NUMBER]`, "says something; confidence is how sure the recogniser is, from 0 to 1.", `say "I authorize" confidence 0.4`, readSay},
		{
			"silence", "", "says and presses nothing until the line goes on by itself.", "silence",
			noArguments(func(ctx context.Context, r *run) error {
				return r.withCaller(func(c *caller) error { r.listened(c, ""); return c.Silence(ctx) })
			}),
		},
		{"pay-card", "NUMBER MM/YY CODE ZIP", "keys a card where the line asks for one. Cards that work and that do not are Stripe's test cards.", "pay-card 4242424242424242 12/29 123 02139", readPayCard},
		{"try-card", "NUMBER MM/YY CODE ZIP", "keys a card if one is asked for, and counts it for cards-tried.", "try-card 4000000000000002 12/29 123 02139", readTryCard},
		{"pay-bank", "ROUTING ACCOUNT", "keys a bank account where the line asks for one.", "pay-bank 110000000 000123456789", readPayBank},
		{"pay-token", "TOKEN [NAME=VALUE …]", "ends the card or bank entry as if it had given this token.", "pay-token pm_card_visa", readPayToken},
		{"pay-result", "RESULT [NAME=VALUE …]", "ends the card or bank entry with one of Twilio's results; none posts nothing.", "pay-result internal-error", readPayResult},
		{
			"star", "", "presses the star key, which ends a card or bank entry.", "star",
			noArguments(func(ctx context.Context, r *run) error {
				return r.withCaller(func(c *caller) error { return c.Star(ctx) })
			}),
		},
		{"hang-up", "", "hangs up.", "hang-up", noArguments(hangUp)},
		{"over", "", "listens in silence until the line hangs up; a person who was connected hangs up.", "over", noArguments(over)},
		{"answer", "NUMBER [machine]", "takes the call that the line has placed to this number, as a person or as an answering machine.", "answer +16175550101", readAnswer},
		{"busy", "NUMBER", "turns that call away.", "busy +16175550101", readBusy},
		{"no-answer", "NUMBER", "lets that call ring until the line gives up.", "no-answer +16175550101", readNoAnswer},
		{"text-from", `NUMBER "WORDS"`, "sends a text to the line.", `text-from +16175550101 "STOP"`, readTextFrom},
	}
}

// checkWords are the checks. Those about money and texts first do everything that is due, so that they judge a
// line at rest.
func checkWords() []word {
	return []word{
		{"hear", `"WORDS"`, "since the caller last did something these words were heard, in this order; … skips any others.", `hear "you owe 198 dollars … press 1"`, readHear},
		{"not-heard", `"WORDS"`, "they were not heard.", `not-heard "confirmation number"`, readNotHeard},
		{"whole", `"WORDS"`, "they were said in one piece that no key cuts short.", `whole "you authorize the Health Connector"`, readWhole},
		{"within", "SPAN COUNT keys", "up to the words last expected the caller has listened for at most so long and pressed at most so many keys.", "within 35s 18 keys", readWithin},
		{"alike", `"NAME"`, "what was said sounds the same, to the byte, as where the name was used before.", `alike "the refusal"`, readAlike},
		{"receipt", "", "the confirmation number spoken is the one stored and the one texted.", "receipt", noArguments(receipt)},
		{"charged", "ACCOUNT AMOUNT card|bank [CCD]", "the processor has charged it once; CCD is a debit of a business account.", "charged 712345678 198.00 card", readCharged},
		{"charged-nothing", "", "nothing was charged that no word has expected.", "charged-nothing", noArguments(chargedNothing)},
		{"owes", "ACCOUNT AMOUNT", "the account owes this much: billed less everything that counts as paid.", "owes 712345678 0.00", readOwes},
		{"payment", "ACCOUNT STATE", "the newest payment on the account is authorized, confirming, unknown, taken, declined, returned or voided.", "payment 712345678 unknown", readPayment},
		{"received", "ACCOUNT INSTANT", "the newest payment on the account counts from this instant.", "received 712345678 2027-02-23T17:00:00", readReceived},
		{"cards-tried", "COUNT", "so many cards could be tried so far.", "cards-tried 10", readCardsTried},
		{"speaks", "ACCOUNT LANGUAGE", "texts and letters to whoever has the account are in this language.", "speaks 712345678 es", readSpeaks},
		{"logs", `"WORDS"`, "a line of the log holds these words; without it a line at error level fails the script.", `logs "a capture says that it charged"`, readLogs},
	}
}

// textWords are about texts and calls that the line sends by itself, and what becomes of them at the carrier.
func textWords() []word {
	return []word{
		{"texted", `NUMBER "WORDS"`, "a text with these words has gone to the number.", `texted +16175550101 "payment received …"`, readTexted},
		{"may-text", `NUMBER "WORDS"`, "such a text may go and need not.", `may-text +16175550101 "one debit of $198.00"`, readMayText},
		{"all-texted", `COUNT "WORDS"`, "so many numbers have got exactly one text each with these words.", `all-texted 30 "your bill is due"`, readAllTexted},
		{"no-texts", "", "no text has gone that no word has expected.", "no-texts", noArguments(noTexts)},
		{"no-calls", "", "the line has placed no call that no word was said of.", "no-calls", noArguments(noCalls)},
		{"text-outcome", "NUMBER delivered|undelivered|failed|refused", "what becomes of texts to the number from here on; refused: the carrier has it as opted out.", "text-outcome +16175550101 undelivered", readTextOutcome},
		{"delivered", "NUMBER", "texts to the number arrive again.", "delivered +16175550101", readDelivered},
		{"undelivered", "CODE NUMBER", "texts to the number come to nothing, with this code of the carrier's.", "undelivered 30006 +16175550101", readUndelivered},
		{"refused", "CODE NUMBER", "Twilio refuses texts to the number at once, with this code.", "refused 30034 +16175550101", readRefused},
		{"agrees-to-calls", "NUMBER", "the owner of the number has agreed to reminder calls.", "agrees-to-calls +16175550101", readAgreesToCalls},
	}
}

// staffWords are what agents and operators do, and what is left for them to do.
func staffWords() []word {
	return []word{
		{"dial", "accepts|declines|answered|busy|no-answer|failed|canceled", "what the person does whom the line calls for a caller; answered: answers and presses nothing.", "dial accepts", readDial},
		{"handed-over", "[reason=…] [verified=yes|no] [account=…] [outcome=…] [to=…]", "the caller was handed to a person, with this written down.", "handed-over reason=asked verified=yes account=712345678", readHandedOver},
		{"whisper", `"WORDS"`, "the person heard these words before taking the call.", `whisper "Identity proven … press 1 to take the call"`, readWhisper},
		{"call-back", "NUMBER [at=…] [deadline=…] [reason=…] [account=…] [language=…]", "a call-back to the number was promised.", "call-back +16175550101 at=2027-02-11T08:00", readCallBack},
		{"to-do", "[NUMBER …]", "these callers, in this order, wait for a person, and nobody else.", "to-do +16175550101 +15085550103", readToDo},
		{"seen-to", "NUMBER", "a person has seen to what the number waits for.", "seen-to +16175550101", readSeenTo},
		{"letters-posted", "", "the letters that wait were posted today.", "letters-posted", noArguments(func(ctx context.Context, r *run) error { return r.h.PostLetters(ctx) })},
		{"dispute", "ACCOUNT", "the payer takes the newest payment on the account back at the bank.", "dispute 712345678", readDispute},
		{"resolve", "ACCOUNT taken|not-charged", "an operator settles the newest payment on the account with evidence.", "resolve 712345678 taken", readResolve},
		{"due-moved", "MONTH INSTANT", "the due instant of the bills issued in a month is moved (snow).", "due-moved 2027-02 2027-02-26T17:00", readDueMoved},
		{"pause", "KIND|*", "texts of a kind are held back, as by duebell reminders pause.", "pause due_soon", readPause},
		{"resume", "KIND|*", "they may go again.", "resume due_soon", readResume},
		{"exported", `"WORDS"`, "they stand in what duebell export suppressions writes.", `exported "+16175550101,sms,payments,text"`, exported(true)},
		{"not-exported", `"WORDS"`, "they do not.", `not-exported "+16175550101"`, exported(false)},
	}
}

// timeWords move the clock, forward only.
func timeWords() []word {
	return []word{
		{"wait", "SPAN", "lets time pass: 3s, 20m, 2h, 4d.", "wait 3s", readAdvance},
		{"advance", "SPAN", "the same.", "advance 2h", readAdvance},
		{"until", "INSTANT", "lets time pass up to an instant.", "until 2027-02-23T17:00", readUntil},
	}
}

// faultWords break things and mend them. The end of a script mends both stores before its last checks; the
// stand-ins' faults stay until the harness is reset.
func faultWords() []word {
	return []word{
		{
			"processor", "up|declines|slow SPAN [all]|down|charges-then-drops-the-reply|drops-create-reply|500s|charges-then-500s|wants-verification|too-many [once] | events normal|twice|reversed|withheld",
			"breaks the card and bank processor, or mends it with up; events says how its notices reach the line.", "processor slow 20s", readProcessor,
		},
		{
			"twilio", "normal|repeats-every-webhook|repeats-at-once|drops-next-reply|api-down|api-accepts-then-drops-the-reply|api-rate-limits|api-drops-every-tenth-reply|callbacks-out-of-order|callbacks-twice|callbacks-lost|drops-connector-reply|pay-hangs-up-silently | pay-exhausts action|fallthrough",
			"breaks Twilio, or mends it with normal.", "twilio repeats-every-webhook", readTwilio,
		},
		{"redis", "empty|down|up", "empties Redis, or takes it away and brings it back.", "redis down", readRedis},
		{"database", "down|up|drops-next-commit-reply [serve|work]", "takes the database away and brings it back; or the next payment is written and nobody hears so.", "database down", readDatabase},
		{"restart", "", "ends every process of the line and starts it again.", "restart", noArguments(func(ctx context.Context, r *run) error { return r.h.Restart(ctx) })},
		{
			"kill-before-answering", "", "the process that works on the caller's next turn dies before it answers.", "kill-before-answering",
			noArguments(func(_ context.Context, r *run) error { r.h.KillBeforeAnswering(); return nil }),
		},
		{"kill-worker", "after-the-text|before-the-text", "every worker dies at its next text, after Twilio has it or before.", "kill-worker after-the-text", readKillWorker},
		{"when", `"WORDS" WORD …`, "does a word at the moment at which the caller hears this, also in the middle of a hold.", `when "one moment" redis empty`, readWhen},
	}
}
