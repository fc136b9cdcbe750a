-- Milestones of calls.

-- name: KeepMilestone :exec
-- A milestone is a snapshot. One that comes late, from a turn that was taken over, never sets the call back.
INSERT INTO calls (call_sid, caller, called, language, language_known, step, turn, member_id, account, verified_at, attempt_key, handed_over_at, started_at, noted_at)
VALUES (@call_sid, @caller, @called, @language, @language_known, @step, @turn, @member_id, @account, @verified_at, @attempt_key, @handed_over_at, @started_at, @noted_at)
ON CONFLICT (call_sid) DO UPDATE
SET caller = excluded.caller, called = excluded.called, language = excluded.language, language_known = excluded.language_known, step = excluded.step, turn = excluded.turn,
    member_id = excluded.member_id, account = excluded.account, verified_at = excluded.verified_at, attempt_key = excluded.attempt_key,
    handed_over_at = coalesce(calls.handed_over_at, excluded.handed_over_at), noted_at = excluded.noted_at
WHERE calls.turn <= excluded.turn;

-- name: LastMilestone :one
SELECT c.call_sid, c.caller, c.called, c.language, c.language_known, c.step, c.turn, c.member_id, c.account, c.verified_at, c.attempt_key,
       c.handed_over_at, c.started_at, m.name AS member_name, m.phone AS member_phone
FROM calls c LEFT JOIN members m ON m.member_id = c.member_id
WHERE c.call_sid = @call_sid;

-- name: LanguageOfCaller :one
-- K2: the language chosen on the newest call of a number.
SELECT language FROM calls WHERE caller = @caller::text AND language_known ORDER BY started_at DESC LIMIT 1;

-- name: EndCall :exec
-- Twilio may say it twice, and in any order with other news: the first end counts.
UPDATE calls SET ended_at = coalesce(ended_at, @at) WHERE call_sid = @call_sid;

-- name: DroppedCall :one
-- I7: the newest call of a number that broke off since then with a payment begun. One that was gone on with in a
-- later call, and ended there with good-bye, is settled.
SELECT c.call_sid, c.caller, c.called, c.language, c.language_known, c.step, c.turn, c.member_id, c.account, c.verified_at, c.attempt_key,
       c.handed_over_at, c.started_at, m.name AS member_name, m.phone AS member_phone
FROM calls c LEFT JOIN members m ON m.member_id = c.member_id
WHERE c.caller = @caller AND c.call_sid <> @call_sid AND c.step <> @goodbye::text AND c.attempt_key IS NOT NULL
  AND greatest(c.started_at, c.noted_at, c.ended_at) >= @since::timestamptz
  AND NOT EXISTS (
      SELECT FROM calls later
      WHERE later.caller = c.caller AND later.call_sid <> @call_sid AND later.started_at > c.started_at AND later.step = @goodbye
        AND later.member_id IS NOT DISTINCT FROM c.member_id
        AND (c.member_id IS NOT NULL OR later.account IS NOT DISTINCT FROM c.account))
ORDER BY c.started_at DESC, c.call_sid DESC
LIMIT 1;
