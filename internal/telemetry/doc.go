// Package telemetry measures the product from outside: Prometheus metrics, OpenTelemetry traces, and
// decorators that count and time what passes through the interfaces of other packages. It changes
// nothing that they do. No secret, number or name ever becomes a label or an attribute (promise P4: no secret
// kept; D3: no personal data in metrics and traces).
package telemetry
