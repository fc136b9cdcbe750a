package dev_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// outsider is a program of somebody else's that plays Twilio: it knows the contract, the token and the
// anchor words, and none of our code. It posts every webhook three times at once.
type outsider struct {
	t                  *testing.T
	public, token, sid string
	from, to           string
	heard              strings.Builder
	last               string // what was said in the newest document
	action             string // where the answer goes
	pays               bool   // a Pay asks for it
}

// sign is X-Twilio-Signature of a form POST over http: the URL without its fragment, then every field.
func sign(token, rawURL string, form url.Values) string {
	text := rawURL
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		text += name + form.Get(name)
	}
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// post delivers one webhook three times at once; the answers are the same bytes.
func (o *outsider) post(target string, fields url.Values) []byte {
	o.t.Helper()
	target, _, _ = strings.Cut(target, "#")
	form := url.Values{
		"CallSid": {o.sid}, "AccountSid": {"ACdev00000000000000000000000000000"}, "ApiVersion": {"2010-04-01"}, "Direction": {"inbound"},
		"CallStatus": {"in-progress"}, "From": {o.from}, "To": {o.to}, "Caller": {o.from}, "Called": {o.to},
	}
	for name, values := range fields {
		form[name] = values
	}
	var all sync.WaitGroup
	answers := make([]string, 3)
	for i := range answers {
		all.Go(func() { answers[i] = o.postOnce(target, form) })
	}
	all.Wait()
	for _, a := range answers {
		if a != answers[0] {
			o.t.Fatalf("one webhook has two answers:\n%s\n%s", answers[0], a)
		}
	}
	return []byte(answers[0])
}

func (o *outsider) postOnce(target string, form url.Values) string {
	req, err := http.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		return err.Error()
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Twilio-Signature", sign(o.token, target, form))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return fmt.Sprint(res.Status, err, string(body))
	}
	return string(body)
}

// element is any element of TwiML.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []element  `xml:",any"`
	Inner    string     `xml:",innerxml"`
}

func (e element) attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

var tag = regexp.MustCompile(`<[^>]*>`)

// go on posts and follows the answer until something is asked.
func (o *outsider) goOn(target string, fields url.Values) {
	o.t.Helper()
	for range 100 {
		body := o.post(target, fields)
		var doc element
		if err := xml.Unmarshal(body, &doc); err != nil || doc.XMLName.Local != "Response" {
			o.t.Fatalf("no TwiML: %v\n%s", err, body)
		}
		o.last = strings.Join(strings.Fields(tag.ReplaceAllString(string(body), " ")), " ")
		o.heard.WriteString(o.last + "\n")
		next := ""
		for _, verb := range doc.Children {
			switch verb.XMLName.Local {
			case "Gather", "Pay":
				o.action, o.pays = o.absolute(verb.attr("action")), verb.XMLName.Local == "Pay"
				return
			case "Redirect":
				next = o.absolute(strings.TrimSpace(verb.Text))
			}
		}
		if next == "" {
			o.t.Fatalf("the line asks nothing and goes nowhere:\n%s", o.heard.String())
		}
		target, fields = next, nil
	}
	o.t.Fatalf("the line asks nothing:\n%s", o.heard.String())
}

func (o *outsider) absolute(ref string) string {
	base, err := url.Parse(o.public + "/twilio/voice/incoming")
	if err != nil {
		o.t.Fatal(err)
	}
	u, err := base.Parse(ref)
	if err != nil {
		o.t.Fatal(err)
	}
	return u.String()
}

// expect fails unless the words were said since the last answer.
func (o *outsider) expect(words string) {
	o.t.Helper()
	if !strings.Contains(strings.ToLower(o.last), strings.ToLower(words)) {
		o.t.Fatalf("expected %q, heard:\n%s", words, o.heard.String())
	}
}

// digits answers a Gather, once the line has said what it wants.
func (o *outsider) digits(words, digits string) {
	o.t.Helper()
	o.expect(words)
	o.goOn(o.action, url.Values{"Digits": {digits}})
}

// option presses the key of an option.
func (o *outsider) option(words string) {
	o.t.Helper()
	o.expect(words)
	found := regexp.MustCompile(`(?i)` + words + `[^.]*press (\d)`).FindStringSubmatch(o.last)
	if found == nil {
		o.t.Fatalf("no key for %q:\n%s", words, o.heard.String())
	}
	o.goOn(o.action, url.Values{"Digits": {found[1]}})
}

// dial calls and answers up to the method.
func (o *outsider) dial(account, born, zip string) {
	o.t.Helper()
	o.goOn(o.public+"/twilio/voice/incoming", url.Values{"CallStatus": {"ringing"}})
	if strings.Contains(o.last, "For English, press 1") { // it is not asked twice of one number
		o.option("English")
	}
	o.option("balance")
	o.digits("account number or member ID", account)
	o.digits("date of birth", born)
	o.digits("ZIP code", zip)
	o.option("to pay all of it")
}

// confirmation is the number that was said, without the blanks between its digits.
func (o *outsider) confirmation() string {
	o.t.Helper()
	o.expect("confirmation number")
	found := regexp.MustCompile(`confirmation number is ([\d ]+)`).FindStringSubmatch(o.last)
	if found == nil {
		o.t.Fatalf("no confirmation number:\n%s", o.heard.String())
	}
	return strings.ReplaceAll(found[1], " ", "")
}

// pay puts a token straight into Pay's result.
func (o *outsider) pay(fields url.Values) {
	o.t.Helper()
	if !o.pays {
		o.t.Fatalf("no Pay asks for anything:\n%s", o.heard.String())
	}
	fields.Set("Result", "success")
	o.goOn(o.action, fields)
}

// books are what an outside check finds about an account.
type books struct {
	payments, ledger, charges int
	reference, state          string
	text                      bool
}

func look(t *testing.T, env map[string]string, account string) books {
	t.Helper()
	var b books
	db, err := pgx.Connect(t.Context(), env["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	err = db.QueryRow(t.Context(), `SELECT count(*), coalesce(max(confirmation), ''), coalesce(max(state), '') FROM contract.payments WHERE account = $1`, account).
		Scan(&b.payments, &b.reference, &b.state)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM contract.ledger WHERE reference = $1`, b.reference).Scan(&b.ledger); err != nil {
		t.Fatal(err)
	}
	var list struct {
		Data []struct {
			Status   string            `json:"status"`
			Metadata map[string]string `json:"metadata"`
		} `json:"data"`
	}
	fetch(t, env["STRIPE_API_URL"]+"/v1/payment_intents", env["STRIPE_API_KEY"], "", &list)
	for _, c := range list.Data {
		if c.Metadata["reference"] == b.reference && (c.Status == "succeeded" || c.Status == "processing") {
			b.charges++
		}
	}
	var texts struct {
		Messages []struct {
			Body string `json:"body"`
		} `json:"messages"`
	}
	fetch(t, env["TWILIO_API_URL"]+"/2010-04-01/Accounts/"+env["TWILIO_ACCOUNT_SID"]+"/Messages.json", env["TWILIO_ACCOUNT_SID"], env["TWILIO_AUTH_TOKEN"], &texts)
	for _, m := range texts.Messages {
		b.text = b.text || b.reference != "" && strings.Contains(m.Body, b.reference)
	}
	return b
}

func fetch(t *testing.T, from, user, password string, into any) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, from, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(user, password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// eventually looks again until what is found is wanted: texts go out by jobs.
func eventually(t *testing.T, want books, find func() books) {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	end := time.After(patience)
	for {
		got := find()
		if got == want {
			return
		}
		select {
		case <-again.C:
		case <-end:
			t.Fatalf("found %+v, want %+v", got, want)
		}
	}
}

func (p *process) outsider(sid, from string) *outsider {
	env := p.settings()
	return &outsider{t: p.t, public: env["DUEBELL_PUBLIC_URL"], token: env["TWILIO_AUTH_TOKEN"], sid: sid, from: from, to: env["TWILIO_PHONE_NUMBER"]}
}

// pays712345678 is a whole call that pays that account by card, and what is found of it everywhere.
func (p *process) pays712345678() books {
	p.t.Helper()
	anna := p.outsider("CA00000000000000000000000000000001", "+16175550101")
	anna.dial("712345678", "04121980", "02139")
	anna.option("card")
	anna.option("if that is right")
	anna.pay(url.Values{"PaymentToken": {"pm_card_visa"}, "PaymentMethod": {"credit-card"}, "PaymentCardNumber": {"xxxxxxxxxxxx4242"}, "PaymentCardType": {"visa"}})
	want := books{payments: 1, ledger: 1, charges: 1, reference: anna.confirmation(), state: "taken", text: true}
	eventually(p.t, want, func() books { return look(p.t, p.settings(), "712345678") })
	return want
}

func TestAnOutsiderPays(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	p := launch(t, dir)
	env := p.settings()
	if p.url != env["DUEBELL_PUBLIC_URL"] {
		t.Errorf("ready at %s, and the settings say %s", p.url, env["DUEBELL_PUBLIC_URL"])
	}
	byCard := p.pays712345678()

	denise := p.outsider("CA00000000000000000000000000000002", "+15085550103")
	denise.dial("734567890", "07081992", "01608")
	denise.option("bank account")
	denise.option("checking")
	denise.option("if that is right")
	denise.pay(url.Values{"PaymentToken": {"pm_usBankAccount_success"}, "PaymentMethod": {"ach-debit"}, "BankAccountNumber": {"*******89"}, "BankRoutingNumber": {"110000000"}})
	denise.expect("say: I authorize")
	denise.goOn(denise.action, url.Values{"SpeechResult": {"I authorize"}, "Confidence": {"0.91"}})
	byBank := books{payments: 1, ledger: 1, charges: 1, reference: denise.confirmation(), state: "taken", text: true}
	eventually(t, byBank, func() books { return look(t, env, "734567890") })

	staysThroughRestarts(t, p, byCard)
}

// staysThroughRestarts ends dev in order and by force, and finds everything again both times.
func staysThroughRestarts(t *testing.T, p *process, want books) {
	t.Helper()
	want.text = false // the stand-in for Twilio forgets; what was sent stands in the database
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		err := p.end(signal)
		if signal == syscall.SIGINT {
			if err != nil {
				t.Errorf("after Ctrl-C dev ends with %v:\n%s", err, p.stderr)
			}
			if n := servers(t, p.dir); n != 0 {
				t.Errorf("after Ctrl-C %d database servers are left", n)
			}
		}
		p = launch(t, p.dir)
		if got := look(t, p.settings(), "712345678"); got != want {
			t.Errorf("after %v: found %+v, want %+v", signal, got, want)
		}
	}
	if err := p.end(syscall.SIGTERM); err != nil {
		t.Errorf("dev ends with %v:\n%s", err, p.stderr)
	}
}
