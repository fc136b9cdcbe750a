package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"

	"duebell/internal/telemetry"
	"duebell/lab/harness"
	"duebell/lab/script"
	"duebell/lab/servers"
	"duebell/store"
)

// scriptHost plays scripted calls for a running dev on data of their own: a second database on dev's private
// PostgreSQL, and a Redis, stand-ins and a clock that live as long as the script. So a script never touches
// what a person did in dev. It shares dev's policy and log.
type scriptHost struct {
	server *servers.Server
	policy string // TOML, the same that dev runs with
	log    *slog.Logger

	playing sync.Mutex // held while a script uses the database
}

// scriptDatabase is the database of scripts. It stays after a script, for whoever wants to look at it,
// until the next one.
const scriptDatabase = "duebell_call"

// scriptOrder asks for one script to be played. Files holds the text of the CSV files that it imports, by
// name: the client reads them, because dev may run in another folder.
type scriptOrder struct {
	Name  string            `json:"name"`
	Text  string            `json:"text"`
	Files map[string]string `json:"files"`
}

// The answer to an order is the conversation as it goes, and one of these as its last line.
const (
	passed = "== as told =="
	failed = "== not as told =="
)

// maxScript bounds an order, in bytes.
const maxScript = 8 << 20

// ServeHTTP plays the script in the request's body, a scriptOrder, and streams the conversation. One script is
// played at a time; a second one is refused with 409, because both would write to one database. What cannot be
// read is 400, a script with mistakes 422; from then on the status is 200, and the last line says how it went.
func (s *scriptHost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var o scriptOrder
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxScript)).Decode(&o); err != nil {
		http.Error(w, "the script did not arrive whole: play it again", http.StatusBadRequest)
		return
	}
	// Before anything is opened: a mistake in the writing is told without touching the last script's data.
	parsed, err := script.Parse(o.Name, o.Text)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	// Refused and not queued: whoever waits without a word would think that dev hangs.
	if !s.playing.TryLock() {
		http.Error(w, "another script is being played; wait for its end", http.StatusConflict)
		return
	}
	defer s.playing.Unlock()
	// The request's context ends the script with the client (Ctrl-C): nothing but its own data is left half-done.
	if err := s.play(r.Context(), parsed, o.Files, &stream{w: w, control: http.NewResponseController(w)}); err != nil {
		fmt.Fprintf(w, "%v\n%s\n", err, failed)
		return
	}
	fmt.Fprintln(w, passed)
}

// play opens a harness on the scripts' database, plays one script and closes it again, also when the client
// went away. Its error is the script's, or why it could not be played.
func (s *scriptHost) play(ctx context.Context, parsed script.Script, files map[string]string, out io.Writer) (err error) {
	fmt.Fprintf(out, "%s is played on data of its own (database %s); dev's calls, payments, texts and clock stay as they are\n", parsed.Name, scriptDatabase)
	// Empty each time: a number that has called before is known, and would be told otherwise.
	dsn, err := s.server.RecreateDatabase(ctx, scriptDatabase)
	if err != nil {
		return err
	}
	if err := store.Migrate(ctx, dsn); err != nil {
		return err
	}
	// The clock, Redis and stand-ins are the harness's own defaults; metrics are apart from dev's.
	h, err := harness.Open(ctx, parsed.Config(harness.Config{
		DatabaseURL: dsn, Policy: s.policy, Metrics: telemetry.NewMetrics(),
		Log: s.log.Handler().WithAttrs([]slog.Attr{slog.String("script", parsed.Name)}),
	}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close(context.WithoutCancel(ctx))) }()
	result := script.Run(ctx, h, parsed, script.Options{Fresh: true, Out: out, Files: func(name string) ([]byte, error) {
		// Only what the client has sent along: dev reads no file of a script itself.
		text, there := files[name]
		if !there {
			return nil, fmt.Errorf("the file %s does not lie beside the script", name)
		}
		return []byte(text), nil
	}})
	// Also after a failure: how long the callers have listened up to there.
	for _, t := range result.TalkTimes {
		fmt.Fprintf(out, "the call with %s: %s\n", t.Phone, t)
	}
	return result.Err
}

// stream sends every line to the client as soon as it is written, so that whoever plays a story sees it happen.
type stream struct {
	w       io.Writer
	control *http.ResponseController
}

// Write passes p on. A client that has gone away misses the rest, which is no error of the script's.
func (s *stream) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	_ = s.control.Flush()
	return n, err
}
