package feed

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Reader reads one file row by row, so that memory does not grow with the file.
// It is for one goroutine. A row is read into the same Row each time.
type Reader struct {
	name   string
	plan   plan
	rules  Rules
	report func(Problem)

	file io.Closer
	csv  *csv.Reader
	row  Row
	err  error
}

// Open opens a file of billing's and reads its header. What is wrong with the file, then and later, goes to
// report; where the header is wrong, Next finds no row. The error is one of opening or reading. The caller
// closes the Reader.
//
// report is called on the reading goroutine, for every problem, in the order of the file. Reading goes on
// after a bad row, so that one run names all of them.
func Open(src Source, rules Rules, report func(Problem)) (*Reader, error) {
	return open(src, rules, readHeader, report)
}

// OpenLetters does what Open does with a list of letters that were posted (E6). Only its column reference is
// read, so the exported file will do, or the part of it that was posted.
func OpenLetters(src Source, report func(Problem)) (*Reader, error) {
	return open(src, Rules{}, readLettersHeader, report)
}

// open opens a file with a way to read its header. On an error the file is closed again.
func open(src Source, rules Rules, header headerReader, report func(Problem)) (*Reader, error) {
	file, err := src.Open()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", src.Name, err)
	}
	r := &Reader{name: src.Name, rules: rules, report: report, file: file}
	if err := r.start(bufio.NewReaderSize(file, 1<<16), header); err != nil {
		_ = file.Close() // the error of reading says more
		return nil, fmt.Errorf("read %s: %w", src.Name, err)
	}
	return r, nil
}

// Marks that editors and spreadsheets put in front of a file.
var (
	utf8Mark    = []byte{0xEF, 0xBB, 0xBF}
	utf16Little = []byte{0xFF, 0xFE}
	utf16Big    = []byte{0xFE, 0xFF}
)

// start passes over a byte order mark and reads the header.
func (r *Reader) start(in *bufio.Reader, readHeader headerReader) error {
	mark, err := in.Peek(len(utf8Mark))
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	// Spreadsheets write it; as part of the first name it would make the header unknown.
	case bytes.HasPrefix(mark, utf8Mark):
		_, _ = in.Discard(len(utf8Mark)) // it has just been peeked
	case bytes.HasPrefix(mark, utf16Little), bytes.HasPrefix(mark, utf16Big):
		// The plan stays zero, so Next finds no row: the file's only problem is this one.
		r.report(Problem{r.name, 1, "", "the file is UTF-16: save it as UTF-8"})
		return nil
	}
	// FieldsPerRecord stays 0: every line must have as many cells as the header.
	r.csv = csv.NewReader(in)
	r.csv.ReuseRecord = true // cells are strings of their own; only the slice that holds them is reused
	// Line and column numbers come from the CSV reader, so they count lines inside quoted cells as well.
	header, err := r.csv.Read()
	var syntax *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		r.report(Problem{r.name, 1, "", "the file is empty: not even a header"})
		return nil
	case errors.As(err, &syntax):
		r.report(Problem{r.name, syntax.Line, "", "the header is no CSV: " + whySyntax(syntax)})
		return nil
	case err != nil:
		return err
	}
	line, _ := r.csv.FieldPos(0)
	p, reasons := readHeader(header)
	for _, reason := range reasons {
		r.report(Problem{r.name, line, "", reason})
	}
	r.plan = p
	return nil
}

// Kind returns what the file holds, or "" when its header is wrong.
func (r *Reader) Kind() Kind { return r.plan.kind }

// Next goes to the next row that has at least its key, and reports whether there is one. Rows that are wrong
// in other columns come too, with Sound false; every problem has gone to report by then.
// A row without its key does not come at all: nothing could refer to it.
func (r *Reader) Next() bool {
	for r.plan.kind != "" && r.err == nil {
		cells, err := r.csv.Read()
		var syntax *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return false
		case errors.As(err, &syntax):
			r.reportSyntax(syntax, len(cells))
			continue
		case err != nil:
			r.err = fmt.Errorf("read %s: %w", r.name, err)
			return false
		}
		if r.fill(cells) {
			return true
		}
	}
	return false
}

// Row returns the row that Next went to. It is valid until Next is called again.
func (r *Reader) Row() *Row { return &r.row }

// Err returns the error that ended the reading early, or nil. Bad rows are no error: they were reported.
// Look at it when Next has returned false; until then it is nil.
func (r *Reader) Err() error { return r.err }

// Close closes the file.
// Only the file is closed; the last Row stays readable.
func (r *Reader) Close() error { return r.file.Close() }

// Bytes returns how much of the file has been read, for showing progress.
// It may be compared with Source.Size. Buffered bytes that were not parsed yet do not count.
func (r *Reader) Bytes() int64 {
	if r.csv == nil {
		return 0
	}
	return r.csv.InputOffset()
}

// fill reads the cells of one line into the row and reports whether the row has its key.
func (r *Reader) fill(cells []string) bool {
	line, _ := r.csv.FieldPos(0)
	r.row = Row{Line: line, Sound: true}
	hasKey := true
	for i, c := range r.plan.columns {
		cell := strings.TrimSpace(cells[i])
		reason := unreadable(cell)
		if reason == "" {
			reason = c.read(&r.row, cell, &r.rules)
		}
		if reason != "" {
			r.reportCell(i, c.name, reason)
			hasKey = hasKey && !c.key
		}
	}
	// Columns that are fine by themselves may still not go together; of a row with a bad cell that is not
	// asked.
	if r.row.Sound {
		if name, reason := together(r.plan.kind, &r.row); reason != "" {
			i := slices.IndexFunc(r.plan.columns, func(c column) bool { return c.name == name })
			r.reportCell(i, name, reason)
		}
	}
	return hasKey
}

// reportCell reports a cell by its own line, which in a quoted cell of several lines is not the row's.
// It also marks the row as not sound.
func (r *Reader) reportCell(i int, name, reason string) {
	line, _ := r.csv.FieldPos(i)
	r.report(Problem{r.name, line, name, reason})
	r.row.Sound = false
}

// reportSyntax reports a line that is no CSV, or has another number of cells than the header. Its row does
// not come.
func (r *Reader) reportSyntax(syntax *csv.ParseError, cells int) {
	reason := whySyntax(syntax)
	if errors.Is(syntax, csv.ErrFieldCount) {
		reason = fmt.Sprintf("has %d cells, the header has %d", cells, len(r.plan.columns))
	}
	r.report(Problem{r.name, syntax.Line, "", reason})
}

// whySyntax returns what is wrong with a line that is no CSV. The character is counted in bytes.
// The line itself is not quoted: it may hold a secret (D1: no secret in logs).
func whySyntax(syntax *csv.ParseError) string {
	return fmt.Sprintf("a quotation mark is missing or out of place at character %d", syntax.Column)
}

// unreadable returns why neither a column nor PostgreSQL can hold a cell, or "".
// Text cannot hold U+0000 in PostgreSQL, and a line break would break every list that shows the cell.
func unreadable(cell string) string {
	if !utf8.ValidString(cell) {
		return "is not UTF-8"
	}
	if strings.ContainsFunc(cell, func(c rune) bool { return c < ' ' || c == 0x7F }) {
		return "holds a control character or a line break"
	}
	return ""
}

// ordinal returns a column's number, counted from 1 as a spreadsheet does.
func ordinal(i int) string { return strconv.Itoa(i + 1) }
