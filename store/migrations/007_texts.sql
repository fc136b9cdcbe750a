-- Texts and reminder calls (design §6: one text; N1-N11). Reasons gather into a notice, a notice is claimed and sent once.
-- Kinds are the table of package notify: no CHECK names them, so a new kind needs no migration.

-- One row for each text, or each call of ours. The unique keys below hold promise P3 (a text goes out once).
CREATE TABLE notices (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference    text NOT NULL UNIQUE,      -- opaque; the status callback's address carries it
    number       text NOT NULL,
    channel      text NOT NULL DEFAULT 'sms' CHECK (channel IN ('sms', 'voice')),
    kind         text NOT NULL,
    language     text NOT NULL,
    local_day    date NOT NULL,             -- where its recipient lives
    attempt_key  text REFERENCES payment_attempts,     -- of kinds that speak of one payment
    cause        text,                      -- of answers: the text or call that asked; of retries: the notice that failed
    state        text NOT NULL CHECK (state IN ('planned', 'claimed', 'unknown', 'accepted', 'sent', 'delivered',
                                                'undelivered', 'failed', 'dropped', 'suppressed')),
    by_request   boolean NOT NULL DEFAULT false,       -- O4: asked for on that very call or text; goes in spite of an opt-out
    body         text,                      -- set by the claim: the words that were true at that instant; erased (D4)
    created_at   timestamptz NOT NULL,
    not_before   timestamptz NOT NULL,      -- start of its window (N4, N6), or the end of a postponement
    not_after    timestamptz,               -- N6: after it, dropped and counted
    sent_at      timestamptz,               -- null until handed to Twilio
    message_sid  text,                      -- Twilio's; null until it has told us
    why          text,                      -- why it was dropped, suppressed, postponed or failed
    error_code   integer,                   -- the carrier's
    creates      integer NOT NULL DEFAULT 0,-- REST creates so far, counted before each is sent
    tried_at     timestamptz,               -- the newest create; look-ups match messages made around it
    waits        integer NOT NULL DEFAULT 0,-- creates that were never processed (429, no connection)
    retries      integer NOT NULL DEFAULT 0,-- notices before this one that did not arrive for a passing reason
    looks        integer NOT NULL DEFAULT 0,-- look-ups that did not find it
    next_look_at timestamptz,               -- when a create in doubt is looked up again
    polls        integer NOT NULL DEFAULT 0,
    poll_at      timestamptz,               -- when the carrier is asked what became of it; null: never
    queued_until timestamptz,               -- machine clock: its job is queued until then; afterwards it may have been lost
    fence        bigint NOT NULL DEFAULT 0, -- every claim adds one; a sender's writes name theirs
    leased_until timestamptz                -- machine clock; null or past: no sender has it
);
CREATE UNIQUE INDEX notices_one_a_day ON notices (number, kind, local_day, language)
    WHERE attempt_key IS NULL AND cause IS NULL;                                                    -- N1: one notice a day
CREATE UNIQUE INDEX notices_one_a_payment ON notices (attempt_key, kind) WHERE attempt_key IS NOT NULL;
CREATE UNIQUE INDEX notices_one_an_answer ON notices (cause, kind) WHERE cause IS NOT NULL;
CREATE UNIQUE INDEX notices_one_a_message ON notices (message_sid) WHERE message_sid IS NOT NULL;
CREATE INDEX notices_due ON notices (kind, not_before, id) WHERE state = 'planned';  -- each kind's oldest: kinds take turns
CREATE INDEX notices_overdue ON notices (not_after) WHERE state = 'planned';
CREATE INDEX notices_claimed ON notices (leased_until) WHERE state = 'claimed';
CREATE INDEX notices_unknown ON notices (next_look_at) WHERE state = 'unknown';
CREATE INDEX notices_polled ON notices (poll_at) WHERE poll_at IS NOT NULL;
CREATE INDEX notices_calls ON notices (tried_at) WHERE channel = 'voice' AND state IN ('claimed', 'unknown', 'accepted', 'sent');
CREATE INDEX notices_number ON notices (number, created_at);

-- Delivery reports come late, twice and out of order: a state is followed only by one of a higher rank.
CREATE FUNCTION notice_rank(state text) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT CASE state WHEN 'planned' THEN 0 WHEN 'claimed' THEN 1 WHEN 'unknown' THEN 1 WHEN 'accepted' THEN 2
                      WHEN 'sent' THEN 3 ELSE 4 END
$$;

-- One row for each reason that a notice goes (N1): a bill to remind of, or a payment to speak of. dropped_why: it was no
-- longer true when the notice was claimed. No foreign keys to notices and accounts: each check would lock, and so write, a
-- row of theirs, a million a planning run, and get in the way of an import. No account is ever deleted, and a reason is
-- written with its notice in one statement.
CREATE TABLE notice_reasons (
    notice_id      bigint NOT NULL,
    kind           text NOT NULL,
    days_before    integer NOT NULL,        -- the offset: 10, 3, 1; 0 where a kind has none
    number         text NOT NULL,
    account        text NOT NULL,
    coverage_month date,                    -- null for reasons that are a payment
    attempt_key    text REFERENCES payment_attempts,
    dropped_why    text,
    PRIMARY KEY (notice_id, account, days_before)
);
-- N1: a reason is given once. Number first: what a number was reminded of is read by number.
CREATE UNIQUE INDEX reasons_once ON notice_reasons (number, account, coverage_month, kind, days_before) WHERE attempt_key IS NULL;
CREATE INDEX reasons_of_payments ON notice_reasons (attempt_key) WHERE attempt_key IS NOT NULL;

-- One row for each text that came in; its words are erased after message_text_days (D4), its class stays.
CREATE TABLE inbound_texts (
    message_sid text PRIMARY KEY,           -- a text delivered twice has its effect once
    number      text NOT NULL,
    class       text NOT NULL,
    words       text,
    at          timestamptz NOT NULL
);
CREATE INDEX inbound_texts_number ON inbound_texts (number, at);
CREATE INDEX inbound_texts_old ON inbound_texts USING brin (at);
CREATE INDEX inbound_texts_words ON inbound_texts (at) WHERE words IS NOT NULL;

-- One row for each kind of text that is paused ('*': every kind). No row: it is sent.
CREATE TABLE paused_kinds (
    kind      text PRIMARY KEY,
    paused_at timestamptz NOT NULL,
    why       text NOT NULL,
    by_whom   text NOT NULL,
    probe_at  timestamptz                   -- when one text may go in spite of it, to learn whether the trouble is over; null: never
);

-- One row for each planning run. A run that never finished is simply made again: what it planned stays planned once
-- (reasons_once, notices_one_a_day).
CREATE TABLE reminder_runs (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    local_day   date NOT NULL,              -- in the business zone
    import_run  bigint REFERENCES import_runs,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    notices     integer NOT NULL DEFAULT 0
);
