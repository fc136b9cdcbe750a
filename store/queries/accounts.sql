-- Accounts and what is needed to say what one owes (B7: billed, less paid by us, less booked elsewhere).

-- name: AccountsOf :many
-- A member's accounts: health, then dental, then group.
SELECT * FROM accounts WHERE member_id = @member_id ORDER BY array_position(ARRAY['health', 'dental', 'group'], kind), account;

-- name: AccountByNumber :one
-- One account.
SELECT * FROM accounts WHERE account = @account;

-- name: BillsOf :many
-- The highest revision of each coverage month (B5: the highest revision counts).
SELECT DISTINCT ON (coverage_month) * FROM bills WHERE account = @account ORDER BY coverage_month, revision DESC;

-- name: EntriesOf :many
-- Everything in the ledger for an account, oldest first.
SELECT kind, cents, coalesce(reference, '')::text AS reference, received_at FROM ledger WHERE account = @account ORDER BY received_at, id;

-- name: BillsOfAccounts :many
-- BillsOf for many accounts.
SELECT DISTINCT ON (account, coverage_month) * FROM bills WHERE account = ANY (@accounts::text[])
ORDER BY account, coverage_month, revision DESC;

-- name: EntriesOfAccounts :many
-- EntriesOf for many accounts.
SELECT account, kind, cents, coalesce(reference, '')::text AS reference, received_at
FROM ledger WHERE account = ANY (@accounts::text[]) ORDER BY account, received_at, id;

-- name: PaidBy :many
-- Each account's ledger and its payments in flight, summed up (L2: in flight counts as paid).
SELECT account, sum(cents)::bigint AS cents
FROM (SELECT l.account, l.cents FROM ledger l WHERE l.account = ANY (@accounts::text[])
      UNION ALL
      SELECT a.account, a.cents FROM payment_attempts a
      WHERE a.account = ANY (@accounts) AND a.state IN ('authorized', 'confirming', 'unknown')) paid
GROUP BY account;

-- name: PayableByGuest :one
-- I2: the account exists, is active and not frozen. One statement whatever the answer.
SELECT EXISTS (SELECT 1 FROM accounts WHERE account = @account AND status = 'active' AND frozen_at IS NULL);

-- name: FrozenAt :one
-- Since when an account takes no payment; null: it does.
SELECT frozen_at FROM accounts WHERE account = @account;

-- name: FreezeAccount :exec
-- The first freeze counts; only a person ends it.
UPDATE accounts SET frozen_at = @at WHERE account = @account AND frozen_at IS NULL;

-- name: NewestImport :one
-- B6: balances are as fresh as the newest import that brought bills.
SELECT as_of FROM import_runs WHERE bills IS NOT NULL ORDER BY as_of DESC LIMIT 1;
