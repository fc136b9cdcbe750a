package document_test

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"duebell/billing"
	"duebell/ivr"
	"duebell/ivr/document"
	"duebell/voiceprompts"
)

// The table for translators has a row for every prompt, and none without English words.
func TestTheTableHoldsEveryPromptInEveryLanguage(t *testing.T) {
	prompts, err := voiceprompts.Load()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := document.New(ivr.Conversation(), prompts, billing.DefaultPolicy().Languages).Table(&b, prompts.Languages()[:2]); err != nil {
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
