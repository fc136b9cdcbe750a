-- Reminders: recipients read page by page, what is to be said planned once, and what became of it.

-- name: PlanState :one
-- The last finished planning run and the newest import with bills; year 1 where there is none.
SELECT
    coalesce(r.local_day, '0001-01-01')::date AS local_day, coalesce(r.import_run, 0)::bigint AS import_run,
    coalesce(r.started_at, '0001-01-01 00:00+00')::timestamptz AS started_at,
    coalesce(r.finished_at, '0001-01-01 00:00+00')::timestamptz AS finished_at,
    coalesce(i.id, 0)::bigint AS newest_import, coalesce(i.as_of, '0001-01-01 00:00+00')::timestamptz AS imported_at
FROM (SELECT 1) AS one
LEFT JOIN LATERAL (SELECT * FROM reminder_runs WHERE reminder_runs.finished_at IS NOT NULL ORDER BY id DESC LIMIT 1) r ON true
LEFT JOIN LATERAL (SELECT id, as_of FROM import_runs WHERE bills IS NOT NULL ORDER BY import_runs.as_of DESC, id DESC LIMIT 1) i ON true;

-- name: StartPlan :one
-- A planning run begins.
INSERT INTO reminder_runs (local_day, import_run, started_at) VALUES (@local_day, @import_run, @started_at) RETURNING id;

-- name: FinishPlan :exec
-- A planning run is done. One that never gets here is made again.
UPDATE reminder_runs SET finished_at = @at, notices = @notices WHERE id = @id;

-- name: TryLockPlan :one
-- One planner at a time. The lock belongs to the connection, and so ends with a process that dies.
SELECT pg_try_advisory_lock(@lock);

-- name: UnlockPlan :exec
-- Ends the planner's lock.
SELECT pg_advisory_unlock(@lock);

-- name: UseIndexesForPage :exec
-- Until the transaction ends, pages are read by their keys, so that the time stays linear in accounts: a plan that reads
-- whole tables for one page, or spends its time on compiling, is ruled out.
SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true), set_config('random_page_cost', '1.1', true),
       set_config('max_parallel_workers_per_gather', '0', true);

-- name: NextNumbers :one
-- The first and last of the next numbers; empty: there are no more.
SELECT coalesce(min(page.phone), '')::text AS first, coalesce(max(page.phone), '')::text AS last
FROM (SELECT phone FROM members WHERE phone > @after ORDER BY phone LIMIT @members::int) page;

-- name: PageAccounts :many
-- B7: owed = everything billed, newest revisions, less everything paid or booked. One index probe for each thing asked of an
-- account. A frozen one counts as in flight: it may have paid. Without everyone: those that owe and may be texted.
WITH page AS MATERIALIZED (
    SELECT m.phone, m.language, m.time_zone, m.mobile, a.account, a.member_id, a.kind, a.status, a.grace_regime, a.autopay_day, a.autopay_last4,
           a.frozen_at IS NOT NULL AS frozen, c.number IS NOT NULL AS consent, coalesce(c.source = 'application', false) AS from_application,
           coalesce(s.opted_out, false) AS opted_out, coalesce(s.unreachable, false) AS unreachable
    FROM members m
    JOIN accounts a ON a.member_id = m.member_id
    LEFT JOIN (SELECT consents.number, consents.source FROM consents
               WHERE consents.number BETWEEN @first AND @last AND channel = 'sms' AND purpose = 'payments' AND ended_at IS NULL) c
           ON c.number = m.phone
    LEFT JOIN (SELECT suppressions.number, bool_or(source <> 'undeliverable') AS opted_out, bool_or(source = 'undeliverable') AS unreachable
               FROM suppressions
               WHERE suppressions.number BETWEEN @first AND @last AND channel = 'sms' AND purpose IN ('payments', 'all') AND lifted_at IS NULL
               GROUP BY suppressions.number) s
           ON s.number = m.phone
    WHERE m.phone BETWEEN @first AND @last
      AND (@everyone::boolean OR (c.number IS NOT NULL AND s.number IS NULL AND a.status = 'active'))
)
SELECT p.phone::text AS number, p.language, p.time_zone, p.mobile, p.consent::boolean AS consent, p.from_application::boolean AS from_application, p.opted_out::boolean AS opted_out,
       p.unreachable::boolean AS unreachable, p.account, p.member_id, p.kind, p.status, p.grace_regime, p.autopay_day, p.autopay_last4,
       (p.frozen OR EXISTS (SELECT 1 FROM payment_attempts o WHERE o.account = p.account
                            AND o.state IN ('authorized', 'confirming', 'unknown')))::boolean AS in_flight,
       l.last_paid::timestamptz AS last_paid,
       (b.billed - l.paid)::bigint AS owed, b.older::boolean AS older,
       b.months::date[] AS months, b.cents::bigint[] AS cents,
       b.first_months::date[] AS first_months, b.grace_months::date[] AS grace_months, b.graces::timestamptz[] AS graces
FROM page p
CROSS JOIN LATERAL (
    SELECT coalesce(sum(ledger.cents), 0) AS paid, coalesce(max(ledger.received_at) FILTER (WHERE ledger.cents > 0), '0001-01-01 00:00+00') AS last_paid
    FROM ledger WHERE ledger.account = p.account
) l
CROSS JOIN LATERAL (
    SELECT coalesce(sum(billed_cents), 0) AS billed, coalesce(bool_or(coverage_month < @since), false) AS older,
           array_agg(coverage_month) FILTER (WHERE coverage_month >= @since) AS months,
           array_agg(billed_cents) FILTER (WHERE coverage_month >= @since) AS cents,
           array_agg(coverage_month) FILTER (WHERE coverage_month >= @since AND first_bill) AS first_months,
           array_agg(coverage_month) FILTER (WHERE coverage_month >= @since AND grace_ends_at IS NOT NULL) AS grace_months,
           array_agg(grace_ends_at) FILTER (WHERE coverage_month >= @since AND grace_ends_at IS NOT NULL) AS graces
    FROM (SELECT DISTINCT ON (coverage_month) coverage_month, billed_cents, first_bill, grace_ends_at
          FROM bills WHERE bills.account = p.account ORDER BY coverage_month DESC, revision DESC) n
) b
WHERE @everyone OR b.billed > l.paid;

-- name: ReasonsOfNumbers :many
-- The reasons of a number that are planned or were sent.
SELECT r.number, r.account, r.kind, r.days_before, r.coverage_month::date AS coverage_month, n.id, n.language, n.state,
       coalesce(n.tried_at, n.sent_at, '0001-01-01 00:00+00')::timestamptz AS at
FROM notice_reasons r JOIN notices n ON n.id = r.notice_id
WHERE r.number = ANY (@numbers::text[]) AND r.attempt_key IS NULL AND r.coverage_month >= @since::date AND r.dropped_why IS NULL;

-- name: PaidLate :many
-- Accounts that received more after an instant than they had to spare.
SELECT t.account::text AS account
FROM (SELECT unnest(@accounts::text[]) AS account, unnest(@due_ats::timestamptz[]) AS due_at, unnest(@surpluses::bigint[]) AS surplus) t
WHERE (SELECT coalesce(sum(l.cents), 0) FROM ledger l WHERE l.account = t.account AND l.received_at > t.due_at AND l.cents > 0) > t.surplus;

-- name: AccountsOfNumbers :many
-- Everything that a claim looks at, in one statement: of every account behind some numbers everything billed, newest
-- revisions, everything in the ledger, and whether a payment is in flight.
SELECT m.phone::text AS number, m.language, sqlc.embed(a),
       (a.frozen_at IS NOT NULL OR EXISTS (SELECT 1 FROM payment_attempts o WHERE o.account = a.account
                                           AND o.state IN ('authorized', 'confirming', 'unknown')))::boolean AS in_flight,
       coalesce((SELECT max(i.as_of) FROM import_runs i WHERE i.bills IS NOT NULL), '0001-01-01 00:00+00')::timestamptz AS imported_at,
       b.months::date[] AS months, b.billed::bigint[] AS billed,
       b.first_months::date[] AS first_months, b.grace_months::date[] AS grace_months, b.graces::timestamptz[] AS graces,
       l.kinds::text[] AS kinds, l.cents::bigint[] AS cents, l.refs::text[] AS refs, l.received::timestamptz[] AS received
FROM members m
JOIN accounts a ON a.member_id = m.member_id
CROSS JOIN LATERAL (
    SELECT array_agg(coverage_month) AS months, array_agg(billed_cents) AS billed,
           array_agg(coverage_month) FILTER (WHERE first_bill) AS first_months,
           array_agg(coverage_month) FILTER (WHERE grace_ends_at IS NOT NULL) AS grace_months,
           array_agg(grace_ends_at) FILTER (WHERE grace_ends_at IS NOT NULL) AS graces
    FROM (SELECT DISTINCT ON (coverage_month) coverage_month, billed_cents, first_bill, grace_ends_at
          FROM bills WHERE bills.account = a.account ORDER BY coverage_month DESC, revision DESC) n
) b
CROSS JOIN LATERAL (
    SELECT array_agg(ledger.kind ORDER BY ledger.received_at, ledger.id) AS kinds, array_agg(ledger.cents ORDER BY ledger.received_at, ledger.id) AS cents,
           array_agg(coalesce(ledger.reference, '') ORDER BY ledger.received_at, ledger.id) AS refs,
           array_agg(ledger.received_at ORDER BY ledger.received_at, ledger.id) AS received
    FROM ledger WHERE ledger.account = a.account
) l
WHERE m.phone = ANY (@numbers::text[])
ORDER BY m.phone, a.account;

-- name: AccountsWithoutNumber :many
-- Accounts of members without a number, page by page.
SELECT m.language, sqlc.embed(a) FROM accounts a JOIN members m ON m.member_id = a.member_id
WHERE m.phone IS NULL AND a.account > @after ORDER BY a.account LIMIT @max_rows::int;

-- name: PlanReminders :one
-- N1: one notice for a number, kind, day and language, and one for each cause; a reason belongs to one notice at a time. One
-- that was dropped before anything was sent is planned again if it has become true again. Returns how many notices have
-- new reasons; the same plan again: 0.
WITH texts AS (
    SELECT unnest(@text_refs::text[]) AS reference, unnest(@text_numbers::text[]) AS number, unnest(@text_languages::text[]) AS language,
           unnest(@text_kinds::text[]) AS kind, unnest(@text_causes::text[]) AS cause,
           unnest(@not_befores::timestamptz[]) AS not_before, unnest(@not_afters::timestamptz[]) AS not_after
), daily AS (
    INSERT INTO notices (reference, number, kind, language, local_day, state, created_at, not_before, not_after)
    SELECT t.reference, t.number, t.kind, t.language, @day, 'planned', @at, t.not_before, t.not_after FROM texts t WHERE t.cause = ''
    ON CONFLICT (number, kind, local_day, language) WHERE attempt_key IS NULL AND cause IS NULL
    DO UPDATE SET state = 'planned', why = NULL, not_before = excluded.not_before, not_after = greatest(notices.not_after, excluded.not_after)
    WHERE notices.state IN ('planned', 'dropped') AND notices.creates = 0
    RETURNING id, number, kind, language, ''::text AS cause
), single AS (
    INSERT INTO notices (reference, number, kind, language, local_day, cause, state, created_at, not_before, not_after)
    SELECT t.reference, t.number, t.kind, t.language, @day, t.cause, 'planned', @at, t.not_before, t.not_after FROM texts t WHERE t.cause <> ''
    ON CONFLICT (cause, kind) WHERE cause IS NOT NULL
    DO UPDATE SET state = 'planned', why = NULL, not_before = excluded.not_before, not_after = excluded.not_after
    WHERE notices.state = 'dropped' AND notices.creates = 0
    RETURNING id, number, kind, language, cause
), made AS (
    SELECT * FROM daily UNION ALL SELECT * FROM single
), reasons AS (
    INSERT INTO notice_reasons (notice_id, kind, days_before, number, account, coverage_month)
    SELECT made.id, w.kind, w.days_before, w.number, w.account, w.coverage_month
    FROM (SELECT unnest(@numbers::text[]) AS number, unnest(@languages::text[]) AS language, unnest(@kinds::text[]) AS kind,
                 unnest(@causes::text[]) AS cause, unnest(@days_before::int[]) AS days_before, unnest(@accounts::text[]) AS account,
                 unnest(@coverage_months::date[]) AS coverage_month) w
    JOIN made ON made.number = w.number AND made.kind = w.kind AND made.language = w.language AND made.cause = w.cause
    ON CONFLICT (number, account, coverage_month, kind, days_before) WHERE attempt_key IS NULL
    DO UPDATE SET notice_id = excluded.notice_id, dropped_why = NULL WHERE notice_reasons.dropped_why IS NOT NULL
    RETURNING notice_id
)
SELECT count(DISTINCT notice_id) FROM reasons;

-- name: ReminderCounts :many
-- By kind, what became of what was planned since an instant.
SELECT kind, state, coalesce(why, '')::text AS why, count(*) AS texts FROM notices
WHERE kind = ANY (@kinds::text[]) AND created_at >= @since
GROUP BY kind, state, coalesce(why, '') ORDER BY kind, state, why;
