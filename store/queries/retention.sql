-- D4: what is erased when its time is over. Every statement erases a bounded number of rows, changes nothing when it is run
-- again, and says how much it found; the caller goes on until nothing is left.

-- name: EraseTextWords :one
-- A text's words are erased; that it was sent, when, and what became of it stays. The table is walked by id, which rises with
-- created_at, up to the first text that is still young; erasure_progress holds how far. seen: rows that this statement passed.
WITH mark AS (SELECT coalesce((SELECT e.through FROM erasure_progress e WHERE e.what = 'text-words'), 0) AS through),
page AS (SELECT n.id, n.created_at FROM notices n, mark WHERE n.id > mark.through ORDER BY n.id LIMIT @max_rows::int),
old AS (SELECT p.id FROM page p WHERE NOT EXISTS (SELECT 1 FROM page y WHERE y.id <= p.id AND y.created_at >= @before::timestamptz)),
erased AS (UPDATE notices SET body = NULL FROM old WHERE notices.id = old.id AND notices.body IS NOT NULL RETURNING 1),
moved AS (
    INSERT INTO erasure_progress (what, through) SELECT 'text-words', max(o.id) FROM old o HAVING count(*) > 0
    ON CONFLICT (what) DO UPDATE SET through = greatest(erasure_progress.through, excluded.through)
)
SELECT (SELECT count(*) FROM old) AS seen, (SELECT count(*) FROM erased) AS erased;

-- name: EraseInboundWords :execrows
-- Words of texts that came in; the class stays.
UPDATE inbound_texts SET words = NULL
WHERE message_sid IN (SELECT i.message_sid FROM inbound_texts i WHERE i.words IS NOT NULL AND i.at < @before LIMIT @max_rows::int);

-- name: EraseInboundTexts :execrows
-- Texts that came in.
DELETE FROM inbound_texts WHERE message_sid IN (SELECT i.message_sid FROM inbound_texts i WHERE i.at < @before LIMIT @max_rows::int);

-- name: EraseHandoffs :execrows
-- Transfers, with their references.
DELETE FROM handoffs WHERE (call_sid, turn) IN (SELECT h.call_sid, h.turn FROM handoffs h WHERE h.at < @before LIMIT @max_rows::int);

-- name: EraseCallbacks :execrows
-- Call-backs, done or not: their slot is long over.
DELETE FROM callbacks WHERE id IN (SELECT c.id FROM callbacks c WHERE c.at < @before LIMIT @max_rows::int);

-- name: EraseCalls :execrows
-- Calls.
DELETE FROM calls WHERE call_sid IN (SELECT c.call_sid FROM calls c WHERE c.started_at < @before LIMIT @max_rows::int);

-- name: EraseDoneTasks :execrows
-- A task that nobody has done stays. One about a payment stays with its payment: it must not be raised again.
DELETE FROM tasks WHERE id IN (SELECT t.id FROM tasks t WHERE t.done_at < @before AND t.attempt_key IS NULL LIMIT @max_rows::int);

-- name: EraseVerifications :execrows
-- Passed ones as well: what they end is a row of failures that is erased with them.
DELETE FROM verifications WHERE (call_sid, turn, subject) IN
    (SELECT v.call_sid, v.turn, v.subject FROM verifications v WHERE v.at < @before LIMIT @max_rows::int);

-- name: EraseSoftLocks :execrows
-- Locks that are over.
DELETE FROM soft_locks WHERE (subject, from_at) IN (SELECT l.subject, l.from_at FROM soft_locks l WHERE l.until < @before LIMIT @max_rows::int);

-- name: EraseEvents :execrows
-- Events of the processor.
DELETE FROM processor_events WHERE id IN (SELECT e.id FROM processor_events e WHERE e.received_at < @before LIMIT @max_rows::int);

-- name: EraseEvidence :execrows
-- E8: kept from settlement. What is open, or came back since, is not old.
DELETE FROM payment_evidence WHERE key IN (
    SELECT e.key FROM payment_evidence e JOIN payment_attempts a ON a.key = e.key
    WHERE e.given_at < @before AND a.settled_at < @before AND (a.returned_at IS NULL OR a.returned_at < @before) LIMIT @max_rows::int);

-- name: EraseConsents :execrows
-- Consents that have ended; one in force is kept.
DELETE FROM consents WHERE id IN (SELECT c.id FROM consents c WHERE c.ended_at < @before LIMIT @max_rows::int);

-- name: EraseSuppressions :execrows
-- Suppressions that were lifted; one in force is kept.
DELETE FROM suppressions WHERE id IN (SELECT s.id FROM suppressions s WHERE s.lifted_at < @before LIMIT @max_rows::int);

-- name: AccountsWithHistory :many
-- The next page of accounts; old: it holds something older than the horizon.
WITH page AS (SELECT a.account FROM accounts a WHERE a.account > @after ORDER BY a.account LIMIT @max_rows::int)
SELECT p.account, (EXISTS (SELECT 1 FROM bills b WHERE b.account = p.account AND b.coverage_month < @first_month)
       OR EXISTS (SELECT 1 FROM ledger l WHERE l.account = p.account AND l.received_at < @before)
       OR EXISTS (SELECT 1 FROM payment_attempts t WHERE t.account = p.account AND t.offered_at < @before))::boolean AS old
FROM page p ORDER BY p.account;

-- name: ClosePeriods :many
-- A period is closed where everything billed by then was paid by then, to the cent: what is owed is the same before and
-- after. An account that never comes out even stays whole. An entry that billing has not echoed keeps its period open.
INSERT INTO closed_periods (account, first_month, since)
SELECT s.account, @first_month::date, @before::timestamptz FROM (
    SELECT x.account,
        coalesce((SELECT sum(b.billed_cents) FROM (
            SELECT DISTINCT ON (bills.coverage_month) bills.billed_cents FROM bills
            WHERE bills.account = x.account AND bills.coverage_month < @first_month
            ORDER BY bills.coverage_month, bills.revision DESC) b), 0) AS billed,
        coalesce((SELECT sum(l.cents) FROM ledger l WHERE l.account = x.account AND l.received_at < @before), 0) AS paid
    FROM unnest(@accounts::text[]) AS x(account)
    WHERE NOT EXISTS (SELECT 1 FROM unposted_entries u JOIN ledger l ON l.id = u.ledger_id WHERE l.account = x.account AND l.received_at < @before)
) s WHERE s.billed = s.paid
ON CONFLICT (account) DO UPDATE SET first_month = excluded.first_month, since = excluded.since WHERE closed_periods.since < excluded.since
RETURNING account;

-- name: EraseLedger :execrows
-- Entries in closed periods; the ledger's trigger refuses any other.
DELETE FROM ledger l USING closed_periods c WHERE c.account = l.account AND l.account = ANY (@accounts::text[]) AND l.received_at < c.since;

-- name: EraseBookedPayments :execrows
-- Billing's payments in closed periods.
DELETE FROM booked_payments b USING closed_periods c WHERE c.account = b.account AND b.account = ANY (@accounts::text[]) AND b.received_at < c.since;

-- name: EraseBills :execrows
-- Bills in closed periods.
DELETE FROM bills b USING closed_periods c WHERE c.account = b.account AND b.account = ANY (@accounts::text[]) AND b.coverage_month < c.first_month;

-- name: OldAttempts :many
-- Attempts that are over, of which no entry is left in the ledger.
SELECT a.key FROM payment_attempts a
WHERE a.account = ANY (@accounts::text[]) AND a.offered_at < @before AND a.settled_at < @before
  AND (a.returned_at IS NULL OR a.returned_at < @before)
  AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.attempt_key = a.key);

-- name: EraseReasonsOfPayments :exec
-- What refers to attempts goes before them.
DELETE FROM notice_reasons WHERE attempt_key = ANY (@keys::text[]);

-- name: EraseNoticesOfPayments :exec
-- As EraseReasonsOfPayments.
DELETE FROM notices WHERE attempt_key = ANY (@keys::text[]);

-- name: EraseTasksOfPayments :exec
-- As EraseReasonsOfPayments.
DELETE FROM tasks WHERE attempt_key = ANY (@keys::text[]);

-- name: EraseLetters :exec
-- As EraseReasonsOfPayments.
DELETE FROM letters WHERE attempt_key = ANY (@keys::text[]);

-- name: EraseResolutions :exec
-- As EraseReasonsOfPayments.
DELETE FROM payment_resolutions WHERE attempt_key = ANY (@keys::text[]);

-- name: EraseEvidenceOfPayments :exec
-- As EraseReasonsOfPayments.
DELETE FROM payment_evidence WHERE key = ANY (@keys::text[]);

-- name: EraseAttempts :execrows
-- The attempts themselves.
DELETE FROM payment_attempts WHERE key = ANY (@keys::text[]);
