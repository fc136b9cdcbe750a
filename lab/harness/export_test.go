package harness

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/ivr"
)

// Untrue says why a fact is not what the database says.
func (h *Harness) Untrue(ctx context.Context, f ivr.Fact) string { return h.untrue(ctx, f) }

// AttemptKey is the key of the payment with that reference.
func (h *Harness) AttemptKey(ctx context.Context, reference string) (key string) {
	_ = h.pool.QueryRow(ctx, `SELECT key FROM payment_attempts WHERE reference = $1`, reference).Scan(&key)
	return key
}

// Logger is the product's.
func (h *Harness) Logger() *slog.Logger { return slog.New(h.logs) }

// Plant puts a value where the search for secrets looks.
func (h *Harness) Plant(ctx context.Context, key, value, detail string) error {
	if err := h.redis.client.Set(ctx, key, value, 0).Err(); err != nil {
		return err
	}
	_, err := h.pool.Exec(ctx, `INSERT INTO tasks (kind, detail, at) VALUES ('planted', $1, $2)`, detail, h.Now())
	return err
}

// ImportsSeen are the instants of all imports, local.
func (h *Harness) ImportsSeen(ctx context.Context) ([]string, error) {
	rows, err := h.pool.Query(ctx, `SELECT as_of FROM import_runs ORDER BY id`)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	var list []string
	for _, at := range all {
		list = append(list, at.In(h.Zone()).Format(time.RFC3339))
	}
	return list, err
}
