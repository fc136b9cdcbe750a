-- Which notices are due, and how much waits.

-- name: DueNotices :many
-- The oldest of each kind, the kinds in turn, none of a paused kind. At most @max_rows are queued at a time; returned are
-- those of them that are not queued yet.
WITH front AS (
    SELECT d.id, d.queued_until, d.place, k.kind
    FROM unnest(@kinds::text[]) AS k(kind)
    CROSS JOIN LATERAL (
        SELECT n.id, n.queued_until, row_number() OVER (ORDER BY n.not_before, n.id) AS place FROM notices n
        WHERE n.state = 'planned' AND n.kind = k.kind AND n.not_before <= @now
        ORDER BY n.not_before, n.id LIMIT @max_rows::int
    ) d
    WHERE NOT EXISTS (SELECT 1 FROM paused_kinds c WHERE c.kind IN ('*', k.kind))
    ORDER BY d.place, k.kind LIMIT @max_rows::int
)
SELECT id::bigint AS id FROM front
WHERE front.queued_until IS NULL OR front.queued_until <= @machine_now::timestamptz
ORDER BY front.place, front.kind;

-- name: DueProbe :many
-- While every kind is paused: the one text that tries whether the carrier takes them again.
SELECT p.id::bigint AS id FROM unnest(@kinds::text[]) AS k(kind)
CROSS JOIN LATERAL (
    SELECT n.id, n.not_before FROM notices n
    WHERE n.state = 'planned' AND n.kind = k.kind AND n.channel = 'sms' AND n.not_before <= @now
    ORDER BY n.not_before, n.id LIMIT 1
) p
WHERE EXISTS (SELECT 1 FROM paused_kinds c WHERE c.kind = '*' AND c.probe_at <= @now)
  AND NOT EXISTS (SELECT 1 FROM paused_kinds c WHERE c.kind = k.kind)
ORDER BY p.not_before, p.id LIMIT 1;

-- name: DueLookups :many
-- Notices in doubt that are due to be looked up and not leased.
SELECT id FROM notices
WHERE state = 'unknown' AND next_look_at <= @now AND (leased_until IS NULL OR leased_until <= @machine_now)
ORDER BY next_look_at, id LIMIT 5000;

-- name: DuePolls :many
-- Notices that the carrier has and that are due to be asked for.
SELECT id FROM notices WHERE poll_at <= @now AND (leased_until IS NULL OR leased_until <= @machine_now)
ORDER BY poll_at, id LIMIT 1000;

-- name: MarkQueued :exec
-- Their job is queued until @again, afterwards it may have been lost. One that a sender has postponed meanwhile is left out:
-- it is due again when its new hour comes.
UPDATE notices SET queued_until = @again WHERE id = ANY (@ids::bigint[]) AND state = 'planned' AND not_before <= @now;

-- name: PostponePoll :exec
-- When a notice is asked for again; null: not any more.
UPDATE notices SET poll_at = sqlc.narg('again')::timestamptz, polls = polls + 1, leased_until = NULL
WHERE id = @id AND fence = @fence AND state IN ('accepted', 'sent');

-- name: OldestDueNotice :one
-- The age that alarms: each kind's oldest planned notice, and whatever is claimed or unknown.
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
-- How much is due, each counted up to a bound: beyond it the number says nothing more.
SELECT (SELECT count(*) FROM (SELECT 1 FROM notices n WHERE n.state = 'planned' AND n.kind = ANY (@first::text[]) AND n.not_before <= @now LIMIT @max_rows::int) f) AS first,
       (SELECT count(*) FROM (SELECT 1 FROM notices n WHERE n.state = 'planned' AND n.kind = ANY (@reminders::text[]) AND n.not_before <= @now LIMIT @max_rows::int) r) AS reminders,
       coalesce((SELECT min(d.at) FROM unnest(@reminders::text[]) AS k(kind)
        CROSS JOIN LATERAL (SELECT n.not_before AS at FROM notices n WHERE n.state = 'planned' AND n.kind = k.kind ORDER BY n.not_before LIMIT 1) d
        WHERE d.at <= @now), @now)::timestamptz AS oldest_reminder;

-- name: UnknownTexts :many
-- Since when the outcome of each text in doubt has been unknown.
SELECT coalesce(tried_at, not_before)::timestamptz AS since FROM notices WHERE state = 'unknown' LIMIT @max_rows::int;
