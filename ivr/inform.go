package ivr

import (
	"context"
	"errors"
)

// mainOptions are what the line does, most used first (V1).
func mainOptions(c *Call) []Option {
	list := []Option{{Name: "pay", Says: "option-balance-or-pay", Hears: "hears-pay"}}
	if c.Policy.GuestPay {
		list = append(list, Option{Name: "guest", Says: "option-guest", Hears: "hears-guest"})
	}
	list = append(list,
		Option{Name: "ways", Says: "option-how-to-pay", Hears: "hears-how"},
		Option{Name: "texts", Says: "option-texts", Hears: "hears-texts"})
	if other := c.otherLanguage(); other != "" && c.LangRecalled { // who was just asked is not asked again
		list = append(list, Option{Name: "language", Says: "option-language", Lang: other})
	}
	return list
}

// rightOrChange answers a read-back, which says both keys itself and ends with the right one.
func rightOrChange(*Call) []Option {
	return []Option{{Name: "right", Hears: "hears-yes"}, {Name: "change", Hears: "hears-no"}}
}

// tellHowToPay says one short piece of public information (H4, P4). Nothing in it is about the caller,
// and nothing promises a plan, a fund or a price.
func tellHowToPay(_ context.Context, c *Call, a Answer) Next {
	switch a.Option {
	case "due":
		c.say("tell-due-rule", nil)
	case "ways":
		c.say("tell-other-ways", nil)
	case "hours":
		c.say("tell-hours", nil)
	case "hardship":
		c.say("tell-hardship", nil)
	default:
		return Go(MainMenu)
	}
	return Go(HowToPay)
}

// mayChooseTexts needs a number: a withheld one can be neither switched off nor on.
func mayChooseTexts(_ context.Context, c *Call) Next {
	if c.Caller == "" {
		c.say("texts-need-number", nil)
		return Go(MainMenu)
	}
	return Proceed()
}

func textOptions(*Call) []Option {
	return []Option{
		{Name: "off", Says: "option-texts-off", Hears: "hears-stop"}, {Name: "on", Says: "option-texts-on", Hears: "hears-start"},
		{Name: "back", Says: "option-main-menu"},
	}
}

// chooseTexts: off at once for anyone who asks, for the number that calls; on only after T2 (O1).
func chooseTexts(ctx context.Context, c *Call, a Answer) Next {
	switch a.Option {
	case "off":
		if err := c.Texts.Stop(ctx, c.Caller, c.cause()); err != nil {
			return c.stumbled(err)
		}
		c.WantsTexts = false
		c.say("texts-off", callerEnding(c))
		return Go(MainMenu)
	case "on":
		if !c.Member.Verified() {
			c.WantsTexts = true
			c.say("texts-need-proof", nil)
			return c.toAccount()
		}
		return c.textsOn(ctx)
	}
	return Go(MainMenu)
}

func (c *Call) textsOn(ctx context.Context) Next {
	c.WantsTexts = false
	err := c.Texts.Start(ctx, c.Caller, c.cause())
	switch {
	case errors.Is(err, ErrTextStart): // the carrier's own block is lifted by a text from the number alone (O4)
		c.say("texts-send-start", nil)
	case err != nil:
		return c.stumbled(err)
	default:
		c.say("texts-on", callerEnding(c))
	}
	return Go(MainMenu)
}

// ErrTextStart says that the carrier blocks texts to a number until START comes from it.
var ErrTextStart = errors.New("ivr: the number itself must text START")

// cause names this turn, so that doing it twice does it once.
func (c *Call) cause() string { return c.Session.Call + "/" + itoa(c.Session.Turn) }
