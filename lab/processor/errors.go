package processor

// Types of Stripe's errors.
const (
	invalidRequest = "invalid_request_error"
	cardError      = "card_error"
	apiErrorType   = "api_error"
	idempotency    = "idempotency_error"
)

// apiError is an error as Stripe words it, as it stands in a reply and in last_payment_error. Param names a
// field and Message never repeats its value.
type apiError struct {
	Type        string      `json:"type"`
	Code        string      `json:"code,omitempty"`
	DeclineCode string      `json:"decline_code,omitempty"`
	NetworkCode string      `json:"network_decline_code,omitempty"`
	Message     string      `json:"message"`
	Param       string      `json:"param,omitempty"`
	Charge      string      `json:"charge,omitempty"`
	Method      *methodView `json:"payment_method,omitempty"`
	Intent      *intentView `json:"payment_intent,omitempty"`

	// The HTTP status of the reply.
	status int
	// Refused before anything was carried out: not kept under the key, so the key may be used again.
	unstored bool
}

// refuse returns the answer that is an error.
func refuse(e *apiError) answer {
	return answer{status: e.status, body: mustJSON(map[string]any{"error": e})}
}

// internal returns a 500 as Stripe sends it: it says nothing of what was done.
func internal() answer {
	return refuse(&apiError{status: 500, Type: apiErrorType, Message: "An unknown error occurred."})
}

// invalid returns a 400 that fails validation: nothing was done, and it is not kept under the key.
func invalid(code, param, message string) *apiError {
	return &apiError{status: 400, unstored: true, Type: invalidRequest, Code: code, Param: param, Message: message}
}

// missing returns the refusal of a request without a parameter that it needs.
func missing(param string) *apiError {
	return invalid("parameter_missing", param, "Missing required param: "+param+".")
}

// noSuch returns a 404 for an id in the path.
func noSuch(what, param string) *apiError {
	return &apiError{
		status: 404, unstored: true, Type: invalidRequest, Code: "resource_missing", Param: param,
		Message: "No such " + what + ".",
	}
}

// wrongState returns the refusal of a confirm or cancel that comes at the wrong moment; it shows the
// PaymentIntent, as Stripe does, so the product learns the true state from the refusal.
func wrongState(in *intent, view intentView, message string) *apiError {
	return &apiError{status: 400, Type: invalidRequest, Code: "payment_intent_unexpected_state", Message: message, Intent: &view, Charge: in.Charge}
}
