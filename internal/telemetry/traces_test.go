package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/mux"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace/noop"

	"duebell/ivr"
	"duebell/lab/testenv"
	"duebell/payments"
)

// receive has the spans of this test go where it can look at them: as they are made, and as they leave.
func receive(t *testing.T) (made, left *tracetest.InMemoryExporter) {
	t.Helper()
	made, left = tracetest.NewInMemoryExporter(), tracetest.NewInMemoryExporter()
	shutdown := ExportTo(sdktrace.NewSimpleSpanProcessor(made), sdktrace.WithSpanProcessor(sdktrace.NewSimpleSpanProcessor(Redact(left))))
	t.Cleanup(func() {
		otel.SetTracerProvider(noop.NewTracerProvider())
		if err := shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return made, left
}

// whole is all that a span says, as text.
func whole(spans tracetest.SpanStubs) string {
	var b strings.Builder
	for _, s := range spans {
		fmt.Fprintf(&b, "%s %v %s %v %v\n", s.Name, s.Attributes, s.Status.Description, s.Events, s.Links)
	}
	return b.String()
}

func names(spans tracetest.SpanStubs) map[string]int {
	got := map[string]int{}
	for _, s := range spans {
		got[s.Name]++
	}
	return got
}

// Nothing that a caller, a member or anybody outside brings leaves in a span: no argument of SQL, no
// value of Redis, no query, form, path, header or address, and no error text that quotes one (promise P4, rule D3).
func TestSpansKeepNoValues(t *testing.T) {
	made, left := receive(t)
	ctx, m := t.Context(), NewMetrics()
	pool, err := openPool(t, testenv.Postgres(t), 2, m)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	client, err := openRedis(t, testenv.Redis(t), m)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()

	r := mux.NewRouter()
	r.Use(RouteNames)
	r.HandleFunc("/turn/{n}", func(http.ResponseWriter, *http.Request) {}).Methods(http.MethodPost)
	server := httptest.NewServer(Requests(r))
	defer server.Close()

	const secret = "zq7741"
	ctx, turn := startSpan(ctx, "turn") // statements are traced as part of something
	if _, err := pool.Exec(ctx, "-- name: FindNobody :exec\nSELECT $1::text", secret); err != nil {
		t.Fatal(err)
	}
	if err := client.Set(ctx, "k:"+secret, secret, 0).Err(); err != nil {
		t.Fatal(err)
	}
	pipe := client.Pipeline()
	pipe.HSet(ctx, "h:"+secret, "f", secret)
	if _, err := pipe.Exec(ctx); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/turn/" + secret + "?q=" + secret, "/nowhere/" + secret} {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+path, strings.NewReader("Digits="+secret))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("User-Agent", secret)
		req.Header.Set("X-Forwarded-For", secret)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	// Both stores quote what they do not understand; this may never leave.
	if _, err := pool.Exec(ctx, "SELECT 'a' || $1::int", secret); err == nil {
		t.Fatal("the statement was to fail")
	}
	if err := client.Do(ctx, "nonsense", secret).Err(); err == nil {
		t.Fatal("the command was to fail")
	}

	turn.End()

	if got := whole(left.GetSpans()); strings.Contains(got, secret) {
		t.Errorf("a value left in a span:\n%s", got)
	}
	if !strings.Contains(whole(made.GetSpans()), secret) {
		t.Error("no instrumentation quotes anything any more: this test shows nothing")
	}
	got := names(left.GetSpans())
	for _, want := range []string{"FindNobody", "set", "/turn/{n}", "POST", "sql read"} {
		if got[want] == 0 {
			t.Errorf("no span %q among %v", want, got)
		}
	}
}

// What leaves of a span is a list of what may, and not of what may not.
func TestOnlyKnownAttributesLeave(t *testing.T) {
	_, left := receive(t)
	_, s := startSpan(t.Context(), "charge", attribute.String(attrAttempt, "key"), attribute.String("db.query.text", "SELECT"), attribute.Int("http.response.status_code", 200))
	s.RecordError(errors.New("no such account: 712345678"))
	s.SetStatus(codes.Error, "no such account: 712345678")
	s.End()
	got := left.GetSpans()[0]
	if len(got.Attributes) != 2 || got.Status.Description != "" || got.Status.Code != codes.Error {
		t.Errorf("attributes %v, status %v", got.Attributes, got.Status)
	}
	if len(got.Events) != 1 || len(got.Events[0].Attributes) != 1 || got.Events[0].Attributes[0].Key != "exception.type" {
		t.Errorf("events %v", got.Events)
	}
}

// spanOf finds the one span of a name and gives its attributes.
func spanOf(t *testing.T, spans tracetest.SpanStubs, name string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for _, s := range spans {
		if s.Name == name {
			for _, a := range s.Attributes {
				got[string(a.Key)] = a.Value.String()
			}
			return got
		}
	}
	t.Fatalf("no span %q among %v", name, names(spans))
	return nil
}

// stubTurner answers every turn with the same session.
type stubTurner struct {
	next ivr.Session
	err  error
}

func (s stubTurner) Turn(context.Context, ivr.Session, ivr.Input) (ivr.Session, ivr.Reply, error) {
	return s.next, ivr.Reply{}, s.err
}

func (s stubTurner) Resume(ivr.Milestone, int) ivr.Session { return s.next }

func TestATurnIsASpan(t *testing.T) {
	_, left := receive(t)
	m := NewMetrics()
	s := ivr.Session{Call: "CA1", Turn: 4, Step: ivr.AskZIP}
	w := Turner(stubTurner{next: ivr.Session{Step: ivr.TellStanding}}, m)
	if _, _, err := w.Turn(t.Context(), s, ivr.Input{Kind: ivr.Keyed, Keys: "02139"}); err != nil {
		t.Fatal(err)
	}
	got := spanOf(t, left.GetSpans(), "turn")
	if got[attrTurn] != "4" || got[attrStep] != string(ivr.AskZIP) || got[attrOutcome] != "answered" || got[attrNextStep] != string(ivr.TellStanding) {
		t.Errorf("attributes %v", got)
	}
	if strings.Contains(whole(left.GetSpans()), "02139") {
		t.Error("what was keyed is in the span")
	}
	// A capture that fell through is counted as one without a result.
	s.Step = ivr.TakeMoney
	if _, _, err := w.Turn(t.Context(), s, ivr.Input{Kind: ivr.Silent}); err != nil {
		t.Fatal(err)
	}
	if n := testenv.Metric(t, m.Registry, "duebell_captures_total", map[string]string{"result": "none"}); n != 1 {
		t.Errorf("%v captures without a result, want 1", n)
	}
}

// stubGateway refuses everything.
type stubGateway struct{ payments.Gateway }

func (stubGateway) Confirm(context.Context, string, string, payments.Charge) (payments.Intent, error) {
	return payments.Intent{}, &payments.GatewayError{Op: "confirm", Kind: payments.GatewayRefused, Code: "card_declined"}
}

func TestARequestToTheProcessorIsASpanAndACount(t *testing.T) {
	_, left := receive(t)
	m := NewMetrics()
	_, err := Gateway(stubGateway{}, m).Confirm(t.Context(), "key/confirm/1", "pi_1", payments.Charge{Token: "pm_secret", Reference: "123456789"})
	if _, ok := payments.AsGatewayError(err); !ok {
		t.Fatal(err)
	}
	if got := spanOf(t, left.GetSpans(), "processor confirm"); got[attrOutcome] != "refused" || len(got) != 2 {
		t.Errorf("attributes %v", got)
	}
	if n := testenv.Metric(t, m.Registry, "duebell_gateway_requests_total", map[string]string{"op": "confirm", "kind": "refused"}); n != 1 {
		t.Errorf("%v requests counted, want 1", n)
	}
}

func TestTracesAreOffByDefault(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
	shutdown, err := exportAsConfigured(t.Context(), "duebell-test")
	if err != nil {
		t.Fatal(err)
	}
	if tracing() {
		t.Error("spans are made and nobody receives them")
	}
	if err := shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// A collector named by the environment receives the spans, and nothing but what may leave.
func TestTracesGoWhereTheEnvironmentSays(t *testing.T) {
	received := make(chan string, 8)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		received <- r.Method + " " + r.URL.Path
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_TRACES_SAMPLER_ARG", "1")
	shutdown, err := exportAsConfigured(t.Context(), "duebell-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { otel.SetTracerProvider(noop.NewTracerProvider()) })
	if !tracing() {
		t.Error("no spans are made")
	}
	_, s := startSpan(t.Context(), "charge")
	s.End()
	if err := shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-received; got != "POST /v1/traces" {
		t.Errorf("the collector was asked for %s", got)
	}
}

func TestSampleShare(t *testing.T) {
	for arg, want := range map[string]float64{"": 1, "0": 0, "1": 1, "0.05": .05} {
		if got, err := sampleShare(arg); err != nil || got != want {
			t.Errorf("%q: %v, %v", arg, got, err)
		}
	}
	for _, arg := range []string{"-1", "1.1", "NaN", "half", "5%"} {
		if _, err := sampleShare(arg); err == nil {
			t.Errorf("%q was taken", arg)
		}
	}
}

func TestStatementName(t *testing.T) {
	for sql, want := range map[string]string{
		"-- name: OldestDue :one\nSELECT 1": "OldestDue",
		"-- name: \nSELECT 1":               "sql read",
		"SELECT 'a secret'":                 "sql read",
		"commit":                            "sql commit",
	} {
		if got := statementName(sql); got != want {
			t.Errorf("%q: %q, want %q", sql, got, want)
		}
	}
}
