package notify

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"duebell/billing"
	"duebell/payments"
	"duebell/voiceprompts"
)

// Words gives the text of a message in a language, its placeholders filled.
type Words interface {
	Text(lang, key string, args map[string]string) (string, error)
}

// catalogWords takes the words from the message files.
type catalogWords struct {
	catalog *voiceprompts.Catalog
	inForce []string
}

// NewWords reads texts from the message files in the languages that are in force; everyone else
// gets English (K4).
func NewWords(c *voiceprompts.Catalog, inForce []string) Words {
	return catalogWords{catalog: c, inForce: inForce}
}

// Text composes to NFC, so that one letter is one unit wherever it can be (N7).
func (w catalogWords) Text(lang, key string, args map[string]string) (string, error) {
	if !slices.Contains(w.inForce, lang) {
		lang = voiceprompts.Reference
	}
	values := make(map[string]any, len(args))
	for name, v := range args {
		values[name] = v
	}
	said, err := w.catalog.Say(lang, key, values)
	if err != nil {
		return "", err
	}
	return norm.NFC.String(said.Text()), nil
}

// errNoWords is an error of ours: a kind without words, or a fact that its words need is missing.
var errNoWords = errors.New("notify: a fact that the words need is missing")

// compose writes a notice's text. Texts name nobody, no account and, the written notice apart,
// no amount (N7).
func (r *Rules) compose(f Facts, now time.Time) (string, error) {
	key, args, err := r.message(f, now)
	if err != nil {
		return "", err
	}
	return r.words.Text(f.Language, key, args)
}

// message is the key of a kind's words and what fills them.
func (r *Rules) message(f Facts, now time.Time) (key string, args map[string]string, err error) {
	phone := servicePhone(r.policy.ServicePhone)
	args = map[string]string{"Phone": phone}
	switch f.Kind {
	case PaymentReceived:
		args["Confirmation"] = f.payment().Reference
		args["Day"], err = r.dateAndYear(f.Language, r.paidOn(f))
		return "text-payment-received", args, err
	case PaymentFailed:
		args["Day"], err = r.dateAndYear(f.Language, r.paidOn(f))
		return "text-payment-failed", args, err
	case PaymentReturned:
		return "text-payment-returned", args, nil
	case TelWrittenNotice:
		return r.writtenNotice(f, now, args)
	case OptOutConfirm:
		return "text-optout-confirm", args, nil
	case OptInConfirm:
		return "text-optin-confirm", map[string]string{"Cap": strconv.Itoa(r.policy.ReminderCapPerMonth)}, nil
	case HelpReply:
		args["Cap"], args["TTY"] = strconv.Itoa(r.policy.ReminderCapPerMonth), r.policy.TTY
		return "text-help-reply", args, nil
	case BalanceReply:
		return "text-balance-reply", args, nil
	case AutoPayReply:
		return "text-autopay-reply", args, nil
	case RealReply:
		return r.realReply(f, args)
	case CallAck:
		return "text-call-ack", args, nil
	case CallBusy:
		return "text-call-busy", args, nil
	}
	return "", nil, fmt.Errorf("%s: %w", f.Kind, errNoWords)
}

// writtenNotice is the one text that carries an amount (E6). It may say "To cancel" only while the
// debit is sure to lie still for some time; one that may leave at any moment is submitted by the
// time the text is read.
func (r *Rules) writtenNotice(f Facts, now time.Time, args map[string]string) (string, map[string]string, error) {
	p := f.payment()
	bank, ok := bankWords[p.BankType]
	if !ok || p.Last4 == "" || p.Reference == "" {
		return "", nil, errNoWords
	}
	named, err := r.words.Text(f.Language, bank, map[string]string{"Digits": p.Last4})
	if err != nil {
		return "", nil, err
	}
	submitted := p.AuthorizedAt
	if p.NotBefore.After(submitted) {
		submitted = p.NotBefore
	}
	args["Amount"], args["BankAccount"], args["Reference"] = dollars(p.Cents), named, p.Reference
	if args["Day"], err = r.dateAndYear(f.Language, r.paidOn(f)); err != nil {
		return "", nil, err
	}
	if args["DebitDay"], err = r.date(f.Language, r.cal.Filing(submitted)); err != nil {
		return "", nil, err
	}
	if p.State == payments.Authorized && !p.Submitted && p.NotBefore.After(now) {
		return "text-tel-written-notice-cancel", args, nil
	}
	return "text-tel-written-notice", args, nil
}

var bankWords = map[payments.BankType]string{
	payments.Checking:         "text-bank-checking",
	payments.Savings:          "text-bank-savings",
	payments.BusinessChecking: "text-bank-business-checking",
}

// realReply tells a doubting member what we really sent: newest three, kind and date (O10).
func (r *Rules) realReply(f Facts, args map[string]string) (string, map[string]string, error) {
	if len(f.Recent) == 0 {
		return "text-real-reply-none", args, nil
	}
	zones, err := r.zones(f)
	if err != nil {
		return "", nil, err
	}
	named := make([]string, 0, 3)
	for _, s := range f.Recent[:min(3, len(f.Recent))] {
		key, ok := kindNames[s.Kind]
		if !ok {
			continue
		}
		name, err := r.words.Text(f.Language, key, nil)
		if err != nil {
			return "", nil, err
		}
		day, err := r.date(f.Language, billing.DateIn(s.At, zones[0]))
		if err != nil {
			return "", nil, err
		}
		text, err := r.words.Text(f.Language, "text-name-sent", map[string]string{"Name": name, "Date": day})
		if err != nil {
			return "", nil, err
		}
		named = append(named, text)
	}
	slices.Reverse(named) // read in the order in which they came
	args["Texts"] = strings.Join(named, ", ")
	return "text-real-reply", args, nil
}

// kindNames are the words of O10 for what was sent. Kinds that only answered a text are not named.
var kindNames = map[Kind]string{
	BillReady: "text-name-bill", DueSoon: "text-name-reminder", DueToday: "text-name-reminder",
	PastDue: "text-name-reminder", GraceEnding: "text-name-reminder", PaymentReceived: "text-name-receipt",
	TelWrittenNotice: "text-name-debit", PaymentFailed: "text-name-payment", PaymentReturned: "text-name-payment",
	AutoPayUpcoming: "text-name-autopay", AutoPayFailed: "text-name-autopay", OneTimeCode: "text-name-code",
}

// NamedKinds are the kinds that O10's answer names.
func NamedKinds() []Kind {
	var kinds []Kind
	for k := range kindNames {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	return kinds
}

// payment is the one that the text speaks of.
func (f Facts) payment() *PaymentFacts { return f.Reasons[0].Payment }

// paidOn is the day of the payment as the line told it: in the business zone (C1).
func (r *Rules) paidOn(f Facts) billing.Date { return r.cal.DateOf(f.payment().AuthorizedAt) }

// dollars writes $12,345.67.
func dollars(m billing.Money) string {
	whole, cents := m.Cents()/100, m.Cents()%100
	digits := strconv.FormatInt(whole, 10)
	var grouped strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			grouped.WriteByte(',')
		}
		grouped.WriteRune(d)
	}
	return fmt.Sprintf("$%s.%02d", grouped.String(), cents)
}

// servicePhone writes a North American number as people dial it: 1-877-623-6765. Any other stays
// as it is.
func servicePhone(e164 string) string {
	n, ok := strings.CutPrefix(e164, "+1")
	if !ok || len(n) != 10 {
		return e164
	}
	return "1-" + n[:3] + "-" + n[3:6] + "-" + n[6:]
}
