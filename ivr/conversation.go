package ivr

// The steps, in the order in which a caller meets them.
const (
	Greeting         StepName = "greeting"
	ChooseLanguage   StepName = "choose-language"
	MainMenu         StepName = "main-menu"
	HowToPay         StepName = "how-to-pay"
	TextChoices      StepName = "text-choices"
	GuestAccount     StepName = "guest-account"
	GuestReadBack    StepName = "guest-read-back"
	GuestName        StepName = "guest-name"
	GuestNameBack    StepName = "guest-name-back"
	AskAccount       StepName = "ask-account"
	AskBirthDate     StepName = "ask-birth-date"
	AskZIP           StepName = "ask-zip"
	Verify           StepName = "verify"
	ChooseAccount    StepName = "choose-account"
	TellDropped      StepName = "tell-dropped"
	TellAll          StepName = "tell-all"
	TellStanding     StepName = "tell-standing"
	PaymentInFlight  StepName = "payment-in-flight"
	PayMenu          StepName = "pay-menu"
	AskAmount        StepName = "ask-amount"
	AmountHelp       StepName = "amount-help"
	AmountMeant      StepName = "amount-meant"
	CheckAmount      StepName = "check-amount"
	SecondConsent    StepName = "second-consent"
	ChooseMethod     StepName = "choose-method"
	ChooseBankType   StepName = "choose-bank-type"
	ReadBack         StepName = "read-back"
	ReadBackAll      StepName = "read-back-all"
	NextAccount      StepName = "next-account"
	AskWrittenNotice StepName = "ask-written-notice"
	TakeMoney        StepName = "take-money"
	CaptureFailed    StepName = "capture-failed"
	Terms            StepName = "terms"
	TermsAgain       StepName = "terms-again"
	Settling         StepName = "settling"
	Holding          StepName = "holding"
	TellOutcome      StepName = "tell-outcome"
	AfterDecline     StepName = "after-decline"
	OfferText        StepName = "offer-text"
	OfferCalls       StepName = "offer-calls"
	AnythingElse     StepName = "anything-else"
	Goodbye          StepName = "goodbye"
	Person           StepName = "person"
	OfferCallback    StepName = "offer-callback"
	CallbackNumber   StepName = "callback-number"
	CallbackReadBack StepName = "callback-read-back"
	GoOn             StepName = "go-on"
	LostPlace        StepName = "lost-place"
)

// Conversation is the list of steps, for tests and pictures: the call of whoever calls us, and behind
// it where calls begin that the line places.
func Conversation() []Step { return append(conversation(), outbound()...) }

// The whole call, in the order a caller meets it. Read it top to bottom.
// A step is what we say, what we accept, and what happens then. From every question 0 leads to
// Person and 9 says it again; silence and wrong keys ask again and then lead to Person (V2, V3).
func conversation() []Step {
	return []Step{
		// ── Hello ────────────────────────────────────────────────────────────────────────
		{
			Name: Greeting, Before: recallLanguage, Says: "greeting", // K2: in the language chosen on the number's last call
			Then: greet, LeadsTo: []StepName{ChooseLanguage, MainMenu},
		},
		{
			Name:    ChooseLanguage, // K2: each language offers itself, in its own voice
			Accepts: Menu{Options: languageOptions},
			Then:    chooseLanguage, LeadsTo: []StepName{MainMenu},
		},
		{
			Name:    MainMenu,
			Accepts: Menu{Options: mainOptions, Closes: "main-menu"},
			Then:    chooseFromMain, LeadsTo: []StepName{AskAccount, AskBirthDate, ChooseAccount, GuestAccount, HowToPay, TextChoices, MainMenu},
		},
		{
			Name:    HowToPay, // H4, P4: general information in short pieces; nothing about the caller
			Accepts: Menu{Options: options("due", "option-when-due", "ways", "option-other-ways", "hours", "option-hours", "hardship", "option-hardship", "back", "option-main-menu")},
			Then:    tellHowToPay, LeadsTo: []StepName{HowToPay, MainMenu},
		},
		{
			Name: TextChoices, Before: mayChooseTexts, Says: "text-choices", Args: callerEnding, // O1: off for anyone, on only once verified
			Accepts: Menu{Options: textOptions},
			Then:    chooseTexts, LeadsTo: []StepName{MainMenu, AskAccount},
		},

		// ── A guest: account number and amount, no personal data (I2, T1) ─────────────────
		{
			Name: GuestAccount, Says: "guest-account",
			Accepts: Digits{Lengths: []int{9}, Reject: "guest-account-format", Check: isAccountNumber},
			Then:    keepGuestAccount, LeadsTo: []StepName{GuestReadBack},
		},
		{
			Name: GuestReadBack, Says: "guest-read-back", Args: guestAccountArgs,
			Accepts: Menu{Options: rightOrChange},
			Then:    confirmGuestAccount, LeadsTo: []StepName{GuestAccount, TellDropped, AskAmount},
		},

		// ── Who is calling (I1: every factor is collected, then looked up once) ───────────
		{
			Name: AskAccount, Says: "ask-account", Again: "ask-account-again",
			Accepts: Digits{Lengths: []int{9, 10, 12}, Reject: "account-format", Check: isSelector}, // B1
			Then:    keepAccount, LeadsTo: []StepName{AskBirthDate},
		},
		{
			Name: AskBirthDate, Says: "ask-birth-date", Again: "ask-birth-date-again",
			Accepts: Digits{Lengths: []int{8}, Reject: "birth-date-format", Check: isBirthDate},
			Then:    keepBirthDate, LeadsTo: []StepName{AskZIP, Verify},
		},
		{
			Name: AskZIP, Before: tellOfSSN, Says: "ask-zip",
			Accepts: Digits{Lengths: []int{4, 5}, Reject: "zip-format", Check: isZIPOrSSN},
			Then:    keepZIP, LeadsTo: []StepName{Verify},
		},
		{
			Name: Verify, // asks nothing: it runs in the turn of the last answer
			Then: verify, LeadsTo: []StepName{AskAccount, ChooseAccount, TellDropped, TellStanding, MainMenu},
		},
		{
			Name: ChooseAccount, Before: accountsToChoose, Says: "choose-account",
			Accepts: Menu{Options: accountOptions},
			Then:    chooseAccount, LeadsTo: []StepName{TellStanding, TellAll},
		},
		{
			Name: TellDropped, // I7: after a dropped call, first what became of the money
			Then: tellDropped, LeadsTo: []StepName{ChooseAccount, TellStanding, AskAmount, AnythingElse},
		},

		// ── What is owed ──────────────────────────────────────────────────────────────────
		{
			Name: TellStanding,
			Then: tellStanding, LeadsTo: []StepName{PaymentInFlight, PayMenu, AnythingElse},
		},
		{
			Name:    PaymentInFlight, // told already what is open; until it is submitted it can be cancelled (E12)
			Accepts: Menu{Options: inFlightOptions},
			Then:    actOnInFlight, LeadsTo: []StepName{AnythingElse, TellStanding},
		},
		{
			Name:    PayMenu,
			Accepts: Menu{Options: payOptions},
			Then:    choosePayment, LeadsTo: []StepName{AskAmount, CheckAmount, ReadBack, AnythingElse},
		},

		{
			Name: TellAll, // P6: every account that owes, then one way to pay for all
			Then: tellAll, LeadsTo: []StepName{ChooseMethod, AnythingElse},
		},

		// ── How much and how ──────────────────────────────────────────────────────────────
		{
			Name: AskAmount, Before: warnGuest, Says: "ask-amount", Again: "ask-amount-again",
			Accepts: Amount{},
			Then:    weighAmount, LeadsTo: []StepName{AmountHelp, AmountMeant, CheckAmount},
		},
		{
			Name: AmountHelp, Says: "amount-help", // V2: from the second failure on a person is offered
			Accepts: Menu{Options: options("again", "option-another-amount", "back", "option-back")},
			Then:    afterAmountHelp, LeadsTo: []StepName{AskAmount, PayMenu},
		},
		{
			Name: AmountMeant, Says: "amount-meant", // M6: the cents were perhaps forgotten
			Accepts: Menu{Options: meantOptions},
			Then:    chooseMeant, LeadsTo: []StepName{AskAmount, CheckAmount},
		},
		{
			Name: CheckAmount,
			Then: checkAmount, LeadsTo: []StepName{SecondConsent, ChooseMethod, AnythingElse},
		},
		{
			Name:    SecondConsent, // M8: told already of the payment made before
			Accepts: Menu{Options: options("yes", "option-pay-again", "no", "option-do-not-pay")},
			Then:    secondConsent, LeadsTo: []StepName{ChooseMethod, AnythingElse},
		},
		{
			Name: ChooseMethod, Before: onlyMethod,
			Accepts: Menu{Options: options("bank", "option-bank", "card", "option-card")},
			Then:    chooseMethod, LeadsTo: []StepName{ChooseBankType, ReadBack, ReadBackAll},
		},
		{
			Name: ChooseBankType, Before: businessChecking, Says: "choose-bank-type",
			Accepts: Menu{Options: options("checking", "option-checking", "savings", "option-savings")},
			Then:    chooseBankType, LeadsTo: []StepName{GuestName, ReadBack, ReadBackAll},
		},
		{
			Name: GuestName, Says: "guest-name", // I2: the holder's name, where guests may pay by bank
			Accepts: Words{},
			Then:    keepGuestName, LeadsTo: []StepName{GuestNameBack},
		},
		{
			Name: GuestNameBack, Says: "guest-name-back", Args: guestNameArgs,
			Accepts: Menu{Options: rightOrChange},
			Then:    confirmGuestName, LeadsTo: []StepName{GuestName, ReadBack},
		},
		{
			Name: ReadBack, Before: beforeReadBack, Says: "read-back", Args: readBackArgs, // M7; for a card key 1 is the consent
			Accepts: Menu{Options: consentOrChange},
			Then:    confirmReadBack, LeadsTo: []StepName{AskWrittenNotice, TakeMoney, PayMenu, AskAmount},
		},
		{
			Name: ReadBackAll, Before: speakReadBackAll, // P6: one combined read-back
			Accepts: Menu{Options: consentOrChange},
			Then:    confirmAll, LeadsTo: []StepName{NextAccount, ChooseAccount},
		},

		{
			Name: NextAccount, Before: nextAccount, Says: "next-account", Args: nextAccountArgs, // P6: the next account, by itself
			Then: payNext, LeadsTo: []StepName{AskWrittenNotice, TakeMoney, OfferText},
		},

		// ── The money ─────────────────────────────────────────────────────────────────────
		{
			Name: AskWrittenNotice, Before: noticeByConsent, Says: "ask-written-notice", // E6
			Accepts: Menu{Options: options("text", "option-text-notice", "letter", "option-letter-notice"), OnSilence: "letter", Warns: "silence-means-letter"},
			Then:    chooseNotice, LeadsTo: []StepName{TakeMoney, ChooseMethod},
		},
		{
			Name: TakeMoney, Before: offer, Says: "take-money",
			Accepts: Pay{}, // its success is a token, not money
			Then:    captured, LeadsTo: []StepName{CaptureFailed, TakeMoney, ChooseMethod, Terms, Holding, Settling, NextAccount, TellStanding, AnythingElse},
		},
		{
			Name:    CaptureFailed,
			Accepts: Menu{Options: tryAgainOptions},
			Then:    tryAgain, LeadsTo: []StepName{TakeMoney, ReadBack, ChooseBankType, NextAccount, AnythingElse},
		},
		{
			Name: Terms, Before: speakTerms, // E3: all nine, without barge-in; E4: the assent is spoken
			Accepts: Assent{},
			Then:    heardAssent, LeadsTo: []StepName{TermsAgain, Holding, Settling, TellOutcome, TellStanding, PayMenu, NextAccount, AnythingElse},
		},
		{
			Name: TermsAgain, Says: "say-authorize-again",
			Accepts: Assent{},
			Then:    heardAssent, LeadsTo: []StepName{TermsAgain, Holding, Settling, TellOutcome, TellStanding, PayMenu, NextAccount, AnythingElse},
		},
		{
			Name: Settling, Says: "one-moment", // whether the consent was recorded is not known yet: ask the book again
			Accepts: Hold{},
			Then:    settle, LeadsTo: []StepName{Settling, Holding, TellOutcome, NextAccount, TellStanding, AnythingElse, Goodbye},
		},
		{
			Name: Holding, Before: speakHold,
			Accepts: Hold{},
			Then:    hold, LeadsTo: []StepName{Holding, TellOutcome},
		},

		// ── What became of it ─────────────────────────────────────────────────────────────
		{
			Name: TellOutcome,
			Then: tellOutcome, LeadsTo: []StepName{AfterDecline, OfferText, NextAccount, AnythingElse},
		},
		{
			Name:    AfterDecline,
			Accepts: Menu{Options: tryAgainOptions},
			Then:    tryAgain, LeadsTo: []StepName{TakeMoney, ReadBack, ChooseBankType, NextAccount, AnythingElse},
		},
		{
			Name: OfferText, Before: mayOfferText, Says: "offer-text", Args: callerEnding,
			Accepts: Menu{Options: options("yes", "option-yes", "no", "option-no"), OnSilence: "no", Warns: "silence-means-no-text"},
			Then:    textReceipt, LeadsTo: []StepName{NextAccount, OfferCalls, AnythingElse},
		},
		{
			Name: OfferCalls, Before: mayOfferCalls, Says: "offer-calls", Args: callsOffered, // N10: opt-in only
			Accepts: Menu{Options: options("yes", "option-yes", "no", "option-no"), OnSilence: "no", Warns: "silence-means-no-calls"},
			Then:    agreeToCalls, LeadsTo: []StepName{AnythingElse},
		},
		{
			Name: AnythingElse, Says: "anything-else",
			Accepts: Menu{Options: options("more", "option-balance-or-pay", "done", "option-done"), OnSilence: "done", Warns: "silence-means-done"},
			Then:    anythingElse, LeadsTo: []StepName{MainMenu, ChooseAccount, Goodbye}, GivesUpTo: Goodbye,
		},
		{
			Name: Goodbye, Says: "goodbye",
			Then: sayGoodbye,
		},

		// ── Beside the way ────────────────────────────────────────────────────────────────
		{
			Name: Person, Before: reachPerson, Says: "connecting",
			Accepts: Dial{},
			Then:    transferOver, LeadsTo: []StepName{OfferCallback, GoOn},
		},
		{
			Name: OfferCallback, Before: mayOfferCallback, // H2: nobody is there; a call-back appointment is offered
			Accepts: Menu{Options: options("yes", "option-callback", "no", "option-go-on"), OnSilence: "no", Warns: "silence-means-go-on"},
			Then:    chooseCallback, LeadsTo: []StepName{CallbackReadBack, GoOn},
		},
		{
			Name: CallbackNumber, Says: "callback-number",
			Accepts: Digits{Lengths: []int{10}, Reject: "callback-number-format"},
			Then:    keepCallbackNumber, LeadsTo: []StepName{CallbackReadBack},
		},
		{
			Name: CallbackReadBack, Before: withNumber, Says: "callback-read-back", Args: callbackArgs,
			Accepts: Menu{Options: rightOrChange},
			Then:    bookCallback, LeadsTo: []StepName{CallbackNumber, GoOn},
		},
		{
			Name: GoOn, // nobody was there: back to where the caller came from, never a dead end (P5)
			Then: goOnAlone, LeadsTo: everyQuestion(),
		},
		{
			Name: LostPlace, Says: "lost-place", // Redis lost the session: on from the last milestone
			Then: findPlace, LeadsTo: []StepName{MainMenu, ChooseAccount, TellStanding, Holding, TellOutcome},
		},
	}
}
