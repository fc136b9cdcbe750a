package canary

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"duebell/internal/app"
	"duebell/internal/telemetry"
	"duebell/lab/harness"
)

// exempt are the columns and fields that are not looked into: by name, and with the reason.
var exempt = map[string]string{
	"payment_attempts.token_sealed": "sealed",
	"verification_answers.mac":      "keyed hashes",
	"payment_evidence.hash":         "a hash of what stands beside it",
	"river_job.unique_key":          "a hash of the job's own arguments",
	"river_job.attempted_by":        "the workers' names: host and machine time",
	"river_leader.leader_id":        "a worker's name",

	"call session":        "sealed",
	"call input":          "sealed",
	"call a":              "sealed", // a:7, the answer of turn 7
	"call g":              "sealed", // g:7:1, the answer of one of its URLs
	"call lease_until_ms": "machine time",

	"log ms":   "milliseconds",
	"log time": "machine time",

	"span pgx.prepare_stmt.name":   "a hash of the statement's text",
	"span server.port":             "a port",
	"span network.peer.port":       "a port",
	"span client.port":             "a port",
	"span db.connection_string":    "an address with its port",
	"span http.request.body.size":  "a size",
	"span http.response.body.size": "a size",
}

// chance is what holds digits by chance, so that a run of a secret may occur in it: Twilio's ids and the stand-in's
// imitations (hexadecimal), names of test databases, and ports on loopback, wherever an address of one is told.
var chance = regexp.MustCompile(`\b(?:CA|SM|MM)[0-9a-f]{32}\b|\bduebell_test_\d+_(?:\d+|template)\b|\b127\.0\.0\.1:\d+`)

// machineDates returns the machine's date and its neighbours as pairs for a replacer: columns that the job queue fills
// hold them, and "-08-" of an August is a run of a birth date.
func machineDates() []string {
	var pairs []string
	for _, days := range []int{-1, 0, 1} {
		pairs = append(pairs, app.SystemClock{}.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly), "‹today›")
	}
	return pairs
}

// observer look into everything that the product leaves behind.
type observer struct {
	harness       *harness.Harness
	pool          *pgxpool.Pool
	redis         *redis.Client
	tables        map[string]string // the query that reads a table, by its quoted name; made at the first look
	metrics       *telemetry.Metrics
	log           *recorder
	spansMade     *tracetest.InMemoryExporter // spans as the instrumentations make them
	spansExported *tracetest.InMemoryExporter // and as they leave

	mu   sync.Mutex
	seen map[place]bool // what was in the stores at any time
	err  error
}

// Write is called whenever the conversation goes on: what is in the stores now may be gone later.
func (o *observer) Write(b []byte) (int, error) {
	o.observeStores(context.Background())
	return len(b), nil
}

// observeStores keeps what is in the stores now.
func (o *observer) observeStores(ctx context.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, read := range []func(context.Context) ([]place, error){o.redisPlaces, o.tablePlaces} {
		places, err := read(ctx)
		if err != nil && o.err == nil {
			o.err = err
		}
		for _, p := range places {
			o.seen[p] = true
		}
	}
}

// allPlaces is everything, now and before. What we made up ourselves at random is struck out: a reference
// can hold any digits.
func (o *observer) allPlaces(ctx context.Context) ([]place, error) {
	o.observeStores(ctx)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return nil, o.err
	}
	var places []place
	for p := range o.seen {
		places = append(places, p)
	}
	for _, line := range o.log.all() {
		places = append(places, place{"log", line})
	}
	for _, uri := range o.harness.RequestedURIs() {
		places = append(places, place{"address", uri})
	}
	places = append(places, spanPlaces("span", o.spansMade.GetSpans())...)
	places = append(places, spanPlaces("span that leaves", o.spansExported.GetSpans())...)
	labels, err := o.metricPlaces()
	if err != nil {
		return nil, err
	}
	places = append(places, labels...)
	replacer, err := o.replacer(ctx)
	if err != nil {
		return nil, err
	}
	for i := range places {
		places[i].text = chance.ReplaceAllString(replacer.Replace(places[i].text), "…")
	}
	return places, nil
}

// replacer strikes out the references of payments, which are drawn at random, and the machine's dates.
func (o *observer) replacer(ctx context.Context) (*strings.Replacer, error) {
	rows, err := o.pool.Query(ctx, "SELECT reference FROM contract.payments WHERE reference IS NOT NULL")
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	pairs := machineDates()
	for _, r := range list {
		pairs = append(pairs, r, "‹reference›")
	}
	return strings.NewReplacer(pairs...), err
}

// metricPlaces are the metrics' names, labels and helps. Values are counts and times: nothing that was keyed
// becomes one.
func (o *observer) metricPlaces() ([]place, error) {
	families, err := o.metrics.Registry.Gather()
	var places []place
	for _, f := range families {
		places = append(places, place{"metric", f.GetName() + " " + f.GetHelp()})
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				places = append(places, place{"metric " + f.GetName(), l.GetName() + "=" + l.GetValue()})
			}
		}
	}
	return places, err
}

// redisPlaces reads every key of Redis and everything under it.
func (o *observer) redisPlaces(ctx context.Context) ([]place, error) {
	var places []place
	keys := o.redis.Scan(ctx, 0, "*", 1000).Iterator()
	for keys.Next(ctx) {
		key := keys.Val()
		places = append(places, place{"Redis key", key})
		values, err := o.valuesOf(ctx, key)
		if err != nil {
			return nil, fmt.Errorf("read Redis: %w", err)
		}
		for field, value := range values {
			name, _, _ := strings.Cut(key, ":")
			short, _, _ := strings.Cut(field, ":")
			places = append(places, place{"Redis field", field})
			if exempt[name+" "+short] == "" {
				places = append(places, place{"Redis value " + name + " " + field, value})
			}
		}
	}
	return places, keys.Err()
}

// valuesOf is all that lies under a key, whatever its type.
func (o *observer) valuesOf(ctx context.Context, key string) (map[string]string, error) {
	kind, err := o.redis.Type(ctx, key).Result()
	if err != nil {
		return nil, err
	}
	var list []string
	switch kind {
	case "none": // it has gone meanwhile
		return nil, nil
	case "hash":
		return o.redis.HGetAll(ctx, key).Result()
	case "string":
		list = make([]string, 1)
		list[0], err = o.redis.Get(ctx, key).Result()
	case "list":
		list, err = o.redis.LRange(ctx, key, 0, -1).Result()
	case "set":
		list, err = o.redis.SMembers(ctx, key).Result()
	case "zset":
		list, err = o.redis.ZRange(ctx, key, 0, -1).Result()
	default:
		return nil, fmt.Errorf("nobody looks into a %s", kind)
	}
	values := map[string]string{}
	for i, v := range list {
		values[fmt.Sprintf("%s %d", kind, i)] = v
	}
	return values, err
}

// tablePlaces reads every column of every table that has ever had a row, the job queue's too.
func (o *observer) tablePlaces(ctx context.Context) ([]place, error) {
	if o.tables == nil {
		if err := o.listTables(ctx); err != nil {
			return nil, err
		}
	}
	rows, err := o.pool.Query(ctx, `SELECT t FROM unnest($1::text[]) t WHERE pg_relation_size(t::regclass) > 0`, slices.Collect(maps.Keys(o.tables)))
	if err != nil {
		return nil, err
	}
	used, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	var places []place
	for _, table := range used {
		rows, err := o.pool.Query(ctx, o.tables[table])
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", table, err)
		}
		found, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (p place, err error) { err = r.Scan(&p.where, &p.text); return p, err })
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", table, err)
		}
		places = append(places, found...)
	}
	return places, nil
}

// listTables notes for every table the query that reads its columns as text, those that are exempt aside. It fails on a
// column of bytes that nobody has judged.
func (o *observer) listTables(ctx context.Context) error {
	rows, err := o.pool.Query(ctx, `
		SELECT c.table_schema, c.table_name, c.column_name, c.data_type FROM information_schema.columns c
		JOIN information_schema.tables t USING (table_schema, table_name)
		WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN ('pg_catalog', 'information_schema')
		ORDER BY 1, 2, c.ordinal_position`)
	if err != nil {
		return err
	}
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Schema, Table, Column, Type string }])
	if err != nil {
		return err
	}
	values := map[string][]string{} // by table, as SQL
	for _, c := range columns {
		name, column := c.Table+"."+c.Column, pgx.Identifier{c.Column}.Sanitize()
		if exempt[name] != "" {
			continue
		}
		switch c.Type {
		case "bytea":
			return fmt.Errorf("the column %s holds bytes: say in this test whether it is sealed", name)
		case "timestamp with time zone":
			column = "(" + column + " AT TIME ZONE 'UTC')::date" // of some the microseconds are the machine's
		}
		table := pgx.Identifier{c.Schema, c.Table}.Sanitize()
		values[table] = append(values[table], fmt.Sprintf("('%s', %s::text)", name, column))
	}
	o.tables = map[string]string{}
	for table, list := range values {
		o.tables[table] = "SELECT DISTINCT v.name, v.value FROM " + table + " CROSS JOIN LATERAL (VALUES " + strings.Join(list, ", ") +
			") v (name, value) WHERE v.value IS NOT NULL"
	}
	return nil
}

// spanPlaces are all that spans say.
func spanPlaces(where string, list tracetest.SpanStubs) []place {
	var places []place
	tell := func(where string, attrs []attribute.KeyValue) {
		for _, a := range attrs {
			places = append(places, place{where, string(a.Key)})
			if exempt["span "+string(a.Key)] == "" {
				places = append(places, place{where + " " + string(a.Key), a.Value.String()})
			}
		}
	}
	for _, s := range list {
		places = append(places, place{where, s.Name}, place{where + " status", s.Status.Description})
		tell(where, s.Attributes)
		for _, ev := range s.Events {
			places = append(places, place{where + " event", ev.Name})
			tell(where+" event", ev.Attributes)
		}
		for _, l := range s.Links {
			tell(where+" link", l.Attributes)
		}
		tell(where+" resource", s.Resource.Attributes())
	}
	return places
}

// recorder is a log that takes every level and keeps every line.
type recorder struct {
	mu    *sync.Mutex
	lines *[]string
	with  string
}

func newRecorder() *recorder { return &recorder{mu: new(sync.Mutex), lines: new([]string)} }

func (l *recorder) Enabled(context.Context, slog.Level) bool { return true }

func (l *recorder) Handle(_ context.Context, r slog.Record) error {
	line := r.Message + l.with
	r.Attrs(func(a slog.Attr) bool { line += attrText(a); return true })
	l.mu.Lock()
	defer l.mu.Unlock()
	*l.lines = append(*l.lines, line)
	return nil
}

func (l *recorder) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *l
	for _, a := range attrs {
		next.with += attrText(a)
	}
	return &next
}

func (l *recorder) WithGroup(name string) slog.Handler {
	next := *l
	next.with += " " + name
	return &next
}

func (l *recorder) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), *l.lines...)
}

// attrText is an attribute as text. Times and durations are the machine's.
func attrText(a slog.Attr) string {
	v := a.Value.Resolve()
	if exempt["log "+a.Key] != "" || v.Kind() == slog.KindTime || v.Kind() == slog.KindDuration {
		return " " + a.Key
	}
	return fmt.Sprintf(" %s=%+v", a.Key, v.Any())
}
