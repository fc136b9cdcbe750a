package ivr

// Names of the steps, in the order in which a caller meets them. Scripts, metrics and the hand-off quote them.
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

// Conversation returns every step in reading order: first the call of somebody who calls us, then the
// beginnings of calls that the line places itself (outbound.go).
func Conversation() []Step {
	steps := append(conversation(), outbound()...)
	for i := range steps {
		if steps[i].Name == GoOn {
			steps[i].LeadsTo = comeBackTo(steps)
		}
	}
	return steps
}

// conversation is the whole call. Read it top to bottom: that is the order in which a caller meets it.
//
// A step has four parts. Before runs when the step is entered and may skip it. Says names the prompt,
// a key of the message files in voiceprompts. Accepts is what the caller may do then; a step without
// it asks nothing and goes on in the same turn. Then is one short function that decides where to go,
// and LeadsTo lists every step that it may choose: the tests and the picture in docs/call.md are made
// from that list.
//
// What is true of every question stands in answers.go and not here: in a menu 9 says it again and 0
// reaches a person (V2: 9 again, 0 a person); silence and wrong keys ask again, and after three of
// them a person is next (V3: three tries, never a loop).
func conversation() []Step {
	return []Step{
		// ── Hello ────────────────────────────────────────────────────────────────────────
		// The line greets, finds out which language is spoken, and asks what it can do.
		{
			// K2 (language remembered): who has chosen one on the number's last call is not asked again.
			Name: Greeting, Before: recallLanguage, Says: "greeting",
			Then: greet, LeadsTo: []StepName{ChooseLanguage, MainMenu},
		},
		{
			// Each language offers itself, in its own voice.
			Name:    ChooseLanguage,
			Accepts: Menu{Options: languageOptions},
			Then:    chooseLanguage, LeadsTo: []StepName{MainMenu},
		},
		{
			// V1 (most used first): the balance and paying come first; the options are those of mainOptions.
			Name:    MainMenu,
			Accepts: Menu{Options: mainOptions, Closes: "main-menu"},
			Then:    chooseFromMain, LeadsTo: []StepName{AskAccount, AskBirthDate, ChooseAccount, GuestAccount, HowToPay, TextChoices, MainMenu},
		},
		{
			// Rule P4 (other ways are described only): nothing here is about the caller, so nobody proves
			// anything.
			Name:    HowToPay,
			Accepts: Menu{Options: options("due", "option-when-due", "ways", "option-other-ways", "hours", "option-hours", "hardship", "option-hardship", "back", "option-main-menu")},
			Then:    tellHowToPay, LeadsTo: []StepName{HowToPay, MainMenu},
		},
		{
			// O1: texts are switched off for anyone who asks, and on only once the caller is verified.
			Name: TextChoices, Before: mayChooseTexts, Says: "text-choices", Args: callerEnding,
			Accepts: Menu{Options: textOptions},
			Then:    chooseTexts, LeadsTo: []StepName{MainMenu, AskAccount},
		},

		// ── A guest ───────────────────────────────────────────────────────────────────────
		// Anybody may pay for an account whose number they know, and hears nothing about it but their
		// own entries (I2: guests pay, and hear no balance). How much is asked further down.
		{
			// The form is all that is checked: the look-up comes after the amount (I2: ask both, then look
			// up).
			Name: GuestAccount, Says: "guest-account",
			Accepts: Digits{Lengths: []int{9}, Reject: "guest-account-format", Check: isAccountNumber},
			Then:    keepGuestAccount, LeadsTo: []StepName{GuestReadBack},
		},
		{
			// V6 (numbers read back): a wrong digit would pay a stranger's bill.
			Name: GuestReadBack, Says: "guest-read-back", Args: guestAccountArgs,
			Accepts: Menu{Options: rightOrChange},
			Then:    confirmGuestAccount, LeadsTo: []StepName{GuestAccount, TellDropped, AskAmount},
		},

		// ── Who is calling ────────────────────────────────────────────────────────────────
		// Account, date of birth and ZIP are only collected. Verify looks them up together, so that no
		// answer tells which of them was wrong (I1: one look-up, one failure line).
		{
			Name: AskAccount, Says: "ask-account", Again: "ask-account-again",
			// B1: the key count tells account number, phone number and member ID apart.
			Accepts: Digits{Lengths: []int{9, 10, 12}, Reject: "account-format", Check: isSelector},
			Then:    keepAccount, LeadsTo: []StepName{AskBirthDate},
		},
		{
			// Eight digits either way: MMDDYYYY, or a group account's invoice number in its place (I3).
			Name: AskBirthDate, Says: "ask-birth-date", Again: "ask-birth-date-again",
			Accepts: Digits{Lengths: []int{8}, Reject: "birth-date-format", Check: isBirthDate},
			Then:    keepBirthDate, LeadsTo: []StepName{AskZIP, Verify},
		},
		{
			// Skipped where the caller's own signed number stands in for the ZIP, by policy (I4).
			Name: AskZIP, Before: tellOfSSN, Says: "ask-zip",
			Accepts: Digits{Lengths: []int{4, 5}, Reject: "zip-format", Check: isZIPOrSSN},
			Then:    keepZIP, LeadsTo: []StepName{Verify},
		},
		{
			// Asks nothing: it runs in the turn of the last answer, which is the last turn that holds what
			// was keyed.
			Name: Verify,
			Then: verify, LeadsTo: []StepName{AskAccount, ChooseAccount, TellDropped, TellStanding, MainMenu},
		},
		{
			// B2: each account is billed and paid by itself. Who has one only is not asked.
			Name: ChooseAccount, Before: accountsToChoose, Says: "choose-account",
			Accepts: Menu{Options: accountOptions},
			Then:    chooseAccount, LeadsTo: []StepName{TellStanding, TellAll},
		},
		{
			// I7: who calls back after a dropped call hears first what became of the money.
			Name: TellDropped,
			Then: tellDropped, LeadsTo: []StepName{ChooseAccount, TellStanding, AskAmount, AnythingElse},
		},

		// ── What is owed ──────────────────────────────────────────────────────────────────
		// A payment that is under way is told before what is owed, so that nobody pays twice (L2: in
		// flight is told with what is owed).
		{
			Name: TellStanding,
			Then: tellStanding, LeadsTo: []StepName{PaymentInFlight, PayMenu, AnythingElse},
		},
		{
			// E12: until a debit is submitted, the caller can cancel it.
			Name:    PaymentInFlight,
			Accepts: Menu{Options: inFlightOptions},
			Then:    actOnInFlight, LeadsTo: []StepName{AnythingElse, TellStanding},
		},
		{
			// M2 (whole balance first): then its late part, then another amount.
			Name:    PayMenu,
			Accepts: Menu{Options: payOptions},
			Then:    choosePayment, LeadsTo: []StepName{AskAmount, CheckAmount, ReadBack, AnythingElse},
		},
		{
			// Rule P6: several accounts in one call: what each owes, then one way to pay for all of them.
			Name: TellAll,
			Then: tellAll, LeadsTo: []StepName{ChooseMethod, AnythingElse},
		},

		// ── How much and how ──────────────────────────────────────────────────────────────
		// Guests come here straight from their account number, members from the pay menu. It ends with
		// the read-back, to which the caller says yes before any card or bank number is keyed.
		{
			Name: AskAmount, Before: warnGuest, Says: "ask-amount", Again: "ask-amount-again",
			Accepts: Amount{},
			Then:    readAmount, LeadsTo: []StepName{AmountHelp, AmountMeant, CheckAmount},
		},
		{
			// V2: 0 is zero at an amount, so a person is offered in words from the second failure on.
			Name: AmountHelp, Says: "amount-help",
			Accepts: Menu{Options: options("again", "option-another-amount", "back", "option-back")},
			Then:    afterAmountHelp, LeadsTo: []StepName{AskAmount, PayMenu},
		},
		{
			// M6: the cents were perhaps forgotten: 214 keyed for 214 dollars.
			Name: AmountMeant, Says: "amount-meant",
			Accepts: Menu{Options: amountsMeant},
			Then:    chooseAmountMeant, LeadsTo: []StepName{AskAmount, CheckAmount},
		},
		{
			// Asks nothing: it warns, looks for an earlier payment of the same amount (M8), and looks up a
			// guest's account.
			Name: CheckAmount,
			Then: checkAmount, LeadsTo: []StepName{SecondConsent, ChooseMethod, AnythingElse},
		},
		{
			// M8: the same payment was made before; the caller has just heard of it.
			Name:    SecondConsent,
			Accepts: Menu{Options: options("yes", "option-pay-again", "no", "option-do-not-pay")},
			Then:    secondConsent, LeadsTo: []StepName{ChooseMethod, AnythingElse},
		},
		{
			// Rule P1: bank account and card; where one of them is off, this question is skipped.
			Name: ChooseMethod, Before: skipOnlyMethod,
			Accepts: Menu{Options: options("bank", "option-bank", "card", "option-card")},
			Then:    chooseMethod, LeadsTo: []StepName{ChooseBankType, ReadBack, ReadBackAll},
		},
		{
			// E11 (checking or savings first): <Pay> does not ask for the type and must be told it.
			Name: ChooseBankType, Before: skipForBusiness, Says: "choose-bank-type",
			Accepts: Menu{Options: options("checking", "option-checking", "savings", "option-savings")},
			Then:    chooseBankType, LeadsTo: []StepName{GuestName, ReadBack, ReadBackAll},
		},
		{
			// I2: who pays by bank as a guest says the holder's name.
			Name: GuestName, Says: "guest-name",
			Accepts: Words{},
			Then:    keepGuestName, LeadsTo: []StepName{GuestNameBack},
		},
		{
			Name: GuestNameBack, Says: "guest-name-back", Args: guestNameArgs,
			Accepts: Menu{Options: rightOrChange},
			Then:    confirmGuestName, LeadsTo: []StepName{GuestName, ReadBack},
		},
		{
			// M7: the amount is always read back. Rule P3: for a card, key 1 here is the consent.
			Name: ReadBack, Before: beforeReadBack, Says: "read-back", Args: readBackArgs,
			Accepts: Menu{Options: consentOrChange},
			Then:    confirmReadBack, LeadsTo: []StepName{AskWrittenNotice, TakeMoney, PayMenu, AskAmount},
		},
		{
			// Rule P6: one combined read-back of all accounts.
			Name: ReadBackAll, Before: sayReadBackAll,
			Accepts: Menu{Options: consentOrChange},
			Then:    confirmAll, LeadsTo: []StepName{NextAccount, ChooseAccount},
		},
		{
			// Rule P6: each account has its own capture, its own authorization and its own outcome.
			Name: NextAccount, Before: nextAccount, Says: "next-account", Args: nextAccountArgs,
			Then: payNext, LeadsTo: []StepName{AskWrittenNotice, TakeMoney, OfferText},
		},

		// ── The money ─────────────────────────────────────────────────────────────────────
		// TakeMoney hands the caller to Twilio's capture, which gives back a token and charges nothing.
		// A card is authorized at once, by the yes to the read-back. A bank debit still needs the terms
		// and the spoken "I authorize". From that instant no question stands before the outcome.
		{
			// E6: the notice goes by text or letter; with consent on file nothing is asked.
			Name: AskWrittenNotice, Before: noticeByConsent, Says: "ask-written-notice",
			Accepts: Menu{Options: options("text", "option-text-notice", "letter", "option-letter-notice"), OnSilence: "letter", Warns: "silence-means-letter"},
			Then:    chooseNotice, LeadsTo: []StepName{TakeMoney, ChooseMethod},
		},
		{
			// Before writes the offer; the capture that follows is Twilio's, and no card or bank digit passes
			// through here.
			Name: TakeMoney, Before: offer, Says: "take-money",
			Accepts: Pay{},
			Then:    captured, LeadsTo: []StepName{CaptureFailed, TakeMoney, ChooseMethod, Terms, Holding, Settling, NextAccount, TellStanding, AnythingElse},
		},
		{
			// Rule P3 (captures a call are limited): try again, another way, or not now.
			Name:    CaptureFailed,
			Accepts: Menu{Options: tryAgainOptions},
			Then:    tryAgain, LeadsTo: []StepName{TakeMoney, ReadBack, ChooseBankType, NextAccount, AnythingElse},
		},
		{
			// E3: the terms are spoken in full, without barge-in. E4: the assent is spoken.
			Name: Terms, Before: sayTerms,
			Accepts: Assent{},
			Then:    heardAssent, LeadsTo: []StepName{TermsAgain, Holding, Settling, TellOutcome, TellStanding, PayMenu, NextAccount, AnythingElse},
		},
		{
			// The question alone: the terms were heard, and what is asked for again are the words (E5: two
			// failures).
			Name: TermsAgain, Says: "say-authorize-again",
			Accepts: Assent{},
			Then:    heardAssent, LeadsTo: []StepName{TermsAgain, Holding, Settling, TellOutcome, TellStanding, PayMenu, NextAccount, AnythingElse},
		},
		{
			// The database did not say whether the consent was recorded: it is asked again.
			Name: Settling, Says: "one-moment",
			Accepts: Hold{},
			Then:    settle, LeadsTo: []StepName{Settling, Holding, TellOutcome, NextAccount, TellStanding, AnythingElse, Goodbye},
		},
		{
			// A worker charges meanwhile; each pass is a turn of its own, which waits a few seconds for the
			// outcome.
			Name: Holding, Before: sayHold,
			Accepts: Hold{},
			Then:    hold, LeadsTo: []StepName{Holding, TellOutcome},
		},

		// ── What became of it ─────────────────────────────────────────────────────────────
		// The outcome, also when it is not known yet; then a receipt, and the way out or round again.
		{
			// Says what the database says at this instant, also that nothing is known yet (L3).
			Name: TellOutcome,
			Then: tellOutcome, LeadsTo: []StepName{AfterDecline, OfferText, NextAccount, AnythingElse},
		},
		{
			// Rule P3: a decline counts as a failed capture.
			Name:    AfterDecline,
			Accepts: Menu{Options: tryAgainOptions},
			Then:    tryAgain, LeadsTo: []StepName{TakeMoney, ReadBack, ChooseBankType, NextAccount, AnythingElse},
		},
		{
			// Asked once a call, and only where no receipt goes by itself.
			Name: OfferText, Before: mayOfferText, Says: "offer-text", Args: callerEnding,
			Accepts: Menu{Options: options("yes", "option-yes", "no", "option-no"), OnSilence: "no", Warns: "silence-means-no-text"},
			Then:    textReceipt, LeadsTo: []StepName{NextAccount, OfferCalls, AnythingElse},
		},
		{
			// N10: reminder calls are opt-in only.
			Name: OfferCalls, Before: mayOfferCalls, Says: "offer-calls", Args: callsOffered,
			Accepts: Menu{Options: options("yes", "option-yes", "no", "option-no"), OnSilence: "no", Warns: "silence-means-no-calls"},
			Then:    agreeToCalls, LeadsTo: []StepName{AnythingElse},
		},
		{
			// V3 (never loop): silence ends the call here instead of leading to a person.
			Name: AnythingElse, Says: "anything-else",
			Accepts: Menu{Options: options("more", "option-balance-or-pay", "done", "option-done"), OnSilence: "done", Warns: "silence-means-done"},
			Then:    anythingElse, LeadsTo: []StepName{MainMenu, ChooseAccount, Goodbye}, GivesUpTo: Goodbye,
		},
		{
			Name: Goodbye, Says: "goodbye",
			Then: sayGoodbye,
		},

		// ── Off the straight way ──────────────────────────────────────────────────────────
		// A person, reached from every question; a call-back appointment where none is there; and two
		// ways back into the call.
		{
			Name: Person, Before: reachPerson, Says: "connecting",
			Accepts: Dial{},
			Then:    transferOver, LeadsTo: []StepName{OfferCallback, GoOn},
		},
		{
			// H2: nobody is there, so an appointment is offered.
			Name: OfferCallback, Before: mayOfferCallback,
			Accepts: Menu{Options: options("yes", "option-callback", "no", "option-go-on"), OnSilence: "no", Warns: "silence-means-go-on"},
			Then:    chooseCallback, LeadsTo: []StepName{CallbackReadBack, GoOn},
		},
		{
			Name: CallbackNumber, Says: "callback-number",
			Accepts: Digits{Lengths: []int{10}, Reject: "callback-number-format"},
			Then:    keepCallbackNumber, LeadsTo: []StepName{CallbackReadBack},
		},
		{
			Name: CallbackReadBack, Before: askWithheldNumber, Says: "callback-read-back", Args: callbackArgs,
			Accepts: Menu{Options: rightOrChange},
			Then:    bookCallback, LeadsTo: []StepName{CallbackNumber, GoOn},
		},
		{
			// H2: never a dead end: back to the question that the caller came from.
			Name: GoOn,
			Then: returnFromPerson, // LeadsTo is filled in by Conversation: every question
		},
		{
			// Redis lost the session: the call goes on from its last milestone in the database.
			Name: LostPlace, Says: "lost-place",
			Then: findPlace, LeadsTo: []StepName{MainMenu, ChooseAccount, TellStanding, Holding, TellOutcome},
		},
	}
}
