package billing

import (
	"maps"
	"slices"
)

// notBuilt are the keys that the rule book names and that no code reads yet. A key that is in force
// only on paper would deceive the operator, so each is refused. Who builds one takes its name off
// this list and adds its field and its row.
var notBuilt = []string{
	// import and ledger
	"coverage_months_back", "coverage_months_ahead", "received_ahead_hours", "bill_max_cents",
	"export_lag_minutes", "refund_max_days", "four_eyes_cents", "filed_alarm_banking_days",
	"events_catch_up_minutes", "match_processor_hours", "match_billing_hours",
	"ach_retry_max", "return_alarm_percent", "return_stop_percent",
	// cards, bank debits, recording
	"cards_recurring", "record_assent", "record_whole_calls", "letter_alarm_days", "standing_auth_enabled",
	"routing_directory_required", "schedule_enabled", "schedule_max_days", "saved_account_months",
	// identity
	"group_verify", "id_accounts_withheld_hour", "id_fail_alarm_percent", "guest_declines_hour_min",
	"guest_declines_hour_percent", "guest_accounts_call", "guest_accounts_caller_day",
	"otp_valid_minutes", "otp_tries", "otp_per_day", "otp_number_min_age_days",
	// AutoPay
	"autopay_phone_actions", "autopay_change_days", "autopay_max_failures", "autopay_drawn_by", "offer_cure",
	// texts, voice, people
	"sms_amounts", "callbacks_line_hour", "request_task_business_days", "web_pay_url",
	"callback_retry_minutes", "callback_tries", "speech_digits",
}

// fixed are the rule book's keys with one possible value: there is nothing to set.
var fixed = map[string]string{
	"due_shift":            "the due date never moves for weekends or holidays (C4)",
	"revised_after_due":    "a change after the due instant always goes into the next bill (B5)",
	"apply_order":          "money always pays the oldest bill first (B7)",
	"pay_when_terminated":  "the caller of a terminated account is always offered an agent (B10)",
	"autopay_short_notice": "a draw noticed too late is always capped at the last noticed amount (A5)",
}

// RefusedKey returns why a key of the rule book may not stand in a policy file and what to do, or ""
// when the key is none of those: then it is one of Policy's, or unknown.
func RefusedKey(key string) string {
	if slices.Contains(notBuilt, key) {
		return "not built yet: this version does not read it, so setting it would change nothing; remove it from the policy file"
	}
	if why, ok := fixed[key]; ok {
		return "cannot be set: " + why + "; remove it from the policy file"
	}
	return ""
}

// RefusedKeys lists every key for which RefusedKey has a reason.
// The list is new at each call, so a caller may change it.
func RefusedKeys() []string { return slices.Concat(notBuilt, slices.Sorted(maps.Keys(fixed))) }
