package telemetry

import (
	"net/http"

	"github.com/gorilla/mux"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Requests returns a handler that makes a span of every request while spans are exported. A caller from
// outside can decide neither which trace its request belongs to nor that it is sampled.
// It must be built after Traces or ExportTo has been called: whether spans are exported is looked at once.
func Requests(h http.Handler) http.Handler {
	if !tracing() {
		return h
	}
	return otelhttp.NewHandler(h, "request",
		// Trace headers of a request are kept as a link only.
		otelhttp.WithPublicEndpointFn(func(*http.Request) bool { return true }))
}

// RouteNames is a middleware that names the request's span by its route: no call, turn or reference is in it.
// It runs inside the router, where the route is known; Requests stands outside of it.
func RouteNames(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if route := mux.CurrentRoute(r); route != nil {
			// The template has {n} where the address has a number: few names, and nothing of a call in them.
			if name, err := route.GetPathTemplate(); err == nil {
				s := trace.SpanFromContext(r.Context())
				s.SetName(name)
				s.SetAttributes(attribute.String("http.route", name))
			}
		}
		next.ServeHTTP(rw, r)
	})
}
