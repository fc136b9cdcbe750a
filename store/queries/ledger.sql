-- Entries of the ledger. A trigger lists each of ours as not posted until billing echoes it.

-- name: InsertLedgerPayment :exec
-- In the transaction that takes the attempt; ledger_once refuses a second one.
INSERT INTO ledger (account, kind, cents, reference, attempt_key, received_at, recorded_at)
VALUES (@account, 'payment', @cents, @reference, @attempt_key, @received_at, @at);

-- name: InsertLedgerReversal :exec
-- In the transaction that returns the attempt; @cents is negative.
INSERT INTO ledger (account, kind, cents, reference, attempt_key, received_at, recorded_at)
VALUES (@account, 'reversal', @cents, @reference, @attempt_key, @at, @at);

-- name: UnpostedEntries :many
-- Entries of ours that billing has not echoed, oldest first, page by page.
SELECT l.id, coalesce(l.reference, '')::text AS reference, l.account, l.kind, a.method, l.cents, l.received_at
FROM unposted_entries u JOIN ledger l ON l.id = u.ledger_id JOIN payment_attempts a ON a.key = l.attempt_key
WHERE u.ledger_id > @after ORDER BY u.ledger_id LIMIT 5000;
