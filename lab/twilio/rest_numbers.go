package twilio

import (
	"net/http"
	"net/url"
	"slices"
)

// service is a Messaging Service. Its pool is the account's first number. Guarded by Twilio.mu.
type service struct {
	sid, name      string
	inboundURL     string
	fallbackURL    string
	statusCallback string
	// Inbound texts go to the number's webhook, not to inboundURL.
	onNumber bool
}

// numberFields are what an update of a number may hold. Methods and the name are checked and not kept: every
// webhook of the product is a POST.
var numberFields = map[string]field{
	"VoiceUrl": {kind: "absolute", code: 21502}, "VoiceMethod": {kind: "method"},
	"VoiceFallbackUrl": {kind: "absolute", code: 21502}, "VoiceFallbackMethod": {kind: "method"},
	"StatusCallback": {kind: "absolute", code: 21502}, "StatusCallbackMethod": {kind: "method"},
	"SmsUrl": {kind: "absolute", code: 21502}, "SmsMethod": {kind: "method"}, "FriendlyName": {kind: "string"},
}

// numberJSON shows a phone number with its webhooks. The caller holds t.mu.
func (t *Twilio) numberJSON(n *Number) object {
	return object{
		"sid": n.SID, "account_sid": t.cfg.AccountSID, "phone_number": n.Phone, "friendly_name": n.Phone, "api_version": apiVersion,
		"voice_url": n.VoiceURL, "voice_method": "POST", "voice_fallback_url": n.VoiceFallbackURL, "voice_fallback_method": "POST",
		"status_callback": n.StatusURL, "status_callback_method": "POST", "sms_url": n.SMSURL, "sms_method": "POST",
		// Fixed: no number here lacks calls or texts.
		"capabilities": object{"voice": true, "sms": true, "mms": true, "fax": false},
		"uri":          t.uri("/IncomingPhoneNumbers/" + n.SID + ".json"),
	}
}

// listNumbers lists the account's numbers, or the one asked for.
func (t *Twilio) listNumbers(r *http.Request) response {
	query := r.URL.Query()
	rules := map[string]field{
		"PhoneNumber": {kind: "string"}, "FriendlyName": {kind: "string"},
		"PageSize": {kind: "range 1 1000"}, "Page": {kind: "range 0 100000"}, "PageToken": {kind: "string"},
	}
	if answer, fine := checkForm(query, rules); !fine {
		return answer
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []any
	for _, n := range t.numbers {
		if phone := query.Get("PhoneNumber"); phone == "" || phone == n.Phone {
			found = append(found, t.numberJSON(n))
		}
	}
	return ok(t.page(r, "IncomingPhoneNumbers.json", "incoming_phone_numbers", found))
}

// findNumber returns the number with a SID. The caller holds t.mu.
func (t *Twilio) findNumber(sid string) (*Number, bool) {
	i := slices.IndexFunc(t.numbers, func(n *Number) bool { return n.SID == sid })
	if i < 0 {
		return nil, false
	}
	return t.numbers[i], true
}

// getNumber shows one number.
func (t *Twilio) getNumber(r *http.Request) response {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, found := t.findNumber(sidOf(r))
	if !found {
		return notFound()
	}
	return ok(t.numberJSON(n))
}

// updateNumber changes a number's webhooks, as `duebell twilio apply` does. Calls that run keep those that
// they began with.
func (t *Twilio) updateNumber(r *http.Request) response {
	if answer, fine := checkForm(r.PostForm, numberFields); !fine {
		return answer
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	n, found := t.findNumber(sidOf(r))
	if !found {
		return notFound()
	}
	// The next call or text goes by the new URLs.
	set(r.PostForm, map[string]*string{
		"VoiceUrl": &n.VoiceURL, "VoiceFallbackUrl": &n.VoiceFallbackURL, "StatusCallback": &n.StatusURL, "SmsUrl": &n.SMSURL,
	})
	return ok(t.numberJSON(n))
}

// set copies the fields that are given, empty ones too; the rest stay as they are.
func set(form url.Values, fields map[string]*string) {
	for name, target := range fields {
		if form.Has(name) {
			*target = form.Get(name)
		}
	}
}

// serviceJSON shows a Messaging Service. The caller holds t.mu.
func (t *Twilio) serviceJSON(s *service) object {
	return object{
		"sid": s.sid, "account_sid": t.cfg.AccountSID, "friendly_name": s.name,
		"inbound_request_url": nullable(s.inboundURL), "inbound_method": "POST", "fallback_url": nullable(s.fallbackURL), "fallback_method": "POST",
		"status_callback": nullable(s.statusCallback), "use_inbound_webhook_on_number": s.onNumber, "validity_period": 36000,
		"url": "https://messaging.twilio.com/v1/Services/" + s.sid,
	}
}

// listServices lists the Messaging Services, all on one page, in no order.
func (t *Twilio) listServices(*http.Request) response {
	t.mu.Lock()
	defer t.mu.Unlock()
	// Not nil, so that an account without services shows [].
	list := []any{}
	for _, s := range t.services {
		list = append(list, t.serviceJSON(s))
	}
	return ok(object{"services": list, "meta": object{"key": "services", "page": 0, "page_size": 50, "next_page_url": nil}})
}

// getService shows one Messaging Service.
func (t *Twilio) getService(r *http.Request) response {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, found := t.services[sidOf(r)]
	if !found {
		return notFound()
	}
	return ok(t.serviceJSON(s))
}

// updateService changes a Messaging Service's webhooks. Methods are checked and not kept.
func (t *Twilio) updateService(r *http.Request) response {
	rules := map[string]field{
		"InboundRequestUrl": {kind: "absolute"}, "InboundMethod": {kind: "method"}, "FallbackUrl": {kind: "absolute"}, "FallbackMethod": {kind: "method"},
		"StatusCallback": {kind: "absolute"}, "UseInboundWebhookOnNumber": {kind: "bool"}, "FriendlyName": {kind: "string"},
	}
	if answer, fine := checkForm(r.PostForm, rules); !fine {
		return answer
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s, found := t.services[sidOf(r)]
	if !found {
		return notFound()
	}
	set(r.PostForm, map[string]*string{
		"InboundRequestUrl": &s.inboundURL, "FallbackUrl": &s.fallbackURL, "StatusCallback": &s.statusCallback, "FriendlyName": &s.name,
	})
	// A flag and not a text, so set cannot copy it; its form has been checked.
	if r.PostForm.Has("UseInboundWebhookOnNumber") {
		s.onNumber = r.PostForm.Get("UseInboundWebhookOnNumber") == "true"
	}
	return ok(t.serviceJSON(s))
}
