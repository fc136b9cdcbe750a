package app

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"duebell/lab/testenv"
)

const manualPath = "../../docs/operating.md"

var sqlBlock = regexp.MustCompile("(?s)```sql\n(.*?)```")

// An operator copies these under pressure: each runs on the schema as it is.
func TestTheManualsStatementsRun(t *testing.T) {
	text, err := os.ReadFile(manualPath)
	if err != nil {
		t.Fatal(err)
	}
	blocks := sqlBlock.FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 {
		t.Fatal("the manual has no statements any more")
	}
	conn, err := pgx.Connect(t.Context(), testenv.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, b := range blocks {
		if _, err := conn.Exec(t.Context(), b[1]); err != nil {
			t.Errorf("%v\n%s", err, b[1])
		}
	}
}

// The sizes that the manual tells are the sizes that there are.
func TestTheManualsSizes(t *testing.T) {
	text, err := os.ReadFile(manualPath)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"| charges at once, per `work` | " + strconv.Itoa(chargeWorkers) + " |",
		"| jobs of texts at once, per `work` | " + strconv.Itoa(noticeWorkers) + " |",
		"| batches of reminders at once, per `work` | " + strconv.Itoa(reminderWorkers) + " |",
		"| connections to PostgreSQL | " + strconv.Itoa(serveConns) + " per `serve`, " + strconv.Itoa(workConns) + " per `work` |",
	} {
		if !strings.Contains(string(text), line) {
			t.Errorf("the manual does not say: %s", line)
		}
	}
}
