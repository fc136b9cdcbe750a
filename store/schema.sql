-- What the migrations make, all of them together. Written by `go test ./store -run TestSchema -update`: do not edit.
-- Why each thing is there stands in the migrations.

-- Tables and their constraints

CREATE TABLE members (
    member_id text NOT NULL,
    name text NOT NULL,
    phone text,
    phone_since date,
    mobile boolean NOT NULL DEFAULT false,
    language text NOT NULL,
    billing_language text,
    time_zone text NOT NULL,
    CONSTRAINT members_pkey PRIMARY KEY (member_id),
    CONSTRAINT members_member_id_check CHECK ((member_id ~ '^[0-9]{12}$'::text)),
    CONSTRAINT members_phone_check CHECK ((phone ~ '^\+[1-9][0-9]{7,14}$'::text))
);

CREATE TABLE verification_answers (
    member_id text NOT NULL,
    kind text NOT NULL,
    key_id text NOT NULL,
    mac bytea NOT NULL,
    CONSTRAINT verification_answers_pkey PRIMARY KEY (member_id, kind),
    CONSTRAINT verification_answers_member_id_fkey FOREIGN KEY (member_id) REFERENCES members(member_id),
    CONSTRAINT verification_answers_kind_check CHECK ((kind = ANY (ARRAY['birth-date'::text, 'zip'::text, 'ssn4'::text, 'invoice'::text, 'invoice-previous'::text])))
);

CREATE TABLE verifications (
    call_sid text NOT NULL,
    turn integer NOT NULL,
    subject text NOT NULL,
    caller text,
    passed boolean NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT verifications_pkey PRIMARY KEY (call_sid, turn, subject)
);

CREATE TABLE soft_locks (
    subject text NOT NULL,
    from_at timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    CONSTRAINT soft_locks_pkey PRIMARY KEY (subject, from_at),
    CONSTRAINT soft_locks_check CHECK ((until > from_at))
);

CREATE TABLE accounts (
    account text NOT NULL,
    member_id text NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    grace_regime text,
    autopay_day smallint,
    autopay_last4 text,
    frozen_at timestamp with time zone,
    CONSTRAINT accounts_pkey PRIMARY KEY (account),
    CONSTRAINT accounts_member_id_fkey FOREIGN KEY (member_id) REFERENCES members(member_id),
    CONSTRAINT accounts_autopay_day_check CHECK (((autopay_day >= 1) AND (autopay_day <= 28))),
    CONSTRAINT accounts_autopay_last4_check CHECK ((autopay_last4 ~ '^[0-9]{4}$'::text)),
    CONSTRAINT accounts_grace_regime_check CHECK ((grace_regime = ANY (ARRAY['month-end'::text, 'next-due'::text, 'third-due'::text, 'none'::text]))),
    CONSTRAINT accounts_kind_check CHECK ((kind = ANY (ARRAY['health'::text, 'dental'::text, 'group'::text]))),
    CONSTRAINT accounts_status_check CHECK ((status = ANY (ARRAY['active'::text, 'terminated'::text, 'blocked'::text])))
);

CREATE TABLE bills (
    account text NOT NULL,
    coverage_month date NOT NULL,
    revision integer NOT NULL,
    billed_cents bigint NOT NULL,
    first_bill boolean NOT NULL DEFAULT false,
    grace_ends_at timestamp with time zone,
    CONSTRAINT bills_pkey PRIMARY KEY (account, coverage_month, revision) INCLUDE (billed_cents, first_bill, grace_ends_at),
    CONSTRAINT bills_account_fkey FOREIGN KEY (account) REFERENCES accounts(account),
    CONSTRAINT bills_billed_cents_check CHECK ((billed_cents >= 0)),
    CONSTRAINT bills_coverage_month_check CHECK ((EXTRACT(day FROM coverage_month) = (1)::numeric)),
    CONSTRAINT bills_revision_check CHECK ((revision >= 0))
);

CREATE TABLE import_runs (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    as_of timestamp with time zone NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    members integer,
    accounts integer,
    bills integer,
    payments integer,
    CONSTRAINT import_runs_pkey PRIMARY KEY (id)
);

CREATE TABLE closed_periods (
    account text NOT NULL,
    first_month date NOT NULL,
    since timestamp with time zone NOT NULL,
    CONSTRAINT closed_periods_pkey PRIMARY KEY (account),
    CONSTRAINT closed_periods_account_fkey FOREIGN KEY (account) REFERENCES accounts(account),
    CONSTRAINT closed_periods_first_month_check CHECK ((EXTRACT(day FROM first_month) = (1)::numeric))
);

CREATE TABLE payment_attempts (
    key text NOT NULL,
    call_sid text NOT NULL,
    turn integer NOT NULL,
    account text NOT NULL,
    cents bigint NOT NULL,
    fee_cents bigint NOT NULL DEFAULT 0,
    method text NOT NULL,
    bank_type text,
    guest boolean NOT NULL DEFAULT false,
    caller text,
    holder text NOT NULL DEFAULT ''::text,
    language text NOT NULL DEFAULT 'en'::text,
    state text NOT NULL,
    reference text,
    token_sealed bytea,
    last4 text,
    awaits_letter boolean NOT NULL DEFAULT false,
    not_before timestamp with time zone,
    offered_at timestamp with time zone NOT NULL,
    tokenized_at timestamp with time zone,
    authorized_at timestamp with time zone,
    counts_from timestamp with time zone,
    settled_at timestamp with time zone,
    returned_at timestamp with time zone,
    intent_id text,
    creates integer NOT NULL DEFAULT 1,
    create_sent_at timestamp with time zone,
    confirms integer NOT NULL DEFAULT 0,
    code text,
    looks integer NOT NULL DEFAULT 0,
    next_look_at timestamp with time zone,
    fence bigint NOT NULL DEFAULT 0,
    leased_until timestamp with time zone,
    heard boolean NOT NULL DEFAULT false,
    text_number text,
    text_asked boolean NOT NULL DEFAULT false,
    CONSTRAINT payment_attempts_pkey PRIMARY KEY (key),
    CONSTRAINT one_attempt_a_reference UNIQUE (reference),
    CONSTRAINT one_attempt_a_turn UNIQUE (call_sid, turn),
    CONSTRAINT payment_attempts_intent_id_key UNIQUE (intent_id),
    CONSTRAINT payment_attempts_account_fkey FOREIGN KEY (account) REFERENCES accounts(account),
    CONSTRAINT bank_type_with_bank CHECK (((method = 'bank'::text) = (bank_type IS NOT NULL))),
    CONSTRAINT consent_before_money CHECK (((state = ANY (ARRAY['offered'::text, 'tokenized'::text, 'closed'::text])) = (authorized_at IS NULL))),
    CONSTRAINT intent_before_confirm CHECK (((state <> ALL (ARRAY['confirming'::text, 'unknown'::text, 'taken'::text, 'returned'::text])) OR (intent_id IS NOT NULL))),
    CONSTRAINT payment_attempts_bank_type_check CHECK ((bank_type = ANY (ARRAY['checking'::text, 'savings'::text, 'business-checking'::text]))),
    CONSTRAINT payment_attempts_cents_check CHECK ((cents > 0)),
    CONSTRAINT payment_attempts_fee_cents_check CHECK ((fee_cents >= 0)),
    CONSTRAINT payment_attempts_last4_check CHECK ((last4 ~ '^[0-9]{2,4}$'::text)),
    CONSTRAINT payment_attempts_method_check CHECK ((method = ANY (ARRAY['card'::text, 'bank'::text]))),
    CONSTRAINT payment_attempts_reference_check CHECK ((reference ~ '^[0-9]{9}$'::text)),
    CONSTRAINT payment_attempts_state_check CHECK ((state = ANY (ARRAY['offered'::text, 'tokenized'::text, 'authorized'::text, 'confirming'::text, 'unknown'::text, 'taken'::text, 'declined'::text, 'returned'::text, 'voided'::text, 'closed'::text]))),
    CONSTRAINT reference_with_consent CHECK (((authorized_at IS NULL) = (reference IS NULL))),
    CONSTRAINT returned_once CHECK (((state = 'returned'::text) = (returned_at IS NOT NULL))),
    CONSTRAINT settled_when_final CHECK (((state = ANY (ARRAY['taken'::text, 'declined'::text, 'returned'::text, 'voided'::text, 'closed'::text])) = (settled_at IS NOT NULL))),
    CONSTRAINT token_before_consent CHECK (((state <> ALL (ARRAY['tokenized'::text, 'authorized'::text, 'confirming'::text, 'unknown'::text])) OR (token_sealed IS NOT NULL))),
    CONSTRAINT token_while_it_may_be_charged CHECK (((token_sealed IS NULL) OR (state <> ALL (ARRAY['offered'::text, 'declined'::text, 'voided'::text, 'closed'::text]))))
);

CREATE TABLE payment_evidence (
    key text NOT NULL,
    terms text NOT NULL,
    version text NOT NULL,
    language text NOT NULL,
    given text NOT NULL,
    confidence text,
    caller text,
    terms_at timestamp with time zone NOT NULL,
    given_at timestamp with time zone NOT NULL,
    written_copy text NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT payment_evidence_pkey PRIMARY KEY (key),
    CONSTRAINT payment_evidence_key_fkey FOREIGN KEY (key) REFERENCES payment_attempts(key),
    CONSTRAINT payment_evidence_written_copy_check CHECK ((written_copy = ANY (ARRAY['none'::text, 'text'::text, 'letter'::text])))
);

CREATE TABLE payment_resolutions (
    attempt_key text NOT NULL,
    verdict text NOT NULL,
    evidence text NOT NULL,
    by_whom text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT payment_resolutions_pkey PRIMARY KEY (attempt_key, at),
    CONSTRAINT payment_resolutions_attempt_key_fkey FOREIGN KEY (attempt_key) REFERENCES payment_attempts(key),
    CONSTRAINT payment_resolutions_verdict_check CHECK ((verdict = ANY (ARRAY['taken'::text, 'not-charged'::text])))
);

CREATE TABLE processor_events (
    id text NOT NULL,
    kind text NOT NULL,
    intent_id text,
    received_at timestamp with time zone NOT NULL,
    CONSTRAINT processor_events_pkey PRIMARY KEY (id)
);

CREATE TABLE letters (
    attempt_key text NOT NULL,
    kind text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    exported_at timestamp with time zone,
    posted_on date,
    CONSTRAINT letters_pkey PRIMARY KEY (attempt_key),
    CONSTRAINT letters_attempt_key_fkey FOREIGN KEY (attempt_key) REFERENCES payment_attempts(key),
    CONSTRAINT letters_kind_check CHECK ((kind = 'written-notice'::text))
);

CREATE TABLE ledger (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    account text NOT NULL,
    kind text NOT NULL,
    cents bigint NOT NULL,
    reference text,
    attempt_key text,
    external_id text,
    received_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    CONSTRAINT ledger_pkey PRIMARY KEY (id),
    CONSTRAINT ledger_external_id_key UNIQUE (external_id),
    CONSTRAINT ledger_account_fkey FOREIGN KEY (account) REFERENCES accounts(account),
    CONSTRAINT ledger_attempt_key_fkey FOREIGN KEY (attempt_key) REFERENCES payment_attempts(key),
    CONSTRAINT ledger_kind_check CHECK ((kind = ANY (ARRAY['payment'::text, 'reversal'::text, 'foreign'::text]))),
    CONSTRAINT ours_or_foreign CHECK (((kind = 'foreign'::text) = (attempt_key IS NULL))),
    CONSTRAINT sign_of_kind CHECK ((((kind = 'payment'::text) AND (cents > 0)) OR ((kind = 'reversal'::text) AND (cents < 0)) OR (kind = 'foreign'::text)))
);

CREATE TABLE unposted_entries (
    ledger_id bigint NOT NULL,
    CONSTRAINT unposted_entries_pkey PRIMARY KEY (ledger_id),
    CONSTRAINT unposted_entries_ledger_id_fkey FOREIGN KEY (ledger_id) REFERENCES ledger(id)
);

CREATE TABLE booked_payments (
    external_id text NOT NULL,
    account text NOT NULL,
    cents bigint NOT NULL,
    received_at timestamp with time zone NOT NULL,
    channel text NOT NULL,
    our_reference text,
    meaning text NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    CONSTRAINT booked_payments_pkey PRIMARY KEY (external_id),
    CONSTRAINT booked_payments_account_fkey FOREIGN KEY (account) REFERENCES accounts(account),
    CONSTRAINT booked_payments_cents_check CHECK ((cents <> 0)),
    CONSTRAINT booked_payments_meaning_check CHECK ((meaning = ANY (ARRAY['foreign'::text, 'echo'::text, 'mismatch'::text])))
);

CREATE TABLE calls (
    call_sid text NOT NULL,
    caller text,
    called text,
    language text NOT NULL,
    language_known boolean NOT NULL DEFAULT false,
    step text NOT NULL,
    turn integer NOT NULL,
    member_id text,
    account text,
    verified_at timestamp with time zone,
    attempt_key text,
    handed_over_at timestamp with time zone,
    started_at timestamp with time zone NOT NULL,
    noted_at timestamp with time zone,
    ended_at timestamp with time zone,
    CONSTRAINT calls_pkey PRIMARY KEY (call_sid)
);

CREATE TABLE consents (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    number text NOT NULL,
    channel text NOT NULL,
    purpose text NOT NULL,
    source text NOT NULL,
    wording text NOT NULL DEFAULT ''::text,
    at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT consents_pkey PRIMARY KEY (id),
    CONSTRAINT consents_channel_check CHECK ((channel = ANY (ARRAY['sms'::text, 'voice'::text])))
);

CREATE TABLE suppressions (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    number text NOT NULL,
    channel text NOT NULL,
    purpose text NOT NULL,
    source text NOT NULL,
    words text NOT NULL DEFAULT ''::text,
    at timestamp with time zone NOT NULL,
    lifted_at timestamp with time zone,
    lifted_words text,
    CONSTRAINT suppressions_pkey PRIMARY KEY (id),
    CONSTRAINT suppressions_channel_check CHECK ((channel = ANY (ARRAY['sms'::text, 'voice'::text])))
);

CREATE TABLE number_checks (
    number text NOT NULL,
    checked_at timestamp with time zone NOT NULL,
    verified_at timestamp with time zone NOT NULL,
    CONSTRAINT number_checks_pkey PRIMARY KEY (number)
);

CREATE TABLE detached_numbers (
    member_id text NOT NULL,
    number text NOT NULL,
    cause text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT detached_numbers_pkey PRIMARY KEY (member_id, number),
    CONSTRAINT detached_numbers_member_id_fkey FOREIGN KEY (member_id) REFERENCES members(member_id)
);

CREATE TABLE notices (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    reference text NOT NULL,
    number text NOT NULL,
    channel text NOT NULL DEFAULT 'sms'::text,
    kind text NOT NULL,
    language text NOT NULL,
    local_day date NOT NULL,
    attempt_key text,
    cause text,
    state text NOT NULL,
    by_request boolean NOT NULL DEFAULT false,
    body text,
    created_at timestamp with time zone NOT NULL,
    not_before timestamp with time zone NOT NULL,
    not_after timestamp with time zone,
    sent_at timestamp with time zone,
    message_sid text,
    why text,
    error_code integer,
    creates integer NOT NULL DEFAULT 0,
    tried_at timestamp with time zone,
    waits integer NOT NULL DEFAULT 0,
    retries integer NOT NULL DEFAULT 0,
    looks integer NOT NULL DEFAULT 0,
    next_look_at timestamp with time zone,
    polls integer NOT NULL DEFAULT 0,
    poll_at timestamp with time zone,
    queued_until timestamp with time zone,
    fence bigint NOT NULL DEFAULT 0,
    leased_until timestamp with time zone,
    CONSTRAINT notices_pkey PRIMARY KEY (id),
    CONSTRAINT notices_reference_key UNIQUE (reference),
    CONSTRAINT notices_attempt_key_fkey FOREIGN KEY (attempt_key) REFERENCES payment_attempts(key),
    CONSTRAINT notices_channel_check CHECK ((channel = ANY (ARRAY['sms'::text, 'voice'::text]))),
    CONSTRAINT notices_state_check CHECK ((state = ANY (ARRAY['planned'::text, 'claimed'::text, 'unknown'::text, 'accepted'::text, 'sent'::text, 'delivered'::text, 'undelivered'::text, 'failed'::text, 'dropped'::text, 'suppressed'::text])))
);

CREATE TABLE notice_reasons (
    notice_id bigint NOT NULL,
    kind text NOT NULL,
    days_before integer NOT NULL,
    number text NOT NULL,
    account text NOT NULL,
    coverage_month date,
    attempt_key text,
    dropped_why text,
    CONSTRAINT notice_reasons_pkey PRIMARY KEY (notice_id, account, days_before),
    CONSTRAINT notice_reasons_attempt_key_fkey FOREIGN KEY (attempt_key) REFERENCES payment_attempts(key)
);

CREATE TABLE inbound_texts (
    message_sid text NOT NULL,
    number text NOT NULL,
    class text NOT NULL,
    words text,
    at timestamp with time zone NOT NULL,
    CONSTRAINT inbound_texts_pkey PRIMARY KEY (message_sid)
);

CREATE TABLE paused_kinds (
    kind text NOT NULL,
    paused_at timestamp with time zone NOT NULL,
    why text NOT NULL,
    by_whom text NOT NULL,
    probe_at timestamp with time zone,
    CONSTRAINT paused_kinds_pkey PRIMARY KEY (kind)
);

CREATE TABLE reminder_runs (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    local_day date NOT NULL,
    import_run bigint,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    notices integer NOT NULL DEFAULT 0,
    CONSTRAINT reminder_runs_pkey PRIMARY KEY (id),
    CONSTRAINT reminder_runs_import_run_fkey FOREIGN KEY (import_run) REFERENCES import_runs(id)
);

CREATE TABLE handoffs (
    call_sid text NOT NULL,
    turn integer NOT NULL,
    id bigint NOT NULL DEFAULT nextval('person_requests'::regclass),
    reason text NOT NULL,
    verified boolean NOT NULL,
    account text,
    attempt_key text,
    language text NOT NULL,
    step text NOT NULL,
    at timestamp with time zone NOT NULL,
    tier text,
    account_last4 text,
    doing text NOT NULL DEFAULT ''::text,
    payment text NOT NULL DEFAULT ''::text,
    tries_left integer,
    accepted_at timestamp with time zone,
    outcome text,
    ended_at timestamp with time zone,
    done_at timestamp with time zone,
    CONSTRAINT handoffs_pkey PRIMARY KEY (call_sid, turn),
    CONSTRAINT handoffs_id_key UNIQUE (id),
    CONSTRAINT handoffs_outcome CHECK ((outcome = ANY (ARRAY['accepted'::text, 'declined'::text, 'busy'::text, 'no-answer'::text, 'failed'::text, 'canceled'::text]))),
    CONSTRAINT handoffs_over CHECK (((outcome IS NULL) = (ended_at IS NULL))),
    CONSTRAINT handoffs_payment_check CHECK ((payment = ANY (ARRAY[''::text, 'open'::text, 'unknown'::text, 'taken'::text, 'declined'::text]))),
    CONSTRAINT handoffs_tier_check CHECK ((tier = ANY (ARRAY['T0'::text, 'T1'::text, 'T2'::text, 'T3'::text])))
);

CREATE TABLE handoff_refs (
    ref text NOT NULL,
    handoff_id bigint NOT NULL,
    CONSTRAINT handoff_refs_pkey PRIMARY KEY (ref),
    CONSTRAINT handoff_refs_handoff_id_fkey FOREIGN KEY (handoff_id) REFERENCES handoffs(id) ON DELETE CASCADE
);

CREATE TABLE callbacks (
    call_sid text NOT NULL,
    turn integer NOT NULL,
    id bigint NOT NULL DEFAULT nextval('person_requests'::regclass),
    number text NOT NULL,
    slot_from timestamp with time zone NOT NULL,
    slot_until timestamp with time zone NOT NULL,
    reason text NOT NULL,
    account text,
    language text NOT NULL,
    deadline timestamp with time zone,
    at timestamp with time zone NOT NULL,
    done_at timestamp with time zone,
    CONSTRAINT callbacks_pkey PRIMARY KEY (call_sid, turn),
    CONSTRAINT callbacks_id_key UNIQUE (id),
    CONSTRAINT callbacks_check CHECK ((slot_from <= slot_until))
);

CREATE TABLE tasks (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL,
    account text,
    attempt_key text,
    detail text NOT NULL DEFAULT ''::text,
    at timestamp with time zone NOT NULL,
    due_at timestamp with time zone,
    done_at timestamp with time zone,
    CONSTRAINT tasks_pkey PRIMARY KEY (id)
);

CREATE TABLE daily_runs (
    what text NOT NULL,
    local_day date NOT NULL,
    finished_at timestamp with time zone NOT NULL,
    CONSTRAINT daily_runs_pkey PRIMARY KEY (what, local_day)
);

CREATE TABLE erasure_progress (
    what text NOT NULL,
    through bigint NOT NULL DEFAULT 0,
    CONSTRAINT erasure_progress_pkey PRIMARY KEY (what)
);

-- Sequences

CREATE SEQUENCE person_requests;

-- Indexes beyond those of the constraints

CREATE INDEX members_phone ON public.members USING btree (phone);
CREATE INDEX verifications_at ON public.verifications USING btree (at);
CREATE INDEX verifications_caller ON public.verifications USING btree (caller, at) WHERE (caller IS NOT NULL);
CREATE INDEX verifications_subject ON public.verifications USING btree (subject, at);
CREATE INDEX accounts_member ON public.accounts USING btree (member_id);
CREATE INDEX import_runs_fresh ON public.import_runs USING btree (as_of) WHERE (bills IS NOT NULL);
CREATE INDEX attempts_account ON public.payment_attempts USING btree (account, offered_at);
CREATE INDEX attempts_caller ON public.payment_attempts USING btree (caller, offered_at) WHERE (caller IS NOT NULL);
CREATE INDEX attempts_not_authorized ON public.payment_attempts USING btree (offered_at) WHERE (state = ANY (ARRAY['offered'::text, 'tokenized'::text]));
CREATE INDEX attempts_open ON public.payment_attempts USING btree (not_before, next_look_at) WHERE (state = ANY (ARRAY['authorized'::text, 'confirming'::text, 'unknown'::text]));
CREATE INDEX attempts_with_tokens ON public.payment_attempts USING btree (settled_at) WHERE ((token_sealed IS NOT NULL) AND (state = ANY (ARRAY['taken'::text, 'returned'::text])));
CREATE INDEX attempts_withheld_declines ON public.payment_attempts USING btree (offered_at) WHERE ((caller IS NULL) AND (state = 'declined'::text));
CREATE UNIQUE INDEX one_open_attempt_an_account ON public.payment_attempts USING btree (account) WHERE (state = ANY (ARRAY['authorized'::text, 'confirming'::text, 'unknown'::text]));
CREATE INDEX evidence_old ON public.payment_evidence USING brin (given_at);
CREATE INDEX processor_events_old ON public.processor_events USING brin (received_at);
CREATE INDEX letters_not_posted ON public.letters USING btree (created_at) WHERE (posted_on IS NULL);
CREATE INDEX ledger_account ON public.ledger USING btree (account, received_at) INCLUDE (cents);
CREATE UNIQUE INDEX ledger_once ON public.ledger USING btree (attempt_key, kind) WHERE (attempt_key IS NOT NULL);
CREATE INDEX booked_payments_reference ON public.booked_payments USING btree (our_reference) WHERE (our_reference IS NOT NULL);
CREATE INDEX calls_caller ON public.calls USING btree (caller, started_at);
CREATE INDEX calls_in_progress ON public.calls USING btree (started_at) WHERE (ended_at IS NULL);
CREATE INDEX calls_old ON public.calls USING brin (started_at);
CREATE INDEX consents_ended ON public.consents USING btree (ended_at) WHERE (ended_at IS NOT NULL);
CREATE UNIQUE INDEX consents_in_force ON public.consents USING btree (number, channel, purpose) WHERE (ended_at IS NULL);
CREATE INDEX suppressions_lifted ON public.suppressions USING btree (lifted_at) WHERE (lifted_at IS NOT NULL);
CREATE UNIQUE INDEX suppressions_in_force ON public.suppressions USING btree (number, channel, purpose) WHERE (lifted_at IS NULL);
CREATE INDEX notices_calls ON public.notices USING btree (tried_at) WHERE ((channel = 'voice'::text) AND (state = ANY (ARRAY['claimed'::text, 'unknown'::text, 'accepted'::text, 'sent'::text])));
CREATE INDEX notices_claimed ON public.notices USING btree (leased_until) WHERE (state = 'claimed'::text);
CREATE INDEX notices_due ON public.notices USING btree (kind, not_before, id) WHERE (state = 'planned'::text);
CREATE INDEX notices_number ON public.notices USING btree (number, created_at);
CREATE INDEX notices_overdue ON public.notices USING btree (not_after) WHERE (state = 'planned'::text);
CREATE INDEX notices_polled ON public.notices USING btree (poll_at) WHERE (poll_at IS NOT NULL);
CREATE INDEX notices_unknown ON public.notices USING btree (next_look_at) WHERE (state = 'unknown'::text);
CREATE UNIQUE INDEX notices_one_a_day ON public.notices USING btree (number, kind, local_day, language) WHERE ((attempt_key IS NULL) AND (cause IS NULL));
CREATE UNIQUE INDEX notices_one_a_message ON public.notices USING btree (message_sid) WHERE (message_sid IS NOT NULL);
CREATE UNIQUE INDEX notices_one_a_payment ON public.notices USING btree (attempt_key, kind) WHERE (attempt_key IS NOT NULL);
CREATE UNIQUE INDEX notices_one_an_answer ON public.notices USING btree (cause, kind) WHERE (cause IS NOT NULL);
CREATE INDEX reasons_of_payments ON public.notice_reasons USING btree (attempt_key) WHERE (attempt_key IS NOT NULL);
CREATE UNIQUE INDEX reasons_once ON public.notice_reasons USING btree (number, account, coverage_month, kind, days_before) WHERE (attempt_key IS NULL);
CREATE INDEX inbound_texts_number ON public.inbound_texts USING btree (number, at);
CREATE INDEX inbound_texts_old ON public.inbound_texts USING brin (at);
CREATE INDEX inbound_texts_words ON public.inbound_texts USING btree (at) WHERE (words IS NOT NULL);
CREATE INDEX handoffs_newest ON public.handoffs USING btree (at);
CREATE INDEX handoffs_old ON public.handoffs USING brin (at);
CREATE INDEX handoffs_open ON public.handoffs USING btree (at) WHERE ((done_at IS NULL) AND (accepted_at IS NULL));
CREATE INDEX handoff_refs_of ON public.handoff_refs USING btree (handoff_id);
CREATE INDEX callbacks_newest ON public.callbacks USING btree (at);
CREATE INDEX callbacks_open ON public.callbacks USING btree (deadline, slot_from) WHERE (done_at IS NULL);
CREATE UNIQUE INDEX tasks_once ON public.tasks USING btree (kind, attempt_key) WHERE (attempt_key IS NOT NULL);

-- Functions

CREATE OR REPLACE FUNCTION public.detach_again()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    UPDATE members m SET phone = NULL FROM detached_numbers d WHERE d.member_id = m.member_id AND d.number = m.phone;
    RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION public.ledger_is_append_only()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (SELECT 1 FROM closed_periods c WHERE c.account = OLD.account AND OLD.received_at < c.since) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the ledger is append-only: write a new entry';
END $function$;

CREATE OR REPLACE FUNCTION public.ledger_waits_for_echo()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    INSERT INTO unposted_entries (ledger_id) VALUES (NEW.id);
    RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION public.notice_rank(state text)
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE STRICT
AS $function$
    SELECT CASE state WHEN 'planned' THEN 0 WHEN 'claimed' THEN 1 WHEN 'unknown' THEN 1 WHEN 'accepted' THEN 2
                      WHEN 'sent' THEN 3 ELSE 4 END
$function$;

-- Triggers

CREATE TRIGGER members_detached AFTER INSERT OR UPDATE OF phone ON public.members FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION detach_again();
CREATE TRIGGER ledger_append_only BEFORE DELETE OR UPDATE ON public.ledger FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();
CREATE TRIGGER ledger_unposted AFTER INSERT ON public.ledger FOR EACH ROW WHEN ((new.kind <> 'foreign'::text)) EXECUTE FUNCTION ledger_waits_for_echo();

-- Views for programs outside (design §2)

CREATE VIEW contract.ledger AS
 SELECT ledger.account,
    ledger.kind,
    ledger.cents,
    ledger.reference,
    ledger.received_at
   FROM ledger;

CREATE VIEW contract.payments AS
 SELECT payment_attempts.reference,
    payment_attempts.account,
    payment_attempts.cents,
    payment_attempts.method,
    payment_attempts.state,
        CASE
            WHEN (payment_attempts.state = ANY (ARRAY['taken'::text, 'returned'::text])) THEN payment_attempts.reference
            ELSE NULL::text
        END AS confirmation,
    payment_attempts.call_sid,
    payment_attempts.authorized_at,
    (COALESCE(( SELECT sum(l.cents) AS sum
           FROM ledger l
          WHERE (l.attempt_key = payment_attempts.key)), (0)::numeric))::bigint AS net_cents
   FROM payment_attempts;

CREATE VIEW contract.texts AS
 SELECT notices.number AS to_number,
    notices.kind,
    notices.state,
    notices.body,
    notices.created_at,
    notices.sent_at
   FROM notices
  WHERE (notices.channel = 'sms'::text);
