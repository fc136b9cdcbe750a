-- Texts and calls of ours: planned with what causes them, claimed and sent once. Every "once" is a unique key.

-- name: PlanPaymentNotice :one
-- One notice for each payment and kind (N1). Its local day is the member's; where billing does not know the zone, the
-- business zone's. No row comes back when it is planned already.
WITH planned AS (
    INSERT INTO notices (reference, number, kind, language, local_day, attempt_key, state, by_request, created_at, not_before, not_after)
    SELECT @reference, @number, @kind, @language, timezone(coalesce(nullif(m.time_zone, ''), 'America/New_York'), @at::timestamptz)::date, @attempt_key,
           'planned', @by_request, @at, @not_before, @not_after
    FROM accounts a JOIN members m ON m.member_id = a.member_id
    WHERE a.account = @account
    ON CONFLICT (attempt_key, kind) WHERE attempt_key IS NOT NULL DO NOTHING
    RETURNING id, kind, number, attempt_key
)
INSERT INTO notice_reasons (notice_id, kind, days_before, number, account, attempt_key)
SELECT id, kind, 0, number, @account, attempt_key FROM planned
RETURNING notice_id;

-- name: PaymentNoticeID :one
-- The notice of a payment and kind.
SELECT id FROM notices WHERE attempt_key = @attempt_key AND kind = @kind;

-- name: UseIndexesForClaim :exec
-- Until the transaction ends, a batch is read and written a row at a time by its key, whatever the planner believes of the
-- tables' sizes: right after a planning run or an import it has no statistics, and would read all accounts for a hundred
-- texts.
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
       set_config('enable_material', 'off', true), set_config('jit', 'off', true), set_config('random_page_cost', '1.1', true),
       set_config('max_parallel_workers_per_gather', '0', true);

-- name: LockNumbersOf :exec
-- Texts to one number are decided one after another (N3); sorted, so that two batches never wait for each other.
SELECT pg_advisory_xact_lock(n.key)
FROM (SELECT DISTINCT hashtextextended('texts to ' || number, 0) AS key FROM notices WHERE id = ANY (@ids::bigint[]) ORDER BY 1) n;

-- name: LockNotices :many
-- Locked until it is decided what becomes of them; a row that another sender has locked is left out. stopped: its kind, or
-- every kind, is paused.
SELECT sqlc.embed(n), EXISTS (SELECT 1 FROM paused_kinds p WHERE p.kind IN ('*', n.kind))::boolean AS stopped
FROM notices n WHERE n.id = ANY (@ids::bigint[])
ORDER BY n.id FOR UPDATE OF n SKIP LOCKED;

-- name: NoticeFacts :many
-- Everything a claim must know, in one look, so that the parts belong together (N2): a row for each reason that still
-- stands, or one row without a reason. The zones are those of the members whose number it is, and of the reason's own.
SELECT n.id, (c.number IS NOT NULL)::boolean AS consent, coalesce(c.source = 'application', false)::boolean AS from_application, coalesce(s.opted_out, false)::boolean AS opted_out, coalesce(s.unreachable, false)::boolean AS unreachable,
    ARRAY(SELECT DISTINCT p.time_zone FROM members p WHERE p.phone = n.number AND p.time_zone <> '' ORDER BY 1)::text[] AS zones_of_number,
    m.time_zone AS zone_of_account,
    r.account, r.days_before, r.coverage_month,
    a.state AS payment_state, a.cents, a.fee_cents, a.bank_type, a.last4, a.reference, a.authorized_at,
    a.not_before AS debit_not_before, a.intent_id, a.create_sent_at, a.heard,
    coalesce(acc.status = 'terminated', false)::boolean AS terminated,
    CASE WHEN r.attempt_key IS NULL THEN 0 ELSE -- what reminders rest on is read by number
        coalesce((SELECT sum(b.billed_cents) FROM (
            SELECT DISTINCT ON (coverage_month) billed_cents FROM bills
            WHERE bills.account = r.account ORDER BY bills.coverage_month, revision DESC) b), 0)
        - coalesce((SELECT sum(l.cents) FROM ledger l WHERE l.account = r.account), 0) END::bigint AS owed,
    (r.attempt_key IS NOT NULL AND EXISTS (SELECT 1 FROM payment_attempts o WHERE o.account = r.account AND o.key <> r.attempt_key
                                           AND o.state IN ('authorized', 'confirming', 'unknown')))::boolean AS in_flight
FROM notices n
LEFT JOIN LATERAL ( -- one probe of the index each: a join or EXISTS may read the whole table for a batch
    SELECT consents.number, consents.source FROM consents
    WHERE consents.number = n.number AND consents.channel = n.channel AND purpose = 'payments' AND ended_at IS NULL LIMIT 1
) c ON true
LEFT JOIN LATERAL (
    SELECT bool_or(source <> 'undeliverable') AS opted_out, bool_or(source = 'undeliverable') AS unreachable FROM suppressions
    WHERE suppressions.number = n.number AND suppressions.channel = n.channel AND purpose IN ('payments', 'all') AND lifted_at IS NULL
) s ON true
LEFT JOIN notice_reasons r ON r.notice_id = n.id AND r.dropped_why IS NULL
LEFT JOIN payment_attempts a ON a.key = r.attempt_key
LEFT JOIN accounts acc ON acc.account = r.account
LEFT JOIN members m ON m.member_id = acc.member_id
WHERE n.id = ANY (@ids::bigint[])
ORDER BY n.id, r.account, r.days_before;

-- name: RecentTexts :many
-- O10: what we sent this number lately, newest first.
SELECT kind, coalesce(sent_at, tried_at)::timestamptz AS at FROM notices
WHERE number = @number AND channel = 'sms' AND kind = ANY (@kinds::text[])
  AND state IN ('accepted', 'sent', 'delivered') AND sent_at >= @since
ORDER BY sent_at DESC LIMIT 3;

-- name: ClaimNotices :many
-- The words that are true at this instant, and the create counted before it is sent: a crash afterwards leaves a claimed row
-- whose lease runs out (ExpireClaims), never an uncounted text.
UPDATE notices n
SET state = 'claimed', body = c.body, fence = n.fence + 1, leased_until = @lease_until, creates = n.creates + 1,
    tried_at = @now, looks = 0, next_look_at = NULL, why = NULL
FROM (SELECT unnest(@ids::bigint[]) AS id, unnest(@bodies::text[]) AS body) c
WHERE n.id = c.id AND n.state = 'planned'
RETURNING n.*;

-- name: ClaimLookups :many
-- Leases notices in doubt that are due to be looked up.
UPDATE notices SET fence = fence + 1, leased_until = @lease_until
WHERE id = ANY (@ids::bigint[]) AND state = 'unknown' AND next_look_at <= @now AND (leased_until IS NULL OR leased_until <= @machine_now)
RETURNING *;

-- name: ClaimPolls :many
-- Leases notices that the carrier has and that are due to be asked for.
UPDATE notices SET fence = fence + 1, leased_until = @lease_until
WHERE id = ANY (@ids::bigint[]) AND state IN ('accepted', 'sent') AND poll_at <= @now AND (leased_until IS NULL OR leased_until <= @machine_now)
RETURNING *;

-- name: PostponeNotices :exec
-- Their windows open later, or no capacity is free.
UPDATE notices n SET not_before = w.until, queued_until = NULL
FROM (SELECT unnest(@ids::bigint[]) AS id, unnest(@untils::timestamptz[]) AS until) w
WHERE n.id = w.id AND n.state = 'planned';

-- name: EndNotice :one
-- Dropped or suppressed before anything was sent.
UPDATE notices SET state = @state, why = @why WHERE id = @id AND state = 'planned'
RETURNING *;

-- name: DropUntrueReasons :exec
-- Reasons that are no longer true.
UPDATE notice_reasons r SET dropped_why = u.why
FROM (SELECT unnest(@ids::bigint[]) AS id, unnest(@accounts::text[]) AS account, unnest(@days_before::int[]) AS days_before,
             unnest(@whys::text[]) AS why) u
WHERE r.notice_id = u.id AND r.account = u.account AND r.days_before = u.days_before;

-- name: DropAllReasons :exec
-- Every reason of a notice that ended.
UPDATE notice_reasons SET dropped_why = @why WHERE notice_id = @id AND dropped_why IS NULL;

-- name: ReplanUnsent :execrows
-- The create was never processed: it does not count, and the words are written anew.
UPDATE notices
SET state = 'planned', not_before = @again, creates = creates - 1, waits = waits + 1, why = @why, error_code = @error_code,
    body = NULL, tried_at = NULL, leased_until = NULL, queued_until = NULL
WHERE id = @id AND fence = @fence AND state = 'claimed';

-- name: ReplanNotFound :execrows
-- Looked up three times and not there: it may be sent once more if it is still true.
UPDATE notices
SET state = 'planned', not_before = @again, why = @why, looks = looks + 1, next_look_at = NULL, leased_until = NULL,
    queued_until = NULL
WHERE id = @id AND fence = @fence AND state = 'unknown';

-- name: MarkUnknown :execrows
-- It is not known whether the create was processed; or it was looked up once more and not found.
UPDATE notices
SET state = 'unknown', looks = looks + @looked, next_look_at = @next_look_at, why = coalesce(@why, why), leased_until = NULL
WHERE id = @id AND fence = @fence AND state IN ('claimed', 'unknown');

-- name: FailNotice :one
-- The carrier refused it, or it was never found.
UPDATE notices
SET state = @state, why = @why, error_code = @error_code, leased_until = NULL, next_look_at = NULL
WHERE id = @id AND fence = @fence AND state IN ('claimed', 'unknown')
RETURNING *;

-- name: RecordReports :many
-- What the carrier says. It counts only if it is further on than what we know (notice_rank); the first message that carries
-- the reference is the notice's. A notice that we had given up as never accepted is put right too.
UPDATE notices n
SET state = r.state, message_sid = r.message_sid, sent_at = coalesce(n.sent_at, n.tried_at, @at), why = nullif(r.why, ''),
    error_code = nullif(r.error_code, 0), leased_until = NULL, next_look_at = NULL,
    poll_at = CASE WHEN n.channel = 'sms' THEN nullif(r.poll_at, '0001-01-01 00:00+00') END
FROM (SELECT unnest(@refs::text[]) AS reference, unnest(@message_sids::text[]) AS message_sid, unnest(@states::text[]) AS state,
             unnest(@whys::text[]) AS why, unnest(@error_codes::int[]) AS error_code, unnest(@poll_ats::timestamptz[]) AS poll_at) r
WHERE n.reference = r.reference AND (n.message_sid IS NULL OR n.message_sid = r.message_sid)
  AND (notice_rank(r.state) > notice_rank(n.state) OR n.message_sid IS NULL)
RETURNING n.*;

-- name: NoticeByReference :one
-- The notice whose reference a callback carries.
SELECT * FROM notices WHERE reference = @reference;

-- name: KnownSIDs :many
-- Messages to a number that belong to other notices.
SELECT message_sid::text AS sid FROM notices
WHERE number = @number AND message_sid IS NOT NULL AND id <> @id AND created_at >= @since;

-- name: CountSimilarInDoubt :one
-- Other notices in doubt that the same message could be.
SELECT count(*) FROM notices
WHERE number = @number AND body = @body AND id <> @id AND message_sid IS NULL
  AND state IN ('claimed', 'unknown') AND tried_at BETWEEN @since AND @until;

-- name: ExpireClaims :execrows
-- A sender died while it held these: whether a create was sent is not known, so they are looked up.
UPDATE notices
SET state = 'unknown', fence = fence + 1, next_look_at = tried_at + interval '2 minutes', leased_until = NULL
WHERE state = 'claimed' AND leased_until <= @machine_now;

-- name: OverdueNotices :many
-- N6: after their window the words are not worth sending: dropped and counted.
UPDATE notices SET state = 'dropped', why = @why
WHERE id IN (SELECT o.id FROM notices o WHERE o.state = 'planned' AND o.not_after < @now
             ORDER BY o.id LIMIT 500 FOR UPDATE SKIP LOCKED)
RETURNING *;

-- name: PlanRetry :one
-- A text that did not arrive goes once more, as a notice of its own with the same window: the first one keeps its states,
-- and what the carrier still says of it reaches it and not this one. No row comes back when it is planned already.
INSERT INTO notices (reference, number, channel, kind, language, local_day, cause, state, by_request, created_at, not_before, not_after, retries)
SELECT @reference, n.number, n.channel, n.kind, n.language, n.local_day, 'retry ' || n.reference, 'planned', n.by_request,
       @at, @not_before, n.not_after, n.retries + 1
FROM notices n WHERE n.id = @id
ON CONFLICT (cause, kind) WHERE cause IS NOT NULL DO NOTHING
RETURNING id;

-- name: MoveReasons :exec
-- The reasons of a notice that failed become those of its retry.
UPDATE notice_reasons SET notice_id = @retry_id WHERE notice_id = @id AND dropped_why IS NULL;
