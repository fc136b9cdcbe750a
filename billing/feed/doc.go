// Package feed reads and checks what the billing system delivers: CSV files of members,
// accounts, bills and payments (B7; every column is described in docs/import.md).
//
// It owns the four headers, the form of every column, and the words in which a bad row is
// reported: file, line, column and reason, never the value. It reads row by row, so that a file
// of millions needs no more memory than one of ten. It refuses to guess (a cell that does not
// have its form is a bad row, not a nearby value), to compute anything that billing did not send
// (B6), and to know the database: whether an account exists is store's question.
package feed

import (
	"io"
	"os"
	"strings"
)

// Kind is what a file holds, told by its header.
type Kind string

// The kinds of files.
const (
	Members  Kind = "members"
	Accounts Kind = "accounts"
	Bills    Kind = "bills"
	Payments Kind = "payments"

	// Not from billing: the letters that were posted (E6), and opt-outs and consents taken down elsewhere (O1).
	Letters      Kind = "letters"
	Suppressions Kind = "suppressions"
	Consents     Kind = "consents"
)

// Kinds returns the kinds of files that billing delivers, in the order in which they are merged: what a row
// refers to comes before it.
func Kinds() []Kind { return []Kind{Members, Accounts, Bills, Payments} }

// Source is one file to read: a name for messages, its size where it is known, and how to open it.
// Open may be called more than once, and each call reads from the beginning: OwnKind looks at the header
// first.
type Source struct {
	Name string
	Size int64 // 0: not known
	Open func() (io.ReadCloser, error)
}

// File returns a source on disk.
// A file that is not there gives its error when it is opened, not here.
func File(path string) Source {
	s := Source{Name: path, Open: func() (io.ReadCloser, error) {
		return os.Open(path)
	}}
	if info, err := os.Stat(path); err == nil {
		s.Size = info.Size()
	}
	return s
}

// Text returns a source that lies in memory.
// It may be opened any number of times.
func Text(name, content string) Source {
	return Source{
		Name: name,
		Size: int64(len(content)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil },
	}
}
