-- D4: what is erased when its time is over. Every statement takes a bounded bite, changes nothing when it is run again, and
-- says how much it found; whoever runs them goes on until there is nothing left.

-- name: EraseTextWords :one
-- A text's words go; that it was sent, when, and what became of it stays. The table is walked by its numbers, which rise with
-- created_at, up to the first text that is still young; where the walk stands is kept. seen is what this bite passed.
WITH mark AS (SELECT coalesce((SELECT e.through FROM erasures e WHERE e.what = 'text-words'), 0) AS through),
page AS (SELECT n.id, n.created_at FROM notices n, mark WHERE n.id > mark.through ORDER BY n.id LIMIT @most::int),
old AS (SELECT p.id FROM page p WHERE NOT EXISTS (SELECT 1 FROM page y WHERE y.id <= p.id AND y.created_at >= @before::timestamptz)),
erased AS (UPDATE notices SET body = NULL FROM old WHERE notices.id = old.id AND notices.body IS NOT NULL RETURNING 1),
moved AS (
    INSERT INTO erasures (what, through) SELECT 'text-words', max(o.id) FROM old o HAVING count(*) > 0
    ON CONFLICT (what) DO UPDATE SET through = greatest(erasures.through, excluded.through)
)
SELECT (SELECT count(*) FROM old) AS seen, (SELECT count(*) FROM erased) AS erased;

-- name: EraseInboundWords :execrows
UPDATE inbound_texts SET words = NULL
WHERE message_sid IN (SELECT i.message_sid FROM inbound_texts i WHERE i.words IS NOT NULL AND i.at < @before LIMIT @most::int);

-- name: EraseInboundTexts :execrows
DELETE FROM inbound_texts WHERE message_sid IN (SELECT i.message_sid FROM inbound_texts i WHERE i.at < @before LIMIT @most::int);

-- name: EraseHandoffs :execrows
DELETE FROM handoffs WHERE (call_sid, turn) IN (SELECT h.call_sid, h.turn FROM handoffs h WHERE h.at < @before LIMIT @most::int);

-- name: EraseCallbacks :execrows
DELETE FROM callbacks WHERE id IN (SELECT c.id FROM callbacks c WHERE c.at < @before LIMIT @most::int);

-- name: EraseCalls :execrows
DELETE FROM calls WHERE call_sid IN (SELECT c.call_sid FROM calls c WHERE c.started_at < @before LIMIT @most::int);

-- name: EraseDoneTasks :execrows
-- A task that nobody has done stays a task. One about a payment stays with its payment, which it must not come back to.
DELETE FROM tasks WHERE id IN (SELECT t.id FROM tasks t WHERE t.done_at < @before AND t.attempt_key IS NULL LIMIT @most::int);

-- name: EraseVerifications :execrows
-- Passed ones as well: what they end is a row of failures that is erased with them.
DELETE FROM verifications WHERE (call_sid, turn, subject) IN
    (SELECT v.call_sid, v.turn, v.subject FROM verifications v WHERE v.at < @before LIMIT @most::int);

-- name: EraseSoftLocks :execrows
DELETE FROM soft_locks WHERE (subject, from_at) IN (SELECT l.subject, l.from_at FROM soft_locks l WHERE l.until < @before LIMIT @most::int);

-- name: EraseEvents :execrows
DELETE FROM processor_events WHERE id IN (SELECT e.id FROM processor_events e WHERE e.received_at < @before LIMIT @most::int);

-- name: EraseEvidence :execrows
-- E8: kept from settlement. What is open, or came back since, is not old.
DELETE FROM payment_evidence WHERE key IN (
    SELECT e.key FROM payment_evidence e JOIN payment_attempts a ON a.key = e.key
    WHERE e.given_at < @before AND a.settled_at < @before AND (a.returned_at IS NULL OR a.returned_at < @before) LIMIT @most::int);

-- name: EraseConsents :execrows
-- What is in force is kept as long as it is.
DELETE FROM consents WHERE id IN (SELECT c.id FROM consents c WHERE c.ended_at < @before LIMIT @most::int);

-- name: EraseSuppressions :execrows
DELETE FROM suppressions WHERE id IN (SELECT s.id FROM suppressions s WHERE s.lifted_at < @before LIMIT @most::int);

-- name: AccountsWithHistory :many
-- The next stretch of accounts, and which of them hold anything older.
WITH page AS (SELECT a.account FROM accounts a WHERE a.account > @after ORDER BY a.account LIMIT @most::int)
SELECT p.account, (EXISTS (SELECT 1 FROM bills b WHERE b.account = p.account AND b.coverage_month < @first_month)
       OR EXISTS (SELECT 1 FROM ledger l WHERE l.account = p.account AND l.received_at < @before)
       OR EXISTS (SELECT 1 FROM payment_attempts t WHERE t.account = p.account AND t.offered_at < @before))::boolean AS old
FROM page p ORDER BY p.account;

-- name: CloseBooks :many
-- Books are closed where everything billed by then was paid by then, to the cent: what is owed is the same before and after. One
-- that is never even stays whole. An entry that billing has not echoed is not history.
INSERT INTO closed_books (account, first_month, since)
SELECT s.account, @first_month::date, @before::timestamptz FROM (
    SELECT x.account,
        coalesce((SELECT sum(b.billed_cents) FROM (
            SELECT DISTINCT ON (bills.coverage_month) bills.billed_cents FROM bills
            WHERE bills.account = x.account AND bills.coverage_month < @first_month
            ORDER BY bills.coverage_month, bills.revision DESC) b), 0) AS billed,
        coalesce((SELECT sum(l.cents) FROM ledger l WHERE l.account = x.account AND l.received_at < @before), 0) AS paid
    FROM unnest(@accounts::text[]) AS x(account)
    WHERE NOT EXISTS (SELECT 1 FROM unposted u JOIN ledger l ON l.id = u.ledger_id WHERE l.account = x.account AND l.received_at < @before)
) s WHERE s.billed = s.paid
ON CONFLICT (account) DO UPDATE SET first_month = excluded.first_month, since = excluded.since WHERE closed_books.since < excluded.since
RETURNING account;

-- name: EraseLedger :execrows
DELETE FROM ledger l USING closed_books c WHERE c.account = l.account AND l.account = ANY (@accounts::text[]) AND l.received_at < c.since;

-- name: EraseBooked :execrows
DELETE FROM booked b USING closed_books c WHERE c.account = b.account AND b.account = ANY (@accounts::text[]) AND b.received_at < c.since;

-- name: EraseBills :execrows
DELETE FROM bills b USING closed_books c WHERE c.account = b.account AND b.account = ANY (@accounts::text[]) AND b.coverage_month < c.first_month;

-- name: OldAttempts :many
-- Payments that are over and of which no entry is left.
SELECT a.key FROM payment_attempts a
WHERE a.account = ANY (@accounts::text[]) AND a.offered_at < @before AND a.settled_at < @before
  AND (a.returned_at IS NULL OR a.returned_at < @before)
  AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.attempt_key = a.key);

-- name: EraseReasonsOfPayments :exec
DELETE FROM notice_reasons WHERE attempt_key = ANY (@keys::text[]);

-- name: EraseNoticesOfPayments :exec
DELETE FROM notices WHERE attempt_key = ANY (@keys::text[]);

-- name: EraseTasksOfPayments :exec
DELETE FROM tasks WHERE attempt_key = ANY (@keys::text[]);

-- name: EraseLetters :exec
DELETE FROM letters WHERE attempt_key = ANY (@keys::text[]);

-- name: EraseResolutions :exec
DELETE FROM payment_resolutions WHERE attempt_key = ANY (@keys::text[]);

-- name: EraseEvidenceOfPayments :exec
DELETE FROM payment_evidence WHERE key = ANY (@keys::text[]);

-- name: EraseAttempts :execrows
DELETE FROM payment_attempts WHERE key = ANY (@keys::text[]);

-- name: DailyDone :one
SELECT EXISTS (SELECT 1 FROM daily_runs WHERE what = @what AND local_day = @local_day)::boolean;

-- name: FinishDaily :exec
INSERT INTO daily_runs (what, local_day, finished_at) VALUES (@what, @local_day, @at) ON CONFLICT (what, local_day) DO NOTHING;
