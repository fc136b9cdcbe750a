package webhook_test

import (
	"reflect"
	"testing"
	"time"

	"duebell/ivr"
)

// fullSession has something in every field, so that a field which does not survive Redis is found
// by the test that first needs it.
func fullSession() ivr.Session {
	var s ivr.Session
	fill(reflect.ValueOf(&s).Elem(), 1)
	s.Called = "+18776236765"
	return s
}

// fill gives every field a value of its own.
func fill(v reflect.Value, n int) int {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2027, 2, 10, 15, 4, n, n*1000, time.UTC)))
		return n + 1
	}
	switch v.Kind() { //nolint:exhaustive // the others do not occur in a session
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				n = fill(v.Field(i), n)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		n = fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			n = fill(v.Index(i), n)
		}
	case reflect.String:
		v.SetString("word " + string(rune('a'+n%26)))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(float64(n) + 0.5)
	case reflect.Func: // filled in by payments.Checkout, and never stored
	default:
		panic("a session with a " + v.Kind().String())
	}
	return n + 1
}

// The session that other tests store has a value in every field.
func TestFillLeavesNothingEmpty(t *testing.T) {
	v := reflect.ValueOf(fullSession())
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("%s is empty", v.Type().Field(i).Name)
		}
	}
}
