package voiceprompts

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"duebell/billing"
)

// This file is for people who review the words: translators and supervisors. Nothing of it is spoken.

// Template returns a message as it stands in a language's files, placeholders and all; empty where the
// language does not have it. It is for tables and pages; what is said goes through Say. Of a message with
// plurals it is the form "other".
func (c *Catalog) Template(lang, key string) string {
	set, ok := c.messages[lang]
	if !ok {
		return ""
	}
	m, ok := set.byKey[key]
	if !ok {
		return ""
	}
	return m.forms.Other
}

// Description returns where an English message is spoken, and why. It begins with the facts, where the
// message states any.
func (c *Catalog) Description(key string) string {
	return c.messages[Reference].byKey[key].forms.Description
}

// textsFile holds what is sent as a text; every other file but the agents' is spoken to callers.
const textsFile = "texts.toml"

// IsText reports whether a message is sent as a text, or is a piece of one. Texts are measured in segments
// (N7), everything else in seconds.
func (c *Catalog) IsText(key string) bool {
	return c.messages[Reference].byKey[key].file == textsFile
}

// ReadAloud returns every message of every language as it is heard or read, filled with sample
// values: one page a language ("en.golden") and one with what agents hear ("agents.golden"), by
// file name. The pages are kept in voiceprompts/testdata, where a reviewer sees what a change of
// words does; a test compares them, and whoever changes words writes them anew.
func (c *Catalog) ReadAloud() (map[string]string, error) {
	// Also languages that are not complete yet: whoever translates sees how far they are.
	pages := map[string]string{}
	for lang, set := range c.messages {
		page, err := c.readAloud(lang, set.keys, true)
		if err != nil {
			return nil, err
		}
		pages[lang+".golden"] = page
	}
	page, err := c.readAloud(Reference, c.agent, false)
	pages["agents.golden"] = page
	return pages, err
}

// readAloud writes one page: each key and, below it, what is said; a message with plurals twice. files puts a
// heading where another message file begins. A message that cannot be filled with samples is an error: a new
// placeholder needs a sample.
func (c *Catalog) readAloud(lang string, keys []string, files bool) (string, error) {
	var page strings.Builder
	file := ""
	for _, key := range keys {
		m := c.messages[lang].byKey[key]
		if files && m.file != file {
			file = m.file
			fmt.Fprintf(&page, "== %s\n\n", file)
		}
		// Without plurals the count is not used.
		counts := []int{0}
		if m.plural {
			counts = []int{1, 2}
		}
		for _, count := range counts {
			args, err := c.SampleArgs(lang, key, count)
			if err != nil {
				return "", err
			}
			said, err := c.Say(lang, key, args)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&page, "%s\n\t%s\n", key, said)
		}
		page.WriteByte('\n')
	}
	return page.String(), nil
}

// SampleArgs returns arguments for all placeholders of a message: what a caller of a sample member would
// hear; for a text the longest that each placeholder can get (N7: texts have a length). A placeholder without
// sample is shown in brackets, and so are all in a language whose money and dates cannot be read aloud yet.
// Nothing here is anybody's data.
func (c *Catalog) SampleArgs(lang, key string, count int) (map[string]any, error) {
	samples := c.spokenSamples(lang)
	switch {
	case c.IsText(key):
		var err error
		if samples, err = c.textSamples(lang); err != nil {
			return nil, err
		}
		if strings.HasPrefix(key, "text-name-date") {
			samples["Day"] = "23" // the piece of a date, not the date
		}
	case samples == nil:
	case key == "guest-read-back":
		samples["Account"] = Digits(lang, "712345678") // a guest's is a number, not a kind
	case c.messages[Reference].byKey[key].file == agentFile:
		samples["Language"] = "Spanish"
	}
	args := map[string]any{}
	for _, name := range c.Placeholders(key) {
		switch value, ok := samples[name]; {
		case name == countPlaceholder:
			args[name] = count
		case ok:
			args[name] = value
		default:
			args[name] = "[" + name + "]"
		}
	}
	return args, nil
}

// spokenSamples returns a sample for each placeholder of what is spoken; nil where a language has no
// readings. The amounts and dates are those of the sample members, in February 2027.
func (c *Catalog) spokenSamples(lang string) map[string]any {
	if _, reads := readings[lang]; !reads {
		return nil
	}
	day := func(d int) billing.Date { return billing.Date{Year: 2027, Month: time.February, Day: d} }
	at := func(hour, minute int) Speech {
		return TimeOfDay(lang, time.Date(2027, time.February, 23, hour, minute, 0, 0, time.UTC))
	}
	samples := map[string]any{
		"Amount": MoneyExact(lang, 19800), "Total": Money(lang, 19800), "Late": Money(lang, 10000), "Rest": Money(lang, 9800),
		"Fee": MoneyExact(lang, 250), "Over": Money(lang, 150), "Least": Money(lang, 100), "Most": Money(lang, 39600),
		"Day": Day(lang, day(23)), "When": Day(lang, day(23)), "Date": FullDay(lang, day(23)), "Today": FullDay(lang, day(23)),
		"Month": MonthName(lang, time.March), "Time": at(17, 0), "From": at(8, 0), "Until": at(8, 30),
		"Last": LastFour(lang, "712345678"), "Number": Digits(lang, "123456789"), "Reference": Digits(lang, "123456789"),
		"Phone": Phone(lang, "+18776236765"), "Name": "Ana Sample", "Key": "1",
		"BillDay": ShortDay(lang, day(1)), "MailDay": ShortDay(lang, day(18)), "PaperDay": ShortDay(lang, day(10)),
		"Opens": at(8, 0), "Closes": at(18, 0),
		"TTY": Phone(lang, "711"), "GroupPhone": Phone(lang, "+18888139220"), "DOIPhone": Phone(lang, "+16175217794"),
		"Places": "Boston, Springfield, Worcester", "Others": "Boston, Springfield", "LastPlace": "Worcester",
	}
	for name, key := range map[string]string{"Account": "health-account", "How": "from-checking", "Type": "checking-account"} {
		if piece, err := c.Say(lang, key, nil); err == nil { // missing in a language that has only begun
			samples[name] = piece
		}
	}
	return samples
}

// textSamples returns the longest value that each placeholder of a text can get (rules.md, section 10). The
// pieces are messages themselves; one that the language lacks is an error. A text that fits with these fits
// with any: the length is checked in tests, before a translation is in force.
func (c *Catalog) textSamples(lang string) (map[string]any, error) {
	var failed error
	// Of several pieces that may fill a placeholder, the one with the most characters; the first error is
	// kept.
	longest := func(args map[string]any, keys ...string) string {
		found := ""
		for _, key := range keys {
			piece, err := c.Say(lang, key, args)
			if err != nil && failed == nil {
				failed = err
			}
			found = longer(found, piece.Text())
		}
		return found
	}
	month := ""
	for name := range strings.SplitSeq(longest(nil, "text-name-months"), ", ") {
		month = longer(month, name)
	}
	bank := longest(map[string]any{"Digits": "1234"}, "text-bank-checking", "text-bank-savings", "text-bank-business-checking")
	date := longest(map[string]any{"Month": month, "Day": "23"}, "text-name-date")
	dated := longest(map[string]any{"Month": month, "Day": "23", "Year": "26"}, "text-name-date-year")
	sent := func(name string) string {
		return longest(map[string]any{"Name": longest(nil, name), "Date": date}, "text-name-sent")
	}
	return map[string]any{
		"Day": dated, "DebitDay": date, "Amount": "$12,345.67", "BankAccount": bank, "Digits": "1234",
		"Confirmation": "123456789", "Reference": "123456789", "Phone": "1-877-623-6765", "TTY": "711", "Cap": "4",
		"DueDay": longest(map[string]any{"Date": date}, "text-name-day-wed"), "DrawDay": longest(map[string]any{"Date": date}, "text-name-day-wed"),
		"Time":    longest(map[string]any{"Hour": "5", "Zone": "ET"}, "text-name-time-am", "text-name-time-pm"),
		"StopDay": date, "LastAmount": "$12,345.67", "Hour": "5", "Zone": "ET", "Date": date,
		"Texts": sent("text-name-autopay") + ", " + sent("text-name-payment") + ", " + sent("text-name-payment"),
		"Month": month, "Year": "26", "Name": longest(nil, "text-name-autopay"),
	}, failed
}

// longer returns the longer of two texts in characters, the first where they are equal.
func longer(a, b string) string {
	return slices.MaxFunc([]string{a, b}, func(x, y string) int { return len([]rune(x)) - len([]rune(y)) })
}
