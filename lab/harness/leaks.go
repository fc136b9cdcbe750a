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

// place is one place in which a secret may not be, with everything that lies in it as text.
type place struct {
	name string
	text string
}

// places returns everything that the product leaves behind (P4: no secret is kept): logs, addresses, metrics,
// Redis, and the columns of the database. Sealed values are not readable, and are searched all the same.
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

// page is an HTTP answer kept in memory.
type page struct {
	bytes.Buffer
	header http.Header
}

// Header returns the answer's header.
func (p *page) Header() http.Header { return p.header }

// WriteHeader drops the status: only the text is searched.
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

// redisText returns every key and every value. A type of value that nobody looks into is an error, so that a new
// one cannot hide a secret.
func (h *Harness) redisText(ctx context.Context) ([]place, error) {
	var all []place
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

// readableColumns are the columns that hold words, by table. Numbers, instants and truth values hold nothing that
// was keyed.
const readableColumns = `
SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relkind = 'r' AND c.relname = ANY ($1) AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
  AND (format_type(a.atttypid, NULL) IN ('text', 'character varying', 'json', 'jsonb', 'bytea', 'date') OR format_type(a.atttypid, NULL) LIKE '%[]')
ORDER BY 1, 2`

// column is one column of a table, with its type in PostgreSQL's words.
type column struct{ Table, Name, Type string }

// query reads the column's values as text.
func (c column) query() string {
	value := pgx.Identifier{c.Name}.Sanitize()
	if c.Type == "bytea" {
		value = "encode(" + value + ", 'escape')"
	} else {
		value += "::text"
	}
	return "SELECT DISTINCT coalesce(" + value + ", '') FROM " + pgx.Identifier{c.Table}.Sanitize()
}

// tableText reads every readable column of the product's tables, in one round trip.
func (h *Harness) tableText(ctx context.Context) ([]place, error) {
	tables, err := h.productTables(ctx)
	if err != nil {
		return nil, err
	}
	columns, err := rowsOf[column](ctx, h, readableColumns, tables)
	if err != nil {
		return nil, fmt.Errorf("search the database: %w", err)
	}
	batch := &pgx.Batch{}
	for _, c := range columns {
		batch.Queue(c.query())
	}
	results := h.pool.SendBatch(ctx, batch)
	defer results.Close()
	var all []place
	for _, c := range columns {
		rows, err := results.Query()
		if err != nil {
			return nil, fmt.Errorf("search the database: %w", err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, fmt.Errorf("search the database: %w", err)
		}
		for _, text := range found {
			all = append(all, place{"the database, " + c.Table + "." + c.Name, text})
		}
	}
	return all, nil
}

// Leaks searches everything that the product leaves behind for secrets as they were keyed or spoken, and returns
// the names of the places. A short secret counts only where it stands by itself.
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

// shortSecret is the length, in digits, below which a secret occurs by chance in a hash or a number.
const shortSecret = 8

// holds says whether a text holds a secret; a short one only as a word of its own.
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
		from = start + 1
	}
}

// alnum says whether a letter or digit stands at i, or the point of a number.
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

// digit says whether a digit stands at i; outside of the text none does.
func digit(s string, i int) bool { return i >= 0 && i < len(s) && s[i] >= '0' && s[i] <= '9' }
