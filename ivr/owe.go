package ivr

import (
	"context"
	"errors"
	"time"

	"duebell/billing"
	"duebell/payments"
	"duebell/voiceprompts"
)

// tellStanding says the truth about the account: first money in flight, then what is owed, until
// when, and what may be said about being late. Then the caller may pay.
func tellStanding(ctx context.Context, c *Call, _ Answer) Next {
	owed, open, err := c.stands(ctx, c.Account)
	if err != nil {
		return c.stumbled(err)
	}
	c.Kind, c.Status = owed.Account.Kind, owed.Account.Status
	if c.Kind == billing.KindGroup && c.Policy.GroupAccounts == "transfer" { // B4
		c.say("group-elsewhere", Args{"Phone": voiceprompts.Phone(c.Lang, c.Policy.GroupPhone)})
		return c.toPerson(groupLine, AnythingElse)
	}
	c.Due, c.PastDue, c.Charge = owed.TotalDue, owed.PastDue, owed.LatestCharge
	c.NextDueAt = owed.NextDueAt
	if open != nil {
		return c.tellInFlight(*open, owed)
	}
	if owed.Account.Status != billing.StatusActive { // B10: nothing may look as if it restored coverage
		c.say("not-active", Args{"Account": c.accountName(c.Kind)})
		return Go(AnythingElse)
	}
	c.tellAutoPay(owed)
	c.tellOwed(owed)
	if owed.NothingDue { // B9
		c.Broken = Broken{}
		return Go(AnythingElse)
	}
	if c.personFirst(owed) {
		return c.toPerson("after-grace", PayMenu)
	}
	return Go(PayMenu)
}

// stands looks up what an account owes and the payment that is open on it, nil for none. What is open is
// asked first: a charge that settles in between is then told as open, and never as money still owed.
func (c *Call) stands(ctx context.Context, account string) (owed Owed, open *payments.Attempt, err error) {
	switch attempt, err := c.Checkout.OpenAttempt(ctx, account); {
	case err == nil:
		open = &attempt
	case !errors.Is(err, payments.ErrNoSuchAttempt):
		return Owed{}, nil, err
	}
	owed, err = c.Members.Standing(ctx, account, c.now)
	return owed, open, err
}

// personFirst: policy wants a person before money is taken after the grace time (G8).
func (c *Call) personFirst(owed Owed) bool {
	return owed.AfterGrace && c.Policy.PayAfterGrace == "agent"
}

// tellInFlight says what is open, together with what is owed (L2). Nobody may pay twice meanwhile.
func (c *Call) tellInFlight(open payments.Attempt, owed Owed) Next {
	c.Attempt, c.CanVoid = open.Key, open.AwaitsLetter && open.State == payments.Authorized
	c.sayInFlight(open)
	c.tellOwed(owed)
	return Go(PaymentInFlight)
}

func (c *Call) sayInFlight(open payments.Attempt) {
	args := Args{
		"Amount": c.money(open.Cents), "When": c.moment(open.AuthorizedAt), "Reference": voiceprompts.Digits(c.Lang, open.Reference),
	}
	key := "in-flight"
	if open.AwaitsLetter && open.NotBefore.IsZero() {
		key = "in-flight-letter"
	}
	c.say(key, args, Fact{Says: "in-flight", Account: open.Account, Cents: open.Cents.Cents(), Attempt: open.Key, Reference: open.Reference})
}

// tellAutoPay says the next draw first: a member who pays now lowers it (A7).
func (c *Call) tellAutoPay(owed Owed) {
	if !owed.Account.OnAutoPay() || owed.Newest == nil || owed.NothingDue {
		return
	}
	draw := c.Calendar.AutoPayDraw(c.Calendar.BillMonth(owed.Newest.Coverage), owed.Account.AutoPayDay)
	if draw.Before(c.today()) {
		return
	}
	c.say("autopay-draw", Args{"Amount": c.money(owed.TotalDue), "Day": voiceprompts.Day(c.Lang, draw), "Last": lastFour(c.Lang, owed.Account.AutoPayLast4)})
}

// tellOwed says balance, coverage month and due instant (C9), and what rules.md allows about lateness (G7, G8).
func (c *Call) tellOwed(owed Owed) {
	account := c.accountName(owed.Account.Kind)
	if c.now.Sub(owed.AsOf) > c.Policy.ImportMaxAgeHours.Duration() { // B6
		c.say("as-of", Args{"When": c.moment(owed.AsOf)})
	}
	owes := Fact{Says: "owes", Account: owed.Account.Number, Cents: owed.TotalDue.Cents()}
	switch {
	case owed.TotalDue < 0:
		c.say("in-credit", Args{"Account": account, "Amount": c.money(-owed.TotalDue)}, owes)
	case owed.NothingDue:
		c.say("owes-nothing", Args{"Account": account}, owes)
	default:
		c.tellDue(owed, account, owes)
	}
	if p := owed.LastPayment; p != nil {
		c.say("last-payment", Args{"Amount": c.money(p.Cents), "Day": c.day(p.ReceivedAt)})
	}
}

func (c *Call) tellDue(owed Owed, account voiceprompts.Speech, owes Fact) {
	newest := owed.Newest
	due := Fact{Says: "due", Account: owed.Account.Number, Due: billing.DateIn(owed.NextDueAt, c.Calendar.Zone()).String()}
	args := Args{
		"Account": account, "Total": c.money(owed.TotalDue), "Month": voiceprompts.MonthName(c.Lang, newest.Coverage.Month),
		"Day": c.day(owed.NextDueAt), "Time": c.timeOfDay(owed.NextDueAt),
	}
	switch {
	case owed.PastDue >= owed.TotalDue:
		c.say("owes-all-late", args, owes, due)
	case owed.PastDue > 0:
		args["Late"], args["Rest"] = c.money(owed.PastDue), c.money(owed.TotalDue-owed.PastDue)
		c.say("owes-part-late", args, owes, due)
	default:
		c.say("owes", args, owes, due)
	}
	if owed.FirstBillOpen { // B8
		c.say("first-bill", nil)
	}
	if owed.PastDue > 0 {
		if owed.AfterGrace { // G8: the same, a person offered first
			c.say("late-after-grace", nil)
		} else {
			c.say("late", nil)
		}
		if owed.GraceEndsSupplied && owed.GraceEndsAt.After(c.now) { // G7: only a date that billing gave
			c.say("pay-by", Args{"Day": c.day(owed.GraceEndsAt)})
		}
	}
}

func inFlightOptions(c *Call) []Option {
	if c.CanVoid {
		return []Option{{Name: "cancel", Says: "option-cancel-payment"}, {Name: "keep", Says: "option-keep-payment"}}
	}
	return []Option{{Name: "keep", Says: "option-something-else"}}
}

// actOnInFlight cancels a payment that has not been submitted, if the caller wants that (E12).
func actOnInFlight(ctx context.Context, c *Call, a Answer) Next {
	if a.Option != "cancel" {
		return Go(AnythingElse)
	}
	voided, err := c.Checkout.Void(ctx, c.Attempt)
	switch {
	case errors.Is(err, payments.ErrTooLate):
		c.say("too-late-to-cancel", nil)
		return Go(AnythingElse)
	case err != nil:
		return c.stumbled(err)
	}
	c.say("cancelled", Args{"Amount": c.money(voided.Cents)}, c.notCharged(voided))
	return Go(TellStanding)
}

func payOptions(c *Call) []Option {
	var list []Option
	if r := c.Broken; r.Amount > 0 && r.Account == c.Account { // I7: on at the broken step
		list = append(list, Option{Name: "resume", Says: "option-resume", Args: Args{"Amount": c.exact(r.Amount)}})
	}
	list = append(list, Option{Name: "all", Says: "option-pay-all", Hears: "hears-all"})
	if c.Policy.PartialAllowed && c.PastDue > 0 && c.PastDue < c.Due {
		list = append(list, Option{Name: "late", Says: "option-pay-late", Args: Args{"Late": c.money(c.PastDue)}})
	}
	if c.Policy.PartialAllowed {
		list = append(list, Option{Name: "other", Says: "option-another-amount"})
	}
	return append(list, Option{Name: "nothing", Says: "option-not-now"})
}

func choosePayment(_ context.Context, c *Call, a Answer) Next {
	c.SecondOK = false
	resume := c.Broken
	c.Broken = Broken{}
	switch a.Option {
	case "resume":
		c.Amount, c.Method, c.BankType = resume.Amount, resume.Method, resume.BankType
		return Go(ReadBack)
	case "all":
		c.Amount = c.Due
	case "late":
		c.Amount = c.PastDue
	case "other":
		return Go(AskAmount)
	default:
		return Go(AnythingElse)
	}
	return Go(CheckAmount)
}

// weighAmount reads the keyed amount by M3 to M6.
func weighAmount(_ context.Context, c *Call, a Answer) Next {
	got := billing.ParseAmount(a.Keys, c.amountRules())
	c.Amount, c.Suggested = got.Cents, got.DidYouMean
	if got.Err == "" && got.DidYouMean == 0 {
		return Go(CheckAmount)
	}
	if got.DidYouMean != 0 {
		if got.Err != "" {
			c.Amount = 0
		}
		return Go(AmountMeant)
	}
	c.AmountFailed++
	why, args := c.amountProblem(got.Err)
	if c.AmountFailed >= 2 {
		c.say(why, args)
		return Go(AmountHelp)
	}
	return Again(why, args)
}

// amountProblem names what is wrong with a keyed amount (M5).
func (c *Call) amountProblem(e billing.AmountError) (string, Args) {
	switch e {
	case billing.AmountBelowMin:
		if c.Guest {
			return "amount-below-min", Args{"Least": c.money(c.Policy.MinPaymentCents)}
		}
		return "amount-below-min", Args{"Least": c.money(min(c.Policy.MinPaymentCents, c.Due))}
	case billing.AmountAboveMax:
		if c.Guest {
			return "amount-above-max", Args{"Most": c.money(c.Policy.GuestMaxCents)}
		}
		return "amount-above-max", Args{"Most": c.money(c.Due + billing.Money(c.Policy.MaxOverMonths)*c.Charge)}
	case billing.AmountZero:
		return "amount-zero", nil
	case billing.AmountTooLong:
		return "amount-too-long", nil
	default:
		return "amount-bad-key", nil
	}
}

func afterAmountHelp(_ context.Context, c *Call, a Answer) Next {
	if a.Option == "again" || c.Guest {
		return Go(AskAmount)
	}
	return Go(PayMenu)
}

func meantOptions(c *Call) []Option {
	var list []Option
	if c.Amount > 0 {
		list = append(list, Option{Name: "keyed", Says: "option-this-amount", Args: Args{"Amount": c.exact(c.Amount)}})
	}
	return append(list,
		Option{Name: "suggested", Says: "option-this-amount", Args: Args{"Amount": c.exact(c.Suggested)}},
		Option{Name: "other", Says: "option-another-amount"})
}

func chooseMeant(_ context.Context, c *Call, a Answer) Next {
	switch a.Option {
	case "suggested":
		c.Amount = c.Suggested
	case "other":
		return Go(AskAmount)
	}
	return Go(CheckAmount)
}

// checkAmount warns of a part payment or a credit (M2, M4) and of the same payment made before (M8).
func checkAmount(ctx context.Context, c *Call, _ Answer) Next {
	if c.Guest {
		return c.checkGuest(ctx)
	}
	switch {
	case c.Amount < c.Due:
		c.say("warn-partial", nil)
	case c.Amount > c.Due:
		c.say("warn-credit", Args{"Over": c.money(c.Amount - c.Due)})
	}
	earlier, found, err := c.Checkout.Duplicate(ctx, c.Account, c.Amount)
	if err != nil {
		return c.stumbled(err)
	}
	if found && !c.SecondOK {
		c.say("same-payment", Args{"Amount": c.exact(earlier.Cents), "When": c.moment(earlier.AuthorizedAt)}, c.fact("paid", earlier))
		return Go(SecondConsent)
	}
	return Go(ChooseMethod)
}

func secondConsent(_ context.Context, c *Call, a Answer) Next {
	if a.Option != "yes" {
		return Go(AnythingElse)
	}
	c.SecondOK = true
	return Go(ChooseMethod)
}

// Spoken values, in the caller's language and the line's zone.

func (c *Call) money(m billing.Money) voiceprompts.Speech {
	return voiceprompts.Money(c.Lang, m.Cents())
}

func (c *Call) exact(m billing.Money) voiceprompts.Speech {
	return voiceprompts.MoneyExact(c.Lang, m.Cents())
}

func (c *Call) day(t time.Time) voiceprompts.Speech {
	return voiceprompts.Day(c.Lang, billing.DateIn(t, c.Calendar.Zone()))
}

func (c *Call) timeOfDay(t time.Time) voiceprompts.Speech {
	return voiceprompts.TimeOfDay(c.Lang, t.In(c.Calendar.Zone()))
}

// moment says when something was: "a moment ago" or the day.
func (c *Call) moment(t time.Time) voiceprompts.Speech {
	if c.now.Sub(t) < 30*time.Minute {
		return c.phrase("a-moment-ago")
	}
	return c.day(t)
}

func (c *Call) accountName(k billing.Kind) voiceprompts.Speech {
	switch k {
	case billing.KindDental:
		return c.phrase("dental-account")
	case billing.KindGroup:
		return c.phrase("group-account")
	case billing.KindHealth:
		return c.phrase("health-account")
	default: // a guest's: its kind is not the guest's to hear
		return c.phrase("plain-account")
	}
}

// phrase is a piece of a sentence that is itself a message.
func (c *Call) phrase(key string) voiceprompts.Speech { return c.phraseWith(key, nil) }

func (c *Call) phraseWith(key string, args Args) voiceprompts.Speech {
	s, err := c.Prompts.Say(c.Lang, key, args)
	if err != nil && c.err == nil {
		c.err = err
	}
	return s
}

func lastFour(lang, number string) voiceprompts.Speech { return voiceprompts.LastFour(lang, number) }
