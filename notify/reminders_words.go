package notify

import (
	"fmt"
	"strings"
	"time"

	"duebell/billing"
)

// reminderMessage is the key of a reminder's words and what fills them.
func (r *Rules) reminderMessage(f Facts, c Candidate) (key string, args map[string]string, err error) {
	args = map[string]string{"Phone": servicePhone(r.policy.ServicePhone)}
	switch c.Kind {
	case BillReady, DueSoon:
		if args["DueDay"], err = r.weekday(f.Language, r.cal.DateOf(c.DueAt)); err != nil {
			return "", nil, err
		}
		args["Time"], err = r.dueTime(f.Language, c.DueAt)
		if c.Kind == BillReady {
			return "text-bill-ready", args, err
		}
		return "text-due-soon", args, err
	case DueToday:
		args["Time"], err = r.dueTime(f.Language, c.DueAt)
		return "text-due-today", args, err
	case PastDue:
		return "text-past-due", args, nil
	case GraceEnding:
		return "text-grace-ending", args, nil
	case AutoPayUpcoming:
		return r.drawMessage(f, c.Draw, args)
	case AutoPayFailed:
		return "text-autopay-failed", args, nil
	}
	return "", nil, errNoWords
}

// drawMessage names the amount, old and new, only where the member agreed to that (A2).
func (r *Rules) drawMessage(f Facts, d *Draw, args map[string]string) (key string, _ map[string]string, err error) {
	if d == nil {
		return "", nil, errNoWords
	}
	if args["DrawDay"], err = r.weekday(f.Language, d.On); err != nil {
		return "", nil, err
	}
	if !d.AmountsAgreed || !d.Amount.IsPositive() {
		args["StopDay"], err = r.weekday(f.Language, d.StopBy)
		return "text-autopay-upcoming", args, err
	}
	args["Amount"] = dollars(d.Amount)
	if args["StopDay"], err = r.date(f.Language, d.StopBy); err != nil {
		return "", nil, err
	}
	if d.Last.IsPositive() && d.Last != d.Amount {
		args["LastAmount"] = dollars(d.Last)
		return "text-autopay-upcoming-changed", args, nil
	}
	if d.Last4 == "" {
		return "", nil, errNoWords
	}
	args["Digits"] = d.Last4
	return "text-autopay-upcoming-amount", args, nil
}

var dayNames = map[time.Weekday]string{
	time.Monday: "text-name-day-mon", time.Tuesday: "text-name-day-tue", time.Wednesday: "text-name-day-wed", time.Thursday: "text-name-day-thu",
	time.Friday: "text-name-day-fri", time.Saturday: "text-name-day-sat", time.Sunday: "text-name-day-sun",
}

// weekday writes "Wed 12/23", where the language has room for the name of the day (N7).
func (r *Rules) weekday(lang string, d billing.Date) (string, error) {
	date, err := r.date(lang, d)
	if err != nil {
		return "", err
	}
	return r.words.Text(lang, dayNames[d.Weekday()], map[string]string{"Date": date})
}

// dueTime writes "5 PM ET". It is the bill's own hour, which a moved deadline may have changed (C5).
func (r *Rules) dueTime(lang string, at time.Time) (string, error) {
	local := at.In(r.cal.Zone())
	key, hour := "text-name-time-am", local.Hour()
	if hour >= 12 {
		key, hour = "text-name-time-pm", hour-12
	}
	if hour == 0 {
		hour = 12
	}
	clock := fmt.Sprint(hour)
	if local.Minute() != 0 {
		clock = fmt.Sprintf("%d:%02d", hour, local.Minute())
	}
	return r.words.Text(lang, key, map[string]string{"Hour": clock, "Zone": zoneName(local)})
}

// zoneName is ET for both EST and EDT, as people say it.
func zoneName(local time.Time) string {
	name, _ := local.Zone()
	for _, season := range []string{"ST", "DT"} {
		if place, ok := strings.CutSuffix(name, season); ok && place != "" {
			return place + "T"
		}
	}
	return name
}
