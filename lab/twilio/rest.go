package twilio

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"time"
)

// apiVersion is the only version of the REST API for calls and texts, and the ApiVersion of every webhook.
const apiVersion = "2010-04-01"

// Handler returns Twilio's REST API: the resources that the product uses, with Basic authentication, and form
// fields judged more strictly than Twilio does. All hosts of Twilio are one here: the product sends api,
// messaging and lookups to the same address, and their paths do not collide. It may serve many requests at
// once.
func (t *Twilio) Handler() http.Handler {
	mux := http.NewServeMux()
	account := "/" + apiVersion + "/Accounts/{account}/"
	handle := func(pattern string, h func(*http.Request) response) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { t.serve(w, r, h) })
	}
	handle("GET /"+apiVersion+"/Accounts/{account}", t.getAccount)
	handle("POST "+account+"Messages.json", t.createMessage)
	handle("GET "+account+"Messages.json", t.listMessages)
	handle("GET "+account+"Messages/{sid}", t.getMessage)
	handle("POST "+account+"Messages/{sid}", t.updateMessage)
	handle("POST "+account+"Calls.json", t.createCall)
	handle("GET "+account+"Calls.json", t.listCalls)
	handle("GET "+account+"Calls/{sid}", t.getCall)
	handle("POST "+account+"Calls/{sid}", t.updateCall)
	handle("GET "+account+"IncomingPhoneNumbers.json", t.listNumbers)
	handle("GET "+account+"IncomingPhoneNumbers/{sid}", t.getNumber)
	handle("POST "+account+"IncomingPhoneNumbers/{sid}", t.updateNumber)
	handle("GET /v2/PhoneNumbers/{number}", t.lookup)
	handle("GET /v1/Services", t.listServices)
	handle("GET /v1/Services/{sid}", t.getService)
	handle("POST /v1/Services/{sid}", t.updateService)
	handle("/", func(*http.Request) response {
		return refuse(http.StatusNotFound, 20404, "The requested resource was not found")
	})
	return mux
}

// response is what a resource answers: a body, or an error in Twilio's shape.
type response struct {
	status int
	body   any
	// Run once the reply is written, or was lost: what the request started, such as a phone that rings.
	after func()
}

// object is a JSON object.
type object = map[string]any

// ok answers 200.
func ok(body any) response { return response{status: http.StatusOK, body: body} }

// created answers 201.
func created(body any) response { return response{status: http.StatusCreated, body: body} }

// refuse returns an error in Twilio's shape: code is Twilio's, status HTTP's. The message must not repeat a
// value of the request.
func refuse(status, code int, format string, args ...any) response {
	return response{status: status, body: object{
		"code": code, "message": fmt.Sprintf(format, args...), "status": status,
		"more_info": fmt.Sprintf("https://www.twilio.com/docs/errors/%d", code),
	}}
}

// serve authenticates, plays the API's faults, and writes the answer.
func (t *Twilio) serve(w http.ResponseWriter, r *http.Request, h func(*http.Request) response) {
	// Creates alone are posted to a list: Messages.json, Calls.json. An update has a SID in its path.
	create := r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "s.json")
	mode := t.apiMode(create)
	if mode == ModeAPIDown {
		panic(http.ErrAbortHandler) // the connection breaks off; net/http logs nothing
	}
	answer := t.answer(r, mode, h)
	// The work is done, as it would be at Twilio: the text goes out, the phone rings. Only the product does
	// not know.
	if mode == ModeAPIDropsReply {
		write(httptest.NewRecorder(), answer)
		if answer.after != nil {
			answer.after()
		}
		panic(http.ErrAbortHandler)
	}
	write(w, answer)
	if answer.after != nil {
		answer.after()
	}
}

// answer authenticates a request, plays rate limits, and has the resource answer. A wrong account or token
// comes first: a limit that is played must not hide it.
func (t *Twilio) answer(r *http.Request, mode Mode, h func(*http.Request) response) response {
	user, password, given := r.BasicAuth()
	right := subtle.ConstantTimeCompare([]byte(user+"\n"+password), []byte(t.cfg.AccountSID+"\n"+t.cfg.AuthToken)) == 1
	switch account := strings.TrimSuffix(r.PathValue("account"), ".json"); {
	case !given || !right:
		return refuse(http.StatusUnauthorized, 20003, "Authenticate")
	case account != "" && account != t.cfg.AccountSID:
		return refuse(http.StatusNotFound, 20404, "The requested resource was not found")
	case mode == ModeAPIRateLimits:
		return refuse(http.StatusTooManyRequests, 20429, "Too Many Requests")
	}
	// A body beyond the limit is cut off, and then cannot be read as a form.
	r.Body = http.MaxBytesReader(nil, r.Body, maxDocument)
	if err := r.ParseForm(); err != nil {
		return refuse(http.StatusBadRequest, 20001, "The request body cannot be read")
	}
	return h(r)
}

// write sends an answer as JSON.
func write(w http.ResponseWriter, answer response) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(answer.status)
	_ = json.NewEncoder(w).Encode(answer.body) // a client that went away is not our trouble
}

// field is the check of one form field. The zero value of repeated and code takes it once, and refuses with
// 21100.
type field struct {
	kind string
	// It may stand more than once, as StatusCallbackEvent.
	repeated bool
	// Twilio's error for a wrong value; 21100 if zero.
	code int
}

// checkForm refuses unknown fields, repeated ones and wrong values; true means that all are right. Twilio
// ignores unknown fields; a misspelt one is still the product's bug.
func checkForm(form url.Values, fields map[string]field) (response, bool) {
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	// The first complaint must not depend on the map's order.
	slices.Sort(names)
	for _, name := range names {
		rule, known := fields[name]
		if !known {
			return refuse(http.StatusBadRequest, 21100, "Unknown parameter %s", name), false
		}
		if len(form[name]) > 1 && !rule.repeated {
			return refuse(http.StatusBadRequest, 21100, "Parameter %s is given more than once", name), false
		}
		for _, value := range form[name] {
			if what := checkField(rule.kind, value); what != "" {
				code := rule.code
				if code == 0 {
					code = 21100
				}
				return refuse(http.StatusBadRequest, code, "Parameter %s %s", name, what), false
			}
		}
	}
	return response{}, true
}

// checkField returns "" or what is wrong with a field's value. It knows two kinds besides those of
// attributes: what Twilio calls out to must be absolute, and instants are RFC 3339 in UTC.
func checkField(kind, value string) string {
	switch kind {
	case "absolute":
		if what := checkURL(value); what != "" {
			return what
		}
		if !strings.Contains(value, "://") {
			return "is not absolute"
		}
		return ""
	case "instant":
		if at, err := time.Parse(time.RFC3339, value); err != nil || at.Location() != time.UTC {
			return "is not an instant in UTC"
		}
		return ""
	}
	return checkValue(kind, value)
}

// apiTime returns an instant in the form of the 2010 API, RFC 1123 in UTC; nil, JSON's null, for the zero
// time.
func apiTime(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.UTC().Format(time.RFC1123Z)
}

// nullable returns nil for an empty string: JSON's null.
func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// sidOf returns the SID in a request's path, which may end in .json.
func sidOf(r *http.Request) string { return strings.TrimSuffix(r.PathValue("sid"), ".json") }

// uri returns a path below the account.
func (t *Twilio) uri(tail string) string {
	return "/" + apiVersion + "/Accounts/" + t.cfg.AccountSID + tail
}

// getAccount shows the account, which doctor asks for to see whether the credentials are right.
func (t *Twilio) getAccount(*http.Request) response {
	return ok(object{
		"sid": t.cfg.AccountSID, "friendly_name": "stand-in", "status": "active", "type": "Full",
		"owner_account_sid": t.cfg.AccountSID, "uri": t.uri(".json"),
	})
}
