package billing

import "time"

// IsBankingDay says whether banks settle on a date: Monday to Friday without bank holidays (C8).
func (c *Calendar) IsBankingDay(d Date) bool {
	return !isWeekend(d) && !c.bank.has(d)
}

// IsLegalHoliday says whether a date is a legal holiday of Massachusetts (H1). It is not the
// opposite of a banking day: Patriots' Day is both.
func (c *Calendar) IsLegalHoliday(d Date) bool { return c.legal.has(d) }

// IsWorkday says whether agents work on a date by the rule alone, dated overrides aside (H1).
func (c *Calendar) IsWorkday(d Date) bool { return !isWeekend(d) && !c.IsLegalHoliday(d) }

func isWeekend(d Date) bool {
	day := d.Weekday()
	return day == time.Saturday || day == time.Sunday
}

// BankingDayOnOrBefore is the last banking day that is not after d.
func (c *Calendar) BankingDayOnOrBefore(d Date) Date {
	for !c.IsBankingDay(d) {
		d = d.Add(-1)
	}
	return d
}

// BankingDayOnOrAfter is the first banking day that is not before d.
func (c *Calendar) BankingDayOnOrAfter(d Date) Date {
	for !c.IsBankingDay(d) {
		d = d.Add(1)
	}
	return d
}

// AddBankingDays counts n banking days on from d, or back when n is negative; d itself, banking
// day or not, is not counted.
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

// Filing is the date that a bank debit submitted at an instant carries (E12): filed before the
// bank's cut-off of a banking day it is dated the next banking day (the same one where same-day
// entries are on); filed later, it counts as filed on the next banking day.
func (c *Calendar) Filing(submitted time.Time) (debitDate Date) {
	filed := c.DateOf(submitted)
	if !c.IsBankingDay(filed) || !submitted.Before(c.At(filed, c.policy.ODFICutoffLocal)) {
		filed = c.AddBankingDays(filed, 1)
	}
	if c.policy.ACHSameDay {
		return filed
	}
	return c.AddBankingDays(filed, 1)
}

// LetterNotBefore is the first instant at which a debit confirmed by letter may be submitted:
// 00:00 local of the banking day after the day of posting (E6).
func (c *Calendar) LetterNotBefore(posted Date) time.Time {
	return c.StartOfDay(c.AddBankingDays(posted, c.policy.LetterLeadBankingDays))
}

// AutoPayDraw is the day on which AutoPay debits a month's bill (A3): the last banking day on or
// before the member's day, but not before the bill is issued.
func (c *Calendar) AutoPayDraw(billMonth Month, day int) Date {
	issued := c.BillDate(billMonth)
	draw := c.BankingDayOnOrBefore(Date{billMonth.Year, billMonth.Month, day})
	if draw.Before(issued) {
		return c.BankingDayOnOrAfter(issued)
	}
	return draw
}

// AutoPayNoticeBy is the last local date on which a notice of a varying amount is early enough (A5).
func (c *Calendar) AutoPayNoticeBy(draw Date) Date { return draw.Add(-c.policy.AutoPayNoticeDays) }

// AutoPayStopBy is the last local date on which a stop or pause is sure to reach the draw (A6).
func (c *Calendar) AutoPayStopBy(draw Date) Date {
	return c.AddBankingDays(draw, -c.policy.AutoPayStopBusinessDays)
}
