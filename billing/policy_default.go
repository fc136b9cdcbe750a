package billing

import "reflect"

// DefaultPolicy returns the rule book's policy: what holds where the operator's file is silent.
// Every call builds it anew, so a caller may change its lists and tables.
// It passes its own checks; a test holds that.
func DefaultPolicy() Policy {
	var p Policy
	fields := p.byKey()
	for _, row := range policyKeys() {
		setDefault(fields[row.key], row.def)
	}
	return p
}

// setDefault puts a row's default into its field. A plain number also fits the number types with a
// unit (Money, Seconds, Minutes, Hours); anything else must be of the field's own type, or Set panics,
// which the first test sees.
func setDefault(field reflect.Value, def any) {
	value := reflect.ValueOf(def)
	if value.CanInt() && (field.CanInt() || field.CanFloat()) {
		value = value.Convert(field.Type())
	}
	field.Set(value)
}

// wall returns a time of the day.
func wall(hour, minute int) LocalTime { return LocalTime(hour*3600 + minute*60) }
