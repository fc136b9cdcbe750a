// Package policyfile reads the operator's policy file.
//
// It owns turning TOML into a billing.Policy and reporting everything that is wrong with
// it in one go. It refuses to know what a key means: billing.Policy says what is possible.
package policyfile

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"duebell/billing"
)

// Load returns the default policy with what a file changes of it; an empty path means the defaults. The error
// joins every problem found, so that an operator mends the file once: unknown keys, keys that are not built
// yet, values of the wrong type, impossible values.
//
// A file that cannot be read is an error, never the defaults: a wrong path must not quietly put another
// policy in force. On an error the Policy is zero and must not be used.
func Load(path string) (billing.Policy, error) {
	if path == "" {
		return billing.DefaultPolicy(), nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return billing.Policy{}, fmt.Errorf("read policy file: %w", err)
	}
	p, err := Parse(string(text))
	if err != nil {
		return billing.Policy{}, fmt.Errorf("policy file %s: %w", path, err)
	}
	return p, nil
}

// Parse does what Load does with the text of a policy file.
func Parse(text string) (billing.Policy, error) {
	// Each key is decoded by itself: one wrong value must not hide the next.
	var keys map[string]toml.Primitive
	meta, err := toml.Decode(text, &keys)
	if err != nil {
		return billing.Policy{}, fmt.Errorf("not TOML: %w", err)
	}
	// Read a second time as plain values, only to see TOML's own dates, which PrimitiveDecode would convert.
	var values map[string]any
	if _, err := toml.Decode(text, &values); err != nil {
		return billing.Policy{}, fmt.Errorf("not TOML: %w", err)
	}

	// Keys are read in sorted order, so that the same file gives the same report.
	p := billing.DefaultPolicy()
	fields := fieldsByKey(&p)
	var problems []error
	broken := make(map[string]bool) // keys that were reported already
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		field, known := fields[key]
		// A key of the rule book that does nothing yet: accepted in silence it would deceive the operator.
		if why := billing.RefusedKey(key); why != "" {
			problems = append(problems, fmt.Errorf("%s: %s", key, why))
			broken[key] = true
			continue
		}
		if !known {
			problems = append(problems, fmt.Errorf("%s: unknown key", key))
			broken[key] = true
			continue
		}
		if holdsBareTime(values[key]) {
			problems = append(problems, fmt.Errorf("%s: dates and times stand in quotes", key))
			broken[key] = true
			continue
		}
		if field.Kind() == reflect.Slice {
			field.SetZero() // a list replaces the default's; decoding alone would merge their entries
		}
		// Tables keep the default's other entries: a file that names one voice changes that one voice.
		if err := meta.PrimitiveDecode(keys[key], field.Addr().Interface()); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", key, err))
			broken[key] = true
		}
	}
	// What no field took lies inside a table: a misspelt name in an entry of a list.
	for _, key := range meta.Undecoded() {
		if !broken[key[0]] {
			problems = append(problems, fmt.Errorf("%s: unknown key", key))
		}
	}
	// Each sentence begins with its key, by which it is told apart from what is broken already.
	for _, problem := range p.Problems() {
		// What could not be read keeps its default or a part of itself: it has been reported.
		if key, _, _ := strings.Cut(problem, " "); !broken[strings.TrimRight(key, ",")] {
			problems = append(problems, errors.New(problem))
		}
	}
	if len(problems) > 0 {
		return billing.Policy{}, errors.Join(problems...)
	}
	return p, nil
}

// fieldsByKey returns the policy's fields by their names in the file.
// The values point into p. Keys and fields are matched by tag alone, so a renamed field changes no policy
// file.
func fieldsByKey(p *billing.Policy) map[string]reflect.Value {
	v := reflect.ValueOf(p).Elem()
	fields := make(map[string]reflect.Value, v.NumField())
	for i := range v.NumField() {
		fields[v.Type().Field(i).Tag.Get("toml")] = v.Field(i)
	}
	return fields
}

// holdsBareTime reports whether a value is one of TOML's own dates and times, or holds one. A local one would
// silently take the zone of the machine, so a policy file writes all of them as text, with an offset where it
// matters (G5).
func holdsBareTime(value any) bool {
	switch v := value.(type) {
	case time.Time:
		return true
	case []any:
		return slices.ContainsFunc(v, holdsBareTime)
	case []map[string]any:
		return slices.ContainsFunc(v, func(table map[string]any) bool { return holdsBareTime(table) })
	case map[string]any:
		for _, inner := range v {
			if holdsBareTime(inner) {
				return true
			}
		}
	}
	return false
}
