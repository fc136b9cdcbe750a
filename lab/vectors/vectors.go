// Package vectors hands the test vectors in testdata/vectors to tests.
//
// It owns finding and reading them, from whatever package the test runs in. It
// refuses to know what they mean: each rule's own test does.
package vectors

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// CSV reads a vector file with a header line: one map a row, column name to text. An empty text means "not
// applicable". It ends the test when the file cannot be read or has no rows.
func CSV(t testing.TB, name string) []map[string]string {
	t.Helper()
	records, err := csv.NewReader(bytes.NewReader(File(t, name))).ReadAll()
	if err != nil {
		t.Fatalf("read vectors %s: %v", name, err)
	}
	// A file that lost its rows must not pass as one whose rows all hold.
	if len(records) < 2 {
		t.Fatalf("vectors %s hold no rows: a test over them would prove nothing", name)
	}
	header, rows := records[0], make([]map[string]string, 0, len(records)-1)
	for _, record := range records[1:] {
		row := make(map[string]string, len(header))
		for i, column := range header {
			row[column] = record[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// File reads a vector file as it is, and ends the test when that fails. name is a file in testdata/vectors.
func File(t testing.TB, name string) []byte {
	t.Helper()
	root, err := projectRoot()
	if err != nil {
		t.Fatalf("find vectors: %v", err)
	}
	content, err := os.ReadFile(filepath.Join(folder(root), name))
	if err != nil {
		t.Fatalf("read vectors: %v", err)
	}
	return content
}

// folder returns where the vectors lie in a checkout.
func folder(root string) string { return filepath.Join(root, "testdata", "vectors") }

// projectRoot walks up from the test's folder to the one that holds go.mod, and returns it: tests run in the
// folder of their package.
func projectRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		if err == nil {
			return dir, nil
		}
		// Not readable is not the same as not there: looking further up would find another project.
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod in this folder or above it")
		}
		dir = parent
	}
}
