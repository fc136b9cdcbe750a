package ivr

import (
	"context"
	"errors"

	"duebell/billing"
)

// heardAs are the words that choose an option of this name, wherever it is offered.
var heardAs = map[string]string{
	"pay": "hears-pay", "more": "hears-pay", "yes": "hears-yes", "no": "hears-no", "done": "hears-no",
	"card": "hears-card", "bank": "hears-bank", "checking": "hears-checking", "savings": "hears-savings",
}

// options lists fixed menu options: name, prompt, name, prompt … An empty prompt is spoken by the step itself.
func options(pairs ...string) func(*Call) []Option {
	list := make([]Option, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, Option{Name: pairs[i], Says: pairs[i+1], Hears: heardAs[pairs[i]]})
	}
	return func(*Call) []Option { return list }
}

// recallLanguage speaks as the caller chose on the last call from the number (K2). Who was never asked, or
// cannot be looked up just now, is asked.
func recallLanguage(ctx context.Context, c *Call) Next {
	if len(c.languages()) == 1 {
		return Proceed()
	}
	tag, err := c.Logbook.Language(ctx, c.Caller)
	if err != nil {
		c.Log.Warn("language not looked up", "call", c.Session.Call, "error", err)
	}
	c.knowLanguage(tag)
	c.LangRecalled = c.LangKnown
	return Proceed()
}

// knowLanguage takes a language over, if it is in force.
func (c *Call) knowLanguage(tag string) {
	for _, l := range c.languages() {
		if l.Tag == tag {
			c.Lang, c.LangKnown = tag, true
		}
	}
}

// asksLanguage: there is a choice, and nobody knows yet what this caller speaks (K2).
func (c *Call) asksLanguage() bool { return !c.LangKnown && len(c.languages()) > 1 }

func greet(ctx context.Context, c *Call, _ Answer) Next {
	if c.asksLanguage() {
		return Go(ChooseLanguage)
	}
	c.mark(ctx, MainMenu)
	return Go(MainMenu)
}

func sayGoodbye(ctx context.Context, c *Call, _ Answer) Next {
	c.mark(ctx, Goodbye) // a call that ended like this was not dropped (I7)
	return End()
}

func languageOptions(c *Call) []Option {
	var list []Option
	for _, l := range c.languages() {
		list = append(list, Option{Name: l.Tag, Says: "option-language", Lang: l.Tag})
	}
	return list
}

func chooseLanguage(ctx context.Context, c *Call, a Answer) Next {
	c.knowLanguage(a.Option)
	c.mark(ctx, MainMenu)
	return Go(MainMenu)
}

func chooseFromMain(ctx context.Context, c *Call, a Answer) Next {
	c.leaveGuest()
	switch a.Option {
	case "language":
		return chooseLanguage(ctx, c, Answer{Option: c.otherLanguage()})
	case "guest":
		return Go(GuestAccount)
	case "ways":
		return Go(HowToPay)
	case "texts":
		return Go(TextChoices)
	}
	c.WantsTexts = false
	if c.ownNumber(ctx) {
		c.Claim.Selector = billing.Selector{Kind: billing.SelectPhone, Value: c.Caller}
		c.say("number-on-file", nil)
		return Go(AskBirthDate)
	}
	return c.toAccount()
}

// otherLanguage is the one that the main menu changes to; empty: there is none, or more than one.
func (c *Call) otherLanguage() string {
	switch all := c.languages(); {
	case len(all) != 2:
		return ""
	case all[0].Tag == c.Lang:
		return all[1].Tag
	default:
		return all[0].Tag
	}
}

// ownNumber says whether the record may be chosen by the caller's number, so that no account number is
// keyed (I4). Only where the carrier has signed the number: nobody may find out by a borrowed one whether
// it is on file. It is tried once; whoever fails with it keys the number.
func (c *Call) ownNumber(ctx context.Context) bool {
	if c.Member.Verified() || c.IDTries > 0 || c.Attested != "A" || c.Caller == "" {
		return false
	}
	yes, err := c.Members.OnFile(ctx, c.Caller)
	if err != nil {
		c.Log.Warn("the caller's number was not looked up", "call", c.Session.Call, "error", err)
	}
	return yes
}

// leaveGuest forgets a guest's entries: a member's account is another matter.
func (c *Call) leaveGuest() {
	if c.Guest {
		c.Guest, c.Account, c.Holder, c.Kind, c.Attempt = false, "", "", "", ""
	}
}

// toAccount leads to the balance: past the questions that are answered already.
func (c *Call) toAccount() Next {
	switch {
	case c.Member.Verified():
		return Go(ChooseAccount)
	case c.IDTries >= c.Policy.IDTriesPerCall:
		return c.toPerson("not-verified", MainMenu)
	}
	return Go(AskAccount)
}

func isSelector(c *Call, digits string) bool {
	_, err := billing.ParseSelector(digits, c.Policy)
	return err == nil
}

func keepAccount(_ context.Context, c *Call, a Answer) Next {
	// Kept, not looked up: nothing may tell a known number from an unknown one (I1).
	c.Claim.Selector, _ = billing.ParseSelector(a.Keys, c.Policy)
	return Go(AskBirthDate)
}

// isBirthDate takes a date of birth, or the invoice number that stands in its place for a group
// account (I3). Which of the two an account has is found out by the one look-up, never before.
func isBirthDate(c *Call, digits string) bool {
	_, err := billing.ParseBirthDate(digits, c.today())
	return err == nil || isInvoice(digits)
}

// isInvoice: invoice numbers begin above every month, so that none is mistaken for a date.
func isInvoice(digits string) bool { return len(digits) == 8 && digits[0] >= '2' }

func keepBirthDate(_ context.Context, c *Call, a Answer) Next {
	c.Claim.BirthDate, c.Claim.Invoice = "", ""
	if isInvoice(a.Keys) {
		c.Claim.Invoice = a.Keys
	} else if born, err := billing.ParseBirthDate(a.Keys, c.today()); err == nil {
		c.Claim.BirthDate = born.String()
	}
	if c.numberStandsForZIP() {
		c.Claim.SignedAs = c.Caller
		return Go(Verify)
	}
	return Go(AskZIP)
}

// numberStandsForZIP is true where the record was chosen by the caller's own number, the carrier has signed
// it, and policy takes that in place of the ZIP, never of more (I4). Tried once: a failure asks for the ZIP.
func (c *Call) numberStandsForZIP() bool {
	own := billing.Selector{Kind: billing.SelectPhone, Value: c.Caller}
	return c.Policy.CallerIDFactor == "attested_a" && c.Attested == "A" && c.Caller != "" && c.Claim.Selector == own && c.IDTries == 0
}

// tellOfSSN names the other answer only where policy takes it (I3).
func tellOfSSN(_ context.Context, c *Call) Next {
	if c.Policy.VerifySSNLast4 {
		c.say("zip-or-ssn", nil)
	}
	return Proceed()
}

// isZIPOrSSN takes a ZIP of 5 digits, and 4 digits of the SSN in its place where policy lets them (I3).
func isZIPOrSSN(c *Call, digits string) bool { return len(digits) == 5 || c.Policy.VerifySSNLast4 }

func keepZIP(_ context.Context, c *Call, a Answer) Next {
	c.Claim.ZIP, c.Claim.SSNLast4 = "", ""
	if len(a.Keys) == 5 {
		c.Claim.ZIP = a.Keys
	} else {
		c.Claim.SSNLast4 = a.Keys
	}
	return Go(Verify)
}

// verify looks up once, for every factor. Unknown, wrong and locked get one line (I1).
func verify(ctx context.Context, c *Call, _ Answer) Next {
	try := VerifyTry{Claim: c.Claim, Call: c.Session.Call, Turn: c.Session.Turn, Caller: c.Caller, At: c.now}
	c.Claim = Claim{} // what was keyed ends with the turn that looks up
	got, err := c.Members.Verify(ctx, try)
	if err != nil && !errors.Is(err, ErrNotVerified) {
		// Its COMMIT may have lost its reply: the same call and turn again gives the first result.
		got, err = c.Members.Verify(ctx, try)
	}
	switch {
	case errors.Is(err, ErrNotVerified):
		c.delay = true
		c.say("not-verified", nil)
		if days := c.Policy.NewAccountWaitDays; days > 0 { // B8: to everyone, whatever the cause
			c.say("new-account-wait", Args{"Count": days})
		}
		return c.triedToVerify()
	case errors.Is(err, ErrSeveral): // B3: the answers fit more than one; the member ID tells them apart
		c.say("several-members", nil)
		return c.triedToVerify()
	case err != nil:
		return c.stumbled(err)
	}
	c.Member, c.Account = got.Member, got.Account
	c.keepLanguage(ctx)
	if c.WantsTexts {
		return c.textsOn(ctx)
	}
	if c.findDropped(ctx) {
		c.mark(ctx, TellDropped)
		return Go(TellDropped)
	}
	if c.Account == "" {
		c.mark(ctx, ChooseAccount)
		return Go(ChooseAccount)
	}
	c.mark(ctx, TellStanding)
	return Go(TellStanding)
}

// triedToVerify asks from the beginning, as often as a call may try (I5).
func (c *Call) triedToVerify() Next {
	c.IDTries++
	if c.IDTries >= c.Policy.IDTriesPerCall {
		return c.toPerson("not-verified", MainMenu)
	}
	return Go(AskAccount)
}

// keepLanguage carries the language of a member who calls from the number on file over to texts and letters (K2).
func (c *Call) keepLanguage(ctx context.Context) {
	if !c.LangKnown || c.Caller == "" || c.Caller != c.Member.Phone {
		return
	}
	if err := c.Members.Speaks(ctx, c.Member.ID, c.Lang); err != nil {
		c.Log.Warn("the member's language was not kept", "call", c.Session.Call, "error", err)
	}
}

// accountsToChoose asks only where there is a choice (B2).
func accountsToChoose(ctx context.Context, c *Call) Next {
	accounts, err := c.Members.Accounts(ctx, c.Member.ID)
	if err != nil {
		return c.stumbled(err)
	}
	c.Accounts = nil
	for _, a := range accounts {
		c.Accounts = append(c.Accounts, AccountChoice{Number: a.Number, Kind: a.Kind})
	}
	if len(c.Accounts) == 1 {
		c.Account = c.Accounts[0].Number
		return Go(TellStanding)
	}
	return Proceed()
}

func accountOptions(c *Call) []Option {
	var list []Option
	for _, a := range c.Accounts {
		list = append(list, Option{Name: a.Number, Says: "option-account", Args: Args{"Account": c.accountName(a.Kind), "Last": lastFour(c.Lang, a.Number)}})
	}
	if c.payableTogether() {
		list = append(list, Option{Name: "all", Says: "option-all-accounts", Hears: "hears-all"})
	}
	return list
}

func chooseAccount(ctx context.Context, c *Call, a Answer) Next {
	c.Queue, c.Several = nil, false
	if a.Option == "all" {
		return Go(TellAll)
	}
	c.Account = a.Option
	c.mark(ctx, TellStanding)
	return Go(TellStanding)
}

// mark writes a milestone. The call goes on without it: it is only needed when Redis loses the session.
func (c *Call) mark(ctx context.Context, step StepName) {
	if err := c.Logbook.Milestone(ctx, c.milestone(step, c.now)); err != nil {
		c.Log.Warn("milestone not written", "call", c.Session.Call, "step", string(step), "error", err)
	}
}

func (c *Call) today() billing.Date { return billing.DateIn(c.now, c.Calendar.Zone()) }
