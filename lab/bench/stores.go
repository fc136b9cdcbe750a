package bench

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"duebell/billing"
	"duebell/billing/feed"
	"duebell/internal/app"
	"duebell/internal/seal"
	"duebell/lab/servers"
	"duebell/store"
)

// stores are a PostgreSQL with fsync on (a commit that is not durable is no measure) and a Redis, private to
// one run, in a temporary folder. dsn and redisURL are their addresses; the keys are DUEBELL_DATA_KEYS and
// DUEBELL_HASH_KEYS.
type stores struct {
	dir      string
	postgres *servers.Server
	redis    *servers.Redis
	dsn      string
	redisURL string
	dataKeys string
	hashKeys string
}

// openStores starts both, with a migrated database named bench and keys of the run's own. After an error
// nothing is left running.
func openStores(ctx context.Context, log io.Writer) (s *stores, err error) {
	s = &stores{dataKeys: newKey(), hashKeys: newKey()}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "duebell-bench-"); err != nil {
		return s, err
	}
	s.postgres, err = servers.Start(ctx, servers.Options{Dir: filepath.Join(s.dir, "pg"), Durable: true, Log: log, Database: "bench"})
	if err != nil {
		return s, err
	}
	s.dsn = s.postgres.DSN("bench")
	if err := store.Migrate(ctx, s.dsn); err != nil {
		return s, err
	}
	if s.redis, err = servers.StartRedis(ctx, s.dir, log); err != nil {
		return s, err
	}
	s.redisURL = s.redis.URL()
	return s, nil
}

// settings returns the settings of PostgreSQL that a measurement depends on, as one line of name=value pairs.
func (s *stores) settings(ctx context.Context) (text string, err error) {
	pool, err := openPool(ctx, s.dsn)
	if err != nil {
		return "", err
	}
	defer pool.Close()
	err = pool.QueryRow(ctx, `SELECT string_agg(name || '=' || current_setting(name), ' ' ORDER BY name) FROM pg_settings
		WHERE name IN ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size')`).Scan(&text)
	return text, err
}

// close stops both and removes their folder. It may be called after a start that failed half-way.
func (s *stores) close() {
	if s.redis != nil {
		s.redis.Stop()
	}
	if s.postgres != nil {
		s.postgres.Stop()
	}
	if s.dir != "" {
		// PostgreSQL's part belongs to PostgreSQL's user, where that is another one.
		_ = servers.Remove(filepath.Join(s.dir, "pg"))
		_ = os.RemoveAll(s.dir)
	}
}

// load imports n members with an account and an open bill each, and returns them. The import is the product's
// own, as of now; called again with the same n it changes nothing.
func (s *stores) load(ctx context.Context, n int) ([]member, error) {
	data, err := seal.ParseKeys(s.dataKeys)
	if err != nil {
		return nil, err
	}
	hash, err := seal.ParseKeys(s.hashKeys)
	if err != nil {
		return nil, err
	}
	pool, err := openPool(ctx, s.dsn)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	// The default policy, as the roles have it for calls; reminders have a policy of their own (writePolicy).
	policy := billing.DefaultPolicy()
	calendar, err := billing.NewCalendar(policy)
	if err != nil {
		return nil, err
	}
	now := app.SystemClock{}.Now()
	today := calendar.DateOf(now)
	people, files := callers(n, billing.MonthOf(today).Add(1))
	_, err = store.New(pool, nil, data, hash, app.SystemClock{}).Import(ctx, files, store.ImportOptions{
		AsOf: now, At: now, Rules: feed.RulesOf(policy, today),
	})
	return people, err
}

// fillSQL writes members, accounts, bills and consents like those of callers, without an import: what ten
// million cost to import is not the question there. Its placeholders are the first and the last number. Rows of
// an import must be there already: coverage month and consent's instant are taken from them.
const fillSQL = `
	SET LOCAL session_replication_role = replica; -- no foreign key is checked: one transaction writes all rows
	INSERT INTO members (member_id, name, phone, phone_since, mobile, language, time_zone)
		SELECT '1' || lpad(i::text, 11, '0'), 'Caller ' || i, '+1617' || (2000000 + i), '2020-01-15', true, 'en', 'America/New_York' FROM generate_series(%[1]d, %[2]d) i;
	INSERT INTO accounts (account, member_id, kind, status)
		SELECT '7' || lpad(i::text, 8, '0'), '1' || lpad(i::text, 11, '0'), 'health', 'active' FROM generate_series(%[1]d, %[2]d) i;
	INSERT INTO bills (account, coverage_month, revision, billed_cents)
		SELECT '7' || lpad(i::text, 8, '0'), (SELECT max(coverage_month) FROM bills), 0, 19800 FROM generate_series(%[1]d, %[2]d) i;
	INSERT INTO consents (number, channel, purpose, source, at)
		SELECT '+1617' || (2000000 + i), 'sms', 'payments', 'application', (SELECT max(at) FROM consents) FROM generate_series(%[1]d, %[2]d) i;`

// fill adds to those that were imported until there are n, in parts that are one transaction each, and has
// PostgreSQL look at the tables afterwards: without ANALYZE the plans would be those of the small tables.
func (s *stores) fill(ctx context.Context, imported, n int) error {
	pool, err := openPool(ctx, s.dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	// A transaction of ten million rows would keep all its log until the end.
	const part = 500_000
	for from := imported; from < n; from += part {
		to := min(from+part, n) - 1
		if _, err := pool.Exec(ctx, "BEGIN;"+fmt.Sprintf(fillSQL, from, to)+"COMMIT;"); err != nil {
			return fmt.Errorf("fill up to %d: %w", to, err)
		}
	}
	_, err = pool.Exec(ctx, `ANALYZE`)
	return err
}

// callers invents n members and billing's files about them: bills of 198.00 for the coverage month. Numbers are
// counted up from 0, so the same n gives the same people; all have one birth date and ZIP. The columns are
// those of the import.
func callers(n int, coverage billing.Month) ([]member, []feed.Source) {
	var m, a, b strings.Builder
	// The header lines are the import's; a column that is missing there would be refused.
	m.WriteString("member_id,name,phone,phone_since,mobile,language,time_zone,sms_consent,birth_date,zip,ssn_last4,invoice_number,previous_invoice_number\n")
	a.WriteString("account,member_id,kind,status,grace_regime,autopay_day,autopay_last4\n")
	b.WriteString("account,coverage_month,revision,billed_cents,first_bill,grace_ends_at\n")
	people := make([]member, n)
	for i := range people {
		p := member{Account: fmt.Sprintf("7%08d", i), Phone: fmt.Sprintf("+1617%07d", 2000000+i), Born: "04121980", ZIP: "02139"}
		people[i] = p
		fmt.Fprintf(&m, "1%011d,Caller %d,%s,2020-01-15,true,en,America/New_York,application,1980-04-12,%s,,,\n", i, i, p.Phone, p.ZIP)
		fmt.Fprintf(&a, "%s,1%011d,health,active,,,\n", p.Account, i)
		fmt.Fprintf(&b, "%s,%s,0,19800,false,\n", p.Account, coverage)
	}
	return people, []feed.Source{inMemory("members.csv", m.String()), inMemory("accounts.csv", a.String()), inMemory("bills.csv", b.String())}
}

// inMemory returns a file of the import whose text is in memory; it can be opened again and again.
func inMemory(name, text string) feed.Source {
	return feed.Source{Name: name, Size: int64(len(text)), Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
}

// newKey returns a key in the form of DUEBELL_DATA_KEYS: id, colon, 32 random bytes in base64.
func newKey() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	return "bench:" + base64.StdEncoding.EncodeToString(b[:])
}

// retry asks until it works or half a minute is over, twenty times a second, and returns the last error then.
func retry(ctx context.Context, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := f()
		if err == nil {
			return nil
		}
		if pause(ctx, 50*time.Millisecond) != nil {
			return err
		}
	}
}
