package main

import (
	"context"
	"fmt"

	"duebell/cmd/internal/command"
	"duebell/internal/app"
	"duebell/store"
)

// migrateCmd is `duebell migrate`. It needs the database and nothing else.
type migrateCmd struct {
	command.Settings
}

// Run brings the schema up to date; running it again changes nothing.
// Run it before the programs of the new version start. Several at once wait for one another.
func (m *migrateCmd) Run(ctx context.Context) error {
	cfg, err := m.Load(app.NeedDatabase)
	if err != nil {
		return err
	}
	if err := store.Migrate(ctx, cfg.DatabaseURL); err != nil {
		return err
	}
	fmt.Println("the database schema is up to date")
	return nil
}
