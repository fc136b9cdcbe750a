package billing

import "time"

// IsBankingDay reports whether banks settle on a date: Monday to Friday minus bank holidays (C8). Patriots'
// Day is one.
func (c *Calendar) IsBankingDay(d Date) bool {
	return !isWeekend(d) && !c.bank.has(d)
}

// IsLegalHoliday reports whether a date is a legal holiday of Massachusetts, on which agents are away (H1).
// It is not the opposite of a banking day: Patriots' Day is both.
func (c *Calendar) IsLegalHoliday(d Date) bool { return c.legal.has(d) }

// IsWorkday reports whether agents work on a date by the rule alone: dated extra hours and closures (H1) are
// package handoff's.
func (c *Calendar) IsWorkday(d Date) bool { return !isWeekend(d) && !c.IsLegalHoliday(d) }

// isWeekend reports whether a date is a Saturday or Sunday; neither banks nor agents work then.
func isWeekend(d Date) bool {
	day := d.Weekday()
	return day == time.Saturday || day == time.Sunday
}

// BankingDayOnOrBefore returns the last banking day that is not after d.
// The loop ends: no run of weekend and holidays is longer than a few days, unless an operator lists a whole
// year.
func (c *Calendar) BankingDayOnOrBefore(d Date) Date {
	for !c.IsBankingDay(d) {
		d = d.Add(-1)
	}
	return d
}

// BankingDayOnOrAfter returns the first banking day that is not before d.
func (c *Calendar) BankingDayOnOrAfter(d Date) Date {
	for !c.IsBankingDay(d) {
		d = d.Add(1)
	}
	return d
}

// AddBankingDays returns the date n banking days after d, or before it when n is negative. d itself is not
// counted, whether it is a banking day or not; n = 0 gives d back.
func (c *Calendar) AddBankingDays(d Date, n int) Date {
	step := 1
	if n < 0 {
		step, n = -1, -n
	}
	for n > 0 {
		d = d.Add(step)
		if c.IsBankingDay(d) {
			n--
		}
	}
	return d
}

// Filing returns the date that a bank debit carries when it is submitted at an instant (E12: submitted =
// filed). Before the bank's cut-off on a banking day that is the next banking day, or the same day where
// ach_same_day is on; later, it counts as filed on the next banking day.
// The date is the entry's effective date, not the day on which the processor takes it over. When the money
// counts as received does not depend on it (C6: authorization counts).
func (c *Calendar) Filing(submitted time.Time) (debitDate Date) {
	filed := c.DateOf(submitted)
	// The cut-off itself is too late: the range of the day is half-open.
	if !c.IsBankingDay(filed) || !submitted.Before(c.At(filed, c.policy.ODFICutoffLocal)) {
		filed = c.AddBankingDays(filed, 1)
	}
	if c.policy.ACHSameDay {
		return filed
	}
	return c.AddBankingDays(filed, 1)
}

// LetterNotBefore returns the first instant at which a debit confirmed by letter may be submitted (E6: the
// letter must have had time to arrive): 00:00 local, letter_lead_banking_days after the day of posting.
func (c *Calendar) LetterNotBefore(posted Date) time.Time {
	return c.StartOfDay(c.AddBankingDays(posted, c.policy.LetterLeadBankingDays))
}

// AutoPayDraw returns the day on which AutoPay debits a month's bill: the last banking day on or before the
// member's day, or the first one from the bill date on where that would come before the bill (A3). day is 1
// to 23 (A3: day of draw); the bill date is reached only where the first days of a month are no banking days.
func (c *Calendar) AutoPayDraw(billMonth Month, day int) Date {
	issued := c.BillDate(billMonth)
	draw := c.BankingDayOnOrBefore(Date{billMonth.Year, billMonth.Month, day})
	if draw.Before(issued) {
		return c.BankingDayOnOrAfter(issued)
	}
	return draw
}

// AutoPayNoticeBy returns the last local date on which a notice of a draw of varying amount is early enough
// (A5: 10 calendar days; Reg E 1005.10(d)).
// Calendar days, weekends included: the regulation counts days, not business days.
func (c *Calendar) AutoPayNoticeBy(draw Date) Date { return draw.Add(-c.policy.AutoPayNoticeDays) }

// AutoPayStopBy returns the last local date on which a stop or pause is sure to reach the draw (A6: three
// business days before it).
func (c *Calendar) AutoPayStopBy(draw Date) Date {
	return c.AddBankingDays(draw, -c.policy.AutoPayStopBusinessDays)
}
