-- Where an import lies until it is found to be whole: tables of one connection, gone with it.
-- file and line say where a row came from. Of a row that is not sound only the key is filled in, so
-- that what refers to it is not reported as well. Answers arrive as keyed hashes, never in clear.

CREATE TEMP TABLE stage_members (
    file         integer NOT NULL,
    line         integer NOT NULL,
    sound        boolean NOT NULL,
    member_id    text NOT NULL,
    name         text,
    phone        text,
    phone_since  date,
    mobile       boolean,
    language     text,
    time_zone    text,
    sms_consent  text,
    key_id       text,
    birth_mac    bytea,
    zip_mac      bytea,
    ssn4_mac     bytea,
    invoice_mac  bytea,
    previous_mac bytea
);

CREATE TEMP TABLE stage_accounts (
    file          integer NOT NULL,
    line          integer NOT NULL,
    sound         boolean NOT NULL,
    account       text NOT NULL,
    member_id     text,
    kind          text,
    status        text,
    grace_regime  text,
    autopay_day   smallint,
    autopay_last4 text
);

CREATE TEMP TABLE stage_bills (
    file           integer NOT NULL,
    line           integer NOT NULL,
    sound          boolean NOT NULL,
    account        text NOT NULL,
    coverage_month date NOT NULL,
    revision       integer NOT NULL,
    billed_cents   bigint,
    first_bill     boolean,
    grace_ends_at  timestamptz
);

CREATE TEMP TABLE stage_payments (
    file          integer NOT NULL,
    line          integer NOT NULL,
    sound         boolean NOT NULL,
    external_id   text NOT NULL,
    account       text,
    cents         bigint,
    received_at   timestamptz,
    channel       text,
    our_reference text,
    meaning       text,                     -- given by the merge; null: already booked like this
    ledger_id     bigint                    -- the entry that an echo echoes
);

-- What the database finds wrong with rows that are sound in themselves. other_* names the row it clashes with.
CREATE TEMP TABLE stage_problems (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file       integer NOT NULL,
    line       integer NOT NULL,
    column_name text NOT NULL,
    reason     text NOT NULL,
    other_file integer,
    other_line integer
);
