package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"duebell/internal/bench"
)

type benchCmd struct {
	Calls benchCallsCmd `cmd:"" help:"Simulated callers pay bills; one line of JSON, with a bare handler's figures from the same run."`
}

type benchCallsCmd struct {
	Rate       float64       `default:"20" help:"New calls a second."`
	Concurrent int           `default:"200" help:"Calls at once: callers think as long as it takes to reach it."`
	Duration   time.Duration `default:"20s" help:"How long calls begin."`
	Saturate   time.Duration `default:"10s" help:"How long callers who never think push afterwards."`
}

// Run prints one line of JSON, and fails when a call failed or when charges, ledger entries and
// confirmations differ; never on a time.
func (b *benchCallsCmd) Run(ctx context.Context) error {
	report, err := bench.Calls(ctx, bench.CallOptions{
		Rate: b.Rate, Concurrent: b.Concurrent, Duration: b.Duration, Saturate: b.Saturate, Log: os.Stderr,
	})
	fmt.Println(report)
	return err
}
