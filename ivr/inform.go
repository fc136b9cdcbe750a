package ivr

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"duebell/billing"
	"duebell/payments"
	"duebell/voiceprompts"
)

// mainOptions returns what the line can do, most used first (V1). The guest's way is left out where no method
// would take a guest's money, so nobody keys a number for nothing.
func mainOptions(c *Call) []Option {
	list := []Option{{Name: "pay", Says: "option-balance-or-pay", Hears: "hears-pay"}}
	if c.Policy.GuestPay && (c.Policy.CardsAccepted || (c.bankDebitAllowed() && c.Policy.GuestEFT)) { // nobody is led to where nothing can be paid
		list = append(list, Option{Name: "guest", Says: "option-guest", Hears: "hears-guest"})
	}
	list = append(list,
		Option{Name: "ways", Says: "option-how-to-pay", Hears: "hears-how"},
		Option{Name: "texts", Says: "option-texts", Hears: "hears-texts"})
	if other := c.otherLanguage(); other != "" && c.Language.Recalled { // who was just asked is not asked again
		list = append(list, Option{Name: "language", Says: "option-language", Lang: other})
	}
	return list
}

// rightOrChange returns the answers to a read-back. The read-back's own prompt names both keys, the one that
// confirms last. In every read-back, 1 confirms and 2 changes (M7: 1 = right, 2 = again).
func rightOrChange(*Call) []Option {
	return []Option{{Name: "right", Hears: "hears-yes"}, {Name: "change", Hears: "hears-no"}}
}

// consentOrChange returns the answers to the read-back of a payment. For a card, key 1 is the consent, so
// no word may stand for it (rule P3).
func consentOrChange(c *Call) []Option {
	list := rightOrChange(c)
	if c.Payment.Method == payments.Card {
		list[0].Hears = ""
	}
	return list
}

// tellHowToPay says one short piece of public information (H4: contact data is policy; rule P4: other ways are
// described only). Nothing in it is about the caller, and nothing promises a plan, a fund or a price. Each
// piece leads back to the list, so that several may be heard.
func tellHowToPay(_ context.Context, c *Call, a Answer) Next {
	switch a.Option {
	case "due":
		c.say("tell-due-rule", c.dueRule())
	// No address is spoken: "the address on your bill" (rule P4).
	case "ways":
		c.say("tell-other-ways", Args{"MailDay": c.mailDay()})
	case "hours":
		args := c.agentHours()
		args["TTY"] = voiceprompts.Phone(c.Language.Tag, c.Policy.TTY)
		args["GroupPhone"], args["DOIPhone"] = voiceprompts.Phone(c.Language.Tag, c.Policy.GroupPhone), voiceprompts.Phone(c.Language.Tag, c.Policy.DOIPhone)
		c.say("tell-hours", args)
		if len(c.Policy.WalkInList) > 0 {
			c.say("tell-walk-in", Args{"Places": c.places()})
		}
	case "hardship":
		c.say("tell-hardship", nil)
	default:
		return Go(MainMenu)
	}
	return Go(HowToPay)
}

// nextToPay returns the bill month that can still be paid in time. It goes by the general due instant of
// health accounts, not by anybody's own bill.
func (c *Call) nextToPay() billing.Month {
	month := billing.MonthOf(c.today())
	if c.now.After(c.Calendar.DueAt(billing.KindHealth, "", month)) {
		return month.Add(1)
	}
	return month
}

// dueRule returns the general rule as its next case, moved deadlines included (C2, C3, C5). It says "the
// bill for April coverage", never "the March premium" (C9).
func (c *Call) dueRule() Args {
	month := c.nextToPay()
	due := c.Calendar.DueAt(billing.KindHealth, "", month)
	return Args{
		"BillDay": voiceprompts.ShortDay(c.Language.Tag, c.Calendar.BillDate(month)), "Month": voiceprompts.MonthName(c.Language.Tag, c.Calendar.CoverageMonth(month).Month),
		"Day": c.day(due), "Time": c.timeOfDay(due), "PaperDay": c.shortDay(month, c.Policy.PaperBillPromiseDay),
	}
}

// mailDay returns the next day by which a check should be in the mail (rule P4, mail_by_day). From the day after
// it on, that is next month's.
func (c *Call) mailDay() voiceprompts.Speech {
	today := c.today()
	month := billing.MonthOf(today)
	if today.Day > c.Policy.MailByDay {
		month = month.Add(1)
	}
	return c.shortDay(month, c.Policy.MailByDay)
}

// shortDay returns a day of a month without its weekday, as in "by February 10th".
func (c *Call) shortDay(m billing.Month, day int) voiceprompts.Speech {
	return voiceprompts.ShortDay(c.Language.Tag, billing.Date{Year: m.Year, Month: m.Month, Day: day})
}

// agentHours returns the opening and closing time of an ordinary day (H1). Dated extra hours and closures are
// not in it: noPersonNow names the next opening for those.
func (c *Call) agentHours() Args {
	today := c.today()
	return Args{
		"Opens":  c.timeOfDay(c.Calendar.At(today, c.Policy.AgentOpenLocal)),
		"Closes": c.timeOfDay(c.Calendar.At(today, c.Policy.AgentCloseLocal)),
	}
}

// places returns the walk-in centers as a list to be spoken. The last one is joined by the language's "and".
// It is only called where there is at least one.
func (c *Call) places() any {
	list, last := c.Policy.WalkInList, len(c.Policy.WalkInList)-1
	if last == 0 {
		return list[0]
	}
	return c.phraseWith("places", Args{"Others": strings.Join(list[:last], ", "), "LastPlace": list[last]})
}

// mayChooseTexts goes back where the number is withheld: nothing can be switched off or on for it.
func mayChooseTexts(_ context.Context, c *Call) Next {
	if c.Caller == "" {
		c.say("texts-need-number", nil)
		return Go(MainMenu)
	}
	return Proceed()
}

// textOptions returns off, on and the way back. Words choose the first two as well (V7).
func textOptions(*Call) []Option {
	return []Option{
		{Name: "off", Says: "option-texts-off", Hears: "hears-stop"}, {Name: "on", Says: "option-texts-on", Hears: "hears-start"},
		{Name: "back", Says: "option-main-menu"},
	}
}

// chooseTexts switches texts off at once, for anyone who asks, for the number that calls; and on only for a
// verified caller (O1). Nothing is said before it is written: an error leads to a person instead of to an
// untrue "texts are off".
func chooseTexts(ctx context.Context, c *Call, a Answer) Next {
	switch a.Option {
	case "off":
		if err := c.Texts.Stop(ctx, c.Caller, c.turnKey()); err != nil {
			return c.fail(err)
		}
		c.FollowUp.TextsWanted = false
		c.say("texts-off", callerEnding(c))
		return Go(MainMenu)
	case "on":
		if !c.Member.Verified() {
			c.FollowUp.TextsWanted = true
			c.say("texts-need-proof", nil)
			return c.toAccount()
		}
		return c.textsOn(ctx)
	}
	return Go(MainMenu)
}

// textsOn switches texts on, or says that the number itself must text START: a block of the carrier's own is
// lifted by nothing else (O4). It runs in the turn of the wish, or in the turn that verified the caller for
// it (verify).
func (c *Call) textsOn(ctx context.Context) Next {
	c.FollowUp.TextsWanted = false
	err := c.Texts.Start(ctx, c.Caller, c.turnKey())
	switch {
	case errors.Is(err, ErrTextStart):
		c.say("texts-send-start", nil)
	case err != nil:
		return c.fail(err)
	default:
		c.say("texts-on", callerEnding(c))
	}
	return Go(MainMenu)
}

// ErrTextStart says that the carrier blocks texts to a number until START comes from it.
var ErrTextStart = errors.New("ivr: the number itself must text START")

// turnKey names this turn. What is written under it is written once, however often the turn is run. Two
// wishes can never share one: a turn has one input.
func (c *Call) turnKey() string { return c.Session.Call + "/" + strconv.Itoa(c.Session.Turn) }
