package processor

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// params are the fields of a request by their flat names, such as payment_method_options[card][moto]. The
// values of a repeated list field stand in one, joined by commas.
type params map[string]string

// rules says which fields an operation takes. The names are those of allow's form: list elements as name[],
// free keys as name[*]. What stands in neither list is refused.
type rules struct {
	required []string
	optional []string
}

// parameters are the fields of each operation: those that duebell may send (twilio.md §13.2) and no others.
// Payment method and customer at confirm, off_session and capture methods are left out on purpose.
var parameters = map[operation]rules{
	createMethod: {
		required: []string{"type"},
		optional: []string{
			"card[number]", "card[exp_month]", "card[exp_year]", "card[cvc]",
			"us_bank_account[routing_number]", "us_bank_account[account_number]",
			"us_bank_account[account_type]", "us_bank_account[account_holder_type]",
			"billing_details[name]", "billing_details[phone]", "billing_details[email]",
			"billing_details[address][postal_code]", "metadata[*]", "expand[]",
		},
	},
	createIntent: {
		required: []string{"amount", "currency"},
		optional: []string{
			"payment_method", "payment_method_types[]", "metadata[*]", "description", "expand[]",
		},
	},
	confirmIntent: {
		optional: []string{
			"error_on_requires_action", "return_url", "expand[]",
			"mandate_data[customer_acceptance][type]",
			"mandate_data[customer_acceptance][accepted_at]",
			"mandate_data[customer_acceptance][offline]",
		},
	},
	cancelIntent: {optional: []string{"cancellation_reason", "expand[]"}},
	getIntent:    {optional: []string{"expand[]"}},
	getMethod:    {optional: []string{"expand[]"}},
	getAccount:   {optional: []string{"expand[]"}},
	listIntents:  {optional: []string{"limit", "starting_after", "expand[]"}},
}

// moto marks a card payment as a phone order. It is legal at confirm alone, and only where the account may
// (Config.MOTO; rule P3, MOTO where enabled).
const moto = "payment_method_options[card][moto]"

// listIndex is the index of a list element at the end of a name: [] or [0], [1] ….
var listIndex = regexp.MustCompile(`\[\d*\]$`)

// parse returns the fields of query and body as params; every field may stand once, but for lists.
func parse(query, body string) (params, *apiError) {
	out := make(params)
	// A GET has its fields in the query, a POST in the body; a field in both counts as given twice.
	for _, encoded := range []string{query, body} {
		values, err := url.ParseQuery(encoded)
		if err != nil {
			return nil, invalid("", "", "The request is not form-encoded.")
		}
		for name, all := range values {
			if _, twice := out[name]; (twice || len(all) > 1) && !strings.HasSuffix(name, "[]") {
				return nil, invalid("", name, "Received more than one value for parameter: "+name)
			}
			// Only a list field can have several; no value that the product sends in a list holds a comma.
			out[name] = strings.Join(all, ",")
		}
	}
	return out, nil
}

// list returns the values of name[0], name[1] … or name[] in the order of their keys, which is that of their
// numbers up to ten.
func (q params) list(name string) []string {
	var keys []string
	for key := range q {
		if strings.HasPrefix(key, name+"[") && listIndex.MatchString(key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	var out []string
	for _, key := range keys {
		out = append(out, strings.Split(q[key], ",")...)
	}
	return out
}

// under returns the free keys of name, such as metadata's; never nil.
func (q params) under(name string) map[string]string {
	out := make(map[string]string)
	for key, value := range q {
		if inner, ok := strings.CutPrefix(key, name+"["); ok {
			out[strings.TrimSuffix(inner, "]")] = value
		}
	}
	return out
}

// check refuses what the operation does not take, or a required field that is missing or empty. The unknown
// comes first. The lock is held.
func (p *Processor) check(op operation, q params) *apiError {
	names := make([]string, 0, len(q))
	for name := range q {
		names = append(names, name)
	}
	slices.Sort(names) // the first complaint must not depend on the map's order
	for _, name := range names {
		// Otherwise it is unknown, as it is at Stripe for an account without the permission.
		if op == confirmIntent && name == moto && p.cfg.MOTO {
			continue
		}
		if !parameters[op].allow(name) {
			return invalid("parameter_unknown", name, "Received unknown parameter: "+name)
		}
	}
	for _, name := range parameters[op].required {
		if q[name] == "" {
			return missing(name)
		}
	}
	return nil
}

// allow says whether an operation takes a field, by its own name, as a list element, or as a free key.
func (r rules) allow(name string) bool {
	if slices.Contains(r.required, name) || slices.Contains(r.optional, name) {
		return true
	}
	if slices.Contains(r.optional, listIndex.ReplaceAllString(name, "[]")) {
		return true
	}
	// One level of free keys, as metadata[reference]; metadata[a][b] is refused.
	group, inner, found := strings.Cut(name, "[")
	return found && strings.HasSuffix(inner, "]") && strings.Count(inner, "[") == 0 &&
		slices.Contains(r.optional, group+"[*]")
}
