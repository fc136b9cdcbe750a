package store_test

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"duebell/lab/testenv"
)

var update = flag.Bool("update", false, "write schema.sql and the hashes of new migrations anew")

// schemaParts are the parts of schema.sql, in its order: a title and a query that gives one text a row. Tables stand in
// the order in which the migrations made them. The tables of River and of the migrations themselves are left out.
var schemaParts = []struct{ title, query string }{
	{"Tables and their constraints", `
		SELECT format(E'CREATE TABLE %I (\n    %s\n);', c.relname, concat_ws(E',\n    ',
			(SELECT string_agg(concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
					CASE WHEN a.attnotnull THEN 'NOT NULL' END,
					CASE WHEN a.attidentity = 'a' THEN 'GENERATED ALWAYS AS IDENTITY' END,
					'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)), E',\n    ' ORDER BY a.attnum)
				FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
				WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
			(SELECT string_agg(format('CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid)), E',\n    '
					ORDER BY array_position(ARRAY['p', 'u', 'f', 'c'], k.contype::text), k.conname)
				FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u', 'f', 'c'))))
		FROM pg_class c
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname !~ '^(river_|schema_version)' ORDER BY c.oid`},
	{"Sequences", `
		SELECT format('CREATE SEQUENCE %I;', c.relname) FROM pg_class c
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S' AND c.relname !~ '^river_'
		  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'i') ORDER BY c.relname`},
	{"Indexes beyond those of the constraints", `
		SELECT pg_get_indexdef(i.indexrelid) || ';' FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
		WHERE c.relnamespace = 'public'::regnamespace AND c.relname !~ '^(river_|schema_version)'
		  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u'))
		ORDER BY c.oid, pg_get_indexdef(i.indexrelid)`},
	{"Functions", `
		SELECT rtrim(pg_get_functiondef(p.oid), E'\n') || ';' FROM pg_proc p
		WHERE p.pronamespace = 'public'::regnamespace AND p.proname !~ '^river_' ORDER BY p.proname`},
	{"Triggers", `
		SELECT pg_get_triggerdef(t.oid) || ';' FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
		WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace AND c.relname !~ '^river_' ORDER BY c.oid, t.tgname`},
	{"Views for programs outside (design §2)", `
		SELECT format(E'CREATE VIEW contract.%I AS\n%s', c.relname, pg_get_viewdef(c.oid)) FROM pg_class c
		WHERE c.relnamespace = 'contract'::regnamespace ORDER BY c.relname`},
}

// TestSchema holds schema.sql, which is there to be read, to what the migrations really make.
func TestSchema(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, testenv.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	out := "-- What the migrations make, all of them together. Written by `go test ./store -run TestSchema -update`: do not edit.\n" +
		"-- Why each thing is there stands in the migrations.\n"
	for _, part := range schemaParts {
		rows, err := conn.Query(ctx, part.query)
		if err != nil {
			t.Fatal(part.title, err)
		}
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(texts) == 0 {
			t.Fatal(part.title, len(texts), err)
		}
		between := "\n"
		if strings.Contains(texts[0], "\n") {
			between = "\n\n"
		}
		out += "\n-- " + part.title + "\n\n" + strings.Join(texts, between) + "\n"
	}
	if *update {
		if err := os.WriteFile("schema.sql", []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile("schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(written), out); diff != "" {
		t.Errorf("the migrations make another schema than schema.sql shows; `go test ./store -run TestSchema -update` writes it anew, and the commit shows what changed:\n%s", diff)
	}
}

// hashFile holds a line for each migration that has landed: the SHA-256 of its file, and its name.
const hashFile = "migrations/hashes.txt"

// TestMigrationsNeverChange: a migration that has landed has run in databases that will not run it again. With -update
// the hashes of new ones are added; those that are there stay.
func TestMigrationsNeverChange(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(hashFile)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	landed := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		hash, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		landed[name] = hash
	}
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	added := ""
	for i, file := range files {
		name := filepath.Base(file)
		if !strings.HasPrefix(name, fmt.Sprintf("%03d_", i+1)) {
			t.Errorf("%s: migrations are numbered without gap or repeat: want %03d_….sql", name, i+1)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		hash := fmt.Sprintf("%x", sha256.Sum256(text))
		switch before, known := landed[name]; {
		case !known:
			added += hash + "  " + name + "\n"
		case before != hash:
			t.Errorf("%s has landed and was changed since: take the change back and write it as a new migration", name)
		}
		delete(landed, name)
	}
	for name := range landed {
		t.Errorf("%s has landed and is gone: databases that ran it could not be brought up to date; put it back", name)
	}
	if added != "" && *update {
		if err := os.WriteFile(hashFile, append(raw, added...), 0o600); err != nil {
			t.Fatal(err)
		}
		added = ""
	}
	if added != "" {
		t.Errorf("new migrations; once they are as they shall land, `go test ./store -run TestMigrationsNeverChange -update` adds their hashes:\n%s", added)
	}
}
