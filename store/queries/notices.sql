-- Texts: planned with the fact that causes them, claimed and sent once. Every "once" is a unique key here.

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
SELECT id FROM notices WHERE attempt_key = @attempt_key AND kind = @kind;

-- name: EachByItsKey :exec
-- A batch is read and written a row at a time by its key, whatever the database believes of the tables' sizes: right after a
-- planning run or an import it knows nothing, and would read all accounts for a hundred texts.
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
       set_config('enable_material', 'off', true), set_config('jit', 'off', true), set_config('random_page_cost', '1.1', true),
       set_config('max_parallel_workers_per_gather', '0', true);

-- name: LockNumbersOf :exec
-- Texts to one number are looked at one after another (N3); in one order, so that two batches never wait for each other.
SELECT pg_advisory_xact_lock(n.key)
FROM (SELECT DISTINCT hashtextextended('texts to ' || number, 0) AS key FROM notices WHERE id = ANY (@ids::bigint[]) ORDER BY 1) n;

-- name: LockNotices :many
-- Locked until it is decided what becomes of them; what somebody else has locked is in other hands. stopped: its kind, or
-- every kind, is.
SELECT sqlc.embed(n), EXISTS (SELECT 1 FROM campaigns c WHERE c.kind IN ('*', n.kind) AND c.paused_at IS NOT NULL)::boolean AS stopped
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
-- The words that are true at this instant, and the create counted before it leaves.
UPDATE notices n
SET state = 'claimed', body = c.body, fence = n.fence + 1, leased_until = @lease_until, creates = n.creates + 1,
    tried_at = @now, looks = 0, next_look_at = NULL, why = NULL
FROM (SELECT unnest(@ids::bigint[]) AS id, unnest(@bodies::text[]) AS body) c
WHERE n.id = c.id AND n.state = 'planned'
RETURNING n.*;

-- name: ClaimLooks :many
UPDATE notices SET fence = fence + 1, leased_until = @lease_until
WHERE id = ANY (@ids::bigint[]) AND state = 'unknown' AND next_look_at <= @now AND (leased_until IS NULL OR leased_until <= @machine_now)
RETURNING *;

-- name: PutNoticesOff :exec
-- Their windows open later, or there is no room.
UPDATE notices n SET not_before = w.until, nudged_until = NULL
FROM (SELECT unnest(@ids::bigint[]) AS id, unnest(@untils::timestamptz[]) AS until) w
WHERE n.id = w.id AND n.state = 'planned';

-- name: EndNotice :one
-- Dropped or suppressed before anything left.
UPDATE notices SET state = @state, why = @why WHERE id = @id AND state = 'planned'
RETURNING *;

-- name: DropUntrue :exec
UPDATE notice_reasons r SET dropped_why = u.why
FROM (SELECT unnest(@ids::bigint[]) AS id, unnest(@accounts::text[]) AS account, unnest(@days_before::int[]) AS days_before,
             unnest(@whys::text[]) AS why) u
WHERE r.notice_id = u.id AND r.account = u.account AND r.days_before = u.days_before;

-- name: DropReasons :exec
UPDATE notice_reasons SET dropped_why = @why WHERE notice_id = @id AND dropped_why IS NULL;

-- name: ReplanNotice :execrows
-- The create was never processed: it does not count, and the words are written anew.
UPDATE notices
SET state = 'planned', not_before = @again, creates = creates - 1, waits = waits + 1, why = @why, error_code = @error_code,
    body = NULL, tried_at = NULL, leased_until = NULL, nudged_until = NULL
WHERE id = @id AND fence = @fence AND state = 'claimed';

-- name: ResendNotice :execrows
-- Looked for three times and not there: it may be sent once more if it is still true.
UPDATE notices
SET state = 'planned', not_before = @again, why = @why, looks = looks + 1, next_look_at = NULL, leased_until = NULL,
    nudged_until = NULL
WHERE id = @id AND fence = @fence AND state = 'unknown';

-- name: DoubtNotice :execrows
UPDATE notices
SET state = 'unknown', looks = looks + @looked, next_look_at = @next_look_at, why = coalesce(@why, why), leased_until = NULL
WHERE id = @id AND fence = @fence AND state IN ('claimed', 'unknown');

-- name: FailNotice :one
UPDATE notices
SET state = @state, why = @why, error_code = @error_code, leased_until = NULL, next_look_at = NULL
WHERE id = @id AND fence = @fence AND state IN ('claimed', 'unknown')
RETURNING *;

-- name: ReportNotices :many
-- The carrier's word. It counts only if it is further on than what we know; the first text that carries the reference
-- is the notice's. A notice we had given up as never accepted is put right too.
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
SELECT * FROM notices WHERE reference = @reference;

-- name: KnownMessages :many
SELECT message_sid::text AS sid FROM notices
WHERE number = @number AND message_sid IS NOT NULL AND id <> @id AND created_at >= @since;

-- name: CountTwins :one
-- Other notices in doubt that the same text could be.
SELECT count(*) FROM notices
WHERE number = @number AND body = @body AND id <> @id AND message_sid IS NULL
  AND state IN ('claimed', 'unknown') AND tried_at BETWEEN @since AND @until;

-- name: ExpireNotices :execrows
-- A courier died with these in its hands: whether a create left is not known.
UPDATE notices
SET state = 'unknown', fence = fence + 1, next_look_at = tried_at + interval '2 minutes', leased_until = NULL
WHERE state = 'claimed' AND leased_until <= @machine_now;

-- name: OverdueNotices :many
-- After their window the words are not worth sending: dropped and counted (N6).
UPDATE notices SET state = 'dropped', why = @why
WHERE id IN (SELECT o.id FROM notices o WHERE o.state = 'planned' AND o.not_after < @now
             ORDER BY o.id LIMIT 500 FOR UPDATE SKIP LOCKED)
RETURNING *;

-- name: LetterInsteadOfText :execrows
-- E6: a written notice that does not arrive by text goes by letter the same day, as long as there is a debit.
INSERT INTO letters (attempt_key, kind, created_at)
SELECT key, 'written-notice', @at FROM payment_attempts
WHERE key = @attempt_key AND state IN ('authorized', 'confirming', 'unknown', 'taken')
ON CONFLICT (attempt_key) DO NOTHING;

-- name: InsertNoticeTask :exec
INSERT INTO tasks (kind, account, attempt_key, detail, at)
SELECT @kind, (SELECT r.account FROM notice_reasons r WHERE r.notice_id = n.id ORDER BY r.account LIMIT 1), n.attempt_key, @detail, @at
FROM notices n WHERE n.id = @id
ON CONFLICT (kind, attempt_key) WHERE attempt_key IS NOT NULL DO NOTHING;

-- name: OldestDueNotice :one
-- The age that alarms. Each kind's oldest, by the index that knows it.
WITH due AS (
    SELECT p.not_before FROM unnest(@kinds::text[]) AS k(kind)
    CROSS JOIN LATERAL (SELECT n.not_before FROM notices n WHERE n.state = 'planned' AND n.kind = k.kind ORDER BY n.not_before LIMIT 1) p
    UNION ALL SELECT notices.not_before FROM notices WHERE state = 'claimed'
    UNION ALL SELECT notices.not_before FROM notices WHERE state = 'unknown'
)
SELECT min(due.not_before)::timestamptz AS oldest FROM due
WHERE due.not_before <= @now::timestamptz
HAVING min(due.not_before) IS NOT NULL;

-- name: TextsDue :one
-- What waits and may go, each counted up to a bound: beyond it the number says nothing more.
SELECT (SELECT count(*) FROM (SELECT 1 FROM notices n WHERE n.state = 'planned' AND n.kind = ANY (@first::text[]) AND n.not_before <= @now LIMIT @most::int) f) AS first,
       (SELECT count(*) FROM (SELECT 1 FROM notices n WHERE n.state = 'planned' AND n.kind = ANY (@reminders::text[]) AND n.not_before <= @now LIMIT @most::int) r) AS reminders,
       coalesce((SELECT min(d.at) FROM unnest(@reminders::text[]) AS k(kind)
        CROSS JOIN LATERAL (SELECT n.not_before AS at FROM notices n WHERE n.state = 'planned' AND n.kind = k.kind ORDER BY n.not_before LIMIT 1) d
        WHERE d.at <= @now), @now)::timestamptz AS oldest_reminder;

-- name: UnknownTexts :many
-- Since when the outcome of each text in doubt is not known.
SELECT coalesce(tried_at, not_before)::timestamptz AS since FROM notices WHERE state = 'unknown' LIMIT @most::int;

-- name: Textable :one
-- O1: a consent counts where policy names its basis; whatever is not the application is the person's own yes.
SELECT (EXISTS (SELECT 1 FROM consents WHERE consents.number = @number AND channel = 'sms' AND purpose = 'payments' AND ended_at IS NULL
                AND CASE source WHEN 'application' THEN 'application' ELSE 'opt_in' END = ANY (@basis::text[]))
    AND NOT EXISTS (SELECT 1 FROM suppressions WHERE suppressions.number = @number AND channel = 'sms'
                    AND purpose IN ('payments', 'all') AND lifted_at IS NULL))::boolean;

-- name: Arrives :one
SELECT (NOT EXISTS (SELECT 1 FROM suppressions WHERE suppressions.number = @number AND channel = 'sms' AND source = 'undeliverable'
                    AND lifted_at IS NULL))::boolean;

-- name: NumberFacts :one
-- A suppression by its owner or the carrier hides one that only says that nothing arrives there.
SELECT
    coalesce((SELECT s.source FROM suppressions s WHERE s.number = @number AND s.channel = 'sms'
              AND s.purpose IN ('payments', 'all') AND s.lifted_at IS NULL
              ORDER BY s.source = 'undeliverable', s.source NOT IN ('twilio', 'carrier') LIMIT 1), '')::text AS suppressed,
    coalesce((SELECT m.language FROM members m WHERE m.phone = @number ORDER BY m.member_id LIMIT 1), '')::text AS language,
    coalesce((SELECT m.time_zone FROM members m WHERE m.phone = @number ORDER BY m.member_id LIMIT 1), '')::text AS time_zone;

-- name: LastHelpReply :many
SELECT created_at FROM notices WHERE number = @number AND kind = 'help_reply' ORDER BY created_at DESC LIMIT 1;

-- name: LockNumber :exec
-- Wishes about one number are carried out one after another.
SELECT pg_advisory_xact_lock(hashtextextended('texts to ' || @number::text, 0));

-- name: InsertInboundText :execrows
INSERT INTO inbound_texts (message_sid, number, class, words, at) VALUES (@message_sid, @number, @class, @words, @at)
ON CONFLICT (message_sid) DO NOTHING;

-- name: SuppressNumber :execrows
-- One row in force. The owner's own wish takes the place of "nothing arrives there".
INSERT INTO suppressions (number, channel, purpose, source, words, at) VALUES (@number, @channel, @purpose, @source, @words, @at)
ON CONFLICT (number, channel, purpose) WHERE lifted_at IS NULL
DO UPDATE SET source = excluded.source, words = excluded.words, at = excluded.at
WHERE suppressions.source = 'undeliverable' AND excluded.source <> 'undeliverable';

-- name: LiftSuppressions :exec
UPDATE suppressions SET lifted_at = @at, lifted_words = @words WHERE number = @number AND channel = 'sms' AND lifted_at IS NULL;

-- name: GrantConsent :exec
INSERT INTO consents (number, channel, purpose, source, wording, at) VALUES (@number, 'sms', 'payments', @source, @wording, @at)
ON CONFLICT (number, channel, purpose) WHERE ended_at IS NULL DO NOTHING;

-- name: RevokeConsents :exec
UPDATE consents SET ended_at = @at WHERE number = @number AND channel = ANY (@channels::text[]) AND ended_at IS NULL;

-- name: PlanAnswer :one
-- An answer to a text or a call: one for each cause. No row comes back when it is planned already.
INSERT INTO notices (reference, number, channel, kind, language, local_day, cause, state, by_request, created_at, not_before, not_after)
VALUES (@reference, @number, @channel, @kind, @language, timezone(@time_zone::text, @at::timestamptz)::date, @cause, 'planned', @by_request, @at, @at, @not_after)
ON CONFLICT (cause, kind) WHERE cause IS NOT NULL DO NOTHING
RETURNING id;

-- name: InsertInboundTask :exec
INSERT INTO tasks (kind, detail, at, due_at) VALUES (@kind, @detail, @at, @due_at);
