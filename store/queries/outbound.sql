-- What goes out at a pace, what is stopped, calls of our own, and the ledger of those who want none of it.

-- name: DueNotices :many
-- The oldest of each kind, the kinds in turn (fair), none of a kind that is stopped. Of these so many are in line, and
-- given are those that are not yet there: whose job is not on its way.
WITH front AS (
    SELECT d.id, d.nudged_until, d.place, k.kind
    FROM unnest(@kinds::text[]) AS k(kind)
    CROSS JOIN LATERAL (
        SELECT n.id, n.nudged_until, row_number() OVER (ORDER BY n.not_before, n.id) AS place FROM notices n
        WHERE n.state = 'planned' AND n.kind = k.kind AND n.not_before <= @now
        ORDER BY n.not_before, n.id LIMIT @most::int
    ) d
    WHERE NOT EXISTS (SELECT 1 FROM campaigns c WHERE c.kind IN ('*', k.kind) AND c.paused_at IS NOT NULL)
    ORDER BY d.place, k.kind LIMIT @most::int
)
SELECT id::bigint AS id FROM front
WHERE front.nudged_until IS NULL OR front.nudged_until <= @machine_now::timestamptz
ORDER BY front.place, front.kind;

-- name: DueProbe :many
-- While everything is stopped: the text that tries whether it must be.
SELECT p.id::bigint AS id FROM unnest(@kinds::text[]) AS k(kind)
CROSS JOIN LATERAL (
    SELECT n.id, n.not_before FROM notices n
    WHERE n.state = 'planned' AND n.kind = k.kind AND n.channel = 'sms' AND n.not_before <= @now
    ORDER BY n.not_before, n.id LIMIT 1
) p
WHERE EXISTS (SELECT 1 FROM campaigns c WHERE c.kind = '*' AND c.paused_at IS NOT NULL AND c.probe_at <= @now)
  AND NOT EXISTS (SELECT 1 FROM campaigns c WHERE c.kind = k.kind AND c.paused_at IS NOT NULL)
ORDER BY p.not_before, p.id LIMIT 1;

-- name: DueLooks :many
SELECT id FROM notices
WHERE state = 'unknown' AND next_look_at <= @now AND (leased_until IS NULL OR leased_until <= @machine_now)
ORDER BY next_look_at, id LIMIT 5000;

-- name: DuePolls :many
SELECT id FROM notices WHERE poll_at <= @now AND (leased_until IS NULL OR leased_until <= @machine_now)
ORDER BY poll_at, id LIMIT 1000;

-- name: NoteNudged :exec
-- One that a courier has put off meanwhile is not on its way: it is due again when its new hour comes.
UPDATE notices SET nudged_until = @again WHERE id = ANY (@ids::bigint[]) AND state = 'planned' AND not_before <= @now;

-- name: ClaimPolls :many
UPDATE notices SET fence = fence + 1, leased_until = @lease_until
WHERE id = ANY (@ids::bigint[]) AND state IN ('accepted', 'sent') AND poll_at <= @now AND (leased_until IS NULL OR leased_until <= @machine_now)
RETURNING *;

-- name: PutPollOff :exec
UPDATE notices SET poll_at = sqlc.narg('again')::timestamptz, polls = polls + 1, leased_until = NULL
WHERE id = @id AND fence = @fence AND state IN ('accepted', 'sent');

-- name: PausedFor :many
-- What stops a kind. probe_due: one text may try whether everything must still be stopped.
SELECT kind, coalesce(probe_at <= @now, false)::boolean AS probe_due FROM campaigns
WHERE kind IN ('*', @kind) AND paused_at IS NOT NULL;

-- name: TakeProbe :execrows
UPDATE campaigns SET probe_at = @next WHERE kind = '*' AND paused_at IS NOT NULL AND probe_at <= @now;

-- name: PauseKind :execrows
-- One that is stopped already stays stopped for the first reason.
INSERT INTO campaigns (kind, paused_at, why, by_whom, probe_at) VALUES (@kind, @at, @why, @by_whom, @probe_at)
ON CONFLICT (kind) DO UPDATE
SET paused_at = excluded.paused_at, why = excluded.why, by_whom = excluded.by_whom, probe_at = excluded.probe_at
WHERE campaigns.paused_at IS NULL;

-- name: EndProbe :execrows
UPDATE campaigns SET paused_at = NULL, probe_at = NULL WHERE kind = '*' AND probe_at IS NOT NULL;

-- name: PlanRetry :one
-- A text that did not arrive goes once more, as a notice of its own with the same window: the first one's states stay
-- what they are, and whatever the carrier still says of it reaches it and not this one.
INSERT INTO notices (reference, number, channel, kind, language, local_day, cause, state, by_request, created_at, not_before, not_after, retries)
SELECT @reference, n.number, n.channel, n.kind, n.language, n.local_day, 'retry ' || n.reference, 'planned', n.by_request,
       @at, @not_before, n.not_after, n.retries + 1
FROM notices n WHERE n.id = @id
ON CONFLICT (cause, kind) WHERE cause IS NOT NULL DO NOTHING
RETURNING id;

-- name: MoveReasons :exec
UPDATE notice_reasons SET notice_id = @retry_id WHERE notice_id = @id AND dropped_why IS NULL;

-- name: CallsInProgress :one
-- Calls of either direction that have not ended; one whose end was never told is forgotten after a while.
SELECT count(*) FROM (
    SELECT c.call_sid AS call FROM calls c WHERE c.ended_at IS NULL AND c.started_at > @since
    UNION
    SELECT coalesce(n.message_sid, n.reference) FROM notices n
    WHERE n.channel = 'voice' AND n.state IN ('claimed', 'unknown', 'accepted', 'sent') AND n.tried_at > @since
) busy;

-- name: CallBacksOf :many
-- The calls that a number has asked for lately.
SELECT state, coalesce(tried_at, created_at)::timestamptz AS at, (sent_at IS NOT NULL)::boolean AS placed FROM notices
WHERE number = @number AND kind = 'call_back' AND created_at > @since
ORDER BY created_at, id;

-- name: CountAnswers :one
SELECT count(*) FROM notices
WHERE number = @number AND channel = 'sms' AND cause IS NOT NULL AND retries = 0 AND created_at > @since;

-- name: NoteDetached :exec
INSERT INTO detached_numbers (member_id, number, cause, at)
SELECT m.member_id, @number, @cause, @at FROM members m WHERE m.phone = @number
ON CONFLICT (member_id, number) DO NOTHING;

-- name: DetachNumber :exec
UPDATE members SET phone = NULL WHERE phone = @number;

-- name: SuppressionsInForce :many
SELECT id, number, channel, purpose, source, words, at FROM suppressions
WHERE lifted_at IS NULL AND id > @after ORDER BY id LIMIT 10000;

-- name: ImportSuppressions :execrows
-- One that is known, or that its owner has lifted since, changes nothing: a file may come again and again.
INSERT INTO suppressions (number, channel, purpose, source, words, at)
SELECT DISTINCT ON (r.number, r.channel, r.purpose) r.number, r.channel, r.purpose, r.source, r.words, r.at
FROM (SELECT unnest(@numbers::text[]) AS number, unnest(@channels::text[]) AS channel, unnest(@purposes::text[]) AS purpose,
             unnest(@sources::text[]) AS source, unnest(@words::text[]) AS words, unnest(@ats::timestamptz[]) AS at) r
WHERE NOT EXISTS (SELECT 1 FROM suppressions s WHERE s.number = r.number AND s.channel = r.channel AND s.purpose = r.purpose
                  AND s.lifted_at >= r.at)
ORDER BY r.number, r.channel, r.purpose, r.at
ON CONFLICT (number, channel, purpose) WHERE lifted_at IS NULL DO NOTHING;

-- name: EndSuppressedConsents :execrows
-- Whoever has opted out has ended the consent. Where only nothing arrives, its owner has said nothing.
UPDATE consents c SET ended_at = @at
WHERE c.ended_at IS NULL AND c.number = ANY (@numbers::text[])
  AND EXISTS (SELECT 1 FROM suppressions s WHERE s.number = c.number AND s.channel = c.channel AND s.lifted_at IS NULL
              AND s.purpose IN ('all', c.purpose) AND s.source <> 'undeliverable');

-- name: PlacedKind :one
SELECT kind FROM notices WHERE message_sid = @message_sid AND channel = 'voice';

-- name: NumbersToCall :many
-- N10: who has agreed to calls, and cannot be reminded by text: nothing arrives there, or texts are not wanted.
SELECT c.number FROM consents c
WHERE c.channel = 'voice' AND c.purpose = 'payments' AND c.ended_at IS NULL AND c.number > @after
  AND NOT EXISTS (SELECT 1 FROM suppressions s WHERE s.number = c.number AND s.channel = 'voice' AND s.purpose IN ('payments', 'all')
                  AND s.lifted_at IS NULL)
  AND (NOT EXISTS (SELECT 1 FROM consents t WHERE t.number = c.number AND t.channel = 'sms' AND t.purpose = 'payments' AND t.ended_at IS NULL)
       OR EXISTS (SELECT 1 FROM suppressions s WHERE s.number = c.number AND s.channel = 'sms' AND s.purpose IN ('payments', 'all')
                  AND s.lifted_at IS NULL))
ORDER BY c.number LIMIT @most::int;

-- name: CallInstead :exec
UPDATE notices SET channel = 'voice' WHERE number = @number AND channel = 'sms' AND state = 'planned' AND creates = 0 AND kind = ANY (@kinds::text[]);

-- name: NumbersToCheck :many
-- O5: numbers that are texted or called, and of which nobody knows since an instant that they are still their owner's. What
-- billing gave us is as old as its date on file; what the owner told us is of that day.
SELECT c.number, coalesce(max(k.verified_at), least(min(c.at), min(m.phone_since::timestamptz)), min(c.at))::timestamptz AS verified_at
FROM consents c JOIN members m ON m.phone = c.number LEFT JOIN number_checks k ON k.number = c.number
WHERE c.ended_at IS NULL AND c.number > @after
  AND NOT EXISTS (SELECT 1 FROM suppressions s WHERE s.number = c.number AND s.channel = c.channel AND s.lifted_at IS NULL)
GROUP BY c.number
HAVING coalesce(max(k.checked_at), CASE WHEN bool_or(c.source IN ('application', 'opt_in', 'import'))
       THEN least(min(c.at), coalesce(min(m.phone_since::timestamptz), '-infinity')) ELSE max(c.at) END) <= @before
ORDER BY c.number LIMIT @most::int;

-- name: NoteChecked :exec
INSERT INTO number_checks (number, checked_at, verified_at) VALUES (@number, @at, @verified_at)
ON CONFLICT (number) DO UPDATE SET checked_at = excluded.checked_at, verified_at = greatest(number_checks.verified_at, excluded.verified_at);

-- name: ConsentsInForce :many
SELECT id, number, channel, purpose, source, wording, at FROM consents
WHERE ended_at IS NULL AND id > @after ORDER BY id LIMIT 10000;

-- name: CountOptedOut :one
SELECT count(*) FROM (SELECT unnest(@numbers::text[]) AS number, unnest(@channels::text[]) AS channel, unnest(@purposes::text[]) AS purpose) r
WHERE EXISTS (SELECT 1 FROM suppressions s WHERE s.number = r.number AND s.channel = r.channel AND s.purpose IN ('all', r.purpose)
              AND s.lifted_at IS NULL AND s.source <> 'undeliverable');

-- name: ImportConsents :execrows
-- None where an opt-out is in force, or after an end that is newer; one that is known changes nothing.
INSERT INTO consents (number, channel, purpose, source, wording, at)
SELECT DISTINCT ON (r.number, r.channel, r.purpose) r.number, r.channel, r.purpose, r.source, r.wording, r.at
FROM (SELECT unnest(@numbers::text[]) AS number, unnest(@channels::text[]) AS channel, unnest(@purposes::text[]) AS purpose,
             unnest(@sources::text[]) AS source, unnest(@wordings::text[]) AS wording, unnest(@ats::timestamptz[]) AS at) r
WHERE NOT EXISTS (SELECT 1 FROM suppressions s WHERE s.number = r.number AND s.channel = r.channel AND s.purpose IN ('all', r.purpose)
                  AND s.lifted_at IS NULL AND s.source <> 'undeliverable')
  AND NOT EXISTS (SELECT 1 FROM consents c WHERE c.number = r.number AND c.channel = r.channel AND c.purpose = r.purpose AND c.ended_at >= r.at)
ORDER BY r.number, r.channel, r.purpose, r.at
ON CONFLICT (number, channel, purpose) WHERE ended_at IS NULL DO NOTHING;

-- name: Stopped :many
SELECT kind, by_whom FROM campaigns WHERE paused_at IS NOT NULL;

-- name: GrantCalls :exec
INSERT INTO consents (number, channel, purpose, source, wording, at) VALUES (@number, 'voice', 'payments', @source, @wording, @at)
ON CONFLICT (number, channel, purpose) WHERE ended_at IS NULL DO NOTHING;

-- name: MayBeAsked :one
SELECT (NOT EXISTS (SELECT 1 FROM consents WHERE consents.number = @number AND channel = 'voice' AND purpose = 'payments' AND ended_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM suppressions WHERE suppressions.number = @number AND channel = 'voice' AND purpose IN ('payments', 'all')
                    AND lifted_at IS NULL))::boolean;
