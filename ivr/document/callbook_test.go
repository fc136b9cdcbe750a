package document_test

import (
	"bytes"
	"encoding/csv"
	"flag"
	"os"
	"strings"
	"testing"

	"duebell/billing"
	"duebell/ivr"
	"duebell/ivr/document"
	"duebell/voiceprompts"
)

var update = flag.Bool("update", false, "write docs/call.md anew")

const page = "../../docs/call.md"

func open(t *testing.T) (*document.Book, *voiceprompts.Catalog) {
	t.Helper()
	prompts, err := voiceprompts.Load()
	if err != nil {
		t.Fatal(err)
	}
	e, err := ivr.NewEngine(ivr.Services{Prompts: prompts, Policy: billing.DefaultPolicy()})
	if err != nil {
		t.Fatal(err)
	}
	return document.New(e.Steps(), prompts, billing.DefaultPolicy().Languages), prompts
}

func TestThePageIsFresh(t *testing.T) {
	book, _ := open(t)
	got := book.Markdown()
	if *update {
		if err := os.WriteFile(page, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, got) {
		t.Error("docs/call.md is stale: duebell-lab prompts refresh")
	}
}

func TestTheTableHoldsEveryPromptInEveryLanguage(t *testing.T) {
	book, prompts := open(t)
	var b bytes.Buffer
	if err := book.Table(&b, prompts.Languages()[:2]); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(prompts.Keys())+1 {
		t.Errorf("%d rows for %d prompts", len(rows)-1, len(prompts.Keys()))
	}
	for _, r := range rows[1:] {
		if strings.TrimSpace(r[4]) == "" {
			t.Errorf("%s has no English words", r[0])
		}
	}
}
