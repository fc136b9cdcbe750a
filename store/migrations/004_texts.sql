-- Texts: reasons gather into notices, a notice is claimed and sent once (design: one text; rules N1, N2).

CREATE TABLE consents (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number   text NOT NULL,
    channel  text NOT NULL CHECK (channel IN ('sms', 'voice')),
    purpose  text NOT NULL,                 -- 'payments': reminders and payment notices
    source   text NOT NULL,                 -- application, opt_in, start, call
    wording  text NOT NULL DEFAULT '',
    at       timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE UNIQUE INDEX consents_in_force ON consents (number, channel, purpose) WHERE ended_at IS NULL;
CREATE INDEX consents_ended ON consents (ended_at) WHERE ended_at IS NOT NULL;

-- One ledger rules over texts and voice. A row with lifted_at is history.
CREATE TABLE suppressions (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number       text NOT NULL,
    channel      text NOT NULL CHECK (channel IN ('sms', 'voice')),
    purpose      text NOT NULL,
    source       text NOT NULL,             -- text, twilio (it acted on the words too), key, speech, agent, letter, web, carrier, undeliverable, reassigned
    words        text NOT NULL DEFAULT '',
    at           timestamptz NOT NULL,
    lifted_at    timestamptz,
    lifted_words text
);
CREATE UNIQUE INDEX suppressions_in_force ON suppressions (number, channel, purpose) WHERE lifted_at IS NULL;
CREATE INDEX suppressions_lifted ON suppressions (lifted_at) WHERE lifted_at IS NOT NULL;

CREATE TABLE notices (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference    text NOT NULL UNIQUE,      -- opaque; the status callback carries it
    number       text NOT NULL,
    channel      text NOT NULL DEFAULT 'sms' CHECK (channel IN ('sms', 'voice')),
    kind         text NOT NULL,
    language     text NOT NULL,
    local_day    date NOT NULL,
    attempt_key  text REFERENCES payment_attempts,     -- kinds that speak of one payment: one notice each
    cause        text,                      -- answers: the inbound text or the call that asked; one answer each
    state        text NOT NULL CHECK (state IN ('planned', 'claimed', 'unknown', 'accepted', 'sent', 'delivered',
                                                'undelivered', 'failed', 'dropped', 'suppressed')),
    by_request   boolean NOT NULL DEFAULT false,       -- O4: asked for on that very call; goes in spite of an opt-out
    body         text,                      -- set when claimed: the words that were true at that instant
    created_at   timestamptz NOT NULL,
    not_before   timestamptz NOT NULL,      -- start of its window (N4, N6)
    not_after    timestamptz,               -- after it: dropped and counted
    sent_at      timestamptz,               -- null until handed to Twilio
    message_sid  text,
    why          text,                      -- reason of dropped, suppressed, failed, in our words
    error_code   integer,
    creates      integer NOT NULL DEFAULT 0,-- REST creates so far: a second one only after the look-ups
    tried_at     timestamptz,               -- the newest create; look-ups match messages made around it
    waits        integer NOT NULL DEFAULT 0,-- times put off because nothing was sent (429, no connection)
    looks        integer NOT NULL DEFAULT 0,
    next_look_at timestamptz,               -- domain clock
    fence        bigint NOT NULL DEFAULT 0,
    leased_until timestamptz                -- machine clock
);
CREATE UNIQUE INDEX notices_one_a_day ON notices (number, kind, local_day, language)
    WHERE attempt_key IS NULL AND cause IS NULL;
CREATE UNIQUE INDEX notices_one_a_payment ON notices (attempt_key, kind) WHERE attempt_key IS NOT NULL;
CREATE UNIQUE INDEX notices_one_an_answer ON notices (cause, kind) WHERE cause IS NOT NULL;
CREATE UNIQUE INDEX notices_one_a_message ON notices (message_sid) WHERE message_sid IS NOT NULL;
CREATE INDEX notices_overdue ON notices (not_after) WHERE state = 'planned';
CREATE INDEX notices_in_hand ON notices (leased_until) WHERE state = 'claimed';
CREATE INDEX notices_in_doubt ON notices (next_look_at) WHERE state = 'unknown';
CREATE INDEX notices_number ON notices (number, created_at);

-- What the carrier says comes late, twice and out of order: a state is followed only by one of a higher rank.
CREATE FUNCTION notice_rank(state text) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT CASE state WHEN 'planned' THEN 0 WHEN 'claimed' THEN 1 WHEN 'unknown' THEN 1 WHEN 'accepted' THEN 2
                      WHEN 'sent' THEN 3 ELSE 4 END
$$;

CREATE TABLE notice_reasons (
    notice_id      bigint NOT NULL REFERENCES notices,
    kind           text NOT NULL,
    days_before    integer NOT NULL,        -- the offset: 10, 3, 1; 0 where a kind has none
    number         text NOT NULL,
    account        text NOT NULL REFERENCES accounts,
    coverage_month date,
    attempt_key    text REFERENCES payment_attempts,
    dropped_why    text,
    PRIMARY KEY (notice_id, account, days_before)
);
CREATE UNIQUE INDEX reasons_once ON notice_reasons (kind, days_before, number, account, coverage_month) WHERE attempt_key IS NULL;

CREATE INDEX reasons_of_payments ON notice_reasons (attempt_key) WHERE attempt_key IS NOT NULL;

-- Every text that came in, kept as class and not as words beyond message_text_days.
CREATE TABLE inbound_texts (
    message_sid text PRIMARY KEY,
    number      text NOT NULL,
    class       text NOT NULL,
    words       text,
    at          timestamptz NOT NULL
);
CREATE INDEX inbound_texts_number ON inbound_texts (number, at);
CREATE INDEX inbound_texts_old ON inbound_texts USING brin (at);
CREATE INDEX inbound_texts_words ON inbound_texts (at) WHERE words IS NOT NULL;

-- D4: how far erasing has come in a table that is walked by its numbers.
CREATE TABLE erasures (
    what    text PRIMARY KEY,
    through bigint NOT NULL DEFAULT 0
);

-- What is done once a day, and is done.
CREATE TABLE daily_runs (
    what        text NOT NULL,
    local_day   date NOT NULL,              -- in the business zone
    finished_at timestamptz NOT NULL,       -- domain clock
    PRIMARY KEY (what, local_day)
);

-- O5: when a number was last looked up for having changed hands, and since when it is known to be its owner's.
CREATE TABLE number_checks (
    number      text PRIMARY KEY,
    checked_at  timestamptz NOT NULL,
    verified_at timestamptz NOT NULL
);
