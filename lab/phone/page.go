package phone

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"

	"duebell/lab/samples"
)

// pageView is what the page is made with. Everything that changes while it is open comes by state. NoPhone
// means that somebody else's Twilio is used, and there is no telephone here; the rest of the page works.
type pageView struct {
	Number   string
	Members  []memberView
	Numbers  []numberView
	Keys     []keyView
	Moves    []move
	Parts    []part
	NoPhone  bool
	TestPays testPays
}

// memberView is one sample caller, with what the line will ask. Phone is E.164, Shown the same for the eye.
// Secrets are those of invented people: the page shows them so that whoever tries the line can answer.
type memberView struct {
	ID, Name, Phone, Shown string

	Accounts []accountView
	Secrets  []secretView
}

// accountView is one account of a member: Kind is health, dental or group, Story what was special about it at
// the start.
type accountView struct{ Number, Kind, Story string }

// secretView is something to key when the line asks for it: Shown is for the eye, Keys is what is pressed.
type secretView struct{ Label, Shown, Keys string }

// numberView is a phone number to text from: E.164, and as people read it.
type numberView struct{ Phone, Shown string }

// keyView is one key of the pad, with the letters that telephones print on it, and its name where the sign
// alone is read out badly.
type keyView struct{ Key, Letters, Name string }

// keypad is the pad in the order of telephones, row by row. The star is an ordinary key of it; the line uses it
// for nothing, and Pay ends on it (V2: star is never used).
var keypad = []keyView{
	{"1", "", ""}, {"2", "ABC", ""}, {"3", "DEF", ""},
	{"4", "GHI", ""}, {"5", "JKL", ""}, {"6", "MNO", ""},
	{"7", "PQRS", ""}, {"8", "TUV", ""}, {"9", "WXYZ", ""},
	{"*", "", "star"}, {"0", "", ""}, {"#", "", "pound"},
}

// testPays are test numbers that Stripe publishes (design §2); no other number is charged here.
type testPays struct {
	Cards []testCard
	Banks []testBank
}

// testCard is a card to try and what becomes of it, in words.
type testCard struct{ Label, Number, Expiry, Code, Postal string }

// testBank is a bank account to try and what becomes of it, in words.
type testBank struct{ Label, Routing, Account string }

// published are those to choose from on the page: for each outcome of the stand-in one number.
var published = testPays{
	Cards: []testCard{
		{"is charged", "4242424242424242", "12/34", "123", "02139"},
		{"is declined", "4000000000000002", "12/34", "123", "02139"},
		{"has too little money", "4000000000009995", "12/34", "123", "02139"},
	},
	Banks: []testBank{
		{"is debited", "110000000", "000123456789"},
		{"is closed", "110000000", "000111111113"},
		{"does not exist", "110000000", "000111111116"},
		{"has too little money", "110000000", "000222222227"},
	},
}

// showPage answers with the page. It is made in memory first: half a page would look like a page. It is never
// cached, because another dev on the same port has other members.
func (p *Phone) showPage(w http.ResponseWriter, r *http.Request) {
	view := pageView{
		Number: shownPhone(p.cfg.Number), Keys: keypad, Moves: moves, Parts: parts,
		NoPhone: p.cfg.Line() == nil, TestPays: published,
	}
	view.Members, view.Numbers = members(p.cfg.Stories)
	var body bytes.Buffer
	if err := p.page.ExecuteTemplate(&body, "page.html", view); err != nil {
		p.cfg.Log.Error("the phone page cannot be shown", "error", err)
		http.Error(w, "The page cannot be shown.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body.Bytes())
}

// members groups the accounts by member (a member may have several, B2: billed each by itself), and lists each
// phone number once. Both are in the order of the stories; several members may share a number.
func members(stories []samples.Story) (list []memberView, numbers []numberView) {
	at := map[string]int{}
	for _, s := range stories {
		// The first account's story gives the member's data; those of one member agree.
		i, known := at[s.MemberID]
		if !known {
			i = len(list)
			at[s.MemberID] = i
			list = append(list, memberView{ID: s.MemberID, Name: s.Name, Phone: s.Phone, Shown: shownPhone(s.Phone), Secrets: secrets(s)})
		}
		list[i].Accounts = append(list[i].Accounts, accountView{s.Account, string(s.Kind), story(s)})
		if s.Phone != "" && !hasNumber(numbers, s.Phone) {
			numbers = append(numbers, numberView{s.Phone, shownPhone(s.Phone)})
		}
	}
	return list, numbers
}

// hasNumber reports whether the list holds the number already.
func hasNumber(list []numberView, phone string) bool {
	for _, n := range list {
		if n.Phone == phone {
			return true
		}
	}
	return false
}

// secrets returns the answers to the line's questions, in the form in which they are keyed: a birth date as
// month, day and full year (I3: MMDDYYYY). Those that a member has none of are left out: an employer has no
// birth date.
func secrets(s samples.Story) []secretView {
	list := []secretView{{"Member ID", s.MemberID, s.MemberID}}
	if s.Born != "" {
		// Billing has year, month, day; the line asks for month, day, year.
		year, rest, _ := strings.Cut(s.Born, "-")
		list = append(list, secretView{"Date of birth", s.Born, onlyDigits(rest) + year})
	}
	list = append(list, secretView{"ZIP code", s.ZIP, s.ZIP})
	if s.Invoice != "" {
		list = append(list, secretView{"Invoice number", s.Invoice, s.Invoice})
	}
	if s.SSNLast4 != "" {
		list = append(list, secretView{"Last four of the SSN", s.SSNLast4, s.SSNLast4})
	}
	return list
}

// story says what is special about an account from the start; what it owes now comes by state. "" for an
// ordinary one.
func story(s samples.Story) string {
	switch {
	case s.PastDue > 0:
		return "began with last month unpaid"
	case s.First:
		return "a first, binder payment"
	case s.AutoPayDay != 0:
		return "AutoPay on day " + strconv.Itoa(s.AutoPayDay)
	default:
		return ""
	}
}

// shownPhone returns a North American number as people read it, 617-555-0101, and any other unchanged.
func shownPhone(e164 string) string {
	if len(e164) != 12 || !strings.HasPrefix(e164, "+1") {
		return e164
	}
	return e164[2:5] + "-" + e164[5:8] + "-" + e164[8:]
}
