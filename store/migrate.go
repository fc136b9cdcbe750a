// Package store implements, on PostgreSQL, the interfaces through which payments, ivr, notify and
// handoff keep their data; its packages sessions and limits do the same on Redis. It decides
// nothing: the rules live in the packages that own the nouns, and every "once" is a constraint of
// the schema.
//
// Files are named for their nouns. migrations/ makes the schema, one file a noun; schema.sql shows
// all of it; queries/ holds every statement, and sqlc compiles them into package db. Instants come
// from the caller: the domain clock, except leases, which go by the machine clock.
package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/tern/v2/migrate"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the schema of the database at dsn up to date, River's tables included. It only
// goes forward, changes nothing when it is run again, and a lock makes several at once run one
// after another. Each migration runs in a transaction of its own: after a crash, running it again
// goes on with the one that was cut off.
//
// dsn's role must be allowed to change tables. A schema that is newer than this program's is an error and is
// left as it is.
func Migrate(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("migrate: connect: %w", err)
	}
	defer conn.Close(ctx)
	ours, err := migrate.NewMigrator(ctx, conn, "public.schema_version")
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if err := ours.LoadMigrations(files); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if err := ours.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return migrateRiver(ctx, dsn)
}

// migrateRiver brings River's own tables up to date.
// It runs after ours and needs a pool, not a connection. River keeps its own table of versions, so running it
// again is harmless.
func migrateRiver(ctx context.Context, dsn string) error {
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return fmt.Errorf("migrate jobs: %w", err)
	}
	defer pool.Close()
	jobs, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return fmt.Errorf("migrate jobs: %w", err)
	}
	if _, err := jobs.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate jobs: %w", err)
	}
	return nil
}

// CheckSchema returns an error if the database does not answer or its schema is not at this
// program's version.
//
// It is for doctor: a newer schema is an error there too, because somebody should know that an older program
// is at work. River's tables are not looked at.
func CheckSchema(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx)
	ours, err := migrate.NewMigrator(ctx, conn, "public.schema_version")
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if err := ours.LoadMigrations(files); err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	at, err := ours.GetCurrentVersion(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if want := int32(len(ours.Migrations)); at != want { //nolint:gosec // a handful
		return fmt.Errorf("the schema is at version %d, this program needs version %d: run duebell migrate with the newer of the two programs", at, want)
	}
	return nil
}
