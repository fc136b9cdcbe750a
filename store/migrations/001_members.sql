-- What billing tells us: members, their accounts, bills, and money booked through any channel (rules B1-B7).
-- Every instant is handed in by the program (the domain clock); nothing here reads the server's clock.

CREATE TABLE members (
    member_id   text PRIMARY KEY CHECK (member_id ~ '^[0-9]{12}$'),
    name        text NOT NULL,
    phone       text CHECK (phone ~ '^\+[1-9][0-9]{7,14}$'),
    phone_since date,                       -- I6: a code goes only to a number on file long enough
    mobile      boolean NOT NULL DEFAULT false,
    language    text NOT NULL,
    time_zone   text NOT NULL
);
CREATE INDEX members_phone ON members (phone);

-- Verification answers on file, as keyed hashes only (design: HMAC over member ID, kind and answer).
CREATE TABLE answers (
    member_id text NOT NULL REFERENCES members,
    kind      text NOT NULL CHECK (kind IN ('birth-date', 'zip', 'ssn4', 'invoice', 'invoice-previous')),
    key_id    text NOT NULL,
    mac       bytea NOT NULL,
    PRIMARY KEY (member_id, kind)
);

CREATE TABLE accounts (
    account       text PRIMARY KEY,         -- B1; the pattern is policy, checked at import
    member_id     text NOT NULL REFERENCES members,
    kind          text NOT NULL CHECK (kind IN ('health', 'dental', 'group')),
    status        text NOT NULL CHECK (status IN ('active', 'terminated', 'blocked')),
    grace_regime  text CHECK (grace_regime IN ('month-end', 'next-due', 'third-due', 'none')),
    autopay_day   smallint CHECK (autopay_day BETWEEN 1 AND 28),
    autopay_last4 text CHECK (autopay_last4 ~ '^[0-9]{4}$'),
    frozen_at     timestamptz               -- a capture said it charged: no payment until reconciled
);
CREATE INDEX accounts_member ON accounts (member_id);

-- B5: the highest revision of a coverage month counts. billed is what was billed, never a remaining balance (B7).
CREATE TABLE bills (
    account        text NOT NULL REFERENCES accounts,
    coverage_month date NOT NULL CHECK (extract(day FROM coverage_month) = 1),
    revision       integer NOT NULL CHECK (revision >= 0),
    billed_cents   bigint NOT NULL CHECK (billed_cents >= 0),
    first_bill     boolean NOT NULL DEFAULT false,
    grace_ends_at  timestamptz,
    PRIMARY KEY (account, coverage_month, revision)
);

-- One row an import that was loaded whole, with the rows its files held; null = no such file in that run.
-- Balances are as fresh as the newest as_of of a run with bills (B6): a few payments alone refresh nothing.
CREATE TABLE import_runs (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    as_of     timestamptz NOT NULL,
    loaded_at timestamptz NOT NULL,
    members   integer,
    accounts  integer,
    bills     integer,
    payments  integer
);

-- I5: every try to prove an identity, also of accounts that do not exist. subject is the member ID,
-- or a keyed hash of what was keyed when no record matched. failed_id_days bounds how long a row is kept.
CREATE TABLE verifications (
    call_sid text NOT NULL,
    turn     integer NOT NULL,
    subject  text NOT NULL,
    caller   text,
    passed   boolean NOT NULL,
    at       timestamptz NOT NULL,
    PRIMARY KEY (call_sid, turn, subject)
);
CREATE INDEX verifications_subject ON verifications (subject, at);
CREATE INDEX verifications_at ON verifications (at);
CREATE INDEX verifications_caller ON verifications (caller, at) WHERE caller IS NOT NULL;

CREATE TABLE soft_locks (
    subject text NOT NULL,
    from_at timestamptz NOT NULL,
    until   timestamptz NOT NULL CHECK (until > from_at),
    PRIMARY KEY (subject, from_at)
);
