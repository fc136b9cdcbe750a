package billing

import "regexp"

// Policy holds the operator's settings: one field for every key of the policy file, named by its toml tag,
// as sms_max_segments is SMSMaxSegments. The rows of policyKeys hold each key's default, rule and check.
// DefaultPolicy returns the rule book's values, Problems what is impossible among changed ones, and Keys
// all of them for printing. Every field is read by production code: a test in archtest finds one that is not.
//
// Amounts are cents. Policy is a plain value; copies share lists and tables, which nobody changes after
// loading.
type Policy struct {
	// Time and calendar (C1-C8).
	TimeZone                 string        `toml:"time_zone"`
	BillDay                  int           `toml:"bill_day"`
	PaperBillPromiseDay      int           `toml:"paper_bill_promise_day"`
	DueDay                   int           `toml:"due_day"`
	DueTimeLocal             LocalTime     `toml:"due_time_local"`
	DueOverrides             []DueOverride `toml:"due_overrides"`
	ReceivedToleranceSeconds Seconds       `toml:"received_tolerance_seconds"`
	CutoffNoticeMinutes      Minutes       `toml:"cutoff_notice_minutes"`
	BankHolidays             []Holiday     `toml:"bank_holidays"`

	// Members, accounts, bills (B1-B10).
	BillingAccountPattern *regexp.Regexp `toml:"billing_account_pattern"`
	MemberIDPattern       *regexp.Regexp `toml:"member_id_pattern"`
	GroupAccounts         string         `toml:"group_accounts"`
	ImportMaxAgeHours     Hours          `toml:"import_max_age_hours"`
	NewAccountWaitDays    int            `toml:"new_account_wait_days"`

	// Grace and late payment (G5, G8).
	DefaultGraceRegime Regime `toml:"default_grace_regime"`
	PayAfterGrace      string `toml:"pay_after_grace"`

	// Amounts (M1-M8).
	PaidToleranceCents   Money `toml:"paid_tolerance_cents"`
	PartialAllowed       bool  `toml:"partial_allowed"`
	MinPaymentCents      Money `toml:"min_payment_cents"`
	MaxOverMonths        int   `toml:"max_over_months"`
	GuestMaxCents        Money `toml:"guest_max_cents"`
	AmountMaxDigits      int   `toml:"amount_max_digits"`
	DuplicateWindowHours Hours `toml:"duplicate_window_hours"`

	// Payment methods and cards (P1-P5).
	EFTEnabled        bool   `toml:"eft_enabled"`
	CardsAccepted     bool   `toml:"cards_accepted"`
	CardFeeCents      Money  `toml:"card_fee_cents"`
	CardFeeApprovedBy string `toml:"card_fee_approved_by"`
	StripeMOTO        bool   `toml:"stripe_moto"`
	PayTriesCall      int    `toml:"pay_tries_call"`
	MailByDay         int    `toml:"mail_by_day"`

	// Identity (I2-I7).
	GuestPay               bool    `toml:"guest_pay"`
	GuestEFT               bool    `toml:"guest_eft"`
	VerifySSNLast4         bool    `toml:"verify_ssn_last4"`
	CallerIDFactor         string  `toml:"caller_id_factor"`
	IDTriesPerCall         int     `toml:"id_tries_per_call"`
	IDTriesPerAccountDay   int     `toml:"id_tries_per_account_day"`
	IDAccountsPerCallerDay int     `toml:"id_accounts_per_caller_day"`
	IDFailHard             int     `toml:"id_fail_hard"`
	SoftLockMinutes        Minutes `toml:"soft_lock_minutes"`
	NewBankAccountsPerDay  int     `toml:"new_bank_accounts_per_day"`
	DeclinesPerAccountDay  int     `toml:"declines_per_account_day"`
	DeclinesPerCallerDay   int     `toml:"declines_per_caller_day"`
	DeclinesWithheldHour   int     `toml:"declines_withheld_hour"`
	GuestPaysPerCallerDay  int     `toml:"guest_pays_per_caller_day"`
	ResumeMinutes          Minutes `toml:"resume_minutes"`

	// EFT authorization and recording (E4-E12, R2).
	TELAssent             string    `toml:"tel_assent"`
	AssentMinConfidence   float64   `toml:"assent_min_confidence"`
	AssentMaxFailures     int       `toml:"assent_max_failures"`
	EFTWithoutText        string    `toml:"eft_without_text"`
	LetterLeadBankingDays int       `toml:"letter_lead_banking_days"`
	EvidenceYears         int       `toml:"evidence_years"`
	BankAccountMinDigits  int       `toml:"bank_account_min_digits"`
	BankAccountMaxDigits  int       `toml:"bank_account_max_digits"`
	ODFICutoffLocal       LocalTime `toml:"odfi_cutoff_local"`
	ACHSameDay            bool      `toml:"ach_same_day"`

	// AutoPay (A1-A8).
	AutoPayDayMin           int `toml:"autopay_day_min"`
	AutoPayDayMax           int `toml:"autopay_day_max"`
	AutoPayNoticeDays       int `toml:"autopay_notice_days"`
	AutoPayStopBusinessDays int `toml:"autopay_stop_business_days"`

	// Ledger and outcomes (L3). The limits on return rates (L7: alarm, then stop) have no fields yet: see
	// RefusedKey.
	HoldPatienceSeconds Seconds `toml:"hold_patience_seconds"`
	PendingResolveHours Hours   `toml:"pending_resolve_hours"`
	DeclinedHoldHours   Hours   `toml:"declined_hold_hours"`

	// Reminders (N1-N10).
	DueSoonDays           []int     `toml:"due_soon_days"`
	GraceEndingDays       int       `toml:"grace_ending_days"`
	ReminderCapPerMonth   int       `toml:"reminder_cap_per_month"`
	SendOpenLocal         LocalTime `toml:"send_open_local"`
	SendCloseLocal        LocalTime `toml:"send_close_local"`
	SMSSkipHolidays       bool      `toml:"sms_skip_holidays"`
	DueTodayLatestLocal   LocalTime `toml:"due_today_latest_local"`
	SMSMaxSegments        int       `toml:"sms_max_segments"`
	CallbackWaitMinutes   Minutes   `toml:"callback_wait_minutes"`
	CallbackMinGapMinutes Minutes   `toml:"callback_min_gap_minutes"`
	CallbackPerDay        int       `toml:"callback_per_day"`
	CallbackRate          float64   `toml:"callback_rate"`
	CallSeconds           Seconds   `toml:"call_seconds"`
	VoiceReminders        bool      `toml:"voice_reminders"`

	// Consent and opt-out (O1-O9).
	SMSBasis             []string `toml:"sms_basis"`
	TwilioDefaultReplies bool     `toml:"twilio_default_replies"`
	OptOutConfirmMinutes Minutes  `toml:"optout_confirm_minutes"`
	RevokeAllFrom        Instant  `toml:"revoke_all_from"`
	ReassignedCheckDays  int      `toml:"reassigned_check_days"`
	OptOutWords          []string `toml:"optout_words"` // added to the built-in ones, which stay (O6)
	HelpReplyGapHours    Hours    `toml:"help_reply_gap_hours"`

	// Agents, voice, languages (H1-K4).
	AgentOpenLocal      LocalTime            `toml:"agent_open_local"`
	AgentCloseLocal     LocalTime            `toml:"agent_close_local"`
	AgentHolidays       []Holiday            `toml:"agent_holidays"`
	AgentHoursOverrides []AgentHoursOverride `toml:"agent_hours_overrides"`
	CallbackSlotMinutes Minutes              `toml:"callback_slot_minutes"`
	ServicePhone        string               `toml:"service_phone"`
	TTY                 string               `toml:"tty"`
	DOIPhone            string               `toml:"doi_phone"`
	GroupPhone          string               `toml:"group_phone"`
	WalkInList          []string             `toml:"walk_in_list"`
	AgentDial           string               `toml:"agent_dial"`
	AgentRingSeconds    Seconds              `toml:"agent_ring_seconds"`
	MenuMaxOptions      int                  `toml:"menu_max_options"`
	TriesMenu           int                  `toml:"tries_menu"`
	TriesField          int                  `toml:"tries_field"`
	TriesCall           int                  `toml:"tries_call"`
	TimeoutMenuSeconds  Seconds              `toml:"timeout_menu_seconds"`
	TimeoutFieldSeconds Seconds              `toml:"timeout_field_seconds"`
	TimeoutDigitSeconds Seconds              `toml:"timeout_digit_seconds"`
	MaxSilenceSeconds   Seconds              `toml:"max_silence_seconds"`
	TurnBudgetSeconds   Seconds              `toml:"turn_budget_seconds"`
	Languages           []string             `toml:"languages"`
	Voices              map[string]string    `toml:"voices"`

	// Data protection (D2, D4).
	OnetimeBankDataDays int `toml:"onetime_bank_data_days"`
	LedgerYears         int `toml:"ledger_years"`
	ConsentYears        int `toml:"consent_years"`
	MessageTextDays     int `toml:"message_text_days"`
	CallEventDays       int `toml:"call_event_days"`
	FailedIDDays        int `toml:"failed_id_days"`
	RawWebhookDays      int `toml:"raw_webhook_days"`
}

// DueOverride is one [[due_overrides]] entry: a due instant that beats the formula (C5).
// DueAt is inclusive like any due instant. AnnouncedAt decides between two entries of one scope and month:
// the newest counts.
type DueOverride struct {
	Scope       string  `toml:"scope"` // "all", a kind, or one account number
	BillMonth   Month   `toml:"bill_month"`
	DueAt       Instant `toml:"due_at"`
	Reason      string  `toml:"reason"`
	AnnouncedAt Instant `toml:"announced_at"`
}

// Holiday is one [[bank_holidays]] or [[agent_holidays]] entry. A year that the list names
// follows the list alone; other years follow the rule book (C8, H1).
type Holiday struct {
	Date Date   `toml:"date"`
	Name string `toml:"name"`
}

// AgentHoursOverride is one [[agent_hours_overrides]] entry: extra hours, or a closed day (H1).
// Open and Close are wall times of the business zone, Close exclusive; both are zero on a closed day.
type AgentHoursOverride struct {
	Date   Date      `toml:"date"`
	Open   LocalTime `toml:"open"`
	Close  LocalTime `toml:"close"`
	Closed bool      `toml:"closed"`
}
