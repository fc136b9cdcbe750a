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

// Words returns the text of a message in a language, its placeholders filled. Text returns an error where the
// message lacks a value or has one too many: no text goes with a gap.
type Words interface {
	Text(lang, key string, args map[string]string) (string, error)
}

// catalogWords reads texts from the message files.
type catalogWords struct {
	catalog *voiceprompts.Catalog
	inForce []string
}

// NewWords returns the texts of the message files in the languages that are in force; everyone else gets
// English (K4: only approved languages are offered). The result may be used from any number of goroutines.
func NewWords(c *voiceprompts.Catalog, inForce []string) Words {
	return catalogWords{catalog: c, inForce: inForce}
}

// Text returns the text composed to NFC, so that one letter is one unit wherever it can be (N7).
func (w catalogWords) Text(lang, key string, args map[string]string) (string, error) {
	if !slices.Contains(w.inForce, lang) {
		lang = voiceprompts.Reference
	}
	// The catalog refuses a missing or an unused argument, so that no text goes with a gap.
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

// errNoWords is a programming error: a kind has no words, or a fact that its words need is missing. The
// notice then stays planned and is decided again, so a mended program still sends it.
var errNoWords = errors.New("notify: a fact that the words need is missing")

// message is a text in the making: the facts it is made from, the key of its words, and their placeholders.
// The row's fill changes key and args; compose turns them into words.
type message struct {
	facts     Facts
	candidate Candidate // of a reminder
	now       time.Time
	key       string
	args      map[string]string
}

// compose returns a notice's text. Texts name nobody, no account and no amount (N7); exceptions are the
// written notice (E6) and AutoPay texts to members who agreed to amounts (A2). It reads no clock and no
// store. The text is stored with the claim, and the look-up of a lost create compares it letter by letter
// (match).
func (r *Rules) compose(f Facts, c Candidate, now time.Time) (string, error) {
	spec, ok := r.kinds[f.Kind]
	if !ok || spec.Message == "" {
		return "", fmt.Errorf("words of %s: %w", f.Kind, errNoWords)
	}
	m := &message{facts: f, candidate: c, now: now, key: spec.Message, args: map[string]string{"Phone": servicePhone(r.policy.ServicePhone)}}
	if spec.fill != nil {
		if err := spec.fill(r, m); err != nil {
			return "", fmt.Errorf("words of %s: %w", f.Kind, err)
		}
	}
	text, err := r.words.Text(f.Language, m.key, m.args)
	if err != nil {
		return "", fmt.Errorf("words of %s: %w", f.Kind, err)
	}
	return text, nil
}

// fillDueDay sets the day and the hour at which the bill is due.
func (r *Rules) fillDueDay(m *message) (err error) {
	if m.args["DueDay"], err = r.weekday(m.facts.Language, r.cal.DateOf(m.candidate.DueAt)); err != nil {
		return err
	}
	return r.fillDueTime(m)
}

// fillDueTime sets the hour alone, for words that say "today".
func (r *Rules) fillDueTime(m *message) (err error) {
	m.args["Time"], err = r.dueTime(m.facts.Language, m.candidate.DueAt)
	return err
}

// fillDraw sets the days of an AutoPay draw, and the amount, old and new, only where the member agreed to
// that (A2). Three texts: days alone; with the amount; with the old and the new amount where it changed (A5:
// notice of varying amounts).
func (r *Rules) fillDraw(m *message) (err error) {
	d, lang := m.candidate.Draw, m.facts.Language
	if d == nil {
		return errNoWords
	}
	if m.args["DrawDay"], err = r.weekday(lang, d.On); err != nil {
		return err
	}
	// Without the agreement the text names days only, and there is room for the weekday.
	if !d.AmountsAgreed || !d.Amount.IsPositive() {
		m.args["StopDay"], err = r.weekday(lang, d.StopBy)
		return err
	}
	m.args["Amount"] = dollars(d.Amount)
	if m.args["StopDay"], err = r.date(lang, d.StopBy); err != nil {
		return err
	}
	if d.Last.IsPositive() && d.Last != d.Amount {
		m.key, m.args["LastAmount"] = "text-autopay-upcoming-changed", dollars(d.Last)
		return nil
	}
	if d.Last4 == "" {
		return errNoWords
	}
	m.key, m.args["Digits"] = "text-autopay-upcoming-amount", d.Last4
	return nil
}

// fillPaymentDay sets the day of the payment. It is the day of the authorization, as the caller heard it, not
// of the charge.
func (r *Rules) fillPaymentDay(m *message) (err error) {
	m.args["Day"], err = r.dateAndYear(m.facts.Language, r.paidOn(m.facts))
	return err
}

// fillReceipt sets the day and the confirmation number. The reference is the confirmation number once the
// money was taken, which holdsReceived has just checked (L4).
func (r *Rules) fillReceipt(m *message) error {
	m.args["Confirmation"] = m.facts.payment().Reference
	return r.fillPaymentDay(m)
}

// fillWrittenNotice fills the one text that always carries an amount (E6). It may say "To cancel" only while
// the debit is certain to wait for some time; one that may leave at any moment is submitted by the time the
// text is read. A fact that is missing fails the notice instead of leaving a gap: without amount, account and
// date it would be no notice at all.
func (r *Rules) fillWrittenNotice(m *message) error {
	p, lang := m.facts.payment(), m.facts.Language
	bank, ok := bankWords[p.BankType]
	if !ok || p.Last4 == "" || p.Reference == "" {
		return errNoWords
	}
	named, err := r.words.Text(lang, bank, map[string]string{"Digits": p.Last4})
	if err != nil {
		return err
	}
	// "On or after": the first day on which the bank can get the debit, from the instant it may be submitted.
	submitted := p.AuthorizedAt
	if p.NotBefore.After(submitted) {
		submitted = p.NotBefore
	}
	m.args["Amount"], m.args["BankAccount"], m.args["Reference"] = dollars(p.Cents), named, p.Reference
	if err := r.fillPaymentDay(m); err != nil {
		return err
	}
	if m.args["DebitDay"], err = r.date(lang, r.cal.Filing(submitted)); err != nil {
		return err
	}
	if p.State == payments.Authorized && !p.Submitted && p.NotBefore.After(m.now) {
		m.key = "text-tel-written-notice-cancel"
	}
	return nil
}

// bankWords are the messages that name an account type.
var bankWords = map[payments.BankType]string{
	payments.Checking:         "text-bank-checking",
	payments.Savings:          "text-bank-savings",
	payments.BusinessChecking: "text-bank-business-checking",
}

// fillOptIn sets the cap. These words name no phone number.
func (r *Rules) fillOptIn(m *message) error {
	m.args = map[string]string{"Cap": strconv.Itoa(r.policy.ReminderCapPerMonth)}
	return nil
}

// fillHelp sets the cap and the TTY number that the answer to HELP names (O9).
func (r *Rules) fillHelp(m *message) error {
	m.args["Cap"], m.args["TTY"] = strconv.Itoa(r.policy.ReminderCapPerMonth), r.policy.TTY
	return nil
}

// fillReal tells a doubting member what we really sent: the newest three, kind and date (O10). Days are local
// to the reader where the zone is known. Kinds without a name answered a text and are not listed.
func (r *Rules) fillReal(m *message) error {
	if len(m.facts.Recent) == 0 {
		m.key = "text-real-reply-none"
		return nil
	}
	zones, err := r.zones(m.facts)
	if err != nil {
		return err
	}
	var named []string
	for _, s := range m.facts.Recent[:min(3, len(m.facts.Recent))] {
		spec, ok := r.kinds[s.Kind]
		if !ok || spec.Name == "" {
			continue
		}
		name, err := r.words.Text(m.facts.Language, spec.Name, nil)
		if err != nil {
			return err
		}
		day, err := r.date(m.facts.Language, billing.DateIn(s.At, zones[0]))
		if err != nil {
			return err
		}
		text, err := r.words.Text(m.facts.Language, "text-name-sent", map[string]string{"Name": name, "Date": day})
		if err != nil {
			return err
		}
		named = append(named, text)
	}
	slices.Reverse(named) // read in the order in which they came
	m.args["Texts"] = strings.Join(named, ", ")
	return nil
}

// payment returns the payment that the text speaks of. Only kinds on a payment come here, whose reason has
// passed holds; then there is one with a payment.
func (f Facts) payment() *PaymentFacts { return f.Reasons[0].Payment }

// paidOn returns the day of the payment as the caller heard it: in the business zone (C1).
func (r *Rules) paidOn(f Facts) billing.Date { return r.cal.DateOf(f.payment().AuthorizedAt) }

// dollars writes $12,345.67. Cents are always two digits, and thousands are separated, as on a bill. Amounts
// are never negative here.
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

// servicePhone writes a North American number as people dial it: 1-877-623-6765. Any other stays as it is.
// Phones then offer to dial it.
func servicePhone(e164 string) string {
	n, ok := strings.CutPrefix(e164, "+1")
	if !ok || len(n) != 10 {
		return e164
	}
	return "1-" + n[:3] + "-" + n[3:6] + "-" + n[6:]
}
