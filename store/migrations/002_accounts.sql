-- Billing accounts, what was billed to them, and the imports that brought it (B1-B7, D4).

-- One row a billing account, as billing delivered it last. frozen_at alone is ours: billing neither sets nor lifts it.
-- Accounts are never deleted.
CREATE TABLE accounts (
    account       text PRIMARY KEY,         -- B1; the pattern is policy (billing_account_pattern), checked by the import
    member_id     text NOT NULL REFERENCES members,
    kind          text NOT NULL CHECK (kind IN ('health', 'dental', 'group')),
    status        text NOT NULL CHECK (status IN ('active', 'terminated', 'blocked')),
    grace_regime  text CHECK (grace_regime IN ('month-end', 'next-due', 'third-due', 'none')),  -- null: the default (G5)
    autopay_day   smallint CHECK (autopay_day BETWEEN 1 AND 28),                                -- null: no AutoPay
    autopay_last4 text CHECK (autopay_last4 ~ '^[0-9]{4}$'),
    frozen_at     timestamptz               -- a capture said that it had charged: no payment until a person has looked
);
CREATE INDEX accounts_member ON accounts (member_id);

-- One row for each revision of a bill (B5: the highest revision counts; a change is a new row). billed_cents is what was
-- billed, never a remaining balance (B7). The key includes the amounts, so that what is owed is read from the index alone.
CREATE TABLE bills (
    account        text NOT NULL REFERENCES accounts,
    coverage_month date NOT NULL CHECK (extract(day FROM coverage_month) = 1),
    revision       integer NOT NULL CHECK (revision >= 0),
    billed_cents   bigint NOT NULL CHECK (billed_cents >= 0),
    first_bill     boolean NOT NULL DEFAULT false,  -- B8: the binder payment
    grace_ends_at  timestamptz,                     -- billing's own end of grace; wins over the regime (G5)
    PRIMARY KEY (account, coverage_month, revision) INCLUDE (billed_cents, first_bill, grace_ends_at)
);

-- One row for each import, written in its transaction: an import that failed has none. The counts are rows in the files;
-- null: the run had no such file. Balances are as fresh as the newest as_of of a run with bills (B6): payments alone
-- refresh nothing.
CREATE TABLE import_runs (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    as_of     timestamptz NOT NULL,         -- when billing made the files
    loaded_at timestamptz NOT NULL,
    members   integer,
    accounts  integer,
    bills     integer,
    payments  integer
);
CREATE INDEX import_runs_fresh ON import_runs (as_of) WHERE bills IS NOT NULL;

-- At most one row an account: its history up to here is erased (D4: retention). It is written only where what was billed
-- and what was paid by then came to the same sum, so what is owed did not change. Bills for months before first_month and
-- money received before since are left out of any later import.
CREATE TABLE closed_periods (
    account     text PRIMARY KEY REFERENCES accounts,
    first_month date NOT NULL CHECK (extract(day FROM first_month) = 1),
    since       timestamptz NOT NULL
);
