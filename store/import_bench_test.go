package store_test

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"

	"duebell/billing/feed"
)

// benchBills is one delivery: a bill for each of a million accounts.
const benchBills = 1_000_000

// generated is a file of bills that is written while it is read.
func generated(revision int) feed.Source {
	return feed.Source{Name: "bills.csv", Open: func() (io.ReadCloser, error) {
		read, write := io.Pipe()
		go func() {
			out := bufio.NewWriterSize(write, 1<<16)
			_, err := fmt.Fprintln(out, strings.Join(feed.Columns(feed.Bills), ","))
			for i := 0; i < benchBills && err == nil; i++ {
				_, err = fmt.Fprintf(out, "%d,2027-03,%d,%d,false,\n", 700_000_000+i, revision, 10_000+i%50_000)
			}
			if err == nil {
				err = out.Flush()
			}
			_ = write.CloseWithError(err) // never fails
		}()
		return read, nil
	}}
}

// BenchmarkImport loads a million new bills, and then the same file again, which must change
// nothing. Once is enough: go test -bench Import -benchtime 1x ./store
func BenchmarkImport(b *testing.B) {
	o := newBillingFixture(b)
	o.mustLoad(csvOf(feed.Members, anna))
	o.exec(`INSERT INTO accounts (account, member_id, kind, status)
	        SELECT (700000000 + i)::text, '100200300401', 'health', 'active' FROM generate_series(0, $1 - 1) AS s(i)`, benchBills)
	o.exec("ANALYZE accounts")
	revision := 0
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			revision++
			if sum := o.mustLoad(generated(revision)); sum.Changed[feed.Bills] != benchBills {
				b.Fatalf("%d bills loaded", sum.Changed[feed.Bills])
			}
		}
		b.ReportMetric(float64(b.N*benchBills)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("again", func(b *testing.B) {
		for b.Loop() {
			if sum := o.mustLoad(generated(revision)); sum.Changed[feed.Bills] != 0 {
				b.Fatalf("%d bills changed", sum.Changed[feed.Bills])
			}
		}
		b.ReportMetric(float64(b.N*benchBills)/b.Elapsed().Seconds(), "rows/s")
	})
}
