package twilio

import (
	"strings"
	"testing"
)

const turn = "http://127.0.0.1:8080/twilio/voice/turn/2#" + "ct=2000&amp;rt=6500&amp;rc=1&amp;rp=ct,rt,5xx"

// redirect is a verb that may always stand last.
const redirect = `<Redirect method="POST">` + turn + `</Redirect>`

// pay is a Pay that passes, with what is given added to its attributes and content.
func pay(attrs, content string) string {
	return `<Pay paymentConnector="card" tokenType="payment-method" action="` + turn + `" ` + attrs + `>` + content + `</Pay>` + redirect
}

func TestDocuments(t *testing.T) {
	tests := []struct {
		name string
		body string // inside Response
		want string // part of the first problem; "" = accepted
	}{
		{"nothing", ``, ""},
		{"say", `<Say language="en-US" voice="Polly.Joanna-Neural" loop="1">You owe <say-as interpret-as="cardinal">198</say-as> dollars.<break time="300ms"/></Say>`, ""},
		{"ssml nested", `<Say><p>a <emphasis level="strong">b</emphasis></p><prosody rate="90%" volume="loud" pitch="-5%">c</prosody><lang xml:lang="es-MX">d</lang></Say>`, ""},
		{"gather", `<Gather input="dtmf speech" numDigits="1" timeout="7" action="` + turn + `"><Say>Press 1.</Say><Pause length="1"/></Gather>` + redirect, ""},
		{"no terminator", `<Gather finishOnKey="" action="` + turn + `"/>` + redirect, ""},
		{"pay", pay(`maxAttempts="2" language="en-US" postalCode="false"`, `<Prompt for="payment-card-number" attempt="1 2"><Say>Card.</Say></Prompt><Parameter name="a" value="b"/>`), ""},
		{"dial number", `<Dial action="` + turn + `" timeout="20"><Number url="` + turn + `">+16175550100</Number></Dial>`, ""},
		{"dial text", `<Dial action="` + turn + `">+16175550100</Dial>`, ""},
		{"hangup", `<Say>Bye.</Say><Hangup/>`, ""},
		{"reject", `<Reject reason="busy"/>`, ""},
		{"play", `<Play>https://127.0.0.1/a.wav</Play><Play digits="1w2"/>`, ""},

		{"wrong case", `<say>a</say>`, "cannot hold the element say"},
		{"unknown verb", `<Connect/>`, "cannot hold the element Connect"},
		{"top-level prompt", `<Prompt for="postal-code"/>`, "cannot hold the element Prompt"},
		{"text between", `hello<Say>a</Say>`, "text between"},
		{"text in gather", `<Gather action="` + turn + `">hello</Gather>` + redirect, "text between"},
		{"unknown attribute", `<Say gender="f">a</Say>`, "unknown attribute gender"},
		{"duplicate attribute", `<Say loop="1" loop="2">a</Say>`, "loop twice"},
		{"bad enum", `<Say language="en-us">a</Say>`, "language is not one of"},
		{"bad voice", `<Say voice="Polly.Nobody">a</Say>`, "is no voice"},
		{"bad number", `<Pause length="1s"/>`, "not a whole number"},
		{"number with zero", `<Pause length="01"/>`, "not a whole number"},
		{"bad bool", `<Gather actionOnEmptyResult="yes" action="` + turn + `"/>` + redirect, "not one of true, false"},
		{"empty say", `<Say> </Say>`, "says nothing"},
		{"long say", `<Say>` + strings.Repeat("a", 4097) + `</Say>`, "longer than"},
		{"ssml with man", `<Say voice="man">a<break/></Say>`, "has SSML"},
		{"voice of another language", `<Say voice="Google.es-US-Neural2-A" language="en-US">a</Say>`, "does not speak"},
		{"upper-case ssml", `<Say>a<Break/></Say>`, "cannot hold the element Break"},
		{"break time", `<Say>a<break time="soon"/></Say>`, "form of pause"},
		{"say-as without kind", `<Say><say-as>1</say-as></Say>`, "lacks the attribute interpret-as"},
		{"phoneme child", `<Say><phoneme ph="a"><break/></phoneme></Say>`, "cannot hold"},
		{"verb after redirect", redirect + `<Say>a</Say>`, "never reached"},
		{"verb after hangup", `<Hangup/><Say>a</Say>`, "never reached"},
		{"verb after dial", `<Dial action="` + turn + `">+16175550100</Dial><Say>a</Say>`, "never reached"},
		{"gather last", `<Gather action="` + turn + `"/>`, "nothing after it"},
		{"pay last", strings.TrimSuffix(pay("", ""), redirect), "nothing after it"},
		{"reject second", `<Say>a</Say><Reject/>`, "not the first"},
		{"dial without action", `<Dial>+16175550100</Dial>`, "no action"},
		{"dial without number", `<Dial action="` + turn + `"></Dial>`, "form of phone"},
		{"dial number and text", `<Dial action="` + turn + `">+16175550100<Number>+16175550100</Number></Dial>`, "both"},
		{"eleven numbers", `<Dial action="` + turn + `">` + strings.Repeat(`<Number>+16175550100</Number>`, 11) + `</Dial>`, "more than 10"},
		{"sim in dial", `<Dial action="` + turn + `"><Sim>a</Sim></Dial>`, "cannot hold"},
		{"two finish keys", `<Gather finishOnKey="#*" action="` + turn + `"/>` + redirect, "form of key"},
		{"digits in gather", `<Gather action="` + turn + `"><Play digits="1"/></Gather>` + redirect, "plays digits"},
		{"speech model", `<Gather input="speech" speechModel="phone_call" action="` + turn + `"/>` + redirect, "speechModel without"},
		{"speech without speech", `<Gather speechTimeout="2" action="` + turn + `"/>` + redirect, "ignored without speech"},
		{"keys without keys", `<Gather input="speech" numDigits="1" action="` + turn + `"/>` + redirect, "ignored without dtmf"},
		{"input twice", `<Gather input="dtmf dtmf" action="` + turn + `"/>` + redirect, "repeats a word"},
		{"no overrides", `<Redirect>http://127.0.0.1:8080/a</Redirect>`, "lacks the connection overrides"},
		{"other overrides", `<Gather action="http://127.0.0.1/a#rc=2"/>` + redirect, "action lacks the connection overrides"},
		{"whisper without overrides", `<Dial action="` + turn + `"><Number url="/w">+16175550100</Number></Dial>`, "url lacks the connection overrides"},
		{"chargeAmount", pay(`chargeAmount="10"`, ``), "chargeAmount"},
		{"chargeAmount zero", pay(`chargeAmount="0"`, ``), "chargeAmount"},
		{"pay method attribute", pay(`method="POST"`, ``), "unknown attribute method"},
		{"pay over http", strings.ReplaceAll(pay(``, ``), "127.0.0.1:8080", "pay.example.org"), "not an absolute https"},
		{"pay relative", `<Pay paymentConnector="card" tokenType="payment-method" action="/a#ct=2000&amp;rt=6500&amp;rc=1&amp;rp=ct,rt,5xx"/>` + redirect, "not an absolute https"},
		{"pay without token type", `<Pay paymentConnector="card" action="` + turn + `"/>` + redirect, "lacks the attribute tokenType"},
		{"pay without connector", `<Pay tokenType="one-time" action="` + turn + `"/>` + redirect, "lacks the attribute paymentConnector"},
		{"pay speech", pay(`input="speech"`, ``), "not one of dtmf"},
		{"four attempts", pay(`maxAttempts="4"`, ``), "not in 1 to 3"},
		{"bank type for card", pay(`bankAccountType="consumer-checking"`, ``), "64017"},
		{"card types", pay(`validCardTypes="visa,amex"`, ``), "not one of"},
		{"prompt without for", pay(``, `<Prompt><Say>a</Say></Prompt>`), "lacks the attribute for"},
		{"prompt for_", pay(``, `<Prompt for_="postal-code"><Say>a</Say></Prompt>`), "unknown attribute for_"},
		{"prompt of the other method", pay(``, `<Prompt for="bank-account-number"><Say>a</Say></Prompt>`), "does not ask"},
		{"prompt with a foreign error", pay(``, `<Prompt for="postal-code" errorType="invalid-date"><Say>a</Say></Prompt>`), "does not know"},
		{"prompt twice", pay(``, strings.Repeat(`<Prompt for="postal-code"><Say>a</Say></Prompt>`, 2)), "repeats an earlier"},
		{"empty prompt", pay(``, `<Prompt for="postal-code"/>`), "nothing to say"},
		{"matching on a card", pay(``, `<Prompt for="postal-code" requireMatchingInputs="true"><Say>a</Say></Prompt>`), "matching inputs"},
		{"parameter twice", pay(``, `<Parameter name="a" value="1"/><Parameter name="a" value="2"/>`), "repeated name"},
		{"gather in prompt", pay(``, `<Prompt for="postal-code"><Gather/></Prompt>`), "cannot hold"},
		{"long queue", `<Enqueue>` + strings.Repeat("q", 65) + `</Enqueue>`, "more than 64"},
		{"bad task", `<Enqueue workflowSid="WW1"><Task>nope</Task></Enqueue>`, "not JSON"},
		{"comment", `<!-- a --><Say>a</Say>`, "comment"},
		{"url with spaces", `<Play>http://127.0.0.1/a b.wav</Play>`, "has spaces"},
		{"ftp", `<Play>ftp://127.0.0.1/a.wav</Play>`, "neither http nor https"},
		{"broken", `<Say>a`, "not well-formed"},
		{"foreign entity", `<Say>a&nbsp;b</Say>`, "not well-formed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			problems := CheckVoice([]byte(`<?xml version="1.0" encoding="UTF-8"?><Response>`+test.body+`</Response>`), true)
			checkProblems(t, problems, test.want)
		})
	}
}

func checkProblems(t *testing.T, problems []Problem, want string) {
	t.Helper()
	all := describe(problems)
	if want == "" && len(problems) > 0 {
		t.Errorf("refused: %s", all)
	}
	if !strings.Contains(all, want) {
		t.Errorf("problems %q, want one with %q", all, want)
	}
	if want != "" && len(problems) == 0 {
		t.Error("accepted")
	}
}

func TestWholeDocuments(t *testing.T) {
	tests := []struct{ name, doc, want string }{
		{"empty", "", "has no Response"},
		{"other root", "<Reply/>", "not the root"},
		{"two roots", "<Response/><Response/>", "after the root"},
		{"name space", `<Response xmlns="http://a"/>`, "not the root"},
		{"attribute on root", `<Response a="b"/>`, "unknown attribute a"},
		{"html", "<html><body>500</body></html>", "not the root"},
		{"text outside", "oops<Response/>", "outside the root"},
		{"doctype", "<!DOCTYPE a><Response/>", "DOCTYPE"},
		{"latin-1", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><Response/>", "not well-formed"},
		{"bytes that are no UTF-8", "<Response><Say>\xff</Say></Response>", "not UTF-8"},
		{"control character", "<Response><Say>a\x01</Say></Response>", "not well-formed"},
		{"64 kB", "<Response>" + strings.Repeat(" ", 64<<10) + "</Response>", "more than 64 kB"},
		{"just under", "<Response>" + strings.Repeat(" ", 64<<10-21) + "</Response>", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			checkProblems(t, CheckVoice([]byte(test.doc), false), test.want)
		})
	}
}

func TestWhisperHoldsLittle(t *testing.T) {
	_, problems := readVoice([]byte(`<Response><Say>a</Say><Gather action="/x"/><Hangup/></Response>`), false, onWhisper)
	checkProblems(t, problems, "")
	_, problems = readVoice([]byte(`<Response><Dial action="/x">+16175550100</Dial></Response>`), false, onWhisper)
	checkProblems(t, problems, "not allowed in a whisper")
}

func TestProblemsDoNotRepeatValues(t *testing.T) {
	problems := CheckVoice([]byte(`<Response><Say loop="4111222233334444">a</Say></Response>`), false)
	if all := describe(problems); strings.Contains(all, "4111") {
		t.Errorf("a problem shows a value: %s", all)
	}
}

func TestSpoken(t *testing.T) {
	root, problems := readVoice([]byte(`<Response><Say>You owe <say-as interpret-as="cardinal">198</say-as>
		dollars &amp; <sub alias="point of sale">POS</sub>.<break time="1s"/><p>Press 1.</p></Say></Response>`), false, onCall)
	checkProblems(t, problems, "")
	say := root.Elements()[0]
	if got, want := spoken(say), "You owe 198 dollars & point of sale. Press 1."; got != want {
		t.Errorf("spoken = %q, want %q", got, want)
	}
	if got := markup(say); !strings.Contains(got, `<say-as interpret-as="cardinal">198</say-as>`) || !strings.Contains(got, "&amp;") {
		t.Errorf("markup = %q", got)
	}
}

func FuzzCheckVoice(f *testing.F) {
	f.Add([]byte(`<Response><Say>a</Say>` + redirect + `</Response>`))
	f.Add([]byte(`<Response>` + pay("", `<Prompt for="postal-code"/>`) + `</Response>`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		root, problems := readVoice(doc, true, onCall)
		if root == nil && len(problems) == 0 {
			t.Error("nothing read and nothing wrong")
		}
	})
}
