package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
)

// ImportOptions say how much is imported. Log gets a line as each part begins.
type ImportOptions struct {
	Accounts int
	Log      io.Writer
}

// ImportReport is the result of Import, one line of JSON. Rates are rows a second; Ratio is the import's rate
// as a share of the bare COPY's.
type ImportReport struct {
	Accounts int     `json:"accounts"`
	Seconds  float64 `json:"import_s"`
	Again    float64 `json:"same_files_again_s"`
	RowsPerS float64 `json:"rows_per_s"`
	CopyPerS float64 `json:"bare_copy_rows_per_s"`
	Ratio    float64 `json:"ratio_to_copy"`
}

// String is the report as one line.
func (r ImportReport) String() string {
	b, err := json.Marshal(r)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// filesEach is how many rows of the files one account makes: its member, itself, its bill. Payments are not
// imported.
const filesEach = 3

// Import imports members, accounts and bills, the same files once more (nothing changes then), and measures as
// the baseline as many rows by a bare COPY into a table that checks nothing. On an error the report holds what
// was measured before it.
func Import(ctx context.Context, o ImportOptions) (report ImportReport, err error) {
	report.Accounts = o.Accounts
	s, err := openStores(ctx, io.Discard)
	if err != nil {
		return report, err
	}
	defer s.close()
	// The second time is what a line pays each night when little has changed (B6: the import comes nightly).
	for _, seconds := range []*float64{&report.Seconds, &report.Again} {
		fmt.Fprintf(o.Log, "importing %d accounts\n", o.Accounts)
		began := time.Now()
		if _, err := s.load(ctx, o.Accounts); err != nil {
			return report, err
		}
		*seconds = time.Since(began).Seconds()
	}
	// Of the first import: the second one writes nothing.
	rows := filesEach * o.Accounts
	report.RowsPerS = float64(rows) / report.Seconds
	if report.CopyPerS, err = s.copyRows(ctx, rows); err != nil {
		return report, err
	}
	report.Ratio = report.RowsPerS / report.CopyPerS
	return report, nil
}

// copyRows copies n rows of a bill's width and returns rows a second. The table has a primary key, as every
// table that the import fills has one; it has nothing else.
func (s *stores) copyRows(ctx context.Context, n int) (float64, error) {
	conn, err := pgx.Connect(ctx, s.dsn)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	// In the same database and on the same disk as the import, once in a run.
	if _, err := conn.Exec(ctx, `CREATE TABLE bare (account text PRIMARY KEY, coverage_month date, revision int, billed_cents bigint)`); err != nil {
		return 0, err
	}
	// Any month: the column is a date, as in the real table.
	month := time.Date(2027, time.March, 1, 0, 0, 0, 0, time.UTC)
	began := time.Now()
	_, err = conn.CopyFrom(ctx, pgx.Identifier{"bare"}, []string{"account", "coverage_month", "revision", "billed_cents"},
		pgx.CopyFromSlice(n, func(i int) ([]any, error) { return []any{fmt.Sprintf("7%08d", i), month, int32(0), int64(19800)}, nil }))
	return float64(n) / time.Since(began).Seconds(), err
}
