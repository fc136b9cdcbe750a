package feed

import (
	"duebell/billing"
)

// column is one column of a file: its name in the header, whether it is part of the row's key, and how its
// cell gets into the row. read returns why the cell is refused, or "".
// Cells come to read trimmed, valid UTF-8 and without control characters. rules is read only.
type column struct {
	name string
	key  bool
	read func(row *Row, cell string, rules *Rules) (reason string)
}

// columnsOf holds the columns of each kind of file, in the order of docs/import.md. In a file any order will
// do, but every column must be there.
//
// A column added here must be added to the staging table (package store) and to docs/import.md, and billing
// must send it: a file without it is refused.
var columnsOf = map[Kind][]column{
	Members: {
		{"member_id", true, func(r *Row, cell string, rules *Rules) string {
			return matching(&r.Member.ID, cell, rules.Member, "does not have the form of a member ID")
		}},
		{"name", false, func(r *Row, cell string, _ *Rules) string { return text(&r.Member.Name, cell, 200) }},
		{"phone", false, func(r *Row, cell string, _ *Rules) string { return phone(&r.Member.Phone, cell) }},
		{"phone_since", false, func(r *Row, cell string, _ *Rules) string { return date(&r.Member.PhoneSince, cell) }},
		{"mobile", false, func(r *Row, cell string, _ *Rules) string { return yesNo(&r.Member.Mobile, cell) }},
		{"language", false, func(r *Row, cell string, _ *Rules) string { return language(&r.Member.Language, cell) }},
		{"time_zone", false, func(r *Row, cell string, _ *Rules) string { return timeZone(&r.Member.TimeZone, cell) }},
		{"sms_consent", false, func(r *Row, cell string, _ *Rules) string {
			return oneOf(&r.Member.SMSConsent, cell, ConsentApplication, ConsentOptIn, ConsentNone)
		}},
		{"birth_date", false, func(r *Row, cell string, rules *Rules) string {
			return birthDate(&r.Member.BirthDate, cell, rules.Today)
		}},
		{"zip", false, func(r *Row, cell string, _ *Rules) string {
			return secretDigits(&r.Member.ZIP, cell, 5, 5, "want 5 digits, leading zeros kept")
		}},
		{"ssn_last4", false, func(r *Row, cell string, _ *Rules) string {
			return secretDigits(&r.Member.SSNLast4, cell, 4, 4, "want the last 4 digits, leading zeros kept")
		}},
		{"invoice_number", false, func(r *Row, cell string, _ *Rules) string {
			return secretDigits(&r.Member.Invoice, cell, 4, 20, "want 4 to 20 digits: it is keyed on a phone")
		}},
		{"previous_invoice_number", false, func(r *Row, cell string, _ *Rules) string {
			return secretDigits(&r.Member.PreviousInvoice, cell, 4, 20, "want 4 to 20 digits: it is keyed on a phone")
		}},
	},
	Accounts: {
		{"account", true, func(r *Row, cell string, rules *Rules) string {
			return account(&r.Account.Number, cell, rules)
		}},
		{"member_id", false, func(r *Row, cell string, rules *Rules) string {
			return matching(&r.Account.MemberID, cell, rules.Member, "does not have the form of a member ID")
		}},
		{"kind", false, func(r *Row, cell string, _ *Rules) string {
			return oneOf(&r.Account.Kind, cell, billing.KindHealth, billing.KindDental, billing.KindGroup)
		}},
		{"status", false, func(r *Row, cell string, _ *Rules) string {
			return oneOf(&r.Account.Status, cell, billing.StatusActive, billing.StatusTerminated, billing.StatusBlocked)
		}},
		{"grace_regime", false, func(r *Row, cell string, _ *Rules) string {
			if cell == "" {
				return "" // G5: the policy's default applies
			}
			return oneOf(&r.Account.Regime, cell, billing.Regimes()...)
		}},
		{"autopay_day", false, func(r *Row, cell string, rules *Rules) string {
			return autoPayDay(&r.Account.AutoPayDay, cell, rules)
		}},
		{"autopay_last4", false, func(r *Row, cell string, _ *Rules) string {
			if cell != "" && !digits(cell, 4, 4) {
				return "want the last 4 digits of the bank account, leading zeros kept"
			}
			r.Account.AutoPayLast4 = cell
			return ""
		}},
	},
	Bills: {
		{"account", true, func(r *Row, cell string, rules *Rules) string { return account(&r.Bill.Account, cell, rules) }},
		{"coverage_month", true, func(r *Row, cell string, _ *Rules) string { return month(&r.Bill.Coverage, cell) }},
		{"revision", true, func(r *Row, cell string, _ *Rules) string { return revision(&r.Bill.Revision, cell) }},
		{"billed_cents", false, func(r *Row, cell string, _ *Rules) string {
			if reason := cents(&r.Bill.Billed, cell); reason != "" {
				return reason
			}
			if r.Bill.Billed < 0 {
				return "a bill is never negative: send a revision with what is billed instead" // B5
			}
			return ""
		}},
		{"first_bill", false, func(r *Row, cell string, _ *Rules) string { return yesNo(&r.Bill.FirstBill, cell) }},
		{"grace_ends_at", false, func(r *Row, cell string, _ *Rules) string {
			if cell == "" {
				return ""
			}
			return instant(&r.Bill.GraceEndsAt, cell)
		}},
	},
	Payments: {
		{"external_id", true, func(r *Row, cell string, _ *Rules) string { return text(&r.Payment.ExternalID, cell, 100) }},
		{"account", false, func(r *Row, cell string, rules *Rules) string { return account(&r.Payment.Account, cell, rules) }},
		// A reversal is negative; zero would book nothing and hide a mistake.
		{"cents", false, func(r *Row, cell string, _ *Rules) string {
			if reason := cents(&r.Payment.Cents, cell); reason != "" {
				return reason
			}
			if r.Payment.Cents == 0 {
				return "a payment of nothing cannot be booked"
			}
			return ""
		}},
		{"received_at", false, func(r *Row, cell string, _ *Rules) string { return instant(&r.Payment.ReceivedAt, cell) }},
		{"channel", false, func(r *Row, cell string, _ *Rules) string { return text(&r.Payment.Channel, cell, 40) }},
		// Luhn is not checked: a wrong one is a mismatch, which a person gets to see, not a bad row (B7:
		// mismatch is a task).
		{"our_reference", false, func(r *Row, cell string, _ *Rules) string {
			if cell != "" && !digits(cell, 9, 9) {
				return "want the 9 digits of our reference, or nothing when the money did not come through us"
			}
			r.Payment.OurReference = cell
			return ""
		}},
	},
}

// referenceColumn is the one column that is read of a list of posted letters (E6).
var referenceColumn = column{"reference", true, func(r *Row, cell string, _ *Rules) string {
	if !digits(cell, 9, 9) {
		return "want the 9 digits of our reference"
	}
	r.Reference = cell
	return ""
}}

// together checks what no column can see alone. It returns the column to name and why the row is refused, or
// two empty strings. It also fills in what rows of our own lists may leave out.
// It is called only for rows in which every column has its form.
func together(kind Kind, r *Row) (name, reason string) {
	switch kind {
	case Members:
		switch m := &r.Member; {
		// Without a number the consent could never count, and nobody would notice.
		case m.Phone == "" && m.SMSConsent != ConsentNone:
			return "sms_consent", "consent to texts needs a phone number"
		case m.Phone == "" && m.Mobile:
			return "mobile", "there is no phone number to be mobile"
		}
	case Suppressions:
		r.Suppression.complete()
	case Consents:
		return r.Consent.complete()
	case Accounts:
		// Only one of the two could be said to the member, who would hear half an answer.
		if (r.Account.AutoPayDay != 0) != (r.Account.AutoPayLast4 != "") {
			return "autopay_last4", "AutoPay needs the day and the last 4 digits of the bank account, or neither"
		}
	}
	return "", ""
}

// Columns returns the names of a kind's columns, in the order of docs/import.md.
// The sample members' billing system and the tests write headers by it. Another kind than billing's four has
// none.
func Columns(kind Kind) []string {
	columns := columnsOf[kind]
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}
