package twilio

import (
	"net/http"
	"strings"
	"time"
)

// SetReassigned has a number change hands at an instant: whoever last verified it on that day or before is
// told so.
func (t *Twilio) SetReassigned(number string, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reassigned == nil {
		t.reassigned = map[string]time.Time{}
	}
	t.reassigned[number] = at
}

// lookup is Lookup v2 with its package reassigned_number (twilio.md §7), for numbers of the United States.
// Another country is not found; another package, or none, is refused.
func (t *Twilio) lookup(r *http.Request) response {
	number, asked := r.PathValue("number"), r.URL.Query()
	if !strings.HasPrefix(number, "+1") {
		return refuse(http.StatusNotFound, 20404, "The requested resource was not found")
	}
	if asked.Get("Fields") != "reassigned_number" {
		return refuse(http.StatusBadRequest, 60600, "The stand-in has no package but reassigned_number")
	}
	// The product's last proof that the number was its member's.
	since, err := time.Parse("20060102", asked.Get("LastVerifiedDate"))
	if err != nil {
		return refuse(http.StatusBadRequest, 60602, "LastVerifiedDate is not a date as YYYYMMDD")
	}
	t.mu.Lock()
	at, handed := t.reassigned[number]
	t.mu.Unlock()
	answer := "no"
	// Days are compared as UTC midnights: a change on the verified day itself counts as after it.
	if handed && !at.Before(since) {
		answer = "yes"
	}
	return ok(object{
		"phone_number": number, "valid": true, "country_code": "US", "calling_country_code": "1",
		"reassigned_number": object{"last_verified_date": since.Format(time.DateOnly), "is_number_reassigned": answer, "error_code": nil},
	})
}
