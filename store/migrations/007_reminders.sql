-- Reminders: when they were last planned, and which of them an operator holds back.

-- A run that never finished is simply made again: what it has planned stays planned once (reasons_once, notices_one_a_day).
CREATE TABLE reminder_runs (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    local_day   date NOT NULL,              -- in the business zone
    import_run  bigint REFERENCES import_runs,
    started_at  timestamptz NOT NULL,       -- domain clock
    finished_at timestamptz,
    notices     integer NOT NULL DEFAULT 0
);

-- The switch of a kind of text. A row that is not there, or without paused_at, lets it go.
CREATE TABLE campaigns (
    kind      text PRIMARY KEY,
    paused_at timestamptz,
    why       text NOT NULL DEFAULT ''
);

-- The same promise in another order: what a number was reminded of is read by the number.
DROP INDEX reasons_once;
CREATE UNIQUE INDEX reasons_once ON notice_reasons (number, account, coverage_month, kind, days_before) WHERE attempt_key IS NULL;

-- A check against another table locks, and so writes, the row it finds: a million accounts and a million notices in a
-- run, and in the way of an import. No account is ever deleted, and a reason is written with its notice in one statement.
ALTER TABLE notice_reasons DROP CONSTRAINT notice_reasons_account_fkey, DROP CONSTRAINT notice_reasons_notice_id_fkey;

-- What an account owes, read from the indexes alone.
ALTER TABLE bills DROP CONSTRAINT bills_pkey,
    ADD CONSTRAINT bills_pkey PRIMARY KEY (account, coverage_month, revision) INCLUDE (billed_cents, first_bill, grace_ends_at);
DROP INDEX ledger_account;
CREATE INDEX ledger_account ON ledger (account, received_at) INCLUDE (cents);

-- How fresh balances are, asked by every claim.
CREATE INDEX import_runs_fresh ON import_runs (as_of) WHERE bills IS NOT NULL;
