package main

import (
	"context"
	"fmt"

	"duebell/cmd/internal/command"
	"duebell/internal/app"
	"duebell/store"
)

type migrateCmd struct {
	command.Settings
}

// Run brings the schema up to date; running it again changes nothing.
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
