// Package generate makes the pages about the conversation that are kept in the tree and never edited. It
// is apart from package document because it reads the source, which the product has no need for.
package generate

import (
	"encoding/json"
	"fmt"
	"io/fs"

	"duebell/billing"
	"duebell/ivr"
	"duebell/ivr/document"
	"duebell/voiceprompts"
)

// Pages returns every generated page by its path below root, the top folder of a checkout. root must hold the
// source that the program was built from. The test and "duebell-lab prompts refresh" share it. It writes
// nothing: the caller compares or stores what it returns. An error means that the source cannot be read or
// parsed, or that a message file is wrong.
func Pages(root fs.FS) (map[string][]byte, error) {
	prompts, err := voiceprompts.Load()
	if err != nil {
		return nil, fmt.Errorf("prompts: %w", err)
	}
	where, err := spoken(root, prompts.Keys())
	if err != nil {
		return nil, err
	}
	// Maps are written sorted by key, so that the file changes only where the conversation does.
	table, err := json.MarshalIndent(where, "", "\t")
	if err != nil {
		return nil, fmt.Errorf("write which step says which prompt: %w", err)
	}
	// The languages of the default policy, so that the page does not depend on an operator's.
	page := document.New(ivr.Conversation(), prompts, billing.DefaultPolicy().Languages).WithSpoken(where)
	return map[string][]byte{
		"ivr/document/spoken.json": append(table, '\n'),
		"docs/call.md":             page.Markdown(),
	}, nil
}
