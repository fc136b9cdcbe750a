package testenv

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// Metric returns the value of one metric as a scrape shows it, summed over the labels not named; 0 for none.
// It reads counters and gauges; a histogram counts as 0. An error of the registry ends the test.
func Metric(t testing.TB, registry prometheus.Gatherer, name string, labels map[string]string) float64 {
	t.Helper()
	// A registry gathers what it would show; nothing is counted by looking.
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
	next:
		for _, one := range f.GetMetric() {
			for _, l := range one.GetLabel() {
				if want, asked := labels[l.GetName()]; asked && want != l.GetValue() {
					continue next
				}
			}
			// Of the two one is nil, and its getter returns 0.
			sum += one.GetCounter().GetValue() + one.GetGauge().GetValue()
		}
	}
	return sum
}
