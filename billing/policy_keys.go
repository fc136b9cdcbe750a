package billing

import (
	"regexp"
	"time"
)

// policyKey is one row of the policy's table: a key, its default, and what the rule book says of it. The
// table is the one place where a key's default, rule and bounds stand together, so that the checks and what
// `duebell policy` prints cannot differ.
type policyKey struct {
	key                string
	def                any // of the field's type; a plain number for Money, Seconds, Minutes and Hours
	rule, source, note string
	check              check // nil: every value of the type is possible
}

// policyKeys are the rows of all keys, in the order of Policy's fields. To add a key: a field in
// Policy, a row here, and code that reads the field; a test finds a key without a reader.
func policyKeys() []policyKey {
	return []policyKey{
		{"time_zone", "America/New_York", "C1", "inference", "the one business zone", zoneName},
		{"bill_day", 1, "C2", "HC-bill, seed", "day of the month the bills are issued", between(1, 28)},
		{"paper_bill_promise_day", 10, "C2", "HC-bill, seed", "earliest day promised for paper bills", between(1, 28)},
		{"due_day", 23, "C3", "HC-bill", "day of the month the bills are due", between(1, 28)},
		{"due_time_local", wall(17, 0), "C3", "seed", "last second in time, inclusive", nil},
		{"due_overrides", []DueOverride{}, "C5", "moved deadlines 2014, 2015", "dated due instants: scope, bill_month, due_at, reason, announced_at", nil},
		{"received_tolerance_seconds", 0, "C6", "seed, decision", "how late an authorization may be when the call began in time", between(0, 86400)},
		{"cutoff_notice_minutes", 15, "C7", "inference", "from here on callers hear that the authorization counts", between(0, 1440)},
		{"bank_holidays", []Holiday{}, "C8", "FRB", "date, name; replaces the Federal Reserve's days in the years it names", nil},

		{"billing_account_pattern", regexp.MustCompile(`^7\d{8}$`), "B1", "HC-pay", "form of an account number", anchored},
		{"member_id_pattern", regexp.MustCompile(`^\d{12}$`), "B1", "HC-pay", "form of a member ID", anchored},
		{"group_accounts", "serve", "B4", "seed, HC-group", "serve small employers or transfer them", oneOf("serve", "transfer")},
		{"import_max_age_hours", 24, "B6", "decision", "older: amounts as of a date, no reminders", atLeast(1)},
		{"new_account_wait_days", 5, "B8", "HC-enroll", "how long a new account may be unknown here", atLeast(0)},

		{"default_grace_regime", MonthEnd, "G5", "decision", "for accounts whose regime billing does not give",
			oneOf(string(MonthEnd), string(NextDue), string(ThirdDue), string(NoGrace))},
		{"pay_after_grace", "warn", "G8", "seed, decision", "after grace: warn and take it, or offer the agent first", oneOf("warn", "agent")},

		{"paid_tolerance_cents", 0, "M1", "decision", "a balance up to this counts as paid", atLeast(0)},
		{"partial_allowed", true, "M2", "seed, HC-bill", "less than the whole balance may be paid", nil},
		{"min_payment_cents", 100, "M3", "decision", "least payment; a smaller whole balance may be paid exactly", atLeast(1)},
		{"max_over_months", 1, "M4", "decision", "months of charge that may be paid ahead", between(0, 24)},
		{"guest_max_cents", 300000, "M4", "decision", "a guest's ceiling, the same for every account", atLeast(1)},
		{"amount_max_digits", 7, "M5", "decision", "longest amount in keys, cents included", between(3, 12)},
		{"duplicate_window_hours", 24, "M8", "decision", "same account and amount within it: second consent", atLeast(0)},

		{"eft_enabled", true, "P1", "seed", "bank debits by phone", nil},
		{"cards_accepted", true, "P1", "seed; contradicted by HC-pay", "cards by phone", nil},
		{"card_fee_cents", 0, "P2", "seed; c.140D s.28A", "flat fee; needs an approver", atLeast(0)},
		{"card_fee_approved_by", "", "P2", "Division of Banks opinion 98-239", "who answers for a fee", nil},
		{"stripe_moto", false, "P3", "PCI 3.3.1, 3.4.1", "mark card payments as phone orders, where the processor enabled it", nil},
		{"pay_tries_call", 3, "P3", "decision", "captures a call and account", atLeast(1)},
		{"mail_by_day", 18, "P4", "HC-pay, seed", "day to mail a payment by", between(1, 28)},

		{"guest_pay", true, "I2", "seed, decision", "pay with the account number alone", nil},
		{"guest_eft", false, "I2", "seed, decision", "guests may pay by bank account", nil},
		{"verify_ssn_last4", false, "I3", "HC-pay, seed, decision", "last four of the SSN may stand in for the ZIP", nil},
		{"caller_id_factor", "never", "I4", "STIR/SHAKEN limits", "whether a signed number may stand in for the ZIP", oneOf("never", "attested_a")},
		{"id_tries_per_call", 3, "I5", "NIST, VUI", "failed verifications a call", atLeast(1)},
		{"id_tries_per_account_day", 5, "I5", "NIST, VUI", "failures an account in 24 h before a soft lock", atLeast(1)},
		{"id_accounts_per_caller_day", 10, "I5", "NIST, VUI", "accounts a caller number may try in 24 h", atLeast(1)},
		{"id_fail_hard", 100, "I5", "NIST, VUI", "failures in a row before agents only", atLeast(1)},
		{"soft_lock_minutes", 30, "I5", "NIST, VUI", "length of a soft lock", atLeast(1)},
		{"new_bank_accounts_per_day", 3, "I5", "NIST, VUI", "new bank accounts an account or caller a day", atLeast(1)},
		{"declines_per_account_day", 5, "I5", "NIST, VUI", "declines an account a day, guests' and others' apart", atLeast(1)},
		{"declines_per_caller_day", 10, "I5", "NIST, VUI", "declines a caller number a day", atLeast(1)},
		{"declines_withheld_hour", 50, "I5", "NIST, VUI", "declines of all withheld numbers an hour", atLeast(1)},
		{"guest_pays_per_caller_day", 10, "I5", "NIST, VUI", "guest payments a caller number a day", atLeast(1)},
		{"resume_minutes", 15, "I7", "inference", "how long a dropped call can be resumed", atLeast(0)},

		{"tel_assent", "spoken", "E4", "NACHA via processors", "how a bank debit is assented to", oneOf("spoken", "key_with_written_notice")},
		{"assent_min_confidence", 0.5, "E4", "decision", "below it spoken assent is not recognised", between(0, 1)},
		{"assent_max_failures", 2, "E5", "decision, ADA", "failed recognitions before agent, web or mail", atLeast(1)},
		{"eft_without_text", "letter", "E6", "NACHA, decision", "written notice where no text may go", oneOf("letter", "refuse")},
		{"letter_lead_banking_days", 1, "E6", "NACHA, decision", "banking days from a letter's posting to the debit", atLeast(1)},
		{"evidence_years", 2, "E8, D4", "NACHA", "how long evidence of consent is kept", atLeast(2)},
		{"bank_account_min_digits", 4, "E11", "NACHA format", "shortest bank account number", between(4, 17)},
		{"bank_account_max_digits", 17, "E11", "NACHA format", "longest bank account number", between(4, 17)},
		{"odfi_cutoff_local", wall(16, 0), "E12", "NACHA", "the bank's cut-off on banking days", nil},
		{"ach_same_day", false, "E12", "NACHA", "debits are dated the day they are filed", nil},

		{"autopay_day_min", 1, "A3", "seed, decision", "first day to choose for a draw", between(1, 28)},
		{"autopay_day_max", 23, "A3", "seed, decision", "last day to choose for a draw", between(1, 28)},
		{"autopay_notice_days", 10, "A5", "Reg E 1005.10(d)", "calendar days a varying amount is announced ahead", atLeast(0)},
		{"autopay_stop_business_days", 3, "A6", "Reg E 1005.10(c), NACHA", "business days before a draw to stop it", atLeast(0)},

		{"hold_patience_seconds", 40, "L3", "inference", "how long a caller waits for an outcome", between(1, 600)},
		{"pending_resolve_hours", 24, "L3", "inference", "an older unknown outcome is a person's task", atLeast(1)},
		{"declined_hold_hours", 24, "L3", "inference", "a replacement payment within it counts as in time; 0 = off", atLeast(0)},

		{"due_soon_days", []int{10, 3, 1}, "N1", "decision", "days before the due date to remind on", descending},
		{"grace_ending_days", 3, "N1", "decision", "days before the end of grace to remind on", atLeast(1)},
		{"reminder_cap_per_month", 4, "N3", "decision, inference", "capped texts a number and month", atLeast(0)},
		{"send_open_local", wall(9, 0), "N4", "201 CMR 12.02", "texts from, in the recipient's time", nil},
		{"send_close_local", wall(19, 30), "N4", "201 CMR 12.02", "texts before, in the recipient's time", nil},
		{"sms_skip_holidays", false, "N4", "47 CFR 64.1200(c)", "send nothing on holidays", nil},
		{"due_today_latest_local", wall(15, 0), "N6", "inference", "latest hour of a due-today text", nil},
		{"sms_max_segments", 3, "N7", "3GPP", "longest text in other languages", between(1, 10)},
		{"callback_wait_minutes", 30, "N8", "decision", "how long a call waits for a free channel", atLeast(0)},
		{"callback_min_gap_minutes", 10, "N8", "decision", "least time between two calls to a number", atLeast(0)},
		{"callback_per_day", 3, "N8", "decision", "calls to a number a day", atLeast(0)},
		{"callback_rate", 0.06, "N9", "inference", "share of texts that bring a call", between(0.001, 1)},
		{"call_seconds", 270, "N9", "inference", "length of a call", atLeast(1)},
		{"voice_reminders", false, "N10", "47 CFR 64.1200", "reminder calls for those who opted in", nil},

		{"sms_basis", []string{"application", "opt_in"}, "O1", "FCC DA 23-62; CTIA", "what counts as consent to texts", subsetOf("application", "opt_in")},
		{"twilio_default_replies", true, "O2", "47 CFR 64.1200(a)(10)", "Twilio answers its own words; false: we always do", nil},
		{"optout_confirm_minutes", 5, "O2", "47 CFR 64.1200(a)(10)", "latest confirmation of an opt-out", between(1, 5)},
		{"revoke_all_from", Instant{time.Date(2027, time.January, 31, 0, 0, 0, 0, time.FixedZone("", -5*3600))}, "O3", "FCC DA 26-12", "from here on STOP ends calls and other purposes too", present},
		{"reassigned_check_days", 30, "O5", "FCC reassigned numbers", "how often numbers are checked for reassignment", atLeast(1)},
		{"optout_words", []string{}, "O6", "47 CFR 64.1200(a)(10)", "words added to the built-in ones, which stay", noBlanks},
		{"help_reply_gap_hours", 24, "O9", "decision", "least time between two help lines", atLeast(0)},

		{"agent_open_local", wall(8, 0), "H1", "seed", "agents from", nil},
		{"agent_close_local", wall(18, 0), "H1", "seed", "agents until, exclusive", nil},
		{"agent_holidays", []Holiday{}, "H1", "MA-hol", "date, name; replaces the Massachusetts days in the years it names", nil},
		{"agent_hours_overrides", []AgentHoursOverride{}, "H1", "seed", "dated extra hours and closures: date, open, close, closed", nil},
		{"callback_slot_minutes", 30, "H2", "decision", "length of a call-back appointment", between(5, 600)},
		{"service_phone", "+18776236765", "H4", "HC-pay", "the main line", phone},
		{"tty", "711", "H4", "HC-pay", "relay service", shortOrPhone},
		{"doi_phone", "+16175217794", "H4", "HC-pay", "Division of Insurance", phone},
		{"group_phone", "+18888139220", "H4", "HC-pay", "small-business line", phone},
		{"walk_in_list", []string{"Boston", "Springfield", "Worcester"}, "H4", "HC-pay, seed", "walk-in centers", noBlanks},
		{"agent_dial", "", "H5", "decision", "number or sip: address to transfer to; empty = no transfer", dialable},
		{"agent_ring_seconds", 25, "H5", "decision", "how long an agent's phone rings", between(5, 600)},
		{"menu_max_options", 5, "V1", "VUI", "options a menu besides 0 and 9; more go behind \"for something else\"", between(2, 8)},
		{"tries_menu", 3, "V3", "VUI", "silences and wrong keys a menu", atLeast(1)},
		{"tries_field", 3, "V3", "VUI", "silences and wrong entries a field", atLeast(1)},
		{"tries_call", 8, "V3", "VUI", "silences and wrong keys a call", atLeast(1)},
		{"timeout_menu_seconds", 7, "V4", "36 CFR 1194.23(d)", "wait for a key in a menu", between(1, 60)},
		{"timeout_field_seconds", 10, "V4", "36 CFR 1194.23(d)", "wait for a key in a field", between(1, 60)},
		{"timeout_digit_seconds", 5, "V4", "36 CFR 1194.23(d)", "wait for a key in the capture leg", between(1, 60)},
		{"max_silence_seconds", 3, "V7", "28 CFR 35.160-161; VUI", "longest silence in what we speak", between(1, 10)},
		{"turn_budget_seconds", 5, "V7", "28 CFR 35.160-161; VUI", "longest a turn may work before it says so", between(1, 6)},
		{"languages", []string{"en", "es"}, "K1", "45 CFR 155.205(c)", "languages wanted; each is offered once complete and approved", languageTags},
		{"voices", map[string]string{"en": "Polly.Joanna-Neural", "es": "Polly.Lupe-Neural"}, "K1", "45 CFR 155.205(c)", "voice of each language", voiceTable},

		{"onetime_bank_data_days", 90, "D2", "201 CMR 17, return windows", "how long one-time tokens are kept", atLeast(1)},
		{"ledger_years", 7, "D4", "inference", "how long the ledger is kept", atLeast(1)},
		{"consent_years", 5, "D4", "inference", "how long consents are kept", atLeast(1)},
		{"message_text_days", 90, "D4", "inference", "how long texts are kept", atLeast(1)},
		{"call_event_days", 400, "D4", "inference", "how long events of calls are kept", atLeast(1)},
		{"failed_id_days", 30, "D4", "inference", "how long failed verifications are kept", atLeast(1)},
		{"raw_webhook_days", 7, "D4", "inference", "how long raw webhooks are kept, secrets dropped", atLeast(1)},
	}
}
