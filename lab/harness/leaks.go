package harness

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"duebell/internal/app"
	"duebell/internal/telemetry"
)

// place is one text in which a secret may not be (D1: secrets are kept nowhere). name says where it lies, in
// words for the report; several places may have the same name. The text itself is never reported: it may hold
// the secret.
type place struct {
	name string
	text string
}

// places returns everything that the product leaves behind (promise P4: no secret is kept): logs, addresses, metrics,
// Redis, and the columns of the database. Sealed values are not readable, and are searched all the same. It
// reads past every switch, so it also works while a store is down for the product.
func (h *Harness) places(ctx context.Context) ([]place, error) {
	var all []place
	for _, l := range h.Logs() {
		all = append(all, place{"the log", l.Text})
	}
	h.balancer.mu.Lock()
	for _, uri := range h.balancer.requests {
		all = append(all, place{"an address", uri})
	}
	h.balancer.mu.Unlock()
	// The page as a scraper would get it: labels are where a secret would show.
	all = append(all, place{"the metrics", metricsText(h.metrics)})
	redis, err := h.redisText(ctx)
	if err != nil {
		return nil, err
	}
	tables, err := h.tableText(ctx)
	if err != nil {
		return nil, err
	}
	return slices.Concat(all, redis, tables), nil
}

// page is an HTTP answer kept in memory. The metrics page is written into it without a network.
type page struct {
	bytes.Buffer
	header http.Header
}

// Header returns the answer's header.
func (p *page) Header() http.Header { return p.header }

// WriteHeader drops the status: only the text is searched, be it an error page.
func (p *page) WriteHeader(int) {}

// sampleValue is the number at the end of a metric's line: counts and bytes, any of which may look
// like something keyed.
var sampleValue = regexp.MustCompile(`(?m) [0-9.e+-]+$`)

// metricsText returns the page of metrics without the numbers, any of which may look like something keyed.
func metricsText(m *telemetry.Metrics) string {
	p := &page{header: http.Header{}}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "/metrics", nil)
	if err != nil {
		return err.Error()
	}
	app.OpsHandler(m).ServeHTTP(p, r)
	return sampleValue.ReplaceAllString(p.String(), "")
}

// redisText returns every key and every value. A type of value that nobody looks into is an error, so that a
// new one cannot hide a secret. Keys that expire while it reads have nothing left to search; the roles are at
// rest when a script searches.
func (h *Harness) redisText(ctx context.Context) ([]place, error) {
	var all []place
	// SCAN and not KEYS, which would stop an external Redis while it looks.
	keys := h.redis.client.Scan(ctx, 0, "*", 1000).Iterator()
	for keys.Next(ctx) {
		key := keys.Val()
		all = append(all, place{"a Redis key", key})
		kind, err := h.redis.client.Type(ctx, key).Result()
		if err != nil {
			return nil, fmt.Errorf("search Redis: %w", err)
		}
		var values []string
		switch kind {
		case "hash":
			fields, err := h.redis.client.HGetAll(ctx, key).Result()
			if err != nil {
				return nil, fmt.Errorf("search Redis: %w", err)
			}
			for field, value := range fields {
				values = append(values, field, value)
			}
		case "string":
			value, err := h.redis.client.Get(ctx, key).Result()
			if err != nil {
				return nil, fmt.Errorf("search Redis: %w", err)
			}
			values = append(values, value)
		// Lists, sets and streams: the product has none today.
		default:
			return nil, fmt.Errorf("search Redis: a %s is not looked into", kind)
		}
		for _, v := range values {
			all = append(all, place{"a Redis value", v})
		}
	}
	if err := keys.Err(); err != nil {
		return nil, fmt.Errorf("search Redis: %w", err)
	}
	return all, nil
}

// readableColumns selects the columns that hold words, by table, of the tables that have ever had a row: most
// have none in most scripts. Numbers, instants and truth values hold nothing that was keyed. Dates do (a birth
// date), and so do bytes: something put there unsealed would be read as text.
const readableColumns = `
SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attnum), array_agg(format_type(a.atttypid, NULL) = 'bytea' ORDER BY a.attnum)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relkind = 'r' AND c.relname = ANY ($1) AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
  AND (format_type(a.atttypid, NULL) IN ('text', 'character varying', 'json', 'jsonb', 'bytea', 'date') OR format_type(a.atttypid, NULL) LIKE '%[]')
  AND pg_relation_size(c.oid) > 0
GROUP BY c.relname ORDER BY c.relname`

// readableTable is a table with its readable columns, and which of them hold bytes.
type readableTable struct {
	Name    string
	Columns []string
	Bytes   []bool
}

// query returns the SELECT that reads every readable value as text, with its column's name. Names are quoted,
// because they come from the catalog and not from us. Equal values of a column come once.
func (t readableTable) query() string {
	pairs := make([]string, len(t.Columns))
	for i, name := range t.Columns {
		value := "t." + pgx.Identifier{name}.Sanitize()
		// Readable bytes as letters, the others as escapes: a number that was stored unsealed stands in it as
		// digits.
		if t.Bytes[i] {
			value = "encode(" + value + ", 'escape')"
		} else {
			value += "::text"
		}
		pairs[i] = "('" + strings.ReplaceAll(name, "'", "''") + "', " + value + ")"
	}
	return "SELECT DISTINCT v.name, v.value FROM " + pgx.Identifier{t.Name}.Sanitize() + " t, LATERAL (VALUES " +
		strings.Join(pairs, ", ") + ") v (name, value) WHERE v.value <> ''"
}

// tableText reads every readable column of the product's tables: one query a table, in one round trip, because
// every script ends with this search.
func (h *Harness) tableText(ctx context.Context) ([]place, error) {
	names, err := h.productTables(ctx)
	if err != nil {
		return nil, err
	}
	tables, err := rowsOf[readableTable](ctx, h, readableColumns, names)
	if err != nil {
		return nil, fmt.Errorf("search the database: %w", err)
	}
	batch := &pgx.Batch{}
	for _, t := range tables {
		batch.Queue(t.query())
	}
	// Answers come in the order of the questions, so both loops go over the same list.
	results := h.pool.SendBatch(ctx, batch)
	defer results.Close()
	var all []place
	for _, t := range tables {
		rows, err := results.Query()
		if err != nil {
			return nil, fmt.Errorf("search the database: %w", err)
		}
		var column, text string
		if _, err := pgx.ForEachRow(rows, []any{&column, &text}, func() error {
			all = append(all, place{"the database, " + t.Name + "." + column, text})
			return nil
		}); err != nil {
			return nil, fmt.Errorf("search the database: %w", err)
		}
	}
	return all, nil
}

// Leaks searches everything that the product leaves behind for secrets as they were keyed or spoken, and
// returns the names of the places, each once. A short secret counts only where it stands by itself. Runs of
// four characters, as D1 has it, are the canary test's: its values share no four characters with anything else.
func (h *Harness) Leaks(ctx context.Context, secrets []string) ([]string, error) {
	all, err := h.places(ctx)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, p := range all {
		for _, s := range secrets {
			if holds(p.text, s) && !slices.Contains(found, p.name) {
				found = append(found, p.name)
			}
		}
	}
	return found, nil
}

// shortSecret is the length, in characters, below which a secret occurs by chance in a hash or a number: a ZIP,
// a card's code, four digits of an SSN.
const shortSecret = 8

// holds reports whether a text holds a secret; a short one only as a word of its own. An empty secret is held
// by nothing that callers search for: they drop values of fewer than four characters.
func holds(text, secret string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], secret)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(secret)
		if len(secret) >= shortSecret || !alnum(text, start-1) && !alnum(text, end) {
			return true
		}
		// This one was part of a longer word; another may follow that is not.
		from = start + 1
	}
}

// alnum reports whether a letter or digit stands at i, or the point of a number: 1.02139 does not hold a ZIP.
// Places outside the text count as none, so that a secret at either end stands by itself.
func alnum(s string, i int) bool {
	if i < 0 || i >= len(s) {
		return false
	}
	c := s[i]
	if c == '.' { // of a number, not of a sentence
		return digit(s, i-1) && digit(s, i+1)
	}
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// digit reports whether a digit stands at i; outside of the text none does.
func digit(s string, i int) bool { return i >= 0 && i < len(s) && s[i] >= '0' && s[i] <= '9' }
