package dev_test

import (
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"duebell/internal/dev"
)

// From the 13th on the sample members get the reminders of each day, and nobody else gets any; Luis
// (0102) has paid, and the notice of Marcos's draw (0104) was due before.
func TestRemindersOfTheSampleMembers(t *testing.T) {
	t.Parallel()
	r := run(t, func(o *dev.Options) { o.Now = "2027-02-13T08:30:00-05:00" })
	env := (&process{t: t, dir: filepath.Dir(r.dir)}).settings()
	db, err := pgx.Connect(t.Context(), env["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	for _, day := range []struct {
		until string
		want  []string
	}{
		{"2027-02-13T10:00", []string{"+15085550103 due_soon", "+18575550106 due_soon"}},
		{"2027-02-20T10:00", []string{"+15085550103 due_soon", "+16175550101 due_soon", "+16175550105 due_soon", "+18575550106 due_soon"}},
		{"2027-02-22T10:00", []string{"+18575550106 due_soon"}},
		{"2027-02-23T10:00", []string{"+15085550103 due_today", "+16175550101 due_today", "+16175550105 due_today", "+18575550106 due_today"}},
		{"2027-02-24T10:00", []string{"+15085550103 past_due", "+16175550101 past_due", "+16175550105 past_due"}},
		{"2027-02-25T10:00", []string{"+16175550101 grace_ending", "+16175550105 grace_ending"}},
		{"2027-02-28T20:00", nil},
	} {
		res, err := http.PostForm(env["DUEBELL_DEV_CONTROL"]+"/clock", url.Values{"until": {day.until}}) //nolint:noctx // ends with the test's dev
		if err != nil {
			t.Fatal(err)
		}
		said, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", day.until, said)
		}
		rows, err := db.Query(t.Context(), `SELECT to_number || ' ' || kind FROM contract.texts
			WHERE sent_at BETWEEN (($1::text::date)::timestamp AT TIME ZONE 'America/New_York') AND ($1::text::timestamp AT TIME ZONE 'America/New_York') + interval '1 minute'
			ORDER BY 1`, day.until)
		if err != nil {
			t.Fatal(err)
		}
		got, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(day.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", day.until, diff)
		}
	}
}
