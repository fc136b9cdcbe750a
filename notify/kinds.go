// Package notify owns every text to a member: which kinds there are, their words, when each may
// go, whether it is still true at the instant of sending, what became of it, and what a text that
// comes in means. It does not know how a text travels (Texter) or where notices are stored
// (NoticeStore and its sisters), and it contains no HTTP and no SQL.
//
// A reader starts with kinds.go, the table of all kinds. A notice then passes through Planner
// (reminders only), Sender and DeliveryTracker; Inbox handles texts that members send to us.
package notify

import (
	"slices"
	"time"

	"duebell/billing"
)

// Kind names what a text says. The names are those of the rule book and of the view contract.texts, so they
// never change. A word that has no row in kindTable is no kind: it is never planned and never sent.
type Kind string

// The reminders and payment notices of rules.md §10, in its order.
const (
	BillReady        Kind = "bill_ready"
	DueSoon          Kind = "due_soon"
	DueToday         Kind = "due_today"
	PastDue          Kind = "past_due"
	GraceEnding      Kind = "grace_ending"
	PaymentReceived  Kind = "payment_received"
	TelWrittenNotice Kind = "tel_written_notice"
	PaymentFailed    Kind = "payment_failed"
	PaymentReturned  Kind = "payment_returned"
	AutoPayUpcoming  Kind = "autopay_upcoming"
	AutoPayFailed    Kind = "autopay_failed"
)

// The codes and answers of rules.md §6 (I6), §10 (N8) and §11 (O1, O2, O9, O10).
const (
	OneTimeCode   Kind = "otp"
	CallAck       Kind = "call_ack"
	CallBusy      Kind = "call_busy"
	OptInConfirm  Kind = "optin_confirm"
	OptOutConfirm Kind = "optout_confirm"
	HelpReply     Kind = "help_reply"
	BalanceReply  Kind = "balance_reply"
	AutoPayReply  Kind = "autopay_reply"
	RealReply     Kind = "real_reply"
)

// CallBack is the call that a text asked for (N8: PAY or CALL is answered by a call). It is no text. It
// travels the same way as a text (planned, claimed, settled), on the channel Voice.
const CallBack Kind = "call_back"

// Channel is how a notice reaches its number.
type Channel string

// The channels.
const (
	SMS   Channel = "sms"
	Voice Channel = "voice"
)

// Basis says what a kind speaks of. It decides which facts are read again before the text goes. The three
// follow N1: reminders gather reasons, the others are one notice for one cause.
type Basis string

// The bases.
const (
	// OnAccount: a reminder. It speaks of what accounts owe; one notice gathers the reasons of a day (N1).
	OnAccount Basis = "account"
	// OnPayment: it speaks of one payment; one notice for each (N1).
	OnPayment Basis = "payment"
	// OnRequest: it answers one text, key or call; one notice for each. Its words are about texting
	// itself, so consent to reminders is not asked for.
	OnRequest Basis = "request"
)

// AutoPay says which accounts get a kind.
type AutoPay string

// The AutoPay column of rules.md §10.
const (
	AutoPayAny  AutoPay = ""        // every account
	AutoPayOff  AutoPay = "without" // only accounts that are not on AutoPay
	AutoPayOnly AutoPay = "only"    // only accounts that are
)

// KindSpec is one row of the table of kinds: all that the program knows of a kind. The planner, the sender,
// the SQL's parameters, help texts, metrics and coverage goals are derived from it. A nil function means that
// the question does not arise for the kind.
type KindSpec struct {
	Kind    Kind
	Basis   Basis
	AutoPay AutoPay

	// Rank is the priority among reminders that count towards a month's cap; 1 goes first (N3).
	// Zero: the kind is not capped.
	Rank int
	// AnyHour: it answers what the person has just done, and so goes at night as well (N5).
	AnyHour bool

	// Window is how long after its cause the words stay worth sending. Zero: they have dates (N6).
	// A notice that misses its window is dropped and counted.
	Window time.Duration
	// onBill gives the dates on which the words are true, from the dates of one bill alone.
	onBill func(*Rules, *billDays) []Candidate
	// runningGrace: onBill is asked only for the bill whose grace period runs (G6: oldest unpaid bill).
	runningGrace bool
	// onDraw gives the dates of kinds that speak of AutoPay draws, from the account's unpaid bills,
	// oldest first and at least one.
	onDraw func(*Rules, *AccountFacts, []openBill) []Candidate
	// holds returns why a reason of an OnPayment kind is no longer true, or "".
	holds func(*Rules, Reason) string

	// Message is the key of the words in the message files; empty for what is no text or not built yet.
	Message string
	// fill sets the placeholders that Message needs beyond {Phone}, or chooses another message.
	fill func(*Rules, *message) error
	// Name is the message that names the kind when a member asks whether a text was real (O10).
	// Empty: it only answered a text and is not listed.
	Name string
}

// Capped says whether a kind counts towards the reminders of a month (N3).
func (s KindSpec) Capped() bool { return s.Rank > 0 }

// HasDates says whether a kind has dates on which its words are true, instead of a Window after its cause.
// Kinds with dates are worked out by the planner; all others are written in the transaction that causes them.
func (s KindSpec) HasDates() bool { return s.onBill != nil || s.onDraw != nil }

// kindTable returns the table. To add a kind, add its name above, its row here and its dates below;
// TestKindsAreComplete then names everything else that it needs. A kind without a row is never sent.
func kindTable() []KindSpec {
	// Windows count hours, not local days: they bound how long an answer or a receipt is worth sending.
	const day = 24 * time.Hour
	return []KindSpec{
		{Kind: GraceEnding, Basis: OnAccount, AutoPay: AutoPayOff, Rank: 1, onBill: (*Rules).graceEnding, runningGrace: true,
			Message: "text-grace-ending", Name: "text-name-reminder"},
		{Kind: DueToday, Basis: OnAccount, AutoPay: AutoPayOff, Rank: 2, onBill: (*Rules).dueToday,
			Message: "text-due-today", fill: (*Rules).fillDueTime, Name: "text-name-reminder"},
		{Kind: PastDue, Basis: OnAccount, AutoPay: AutoPayOff, Rank: 3, onBill: (*Rules).pastDue,
			Message: "text-past-due", Name: "text-name-reminder"},
		{Kind: DueSoon, Basis: OnAccount, AutoPay: AutoPayOff, Rank: 4, onBill: (*Rules).dueSoon,
			Message: "text-due-soon", fill: (*Rules).fillDueDay, Name: "text-name-reminder"},
		{Kind: BillReady, Basis: OnAccount, AutoPay: AutoPayOff, Rank: 5, onBill: (*Rules).billReady,
			Message: "text-bill-ready", fill: (*Rules).fillDueDay, Name: "text-name-bill"},

		{Kind: AutoPayUpcoming, Basis: OnAccount, AutoPay: AutoPayOnly, onDraw: (*Rules).autoPayUpcoming,
			Message: "text-autopay-upcoming", fill: (*Rules).fillDraw, Name: "text-name-autopay"},
		{Kind: AutoPayFailed, Basis: OnAccount, AutoPay: AutoPayOnly, onDraw: (*Rules).autoPayFailed,
			Message: "text-autopay-failed", Name: "text-name-autopay"},

		{Kind: PaymentReceived, Basis: OnPayment, AnyHour: true, Window: 3 * day, holds: (*Rules).holdsReceived,
			Message: "text-payment-received", fill: (*Rules).fillReceipt, Name: "text-name-receipt"},
		// E6 wants it before settlement, the next banking day at the earliest; after 8 hours it becomes a letter.
		{Kind: TelWrittenNotice, Basis: OnPayment, AnyHour: true, Window: 8 * time.Hour, holds: (*Rules).holdsWrittenNotice,
			Message: "text-tel-written-notice", fill: (*Rules).fillWrittenNotice, Name: "text-name-debit"},
		{Kind: PaymentFailed, Basis: OnPayment, AnyHour: true, Window: day, holds: (*Rules).holdsFailed,
			Message: "text-payment-failed", fill: (*Rules).fillPaymentDay, Name: "text-name-payment"},
		{Kind: PaymentReturned, Basis: OnPayment, Window: 7 * day, holds: (*Rules).holdsReturned,
			Message: "text-payment-returned", Name: "text-name-payment"},

		{Kind: OneTimeCode, Basis: OnRequest, AnyHour: true, Window: 10 * time.Minute, Name: "text-name-code"},
		{Kind: CallBack, Basis: OnRequest, AnyHour: true, Window: 30 * time.Minute}, // policy says how long exactly
		{Kind: CallAck, Basis: OnRequest, AnyHour: true, Window: 2 * time.Minute, Message: "text-call-ack"},
		{Kind: CallBusy, Basis: OnRequest, AnyHour: true, Window: 30 * time.Minute, Message: "text-call-busy"},
		{Kind: OptInConfirm, Basis: OnRequest, AnyHour: true, Window: time.Hour, Message: "text-optin-confirm", fill: (*Rules).fillOptIn},
		{Kind: OptOutConfirm, Basis: OnRequest, AnyHour: true, Window: 5 * time.Minute, Message: "text-optout-confirm"},
		{Kind: HelpReply, Basis: OnRequest, AnyHour: true, Window: time.Hour, Message: "text-help-reply", fill: (*Rules).fillHelp},
		{Kind: BalanceReply, Basis: OnRequest, AnyHour: true, Window: time.Hour, Message: "text-balance-reply"},
		{Kind: AutoPayReply, Basis: OnRequest, AnyHour: true, Window: time.Hour, Message: "text-autopay-reply"},
		{Kind: RealReply, Basis: OnRequest, AnyHour: true, Window: time.Hour, Message: "text-real-reply", fill: (*Rules).fillReal},
	}
}

// kinds is the table by name. Methods that the table points to read Rules.kinds instead: a reference
// from there to this variable would be an initialization cycle.
var kinds = func() map[Kind]*KindSpec {
	byName := map[Kind]*KindSpec{}
	for _, s := range kindTable() {
		byName[s.Kind] = &s
	}
	return byName
}()

// Spec returns the row of a kind; false for a word that is no kind. The row is a copy; nobody can change the
// table.
func (k Kind) Spec() (KindSpec, bool) {
	if s, ok := kinds[k]; ok {
		return *s, true
	}
	return KindSpec{}, false
}

// capped says whether a kind counts towards the reminders of a month (N3); a word that is no kind does not.
func (k Kind) capped() bool {
	s, ok := kinds[k]
	return ok && s.Rank > 0
}

// Kinds returns every kind, sorted by name.
func Kinds() []Kind { return kindsThat(func(KindSpec) bool { return true }) }

// FirstKinds returns the kinds that are sent before reminders: payment and AutoPay texts, answers, and
// the calls that were asked for (N9: payment texts first).
func FirstKinds() []Kind { return kindsThat(func(s KindSpec) bool { return !s.Capped() }) }

// CappedKinds returns the reminders of which a month has only so many (N3).
func CappedKinds() []Kind { return kindsThat(KindSpec.Capped) }

// ReminderKinds returns the kinds that speak of what accounts owe.
func ReminderKinds() []Kind { return kindsThat(func(s KindSpec) bool { return s.Basis == OnAccount }) }

// PausableKinds returns the kinds that an operator may hold back: those that nobody has just asked for (N5).
func PausableKinds() []Kind { return kindsThat(func(s KindSpec) bool { return !s.AnyHour }) }

// NamedKinds returns the kinds that the answer to "is this real?" lists (O10).
func NamedKinds() []Kind { return kindsThat(func(s KindSpec) bool { return s.Name != "" }) }

// kindsThat returns the kinds whose rows fit, sorted by name. The order makes statements and pages the same
// at each start.
func kindsThat(fit func(KindSpec) bool) []Kind {
	var list []Kind
	for k, s := range kinds {
		if fit(*s) {
			list = append(list, k)
		}
	}
	slices.Sort(list)
	return list
}

// The dates of the reminders (N6: each kind has a window): pure functions of a bill's dates, or of a draw.

// billReady: bill date to bill date + 4. The words name the due day, so the window ends at the due instant at
// the latest (naming).
func (r *Rules) billReady(b *billDays) []Candidate {
	issued := r.cal.BillDate(r.cal.BillMonth(b.coverage))
	return []Candidate{b.naming(r.days(issued, issued.Add(4)))}
}

// dueSoon: each offset until the day before the next smaller one (10: D-10 to D-4; 3: D-3 to D-2; 1: D-1).
// Offsets are local days before the due date, by policy due_soon_days; one that is listed twice counts once.
func (r *Rules) dueSoon(b *billDays) []Candidate {
	offsets := slices.Clone(r.policy.DueSoonDays)
	slices.Sort(offsets)
	var list []Candidate
	next := 0
	for _, days := range slices.Compact(offsets) {
		c := b.naming(r.days(b.due.Add(-days), b.due.Add(-next-1)))
		c.DaysBefore, next = days, days
		list = append(list, c)
	}
	return list
}

// dueToday: that day before the latest hour, and before a due instant that was moved to an earlier one. A
// second is taken off the hour, because both ends of a window are in it.
func (r *Rules) dueToday(b *billDays) []Candidate {
	c := r.days(b.due, b.due)
	if latest := r.cal.At(b.due, r.policy.DueTodayLatestLocal).Add(-time.Second); latest.Before(c.Until) {
		c.Until = latest
	}
	return []Candidate{b.naming(c)}
}

// pastDue: due + 1 to due + 3, where there is a grace. The words name no date, so the window need not end at
// one (naming).
func (r *Rules) pastDue(b *billDays) []Candidate {
	if !b.hasGrace() {
		return nil
	}
	return []Candidate{r.days(b.due.Add(1), b.due.Add(3))}
}

// graceEnding: end - 3 to end - 1, but not before the bill is past due. Its words name no date (G7: a
// computed grace end is never stated).
func (r *Rules) graceEnding(b *billDays) []Candidate {
	if !b.hasGrace() {
		return nil
	}
	ends := r.cal.DateOf(b.graceEnds)
	first := ends.Add(-r.policy.GraceEndingDays)
	if first.Before(b.due.Add(1)) {
		first = b.due.Add(1)
	}
	return []Candidate{r.days(first, ends.Add(-1))}
}

// autoPayUpcoming: as soon as the bill is there, and no later than the notice of a draw must be out (A5) or
// the draw can still be stopped (A6). Later the words would promise a stop that comes too late. It has no
// From: it goes at the first allowed instant after the import that brought the bill.
func (r *Rules) autoPayUpcoming(o *AccountFacts, unpaid []openBill) []Candidate {
	list := make([]Candidate, len(unpaid))
	for i, b := range unpaid {
		draw := r.cal.AutoPayDraw(r.cal.BillMonth(b.Coverage), o.Account.AutoPayDay)
		stop := r.cal.AutoPayStopBy(draw)
		last := r.cal.AutoPayNoticeBy(draw)
		if stop.Before(last) {
			last = stop
		}
		list[i] = Candidate{Coverage: b.Coverage, Until: r.endOf(last), Draw: &Draw{
			On: draw, StopBy: stop, Last4: o.Account.AutoPayLast4, Amount: o.Owed, Last: o.LastDrawn, AmountsAgreed: o.AmountsAgreed,
		}}
	}
	return list
}

// autoPayFailed: from the failure on, a week. It speaks of the oldest unpaid bill. A payment in the meantime
// ends it, because then nothing is owed.
func (r *Rules) autoPayFailed(o *AccountFacts, unpaid []openBill) []Candidate {
	if o.DrawFailedAt.IsZero() {
		return nil
	}
	return []Candidate{{Coverage: unpaid[0].Coverage, From: o.DrawFailedAt, Until: o.DrawFailedAt.Add(7 * 24 * time.Hour)}}
}

// days returns a candidate whose window is whole local days, both in it. Days are those of the business zone
// (C1).
func (r *Rules) days(first, last billing.Date) Candidate {
	return Candidate{From: r.cal.StartOfDay(first), Until: r.endOf(last)}
}

// naming returns the candidate as one whose words name the bill's due instant: after it they are untrue.
func (d *billDays) naming(c Candidate) Candidate {
	if c.Until.After(d.dueAt) {
		c.Until = d.dueAt
	}
	c.DueAt = d.dueAt
	return c
}
