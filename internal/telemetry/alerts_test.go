package telemetry

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

const alertsPath = "../../deploy/alerts.yml"

var (
	alertRule   = regexp.MustCompile(`(?ms)^      - alert: (\w+)\n(.*?)(?:\n\n|\z)`)
	alertExpr   = regexp.MustCompile(`(?s)\n?        expr: (?:>-)?(.*?)\n        (?:for|labels):`)
	usedMetric  = regexp.MustCompile(`duebell_[a-z_]+(?:\{[^}]*\})?`)
	usedLabel   = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
	withLabels  = regexp.MustCompile(`fqName: "(duebell_[a-z_]+)".*variableLabels: \{([^}]*)\}`)
	documentRow = regexp.MustCompile("(?m)^\\| `(duebell_[a-z_]+)[^|]*\\|.*\\| ([^|]*) \\|$")
)

// labelsOf are the metrics there are, each with its labels.
func labelsOf(t *testing.T) map[string][]string {
	t.Helper()
	have := map[string][]string{}
	described := make(chan *prometheus.Desc, 256)
	NewMetrics().Registry.Describe(described)
	close(described)
	for d := range described {
		if m := withLabels.FindStringSubmatch(d.String()); m != nil {
			have[m[1]] = strings.Split(m[2], ",")
		}
	}
	if len(have) < 20 {
		t.Fatalf("only %d metrics were recognised", len(have))
	}
	return have
}

var firstCounts = regexp.MustCompile(`^(?:>-\s*)?sum(?: by \(\w+\) |)\(increase\((duebell_[a-z_]+)(?:\{([a-z]+)=~?"([^"]*)"\})?\[\w+\]\)\) > 0$`)

// TestTheFirstOfThemAlarms: where one event is an alarm, its counter stands at 0 before it. A series that begins
// with 1 has not risen, for Prometheus.
func TestTheFirstOfThemAlarms(t *testing.T) {
	text, err := os.ReadFile(alertsPath)
	if err != nil {
		t.Fatal(err)
	}
	families, err := NewMetrics().Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, r := range alertRule.FindAllStringSubmatch(string(text), -1) {
		expr := alertExpr.FindStringSubmatch("\n" + r[2])
		m := firstCounts.FindStringSubmatch(strings.TrimSpace(expr[1]))
		if m == nil || strings.HasPrefix(m[1], "duebell_redis_pool") { // read from the pool, which begins at 0 itself
			continue
		}
		found++
		matches := regexp.MustCompile("^(?:" + m[3] + ")$")
		shown := false
		for _, f := range families {
			for _, one := range f.GetMetric() {
				shown = shown || f.GetName() == m[1] && m[2] == ""
				for _, l := range one.GetLabel() {
					shown = shown || f.GetName() == m[1] && l.GetName() == m[2] && matches.MatchString(l.GetValue())
				}
			}
		}
		if !shown {
			t.Errorf("%s: no counter stands at 0 that it could see rise", r[1])
		}
	}
	if found < 9 {
		t.Errorf("only %d rules of this kind were recognised", found)
	}
}

// TestAlertsNameWhatThereIs: a rule over a metric or a label that does not exist never fires, and nobody notices.
func TestAlertsNameWhatThereIs(t *testing.T) {
	text, err := os.ReadFile(alertsPath)
	if err != nil {
		t.Fatal(err)
	}
	have, used, names := labelsOf(t), map[string]bool{}, map[string]bool{}
	rules := alertRule.FindAllStringSubmatch(string(text), -1)
	if want := strings.Count(string(text), "- alert:"); len(rules) != want || want == 0 {
		t.Fatalf("%d rules were read, there are %d", len(rules), want)
	}
	for _, r := range rules {
		name, body := r[1], r[2]
		if names[name] {
			t.Errorf("%s is there twice", name)
		}
		names[name] = true
		expr := alertExpr.FindStringSubmatch("\n" + body)
		if expr == nil || strings.Count(expr[1], "(") != strings.Count(expr[1], ")") {
			t.Errorf("%s has no whole expression", name)
			continue
		}
		for _, word := range []string{"severity: page", "severity: ticket"} {
			if strings.Contains(body, "labels: {"+word+"}") && strings.Contains(body, `annotations: {summary: "`) {
				used["severity of "+name] = true
			}
		}
		if !used["severity of "+name] {
			t.Errorf("%s does not say how urgent it is, or what is the matter", name)
		}
		for _, m := range usedMetric.FindAllString(expr[1], -1) {
			metric, matchers, _ := strings.Cut(strings.TrimSuffix(m, "}"), "{")
			if _, there := have[metric]; !there {
				metric = strings.TrimSuffix(metric, "_bucket")
			}
			labels, there := have[metric]
			if !there {
				t.Errorf("%s: there is no metric %s", name, metric)
			}
			used[metric] = true
			for _, l := range usedLabel.FindAllStringSubmatch(matchers, -1) {
				if !slices.Contains(labels, l[1]) {
					t.Errorf("%s: %s has no label %s", name, metric, l[1])
				}
			}
		}
	}
	manual, err := os.ReadFile(manualsPath)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range documentRow.FindAllStringSubmatch(string(manual), -1) {
		if metric, alarm := row[1], strings.TrimSpace(row[2]); alarm != "-" && !used[metric] {
			t.Errorf("the manual says when %s is an alarm, and no rule does", metric)
		}
	}
}
