-- Taking money once. The state of an attempt is the truth; jobs only nudge.
--
--   offered -> tokenized -> authorized -> confirming -> taken | declined | unknown
--   taken -> returned        offered, tokenized -> closed        authorized -> voided
--   confirming, unknown -> taken | declined | voided

CREATE TABLE payment_attempts (
    key           text PRIMARY KEY,         -- random: the stem of the processor's idempotency keys
    call_sid      text NOT NULL,
    turn          integer NOT NULL,
    account       text NOT NULL REFERENCES accounts,
    cents         bigint NOT NULL CHECK (cents > 0),
    fee_cents     bigint NOT NULL DEFAULT 0 CHECK (fee_cents >= 0),
    method        text NOT NULL CHECK (method IN ('card', 'bank')),
    bank_type     text CHECK (bank_type IN ('checking', 'savings', 'business-checking')),
    guest         boolean NOT NULL DEFAULT false,
    caller        text,
    holder        text NOT NULL DEFAULT '',
    language      text NOT NULL DEFAULT 'en',
    state         text NOT NULL CHECK (state IN ('offered', 'tokenized', 'authorized', 'confirming', 'unknown',
                                                 'taken', 'declined', 'returned', 'voided', 'closed')),
    reference     text UNIQUE CHECK (reference ~ '^[0-9]{9}$'),   -- L4, made at authorization
    token_sealed  bytea,                    -- erased on closed, declined, voided (D2)
    last4         text CHECK (last4 ~ '^[0-9]{2,4}$'),
    awaits_letter boolean NOT NULL DEFAULT false,                 -- E6: the written notice goes by letter
    not_before    timestamptz,              -- null while a letter is unposted: the debit may not go yet
    offered_at    timestamptz NOT NULL,
    tokenized_at  timestamptz,
    authorized_at timestamptz,              -- = received (C6)
    counts_from   timestamptz,              -- received already then: it replaces one that failed behind the caller's back (L3)
    settled_at    timestamptz,              -- taken, declined, voided or closed
    returned_at   timestamptz,
    intent_id     text UNIQUE,              -- the processor's object, stored before it is confirmed
    creates       integer NOT NULL DEFAULT 1,                     -- number in the create key
    create_sent_at timestamptz,             -- 23 h later the key may have been forgotten: take a new one
    confirms      integer NOT NULL DEFAULT 0,                     -- confirms sent so far
    code          text,                     -- decline or return code
    looks         integer NOT NULL DEFAULT 0,
    next_look_at  timestamptz,              -- domain clock: when an unknown is looked up again
    fence         bigint NOT NULL DEFAULT 0,                      -- every write of a worker names it
    leased_until  timestamptz,              -- machine clock
    heard         boolean NOT NULL DEFAULT false,                 -- the caller heard the outcome on the call
    text_number   text,                     -- where its texts go; null = none may go
    text_asked    boolean NOT NULL DEFAULT false,                 -- asked for on this very call (O4)

    CONSTRAINT one_attempt_a_turn UNIQUE (call_sid, turn),
    CONSTRAINT bank_type_with_bank CHECK ((method = 'bank') = (bank_type IS NOT NULL)),
    CONSTRAINT token_while_it_may_be_charged CHECK (token_sealed IS NULL OR state NOT IN ('offered', 'declined', 'voided', 'closed')),
    CONSTRAINT token_before_consent CHECK (state NOT IN ('tokenized', 'authorized', 'confirming', 'unknown') OR token_sealed IS NOT NULL),
    CONSTRAINT consent_before_money CHECK ((state IN ('offered', 'tokenized', 'closed')) = (authorized_at IS NULL)),
    CONSTRAINT reference_with_consent CHECK ((authorized_at IS NULL) = (reference IS NULL)),
    CONSTRAINT intent_before_confirm CHECK (state NOT IN ('confirming', 'unknown', 'taken', 'returned') OR intent_id IS NOT NULL),
    CONSTRAINT settled_when_final CHECK ((state IN ('taken', 'declined', 'returned', 'voided', 'closed')) = (settled_at IS NOT NULL)),
    CONSTRAINT returned_once CHECK ((state = 'returned') = (returned_at IS NOT NULL))
);

-- P1: one open payment an account. Only the authorizing transaction can meet this.
CREATE UNIQUE INDEX one_open_attempt_an_account ON payment_attempts (account)
    WHERE state IN ('authorized', 'confirming', 'unknown');
CREATE INDEX attempts_open ON payment_attempts (not_before, next_look_at)
    WHERE state IN ('authorized', 'confirming', 'unknown');
CREATE INDEX attempts_promising_nothing ON payment_attempts (offered_at) WHERE state IN ('offered', 'tokenized');
CREATE INDEX attempts_with_tokens ON payment_attempts (settled_at)
    WHERE token_sealed IS NOT NULL AND state IN ('taken', 'returned');
CREATE INDEX attempts_account ON payment_attempts (account, offered_at);
CREATE INDEX attempts_withheld_declines ON payment_attempts (offered_at) WHERE caller IS NULL AND state = 'declined';
CREATE INDEX attempts_caller ON payment_attempts (caller, offered_at) WHERE caller IS NOT NULL;

-- E8: what proves the consent, written in the authorizing transaction.
CREATE TABLE payment_evidence (
    key          text PRIMARY KEY REFERENCES payment_attempts,
    terms        text NOT NULL,             -- exactly as spoken
    version      text NOT NULL,             -- of the prompt files
    language     text NOT NULL,
    given        text NOT NULL,             -- what was understood or pressed
    confidence   text,
    caller       text,
    terms_at     timestamptz NOT NULL,
    given_at     timestamptz NOT NULL,
    written_copy text NOT NULL CHECK (written_copy IN ('none', 'text', 'letter')),
    hash         bytea NOT NULL
);

CREATE INDEX evidence_old ON payment_evidence USING brin (given_at);

-- L1: append-only. cents is what the entry counts towards paid: payments positive, reversals negative.
CREATE TABLE ledger (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account     text NOT NULL REFERENCES accounts,
    kind        text NOT NULL CHECK (kind IN ('payment', 'reversal', 'foreign')),
    cents       bigint NOT NULL,
    reference   text,
    attempt_key text REFERENCES payment_attempts,
    external_id text UNIQUE,
    received_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT ours_or_foreign CHECK ((kind = 'foreign') = (attempt_key IS NULL)),
    CONSTRAINT sign_of_kind CHECK ((kind = 'payment' AND cents > 0) OR (kind = 'reversal' AND cents < 0) OR kind = 'foreign')
);
CREATE UNIQUE INDEX ledger_once ON ledger (attempt_key, kind) WHERE attempt_key IS NOT NULL;
CREATE INDEX ledger_account ON ledger (account, received_at);

-- D4: up to here an account's books are closed: what was billed and what was paid came to the same, and both are erased.
-- Bills for months before first_month and money from before since are history, whoever delivers them again.
CREATE TABLE closed_books (
    account     text PRIMARY KEY REFERENCES accounts,
    first_month date NOT NULL CHECK (extract(day FROM first_month) = 1),
    since       timestamptz NOT NULL
);

-- Only closed books may be erased.
CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (SELECT 1 FROM closed_books c WHERE c.account = OLD.account AND OLD.received_at < c.since) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the ledger is append-only: write a new entry';
END $$;
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON ledger
    FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();

-- B7: money billing has booked. An echo of our own entry is matched here and never counted twice.
CREATE TABLE booked (
    external_id   text PRIMARY KEY,
    account       text NOT NULL REFERENCES accounts,
    cents         bigint NOT NULL CHECK (cents <> 0),
    received_at   timestamptz NOT NULL,
    channel       text NOT NULL,
    our_reference text,
    meaning       text NOT NULL CHECK (meaning IN ('foreign', 'echo', 'mismatch')),
    loaded_at     timestamptz NOT NULL
);
CREATE INDEX booked_reference ON booked (our_reference) WHERE our_reference IS NOT NULL;

-- A person's evidence about an unknown payment (duebell payments resolve).
CREATE TABLE payment_resolutions (
    attempt_key text NOT NULL REFERENCES payment_attempts,
    verdict     text NOT NULL CHECK (verdict IN ('taken', 'not-charged')),
    evidence    text NOT NULL,
    by_whom     text NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (attempt_key, at)
);

CREATE TABLE processor_events (
    id          text PRIMARY KEY,
    kind        text NOT NULL,
    intent_id   text,
    received_at timestamptz NOT NULL
);
CREATE INDEX processor_events_old ON processor_events USING brin (received_at);

-- E6: a letter to post; posting it sets the day the debit may go.
CREATE TABLE letters (
    attempt_key text PRIMARY KEY REFERENCES payment_attempts,
    kind        text NOT NULL CHECK (kind IN ('written-notice', 'voided')),
    created_at  timestamptz NOT NULL,
    exported_at timestamptz,
    posted_on   date
);
