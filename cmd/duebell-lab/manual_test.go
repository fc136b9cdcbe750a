package main

import (
	"testing"

	"duebell/cmd/internal/commandtest"
)

// Every command of duebell-lab in the documents is one that the program takes.
func TestTheDocumentsCommandsAreTaken(t *testing.T) { commandtest.Manuals(t, program, 5) }
