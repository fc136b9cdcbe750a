package command

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"duebell/billing"
)

// Format are the flags of a command that prints a table.
// A command embeds it and hands it to Table.
type Format struct {
	JSON bool `name:"json" help:"Print JSON: instants in UTC (RFC 3339), money in cents."`
}

// Reveal is the flag of a command that shows numbers of people.
type Reveal struct {
	Reveal bool `help:"Show phone and account numbers whole instead of their last four digits."`
}

// Number returns a phone or account number as it may be shown: its last four digits, or all of it if the
// command was told --reveal (D3: account and phone as last four).
// A number that is masked already stays as it is.
func (r Reveal) Number(number string) string {
	if r.Reveal || len(number) <= 4 || strings.HasPrefix(number, "…") {
		return number
	}
	return "…" + number[len(number)-4:]
}

// Instant returns an instant as every command shows it: to the second, in the policy's time zone, with the
// zone's name; "-" for the zero instant.
// The zone's name tells summer from winter time, when one wall time occurs twice.
func Instant(at time.Time, zone *time.Location) string {
	if at.IsZero() {
		return "-"
	}
	return at.In(zone).Format("2006-01-02 15:04:05 MST")
}

// Dash returns s, or "-" where there is nothing to show.
func Dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// Column is one column of a table over rows of type R.
// Key serves as the JSON key too, so it is lower case with underscores.
type Column[R any] struct {
	Key  string      // the head of the column, printed in capitals with blanks
	JSON string      // the key in JSON; empty: Key
	Cell func(R) any // an instant, money, a date, text, a number or a truth value
}

// Table prints rows to out: for people, or as a JSON array of objects.
//
// The table for people is buffered until its end, since a column is as wide as its widest cell; JSON is
// written row by row. Zero instants, dates and empty texts show as "-", in JSON as null.
func Table[R any](out io.Writer, f Format, zone *time.Location, rows []R, columns []Column[R]) error {
	if f.JSON {
		list := NewArray(out)
		for _, r := range rows {
			o := make(Object, len(columns))
			for i, c := range columns {
				o[i] = Member{cmp.Or(c.JSON, c.Key), c.Cell(r)}
			}
			if err := list.Add(o); err != nil {
				return err
			}
		}
		return list.Close()
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, c := range columns {
		fmt.Fprint(w, separator(i), strings.ToUpper(strings.ReplaceAll(c.Key, "_", " ")))
	}
	fmt.Fprintln(w)
	for _, r := range rows {
		for i, c := range columns {
			fmt.Fprint(w, separator(i), text(c.Cell(r), zone))
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// separator returns what stands before the i-th cell: tabwriter's cell mark.
func separator(i int) string {
	if i == 0 {
		return ""
	}
	return "\t"
}

// text returns a cell as people read it.
func text(cell any, zone *time.Location) string {
	switch v := cell.(type) {
	case time.Time:
		return Instant(v, zone)
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case billing.Date:
		if v.IsZero() {
			return "-"
		}
	}
	return Dash(fmt.Sprint(cell))
}

// Array writes a JSON array with one object a line, while the objects come.
// Close must be called, or the JSON is not whole.
type Array struct {
	out   io.Writer
	count int
}

// NewArray returns an array that is written to out.
func NewArray(out io.Writer) *Array { return &Array{out: out} }

// Add writes one object.
func (a *Array) Add(o Object) error {
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	// The bracket and comma come before an object, so that the array is whole after Close however many there
	// are.
	before := ",\n"
	if a.count == 0 {
		before = "[\n"
	}
	a.count++
	_, err = fmt.Fprintf(a.out, "%s%s", before, line)
	return err
}

// Close ends the array; one without objects is [].
func (a *Array) Close() error {
	end := "\n]\n"
	if a.count == 0 {
		end = "[]\n"
	}
	_, err := io.WriteString(a.out, end)
	return err
}

// Object is a JSON object whose members keep their order.
type Object []Member

// Member is one name and value of an Object. Instants are shown in UTC, money in cents, nothing as null.
type Member struct {
	Key   string
	Value any
}

// MarshalJSON writes the members in order.
// Names are our own constants and need no escaping beyond a Go string's.
func (o Object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		// Objects inside objects come through here again and keep their order too.
		value, err := json.Marshal(plain(m.Value))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Key, err)
		}
		fmt.Fprintf(&b, "%q:%s", m.Key, value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// plain returns a value as JSON shows it: instants in UTC, money in cents, nothing as null.
func plain(value any) any {
	switch v := value.(type) {
	case time.Time:
		if v.IsZero() {
			return nil
		}
		return v.UTC().Format(time.RFC3339)
	// A plain number of cents.
	case billing.Money:
		return int64(v)
	case billing.Date:
		if v.IsZero() {
			return nil
		}
		return v.String()
	case string:
		if v == "" {
			return nil
		}
	}
	return value
}

// PrintJSON prints a value as indented JSON.
// Characters such as < stay readable: the output is no web page.
func PrintJSON(out io.Writer, value any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(value)
}
