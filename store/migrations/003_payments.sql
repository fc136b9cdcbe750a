-- Payment attempts and what proves them (design §5: one payment; E6, E8, L1-L5). The row of an attempt is the truth; a
-- charge job only wakes a worker.
--
--   offered -> tokenized -> authorized -> confirming -> taken | declined | unknown
--   confirming, unknown -> taken | declined | voided      taken -> returned
--   offered, tokenized -> closed                          authorized -> voided

-- One row for each time that a caller was asked for money. The CHECKs hold promise P1 (money moves once): a state without the
-- columns that prove it cannot be written, whatever a crash leaves half done.
CREATE TABLE payment_attempts (
    key            text PRIMARY KEY,         -- random; the stem of the processor's idempotency keys
    call_sid       text NOT NULL,
    turn           integer NOT NULL,
    account        text NOT NULL REFERENCES accounts,
    cents          bigint NOT NULL CHECK (cents > 0),
    fee_cents      bigint NOT NULL DEFAULT 0 CHECK (fee_cents >= 0),
    method         text NOT NULL CHECK (method IN ('card', 'bank')),
    bank_type      text CHECK (bank_type IN ('checking', 'savings', 'business-checking')),
    guest          boolean NOT NULL DEFAULT false,
    caller         text,                    -- null: the number was withheld
    holder         text NOT NULL DEFAULT '',
    language       text NOT NULL DEFAULT 'en',
    state          text NOT NULL CHECK (state IN ('offered', 'tokenized', 'authorized', 'confirming', 'unknown',
                                                  'taken', 'declined', 'returned', 'voided', 'closed')),
    reference      text CHECK (reference ~ '^[0-9]{9}$'),         -- L4: nine digits, made at authorization
    token_sealed   bytea,                   -- D2: erased on closed, declined, voided; a bank's after the return window
    last4          text CHECK (last4 ~ '^[0-9]{2,4}$'),
    awaits_letter  boolean NOT NULL DEFAULT false,                -- E6: the written notice goes by letter
    not_before     timestamptz,             -- the debit goes no earlier; null: its letter is not posted yet
    offered_at     timestamptz NOT NULL,
    tokenized_at   timestamptz,
    authorized_at  timestamptz,             -- C6: received at authorization
    counts_from    timestamptz,             -- L3: received at this instant instead, as it replaces a payment that failed
    settled_at     timestamptz,             -- when it became taken, declined, voided or closed
    returned_at    timestamptz,
    intent_id      text UNIQUE,             -- the processor's object, stored before it is confirmed
    creates        integer NOT NULL DEFAULT 1,                    -- number within the key of the create
    create_sent_at timestamptz,             -- the processor may forget a key after 24 h: at 23 h a new one is taken
    confirms       integer NOT NULL DEFAULT 0,                    -- confirms sent, counted before each is sent
    code           text,                    -- the processor's decline or return code
    looks          integer NOT NULL DEFAULT 0,                    -- look-ups that ended without an outcome
    next_look_at   timestamptz,             -- when an unknown outcome is looked up again; null: at once
    fence          bigint NOT NULL DEFAULT 0,                     -- every lease adds one; a worker's writes name theirs
    leased_until   timestamptz,             -- machine clock; null or past: no worker has it
    heard          boolean NOT NULL DEFAULT false,                -- the caller heard the outcome on the call (L3)
    text_number    text,                    -- where its texts go; null: none may go
    text_asked     boolean NOT NULL DEFAULT false,                -- O4: texts asked for on this very call

    CONSTRAINT one_attempt_a_turn UNIQUE (call_sid, turn),        -- a webhook delivered twice finds the first row
    CONSTRAINT one_attempt_a_reference UNIQUE (reference),
    CONSTRAINT bank_type_with_bank CHECK ((method = 'bank') = (bank_type IS NOT NULL)),
    CONSTRAINT token_while_it_may_be_charged CHECK (token_sealed IS NULL OR state NOT IN ('offered', 'declined', 'voided', 'closed')),
    CONSTRAINT token_before_consent CHECK (state NOT IN ('tokenized', 'authorized', 'confirming', 'unknown') OR token_sealed IS NOT NULL),
    CONSTRAINT consent_before_money CHECK ((state IN ('offered', 'tokenized', 'closed')) = (authorized_at IS NULL)),
    CONSTRAINT reference_with_consent CHECK ((authorized_at IS NULL) = (reference IS NULL)),
    CONSTRAINT intent_before_confirm CHECK (state NOT IN ('confirming', 'unknown', 'taken', 'returned') OR intent_id IS NOT NULL),
    CONSTRAINT settled_when_final CHECK ((state IN ('taken', 'declined', 'returned', 'voided', 'closed')) = (settled_at IS NOT NULL)),
    CONSTRAINT returned_once CHECK ((state = 'returned') = (returned_at IS NOT NULL))
);

-- Promise P1: one open payment an account. Only the authorizing transaction can be refused by it.
CREATE UNIQUE INDEX one_open_attempt_an_account ON payment_attempts (account)
    WHERE state IN ('authorized', 'confirming', 'unknown');
CREATE INDEX attempts_open ON payment_attempts (not_before, next_look_at)
    WHERE state IN ('authorized', 'confirming', 'unknown');
CREATE INDEX attempts_not_authorized ON payment_attempts (offered_at) WHERE state IN ('offered', 'tokenized');
CREATE INDEX attempts_with_tokens ON payment_attempts (settled_at)
    WHERE token_sealed IS NOT NULL AND state IN ('taken', 'returned');
CREATE INDEX attempts_account ON payment_attempts (account, offered_at);
CREATE INDEX attempts_withheld_declines ON payment_attempts (offered_at) WHERE caller IS NULL AND state = 'declined';
CREATE INDEX attempts_caller ON payment_attempts (caller, offered_at) WHERE caller IS NOT NULL;

-- One row for each consent, written in the authorizing transaction (E8: evidence): terms exactly as spoken, and the
-- caller's answer. Never updated.
CREATE TABLE payment_evidence (
    key          text PRIMARY KEY REFERENCES payment_attempts,
    terms        text NOT NULL,
    version      text NOT NULL,             -- of the prompt files
    language     text NOT NULL,
    given        text NOT NULL,             -- what was understood or pressed
    confidence   text,                      -- of the recogniser, as it gave it; null: a key
    caller       text,
    terms_at     timestamptz NOT NULL,
    given_at     timestamptz NOT NULL,
    written_copy text NOT NULL CHECK (written_copy IN ('none', 'text', 'letter')),
    hash         bytea NOT NULL             -- SHA-256 over all of it, key, account and cents included
);
CREATE INDEX evidence_old ON payment_evidence USING brin (given_at);

-- One row for each decision of a person about an unknown payment (duebell payments resolve).
CREATE TABLE payment_resolutions (
    attempt_key text NOT NULL REFERENCES payment_attempts,
    verdict     text NOT NULL CHECK (verdict IN ('taken', 'not-charged')),
    evidence    text NOT NULL,
    by_whom     text NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (attempt_key, at)
);

-- One row for each event of the processor that was dealt with, against repeats. No body is kept.
CREATE TABLE processor_events (
    id          text PRIMARY KEY,
    kind        text NOT NULL,
    intent_id   text,
    received_at timestamptz NOT NULL
);
CREATE INDEX processor_events_old ON processor_events USING brin (received_at);

-- At most one row an attempt: a written notice on paper (E6: no debit without a written notice). Posting it sets the
-- attempt's not_before.
CREATE TABLE letters (
    attempt_key text PRIMARY KEY REFERENCES payment_attempts,
    kind        text NOT NULL CHECK (kind = 'written-notice'),
    created_at  timestamptz NOT NULL,
    exported_at timestamptz,                -- in a file at least once; it comes again until it is reported as posted
    posted_on   date
);
CREATE INDEX letters_not_posted ON letters (created_at) WHERE posted_on IS NULL;
