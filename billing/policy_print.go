package billing

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// PolicyKey is one key of the policy file with the value in force, as `duebell policy` prints it.
type PolicyKey struct {
	Key     string
	Value   string // as it would stand in the policy file
	Default string // likewise
	Rule    string // ids in the rule book
	Source  string // what the rule rests on, in the rule book's tags
	Note    string // what the key means, in a few words
}

// Changed reports whether the operator's value differs from the rule book's.
// Compared as text: lists and patterns have no == of their own.
func (k PolicyKey) Changed() bool { return k.Value != k.Default }

// Keys returns every key that is in force with its value and default, in the rule book's order. Keys that are
// not built yet, or that have one possible value, are not among them: see RefusedKey.
func (p Policy) Keys() []PolicyKey {
	def := DefaultPolicy()
	values, defaults := p.byKey(), def.byKey()
	rows := policyKeys()
	keys := make([]PolicyKey, len(rows))
	for i, row := range rows {
		keys[i] = PolicyKey{
			Key: row.key, Value: printTOML(values[row.key]), Default: printTOML(defaults[row.key]),
			Rule: row.rule, Source: row.source, Note: row.note,
		}
	}
	return keys
}

// byKey returns the policy's fields by their keys, so that they can be read and set.
// The values point into p: setting one changes the policy. A field without a toml tag would come under "".
func (p *Policy) byKey() map[string]reflect.Value {
	v := reflect.ValueOf(p).Elem()
	values := make(map[string]reflect.Value, v.NumField())
	for i := range v.NumField() {
		values[v.Type().Field(i).Tag.Get("toml")] = v.Field(i)
	}
	return values
}

// printTOML returns a value of the policy as TOML on one line, so that what is printed can be loaded again.
// It knows the types that Policy uses and panics at any other; a test prints every key and reads it back.
func printTOML(v reflect.Value) string {
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return `""`
	}
	if text, ok := v.Interface().(encoding.TextMarshaler); ok {
		written, err := text.MarshalText()
		if err != nil {
			return quoteTOML(err.Error())
		}
		return quoteTOML(string(written))
	}
	switch v.Kind() {
	case reflect.String:
		return quoteTOML(v.String())
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Int, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10) // not Money's own form: the file holds cents
	case reflect.Float64:
		return printFloat(v.Float())
	case reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = printTOML(v.Index(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Map:
		table := v.Interface().(map[string]string)
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(table)) {
			parts = append(parts, key+" = "+quoteTOML(table[key]))
		}
		return printTable(parts)
	// An entry of a list, such as a due override: an inline table without its zero fields, which reads back
	// the same.
	case reflect.Struct:
		var parts []string
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				parts = append(parts, v.Type().Field(i).Tag.Get("toml")+" = "+printTOML(v.Field(i)))
			}
		}
		return printTable(parts)
	}
	panic("billing: the policy holds a " + v.Type().String() + ", which printTOML does not know")
}

// printTable returns an inline table.
func printTable(parts []string) string {
	if len(parts) == 0 {
		return "{}"
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

// printFloat returns a number with its decimal point, without which TOML reads an integer.
func printFloat(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// quoteTOML returns a TOML string. Where there is something to escape it prefers a literal one, in single
// quotes, so that patterns stay readable.
func quoteTOML(s string) string {
	if strings.ContainsAny(s, `\"`) && !strings.ContainsAny(s, "'\n\r\t") {
		return "'" + s + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
