package ivr

import (
	"context"
	"errors"

	"duebell/billing"
)

// heardAs names the message whose words choose an option of this name, wherever it is offered.
var heardAs = map[string]string{
	"pay": "hears-pay", "more": "hears-pay", "yes": "hears-yes", "no": "hears-no", "done": "hears-no",
	"card": "hears-card", "bank": "hears-bank", "checking": "hears-checking", "savings": "hears-savings",
}

// options returns fixed menu options: name, prompt, name, prompt … An empty prompt is spoken by the step itself.
func options(pairs ...string) func(*Call) []Option {
	list := make([]Option, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, Option{Name: pairs[i], Says: pairs[i+1], Hears: heardAs[pairs[i]]})
	}
	return func(*Call) []Option { return list }
}

// recallLanguage speaks the language chosen on the last call from the number (K2: a hint, never a proof).
// Whoever was never asked, or cannot be looked up just now, is asked.
func recallLanguage(ctx context.Context, c *Call) Next {
	if len(c.languages()) == 1 {
		return Proceed()
	}
	tag, err := c.Milestones.CallerLanguage(ctx, c.Caller)
	if err != nil {
		c.Log.Warn("the caller's language could not be looked up; the call asks for it", "call", c.Session.Call, "error", err)
	}
	c.useLanguage(tag)
	c.Language.Recalled = c.Language.Known
	return Proceed()
}

// useLanguage speaks a language from here on, if the policy offers it. A language that it does not offer, or
// "", changes nothing.
func (c *Call) useLanguage(tag string) {
	for _, l := range c.languages() {
		if l.Tag == tag {
			c.Language.Tag, c.Language.Known = tag, true
		}
	}
}

// mustAskLanguage says whether there is a choice, and nobody knows yet what this caller speaks (K2).
func (c *Call) mustAskLanguage() bool { return !c.Language.Known && len(c.languages()) > 1 }

// greet goes on to the menu, or first to the choice of a language.
func greet(ctx context.Context, c *Call, _ Answer) Next {
	if c.mustAskLanguage() {
		return Go(ChooseLanguage)
	}
	c.saveMilestone(ctx, MainMenu)
	return Go(MainMenu)
}

// sayGoodbye ends the call. The good-bye itself is the step's prompt.
func sayGoodbye(ctx context.Context, c *Call, _ Answer) Next {
	c.saveMilestone(ctx, Goodbye) // a call that ended like this was not dropped (I7)
	return End()
}

// languageOptions returns an option for each language, spoken in that language.
func languageOptions(c *Call) []Option {
	var list []Option
	for _, l := range c.languages() {
		list = append(list, Option{Name: l.Tag, Says: "option-language", Lang: l.Tag})
	}
	return list
}

// chooseLanguage speaks the chosen language from here on. It is stored with the milestone, so that the next
// call of the number begins in it (K2: remembered per number).
func chooseLanguage(ctx context.Context, c *Call, a Answer) Next {
	c.useLanguage(a.Option)
	c.saveMilestone(ctx, MainMenu)
	return Go(MainMenu)
}

// chooseFromMain goes where the menu says. Whoever was paying as a guest begins anew.
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
	c.FollowUp.TextsWanted = false
	if c.ownNumber(ctx) {
		c.Keyed.Selector = billing.Selector{Kind: billing.SelectPhone, Value: c.Caller}
		c.say("number-on-file", nil)
		return Go(AskBirthDate)
	}
	return c.toAccount()
}

// otherLanguage returns the language that the main menu changes to, or "" where there is none, or a choice of
// several.
func (c *Call) otherLanguage() string {
	switch all := c.languages(); {
	case len(all) != 2:
		return ""
	case all[0].Tag == c.Language.Tag:
		return all[1].Tag
	default:
		return all[0].Tag
	}
}

// ownNumber says whether the caller's number selects the record, so that no account number is keyed (I4:
// caller ID may preselect, and replaces no factor). It does so only where the carrier has signed the number:
// with a forged one nobody may find out whether it is on file. It is tried once; whoever fails with it keys
// the account number. A database that does not answer means no: the caller loses a short cut, nothing else.
func (c *Call) ownNumber(ctx context.Context) bool {
	if c.Member.Verified() || c.Tries.Verify > 0 || c.Attested != "A" || c.Caller == "" {
		return false
	}
	yes, err := c.Members.OnFile(ctx, c.Caller)
	if err != nil {
		c.Log.Warn("the caller's number could not be looked up; an account number is asked for", "call", c.Session.Call, "error", err)
	}
	return yes
}

// leaveGuest drops a guest's entries, so that none of them is taken for a member's.
func (c *Call) leaveGuest() {
	if c.Guest.Paying {
		c.Guest, c.Account, c.Attempt = Guest{}, Account{}, ""
	}
}

// toAccount leads to the balance, past the questions that are answered already. After three failures in
// this call a person is next (I5: three tries a call).
func (c *Call) toAccount() Next {
	switch {
	case c.Member.Verified():
		return Go(ChooseAccount)
	case c.Tries.Verify >= c.Policy.IDTriesPerCall:
		return c.toPerson("not-verified", MainMenu)
	}
	return Go(AskAccount)
}

// isSelector says whether digits have the form of an account number, member ID or phone number (B1).
func isSelector(c *Call, digits string) bool {
	_, err := billing.ParseSelector(digits, c.Policy)
	return err == nil
}

// keepAccount keeps the selector without looking it up.
func keepAccount(_ context.Context, c *Call, a Answer) Next {
	// Kept, not looked up: nothing may tell a known number from an unknown one (I1).
	c.Keyed.Selector, _ = billing.ParseSelector(a.Keys, c.Policy)
	return Go(AskBirthDate)
}

// isBirthDate says whether digits are a possible date of birth, MMDDYYYY, or an invoice number, which
// stands in its place for a group account (I3). Which of the two the account has is found out by the one
// look-up, never before (I1).
func isBirthDate(c *Call, digits string) bool {
	_, err := billing.ParseBirthDate(digits, c.today())
	return err == nil || isInvoice(digits)
}

// isInvoice says whether digits have the form of an invoice number. Those begin with 2 to 9 and a date
// with its month, 01 to 12: none is mistaken for the other.
func isInvoice(digits string) bool { return len(digits) == 8 && digits[0] >= '2' }

// keepBirthDate keeps the date or the invoice number. The form was checked by isBirthDate, so one of the two
// fits.
func keepBirthDate(_ context.Context, c *Call, a Answer) Next {
	// Exactly one of the two stands afterwards, whatever was keyed before.
	c.Keyed.BirthDate, c.Keyed.Invoice = "", ""
	if isInvoice(a.Keys) {
		c.Keyed.Invoice = a.Keys
	} else if born, err := billing.ParseBirthDate(a.Keys, c.today()); err == nil {
		c.Keyed.BirthDate = born.String()
	}
	if c.numberStandsForZIP() {
		c.Keyed.SignedAs = c.Caller
		return Go(Verify)
	}
	return Go(AskZIP)
}

// numberStandsForZIP is true where the record was chosen by the caller's own number, the carrier has signed
// it, and policy takes that in place of the ZIP, never of more (I4). Tried once: a failure asks for the ZIP.
func (c *Call) numberStandsForZIP() bool {
	own := billing.Selector{Kind: billing.SelectPhone, Value: c.Caller}
	return c.Policy.CallerIDFactor == "attested_a" && c.Attested == "A" && c.Caller != "" && c.Keyed.Selector == own && c.Tries.Verify == 0
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

// keepZIP keeps the last factor; the count of digits tells a ZIP from the SSN's last four.
func keepZIP(_ context.Context, c *Call, a Answer) Next {
	c.Keyed.ZIP, c.Keyed.SSNLast4 = "", ""
	if len(a.Keys) == 5 {
		c.Keyed.ZIP = a.Keys
	} else {
		c.Keyed.SSNLast4 = a.Keys
	}
	return Go(Verify)
}

// verify looks up once, for every factor. Unknown, wrong and locked get one failure line, after the same time
// (I1). A crash before the answer is stored has Twilio repeat the turn: the try then counts once, because it
// is unique by call and turn.
func verify(ctx context.Context, c *Call, _ Answer) Next {
	try := VerifyTry{Keyed: c.Keyed, Call: c.Session.Call, Turn: c.Session.Turn, Caller: c.Caller, At: c.now}
	c.Keyed = Identification{} // what was keyed ends with the turn that looks up
	got, err := c.Members.Verify(ctx, try)
	if err != nil && !errors.Is(err, ErrNotVerified) {
		// Its COMMIT may have lost its reply: the same call and turn again gives the first result.
		got, err = c.Members.Verify(ctx, try)
	}
	switch {
	// The reply leaves no sooner than 400 ms after the request (webhook.Handler.respond).
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
		return c.fail(err)
	}
	// An account number that was keyed is the account that the call is about; else it is chosen next.
	c.Member, c.Account = got.Member, Account{Number: got.Account}
	c.keepLanguage(ctx)
	// They proved themselves to switch texts on (O1), so that is done before anything else is told.
	if c.FollowUp.TextsWanted {
		return c.textsOn(ctx)
	}
	if c.findDropped(ctx) {
		c.saveMilestone(ctx, TellDropped)
		return Go(TellDropped)
	}
	if c.Account.Number == "" {
		c.saveMilestone(ctx, ChooseAccount)
		return Go(ChooseAccount)
	}
	c.saveMilestone(ctx, TellStanding)
	return Go(TellStanding)
}

// triedToVerify counts the failure and asks from the beginning, as often as a call may try (I5). Several
// members behind a number count as well: the answers could be tried out on a household otherwise.
func (c *Call) triedToVerify() Next {
	c.Tries.Verify++
	if c.Tries.Verify >= c.Policy.IDTriesPerCall {
		return c.toPerson("not-verified", MainMenu)
	}
	return Go(AskAccount)
}

// keepLanguage stores the call's language for the member's texts and letters, if they call from the number
// on file (K2). The call goes on without it.
func (c *Call) keepLanguage(ctx context.Context) {
	if !c.Language.Known || c.Caller == "" || c.Caller != c.Member.Phone {
		return
	}
	if err := c.Members.SetLanguage(ctx, c.Member.ID, c.Language.Tag); err != nil {
		c.Log.Warn("the member's language could not be stored; texts keep the old one", "call", c.Session.Call, "error", err)
	}
}

// accountsToChoose asks only where a member has several accounts (B2). The list is read anew each time,
// because an import may have changed it meanwhile.
func accountsToChoose(ctx context.Context, c *Call) Next {
	accounts, err := c.Members.Accounts(ctx, c.Member.ID)
	if err != nil {
		return c.fail(err)
	}
	c.Accounts = nil
	for _, a := range accounts {
		c.Accounts = append(c.Accounts, Account{Number: a.Number, Kind: a.Kind})
	}
	if len(c.Accounts) == 1 {
		c.Account = c.Accounts[0]
		return Go(TellStanding)
	}
	return Proceed()
}

// accountOptions returns an option for each account, and one for all of them where they can be paid
// together (rule P6).
func accountOptions(c *Call) []Option {
	var list []Option
	for _, a := range c.Accounts {
		list = append(list, Option{Name: a.Number, Says: "option-account", Args: Args{"Account": c.accountName(a.Kind), "Last": lastFour(c.Language.Tag, a.Number)}})
	}
	if c.payableTogether() {
		list = append(list, Option{Name: "all", Says: "option-all-accounts", Hears: "hears-all"})
	}
	return list
}

// chooseAccount goes on with one account, or with all of them. Whatever was queued for a batch before is
// dropped.
func chooseAccount(ctx context.Context, c *Call, a Answer) Next {
	c.Batch = Batch{}
	if a.Option == "all" {
		return Go(TellAll)
	}
	c.Account = Account{Number: a.Option}
	c.saveMilestone(ctx, TellStanding)
	return Go(TellStanding)
}

// saveMilestone stores how far the call has come. The call goes on without it: it is needed only when
// Redis loses the session, and the caller then goes on from an earlier place.
func (c *Call) saveMilestone(ctx context.Context, step StepName) {
	if err := c.Milestones.SaveMilestone(ctx, c.milestone(step, c.now)); err != nil {
		c.Log.Warn("a milestone could not be stored; if the session is lost too, the call goes on from an earlier one", "call", c.Session.Call, "step", string(step), "error", err)
	}
}

// today returns the day in the policy's time zone.
func (c *Call) today() billing.Date { return billing.DateIn(c.now, c.Calendar.Zone()) }
