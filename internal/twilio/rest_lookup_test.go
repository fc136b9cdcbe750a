package twilio_test

import (
	"testing"
	"time"

	"duebell/internal/twilio"
)

func TestReassigned(t *testing.T) {
	since := time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		reply string
		want  twilio.Reassignment
		kind  twilio.ErrorKind
	}{
		"yes":          {`{"phone_number":"+16175550101","valid":true,"reassigned_number":{"last_verified_date":"2027-02-10","is_number_reassigned":"yes","error_code":null}}`, twilio.Reassigned, ""},
		"no":           {`{"reassigned_number":{"is_number_reassigned":"no","error_code":null}}`, twilio.NotReassigned, ""},
		"no data":      {`{"reassigned_number":{"is_number_reassigned":"no_data_available","error_code":null}}`, twilio.NoData, ""},
		"not approved": {`{"reassigned_number":{"is_number_reassigned":null,"error_code":"60607"}}`, "", twilio.Misconfigured},
		"not asked":    {`{"reassigned_number":null}`, "", twilio.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, reply(200, tt.reply))
			got, err := dial(t, s.URL).LookUpReassignment(t.Context(), "+16175550101", since)
			if got != tt.want || kind(err) != tt.kind {
				t.Errorf("%q, %v", got, err)
			}
			if path, query := s.requests[0].URL.Path, s.requests[0].URL.Query(); path != "/v2/PhoneNumbers/+16175550101" || query.Get("Fields") != "reassigned_number" || query.Get("LastVerifiedDate") != "20270210" {
				t.Errorf("asked %s %v", path, query)
			}
		})
	}
	if _, err := dial(t, "http://127.0.0.1:1").LookUpReassignment(t.Context(), "617/../x", since); kind(err) != twilio.Refused {
		t.Errorf("no number: %v", err)
	}
}
