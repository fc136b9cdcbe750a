package telemetry

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/extra/redisotel/v9"
	"github.com/redis/go-redis/v9"
)

// InstrumentRedis has the client count its commands, and make spans of them while spans are exported:
// names of commands only, never keys or values.
// Call it before the client is used: hooks are not added safely later. An error means that tracing could not
// be set up.
func InstrumentRedis(client redis.UniversalClient, m *Metrics) error {
	client.AddHook(commandCounter{m.redisCommands})
	if !tracing() {
		return nil
	}
	if err := redisotel.InstrumentTracing(client, redisotel.WithDBStatement(false), redisotel.WithCallerEnabled(false)); err != nil {
		return fmt.Errorf("trace Redis: %w", err)
	}
	return nil
}

// commandCounter is a hook of go-redis. A command counts when it is sent, whether it is answered or not.
type commandCounter struct{ commands prometheus.Counter }

// DialHook counts nothing.
func (c commandCounter) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook counts one command.
func (c commandCounter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.commands.Inc()
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook counts every command of a pipeline.
func (c commandCounter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.commands.Add(float64(len(cmds)))
		return next(ctx, cmds)
	}
}
