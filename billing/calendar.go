package billing

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // due instants must not depend on the machine's zone files
)

// Calendar computes every date that the policy decides: when a bill is issued and due, when grace ends,
// which days banks work. It never changes and may be shared between goroutines.
// The zero Calendar is of no use; NewCalendar makes one. It keeps a copy of the policy: a later change of the
// policy's lists does not reach it.
type Calendar struct {
	policy Policy
	zone   *time.Location
	bank   holidays // the Federal Reserve's (C8)
	legal  holidays // of Massachusetts (H1)
}

// NewCalendar returns the calendar of a policy, or an error when the policy's time zone is unknown.
func NewCalendar(p Policy) (*Calendar, error) {
	zone, err := loadZone(p.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("build calendar: %w", err)
	}
	return &Calendar{
		policy: p,
		zone:   zone,
		bank:   newHolidays(federalReserveHolidays(), p.BankHolidays),
		legal:  newHolidays(massachusettsHolidays(), p.AgentHolidays),
	}, nil
}

// loadZone returns a zone by its place name. It refuses "" and "Local", which Go would accept and which mean
// the zone of whatever machine this runs on (C1: one business zone).
func loadZone(name string) (*time.Location, error) {
	if name == "" || strings.EqualFold(name, "local") {
		return nil, fmt.Errorf("time zone %q names no place", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("load time zone: %w", err)
	}
	return zone, nil
}

// Zone returns the one business zone (C1).
func (c *Calendar) Zone() *time.Location { return c.zone }

// DateOf returns the date that it is at t in the business zone.
func (c *Calendar) DateOf(t time.Time) Date { return DateIn(t, c.zone) }

// At returns the instant of a wall time on a date in the business zone (C1). A time that does not exist there
// becomes the first instant after the gap; of one that occurs twice it is the first.
func (c *Calendar) At(d Date, l LocalTime) time.Time { return AtIn(d, l, c.zone) }

// StartOfDay returns the first instant of a date in the business zone.
func (c *Calendar) StartOfDay(d Date) time.Time { return c.At(d, 0) }

// AtIn does what At does in another zone, such as a member's own.
//
// time.Date alone would not do: for a time that does not exist it promises no particular result.
func AtIn(d Date, l LocalTime, zone *time.Location) time.Time {
	// What the wall would show if the zone were UTC. The zone's offsets a day before and a day
	// after bracket any change of clocks, so the wanted instant lies at one of the two.
	wall := d.midnightUTC().Add(time.Duration(l) * time.Second)
	shows := func(t time.Time) bool {
		_, offset := t.In(zone).Zone()
		return t.Add(time.Duration(offset) * time.Second).Equal(wall)
	}
	early, late := wall.Add(-offsetAt(wall.Add(-24*time.Hour), zone)), wall.Add(-offsetAt(wall.Add(24*time.Hour), zone))
	switch {
	case shows(early): // where both do, the time occurs twice and this is the first
		return early.In(zone)
	case shows(late):
		return late.In(zone)
	}
	// In the gap: read with the offset before it, the wall time lies just after the change.
	start, _ := early.In(zone).ZoneBounds()
	return start.In(zone)
}

// offsetAt returns how far a zone's clocks are ahead of UTC at an instant; negative in America.
func offsetAt(t time.Time, zone *time.Location) time.Duration {
	_, seconds := t.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}

// BillMonth returns the month in which the bill for a coverage month is issued and due: the one before (C2).
func (c *Calendar) BillMonth(coverage Month) Month { return coverage.Add(-1) }

// CoverageMonth returns the month that a bill pays for: the one after its bill month (C2).
func (c *Calendar) CoverageMonth(billMonth Month) Month { return billMonth.Add(1) }

// BillDate returns the day on which a month's bills are issued (C2).
func (c *Calendar) BillDate(billMonth Month) Date {
	return Date{billMonth.Year, billMonth.Month, c.policy.BillDay}
}

// DueAt returns the last second in which a bill can be paid in time (C3: inclusive): the policy's day and
// hour, weekends and holidays too (C4: never moved), unless a dated override moves it (C5).
//
// It is the instant 17:00:00 itself, not the one after it: compare by onTime, which drops fractions. kind and
// account matter only to overrides.
func (c *Calendar) DueAt(kind Kind, account string, billMonth Month) time.Time {
	if o, ok := c.override(kind, account, billMonth); ok {
		return o.DueAt.In(c.zone)
	}
	return c.At(Date{billMonth.Year, billMonth.Month, c.policy.DueDay}, c.policy.DueTimeLocal)
}

// override returns the entry that moves a bill, if any: the narrowest scope wins (account, kind, all), and in
// it the newest announcement.
// Entries are few, so the list is searched at each call.
func (c *Calendar) override(kind Kind, account string, billMonth Month) (DueOverride, bool) {
	for _, scope := range []string{account, string(kind), scopeAll} {
		var best DueOverride
		found := false
		for _, o := range c.policy.DueOverrides {
			if o.Scope == scope && o.BillMonth == billMonth && (!found || o.AnnouncedAt.After(best.AnnouncedAt.Time)) {
				best, found = o, true
			}
		}
		if found {
			return best, true
		}
	}
	return DueOverride{}, false
}

// scopeAll is the scope of an override that moves every account's bill.
const scopeAll = "all"

// GraceEnds returns the last instant at which an unpaid bill can be cured under a regime (G1 to G4), taking
// this bill as the oldest unpaid (G6). A regime that is not known means the policy's default (G5). Overrides
// count, and grace never ends before the bill is due (C5).
//
// This is our computation, which only times texts and routing and is never voiced as a date (G7: only
// billing's date). A date of billing's own is the caller's to look at first.
func (c *Calendar) GraceEnds(regime Regime, kind Kind, account string, billMonth Month) time.Time {
	if !regime.Valid() {
		regime = c.policy.DefaultGraceRegime
	}
	due := c.DueAt(kind, account, billMonth)
	ends := due
	switch regime {
	case MonthEnd:
		// The due month is the one in which the bill falls due, also when an override moved it.
		ends = c.StartOfDay(MonthOf(c.DateOf(due)).Add(1).First()).Add(-time.Second)
	case NextDue:
		// 956 CMR 12.12: without subsidy, until the next bill is due.
		ends = c.DueAt(kind, account, billMonth.Add(1))
	case ThirdDue:
		// 45 CFR 156.270: with a subsidy, three months.
		ends = c.DueAt(kind, account, billMonth.Add(3))
	}
	if ends.Before(due) {
		return due
	}
	return ends
}

// FellDue reports whether a bill of an account came due between two instants: money received at the
// first meets its due instant, and money received at the second does not.
// It tells whether a held date was lost: first is when the earlier payment counted from, second when this one
// does.
func (c *Calendar) FellDue(kind Kind, account string, first, second time.Time) bool {
	_, fell := c.dueBetween(kind, account, first, second)
	return fell
}

// InTolerance returns since when an authorization counts as received that came a little too late (C6):
// the due instant, where one lies between the call's begin and the authorization and was missed by no
// more than received_tolerance_seconds; else the zero time, and the authorization's own instant counts.
// With the default tolerance of 0 seconds it never grants anything.
func (c *Calendar) InTolerance(kind Kind, account string, callBegan, authorized time.Time) time.Time {
	due, missed := c.dueBetween(kind, account, callBegan, authorized)
	if !missed || !onTime(authorized, due.Add(c.policy.ReceivedToleranceSeconds.Duration())) {
		return time.Time{}
	}
	return due
}

// dueBetween finds the due instant that lies between two instants, first included.
func (c *Calendar) dueBetween(kind Kind, account string, first, second time.Time) (time.Time, bool) {
	last := MonthOf(c.DateOf(second))
	for m := MonthOf(c.DateOf(first)).Add(-1); !last.Before(m); m = m.Add(1) { // an override may move a bill into the next month
		if due := c.DueAt(kind, account, m); onTime(first, due) && !onTime(second, due) {
			return due, true
		}
	}
	return time.Time{}, false
}

// onTime reports whether t meets a deadline, compared as every deadline is (C3): fractions of a second are
// dropped, and the deadline itself is in time.
func onTime(t, deadline time.Time) bool {
	return !t.Truncate(time.Second).After(deadline)
}

// NearCutoff reports whether the due instant is so near that a caller must be told first that the payment
// counts when it is authorized, not when the call began (C7).
// False after the due instant: then the bill is past due, which is said in another way.
func (c *Calendar) NearCutoff(now, dueAt time.Time) bool {
	return onTime(now, dueAt) && !now.Before(dueAt.Add(-c.policy.CutoffNoticeMinutes.Duration()))
}
