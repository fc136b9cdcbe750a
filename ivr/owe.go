package ivr

import (
	"context"
	"errors"
	"time"

	"duebell/billing"
	"duebell/payments"
	"duebell/voiceprompts"
)

// tellStanding says how the account stands: first a payment in flight (L2), then what is owed, until when,
// and what may be said about being late (G8). Then the caller may pay. It reads everything anew, so a payment
// that settled a moment ago is in it. A caller comes back here after each payment that came to nothing.
func tellStanding(ctx context.Context, c *Call, _ Answer) Next {
	owed, open, err := c.standing(ctx, c.Account.Number)
	if err != nil {
		return c.fail(err)
	}
	c.Account = Account{
		Number: c.Account.Number, Kind: owed.Account.Kind, Due: owed.TotalDue, PastDue: owed.PastDue, Charge: owed.LatestCharge, DueAt: owed.NextDueAt,
		AmountTries: c.Account.AmountTries, // told again, it is still the same account
	}
	if c.Account.Kind == billing.KindGroup && c.Policy.GroupAccounts == "transfer" { // B4
		c.say("group-elsewhere", Args{"Phone": voiceprompts.Phone(c.Language.Tag, c.Policy.GroupPhone)})
		return c.toPerson(groupLine, AnythingElse)
	}
	if open != nil {
		return c.tellInFlight(*open, owed)
	}
	if owed.Account.Status != billing.StatusActive { // B10: nothing may look as if it restored coverage
		c.say("not-active", Args{"Account": c.accountName(c.Account.Kind)})
		return Go(AnythingElse)
	}
	c.tellAutoPay(owed)
	c.tellOwed(owed)
	if owed.NothingDue { // B9
		c.Dropped = Dropped{}
		return Go(AnythingElse)
	}
	if c.personFirst(owed) {
		return c.toPerson("after-grace", PayMenu)
	}
	return Go(PayMenu)
}

// standing returns what an account owes and the payment that is open on it, or nil. The open payment is read
// first: a charge that settles between the two reads is then told as open, never as money still owed. Read
// the other way round, it could be told as owed with nothing in flight, and be paid twice.
func (c *Call) standing(ctx context.Context, account string) (owed Owed, open *payments.Attempt, err error) {
	switch attempt, err := c.Checkout.OpenAttempt(ctx, account); {
	case err == nil:
		open = &attempt
	case !errors.Is(err, payments.ErrNoSuchAttempt):
		return Owed{}, nil, err
	}
	owed, err = c.Members.Standing(ctx, account, c.now)
	return owed, open, err
}

// personFirst says whether the policy offers a person before money is taken after the grace time (G8).
func (c *Call) personFirst(owed Owed) bool {
	return owed.AfterGrace && c.Policy.PayAfterGrace == "agent"
}

// tellInFlight says what is open, together with what is owed (L2). No other payment is offered meanwhile.
func (c *Call) tellInFlight(open payments.Attempt, owed Owed) Next {
	c.Attempt, c.Account.CanCancel = open.Key, open.AwaitsLetter && open.State == payments.Authorized
	c.sayInFlight(open)
	c.tellOwed(owed)
	return Go(PaymentInFlight)
}

// sayInFlight says the open payment's amount, day and reference, or that it waits for our letter (E6). The
// fact carries the amount without a fee, the sentence says the same.
func (c *Call) sayInFlight(open payments.Attempt) {
	args := Args{
		"Amount": c.money(open.Cents), "When": c.moment(open.AuthorizedAt), "Reference": voiceprompts.Digits(c.Language.Tag, open.Reference),
	}
	key := "in-flight"
	if open.AwaitsLetter && open.NotBefore.IsZero() {
		key = "in-flight-letter"
	}
	c.say(key, args, Fact{Says: "in-flight", Account: open.Account, Cents: open.Cents.Cents(), Attempt: open.Key, Reference: open.Reference})
}

// tellAutoPay says the next draw first: a member who pays now lowers it (A7: draw heard first). Amount and
// day are what the draw would be now (what is owed at the time of the draw); one whose day is over is not told.
func (c *Call) tellAutoPay(owed Owed) {
	if !owed.Account.OnAutoPay() || owed.Newest == nil || owed.NothingDue {
		return
	}
	draw := c.Calendar.AutoPayDraw(c.Calendar.BillMonth(owed.Newest.Coverage), owed.Account.AutoPayDay)
	if draw.Before(c.today()) {
		return
	}
	c.say("autopay-draw", Args{"Amount": c.money(owed.TotalDue), "Day": voiceprompts.Day(c.Language.Tag, draw), "Last": lastFour(c.Language.Tag, owed.Account.AutoPayLast4)})
}

// tellOwed says balance, coverage month and due instant (C9), and the last payment. An import that is too
// old is said with its date (B6).
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

// tellDue says what is owed, late and not yet due apart. Of dates it says the due instant, and beyond that
// only one that billing gave (G7: no computed end of grace).
func (c *Call) tellDue(owed Owed, account voiceprompts.Speech, owes Fact) {
	newest := owed.Newest
	due := Fact{Says: "due", Account: owed.Account.Number, Due: billing.DateIn(owed.NextDueAt, c.Calendar.Zone()).String()}
	args := Args{
		"Account": account, "Total": c.money(owed.TotalDue), "Month": voiceprompts.MonthName(c.Language.Tag, newest.Coverage.Month),
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

// inFlightOptions offers to cancel the open payment while it can be cancelled (E12).
func inFlightOptions(c *Call) []Option {
	if c.Account.CanCancel {
		return []Option{{Name: "cancel", Says: "option-cancel-payment"}, {Name: "keep", Says: "option-keep-payment"}}
	}
	return []Option{{Name: "keep", Says: "option-something-else"}}
}

// actOnInFlight cancels a payment that has not been submitted, if the caller wants that (E12). It may have
// been submitted while the caller was thinking: then it is too late, and that is said.
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
		return c.fail(err)
	}
	c.say("cancelled", Args{"Amount": c.money(voided.Cents)}, c.notCharged(voided))
	return Go(TellStanding)
}

// payOptions returns what can be paid, the whole balance first (M2). After a dropped call its payment comes
// first of all (I7). A guest never sees this menu.
func payOptions(c *Call) []Option {
	var list []Option
	if r := c.Dropped; r.Amount > 0 && r.Account == c.Account.Number { // I7: on at the broken step
		list = append(list, Option{Name: "resume", Says: "option-resume", Args: Args{"Amount": c.exact(r.Amount)}})
	}
	list = append(list, Option{Name: "all", Says: "option-pay-all", Hears: "hears-all"})
	if c.Policy.PartialAllowed && c.Account.PastDue > 0 && c.Account.PastDue < c.Account.Due {
		list = append(list, Option{Name: "late", Says: "option-pay-late", Args: Args{"Late": c.money(c.Account.PastDue)}})
	}
	if c.Policy.PartialAllowed {
		list = append(list, Option{Name: "other", Says: "option-another-amount"})
	}
	return append(list, Option{Name: "nothing", Says: "option-not-now"})
}

// choosePayment begins a payment: nothing of an earlier one counts for it.
func choosePayment(_ context.Context, c *Call, a Answer) Next {
	resume := c.Dropped
	c.Dropped, c.Payment = Dropped{}, Payment{}
	switch a.Option {
	case "resume":
		c.Payment = Payment{Amount: resume.Amount, Method: resume.Method, BankType: resume.BankType}
		return Go(ReadBack)
	case "all":
		c.Payment.Amount = c.Account.Due
	case "late":
		c.Payment.Amount = c.Account.PastDue
	case "other":
		return Go(AskAmount)
	default:
		return Go(AnythingElse)
	}
	return Go(CheckAmount)
}

// readAmount reads the keyed amount (M3 to M6: bounds, keys in cents, cents forgotten). From the second
// failure on the caller is offered a person and a way back (V2).
func readAmount(_ context.Context, c *Call, a Answer) Next {
	got := billing.ParseAmount(a.Keys, c.amountRules())
	c.Payment.Amount, c.Payment.Suggested = got.Cents, got.DidYouMean
	if got.Err == "" && got.DidYouMean == 0 {
		return Go(CheckAmount)
	}
	if got.DidYouMean != 0 {
		if got.Err != "" {
			c.Payment.Amount = 0
		}
		return Go(AmountMeant)
	}
	c.Account.AmountTries++
	why, args := c.amountProblem(got.Err)
	if c.Account.AmountTries >= 2 {
		c.say(why, args)
		return Go(AmountHelp)
	}
	return Again(why, args)
}

// amountProblem returns the prompt that names what is wrong with a keyed amount (M5), and its placeholders.
// Bounds are named for a guest from the policy alone (M4); a member hears their own.
func (c *Call) amountProblem(e billing.AmountError) (string, Args) {
	switch e {
	case billing.AmountBelowMin:
		if c.Guest.Paying {
			return "amount-below-min", Args{"Least": c.money(c.Policy.MinPaymentCents)}
		}
		return "amount-below-min", Args{"Least": c.money(min(c.Policy.MinPaymentCents, c.Account.Due))}
	case billing.AmountAboveMax:
		if c.Guest.Paying {
			return "amount-above-max", Args{"Most": c.money(c.Policy.GuestMaxCents)}
		}
		return "amount-above-max", Args{"Most": c.money(c.Account.Due + billing.Money(c.Policy.MaxOverMonths)*c.Account.Charge)}
	case billing.AmountZero:
		return "amount-zero", nil
	case billing.AmountTooLong:
		return "amount-too-long", nil
	default:
		return "amount-bad-key", nil
	}
}

func afterAmountHelp(_ context.Context, c *Call, a Answer) Next {
	if a.Option == "again" || c.Guest.Paying {
		return Go(AskAmount)
	}
	return Go(PayMenu)
}

// amountsMeant returns the amount as keyed, where it can be taken, and the one with cents (M6).
func amountsMeant(c *Call) []Option {
	var list []Option
	if c.Payment.Amount > 0 {
		list = append(list, Option{Name: "keyed", Says: "option-this-amount", Args: Args{"Amount": c.exact(c.Payment.Amount)}})
	}
	return append(list,
		Option{Name: "suggested", Says: "option-this-amount", Args: Args{"Amount": c.exact(c.Payment.Suggested)}},
		Option{Name: "other", Says: "option-another-amount"})
}

func chooseAmountMeant(_ context.Context, c *Call, a Answer) Next {
	switch a.Option {
	case "suggested":
		c.Payment.Amount = c.Payment.Suggested
	case "other":
		return Go(AskAmount)
	}
	return Go(CheckAmount)
}

// checkAmount warns of a part payment (M2) or a credit (M4), and asks for a second consent where the same
// amount was paid before (M8). CheckAmount asks nothing, so the warnings are spoken before the next question.
// The transaction that authorizes refuses a second open payment whatever was found here.
func checkAmount(ctx context.Context, c *Call, _ Answer) Next {
	if c.Guest.Paying {
		return c.checkGuest(ctx)
	}
	switch {
	case c.Payment.Amount < c.Account.Due:
		c.say("warn-partial", nil)
	case c.Payment.Amount > c.Account.Due:
		c.say("warn-credit", Args{"Over": c.money(c.Payment.Amount - c.Account.Due)})
	}
	earlier, found, err := c.Checkout.Duplicate(ctx, c.Account.Number, c.Payment.Amount)
	if err != nil {
		return c.fail(err)
	}
	if found && !c.Payment.PayAgain {
		c.say("same-payment", Args{"Amount": c.exact(earlier.Cents), "When": c.moment(earlier.AuthorizedAt)}, c.fact("paid", earlier))
		return Go(SecondConsent)
	}
	return Go(ChooseMethod)
}

// secondConsent goes on if the caller wants to pay the same amount once more; that counts for one attempt (M8).
func secondConsent(_ context.Context, c *Call, a Answer) Next {
	if a.Option != "yes" {
		return Go(AnythingElse)
	}
	c.Payment.PayAgain = true
	return Go(ChooseMethod)
}

// Spoken values, in the caller's language and the line's zone.

func (c *Call) money(m billing.Money) voiceprompts.Speech {
	return voiceprompts.Money(c.Language.Tag, m.Cents())
}

func (c *Call) exact(m billing.Money) voiceprompts.Speech {
	return voiceprompts.MoneyExact(c.Language.Tag, m.Cents())
}

func (c *Call) day(t time.Time) voiceprompts.Speech {
	return voiceprompts.Day(c.Language.Tag, billing.DateIn(t, c.Calendar.Zone()))
}

func (c *Call) timeOfDay(t time.Time) voiceprompts.Speech {
	return voiceprompts.TimeOfDay(c.Language.Tag, t.In(c.Calendar.Zone()))
}

// moment returns when something was: "a moment ago" within half an hour, else the day.
func (c *Call) moment(t time.Time) voiceprompts.Speech {
	if c.now.Sub(t) < 30*time.Minute {
		return c.phrase("a-moment-ago")
	}
	return c.day(t)
}

// accountName names an account by its kind: "health account".
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

// phrase returns a piece of a sentence that is itself a message. Like a prompt that cannot be rendered, one
// that is missing fails the turn.
func (c *Call) phrase(key string) voiceprompts.Speech { return c.phraseWith(key, nil) }

func (c *Call) phraseWith(key string, args Args) voiceprompts.Speech {
	s, err := c.Prompts.Say(c.Language.Tag, key, args)
	if err != nil && c.err == nil {
		c.err = err
	}
	return s
}

func lastFour(lang, number string) voiceprompts.Speech { return voiceprompts.LastFour(lang, number) }
