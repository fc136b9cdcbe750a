package voiceprompts

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"duebell/billing"
)

// readingFile is the file of each language's folder that says how money, dates and times are read
// aloud.
const readingFile = "reading.toml"

// reading is how one language reads money, dates and times aloud: the fields of its readingFile. Numbers stay
// digits, because the voice knows how to say them; the words around them carry the grammar (V6: words around
// digits). In its patterns {{.Name}} stands for a value. A translator writes it once; there is no Go for a
// language.
type reading struct {
	Months   []string
	Weekdays []string // from Sunday
	Days     []string // of the month; none: digits
	Money    struct{ Dollar, Dollars, Cent, Cents, Both string }
	Date     struct{ Short, Day, Full string }
	Time     []timeOfDay
}

// timeOfDay is how the times of one part of the day are said. Together the lines cover every minute of the
// day; the first that covers a minute counts.
type timeOfDay struct {
	From, Until billing.LocalTime // both inclusive, to the minute
	Says        string
	WithMinutes string `toml:"with_minutes"` // empty: Says does for every minute
}

// readings holds each language's reading. A language without one is not complete, so it is not
// offered.
var readings = mustLoadReadings(embedded)

// mustLoadReadings reads every readingFile, and panics where one is wrong: they are embedded, so
// the first test finds it.
func mustLoadReadings(files fs.FS) map[string]*reading {
	all := map[string]*reading{}
	found, err := fs.Glob(files, path.Join("messages", "*", readingFile))
	if err != nil {
		panic(err) // the pattern is fixed
	}
	for _, file := range found {
		r, err := loadReading(files, file)
		if err != nil {
			panic(fmt.Sprintf("%s: %v", file, err)) // embedded: found out by every test
		}
		all[path.Base(path.Dir(file))] = r
	}
	return all
}

// loadReading reads and checks one file. An unknown field is an error. What it returns is checked, and is not
// changed after it.
func loadReading(files fs.FS, file string) (*reading, error) {
	var r reading
	meta, err := toml.DecodeFS(files, file, &r)
	if err != nil {
		return nil, err
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("%q means nothing here", unknown[0].String())
	}
	return &r, r.check()
}

// check returns everything that a caller would otherwise be the first to notice: a missing month, a pattern
// without its value, a minute of the day that no line covers. All faults of a file are reported at once.
func (r *reading) check() error {
	var errs []error
	if len(r.Months) != 12 || len(r.Weekdays) != 7 || (len(r.Days) != 31 && len(r.Days) != 0) {
		errs = append(errs, errors.New("there are 12 months, 7 weekdays and 31 days"))
	}
	// Two patterns that are spelled alike fold into one entry of this map; both need the same values then.
	for pattern, needs := range map[string][]string{
		r.Money.Dollars: {"N"}, r.Money.Cents: {"N"}, r.Money.Both: {"Dollars", "Cents"},
		r.Date.Short: {"Month", "Day"}, r.Date.Day: {"Weekday", "Month", "Day"}, r.Date.Full: {"Weekday", "Month", "Day", "Year"},
	} {
		for _, name := range needs {
			if !strings.Contains(pattern, "{{."+name+"}}") {
				errs = append(errs, fmt.Errorf("%q does not say {{.%s}}", pattern, name))
			}
		}
	}
	// Every minute is tried, but one that is wrong is enough to say so.
	for minute := range 24 * 60 {
		if says := r.timeOfDay(minute/60, minute%60); says == "" || strings.Contains(says, "{{") {
			errs = append(errs, fmt.Errorf("%02d:%02d is said %q", minute/60, minute%60, says))
			break
		}
	}
	return errors.Join(errs...)
}

// fill returns a pattern with values in the place of names: name, value, name, value … Values may hold SSML
// of this package; nothing is escaped here.
func fill(pattern string, values ...string) string {
	pairs := make([]string, len(values))
	for i, v := range values {
		pairs[i] = v
		if i%2 == 0 {
			pairs[i] = "{{." + v + "}}"
		}
	}
	return strings.NewReplacer(pairs...).Replace(pattern)
}

// money returns an amount in words; exact adds the cents even when there are none. Amounts below a dollar are
// cents alone, also where exact is asked: "37 cents".
func (r *reading) money(dollars, cents int64, exact bool) string {
	d, c := withPlural(r.Money.Dollar, r.Money.Dollars, dollars), withPlural(r.Money.Cent, r.Money.Cents, cents)
	switch {
	case dollars == 0 && cents != 0:
		return c
	case cents == 0 && !exact:
		return d
	default:
		return fill(r.Money.Both, "Dollars", d, "Cents", c)
	}
}

// withPlural returns the form for one, or the form for many with the number. The readings know two forms; a
// language that has more cannot be read aloud by this yet.
func withPlural(one, many string, n int64) string {
	if n == 1 {
		return one
	}
	return fill(many, "N", strconv.FormatInt(n, 10))
}

// date returns a date by one of the patterns of Date. Days stands for languages whose days are ordinals or
// words; without it the digit is written.
func (r *reading) date(pattern string, d billing.Date) string {
	// The digit, unless the language has a word for each day of the month.
	day := strconv.Itoa(d.Day)
	if len(r.Days) > 0 {
		day = r.Days[d.Day-1]
	}
	return fill(pattern, "Weekday", r.Weekdays[d.Weekday()], "Month", r.month(d.Month), "Day", day, "Year", strconv.Itoa(d.Year))
}

// month returns a month's name as it stands in a sentence.
func (r *reading) month(m time.Month) string { return r.Months[m-1] }

// timeOfDay returns a wall time by the first line of the file that covers it; empty when none does. Hours are
// written on a twelve-hour clock: noon and midnight are 12.
func (r *reading) timeOfDay(hour, minute int) string {
	for _, t := range r.Time {
		at := billing.LocalTime(hour*3600 + minute*60)
		if at < t.From || at > t.Until {
			continue
		}
		// 0 and 12 are 12; 13 is 1.
		twelve := strconv.Itoa((hour+11)%12 + 1)
		clock, pattern := twelve, t.Says
		if minute != 0 {
			clock = fmt.Sprintf("%s:%02d", twelve, minute)
			if t.WithMinutes != "" {
				pattern = t.WithMinutes
			}
		}
		return fill(pattern, "Clock", clock, "Hour", twelve, "Minute", fmt.Sprintf("%02d", minute))
	}
	return ""
}
