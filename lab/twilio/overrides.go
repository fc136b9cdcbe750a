package twilio

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ceiling is the longest that Twilio waits for any call-related request, retries included (twilio.md §4.2).
const ceiling = 15 * time.Second

// overrides is what a URL's fragment says about time-outs and retries. connect and read count for each try,
// total for all of them.
type overrides struct {
	connect, read, total time.Duration
	retries              int
	// The kinds of failure that are tried again: of 4xx, 5xx, ct, rt, all.
	on []string
}

// defaultOverrides returns Twilio's rules without a fragment: one retry, and only when the connection itself
// fails.
func defaultOverrides() overrides {
	return overrides{connect: 5 * time.Second, read: ceiling, total: ceiling, retries: 1, on: []string{"ct"}}
}

// parseOverrides reads a fragment, such as ct=2000&rt=6500&rc=1&rp=ct,rt,5xx. The error says what Twilio
// would ignore; who makes it goes by the defaults. sni and e are known and have no effect here.
func parseOverrides(fragment string) (overrides, error) {
	// What the fragment leaves out keeps Twilio's default.
	o := defaultOverrides()
	if fragment == "" {
		return o, nil
	}
	for pair := range strings.SplitSeq(fragment, "&") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return o, fmt.Errorf("override %q has no value", pair)
		}
		var err error
		switch key {
		case "ct":
			o.connect, err = millis(value, 10000)
		case "rt":
			o.read, err = millis(value, 15000)
		case "tt":
			o.total, err = millis(value, 15000)
		case "rc":
			if o.retries, err = strconv.Atoi(value); err == nil && (o.retries < 0 || o.retries > 5) {
				err = fmt.Errorf("is not in 0 to 5")
			}
		case "rp":
			o.on = strings.Split(value, ",")
			// An unknown word is an error and not skipped: whoever wrote it expected something of it.
			for _, word := range o.on {
				if !slices.Contains([]string{"4xx", "5xx", "ct", "rt", "all"}, word) {
					err = fmt.Errorf("has the unknown word %q", word)
				}
			}
		// Known to Twilio, and without effect between processes on one machine.
		case "sni", "e":
		default:
			err = fmt.Errorf("is unknown")
		}
		if err != nil {
			return o, fmt.Errorf("override %s: %w", key, err)
		}
	}
	return o, nil
}

// millis reads a whole number of milliseconds, 100 at least and most at most.
func millis(value string, most int) (time.Duration, error) {
	n, err := strconv.Atoi(value)
	if err != nil {
		return 0, fmt.Errorf("is not a number")
	}
	if n < 100 || n > most {
		return 0, fmt.Errorf("is not in 100 to %d", most)
	}
	return time.Duration(n) * time.Millisecond, nil
}

// retriesOn says whether a failure of this kind is tried again.
func (o overrides) retriesOn(kind string) bool {
	return slices.Contains(o.on, kind) || slices.Contains(o.on, "all")
}
