-- Calls and their milestones.

-- name: SaveMilestone :exec
-- A milestone is a snapshot. One of an earlier turn, late from a turn that another process took over, changes nothing, so
-- it is safe to run again.
INSERT INTO calls (call_sid, caller, called, language, language_known, step, turn, member_id, account, verified_at, attempt_key, handed_over_at, started_at, noted_at)
VALUES (@call_sid, @caller, @called, @language, @language_known, @step, @turn, @member_id, @account, @verified_at, @attempt_key, @handed_over_at, @started_at, @noted_at)
ON CONFLICT (call_sid) DO UPDATE
SET caller = excluded.caller, called = excluded.called, language = excluded.language, language_known = excluded.language_known, step = excluded.step, turn = excluded.turn,
    member_id = excluded.member_id, account = excluded.account, verified_at = excluded.verified_at, attempt_key = excluded.attempt_key,
    handed_over_at = coalesce(calls.handed_over_at, excluded.handed_over_at), noted_at = excluded.noted_at
WHERE calls.turn <= excluded.turn;

-- name: LastMilestone :one
-- The last milestone of a call, with the name and number that its member has now.
SELECT c.call_sid, c.caller, c.called, c.language, c.language_known, c.step, c.turn, c.member_id, c.account, c.verified_at, c.attempt_key,
       c.handed_over_at, c.started_at, m.name AS member_name, m.phone AS member_phone
FROM calls c LEFT JOIN members m ON m.member_id = c.member_id
WHERE c.call_sid = @call_sid;

-- name: LanguageOfCaller :one
-- K2: the language chosen on the newest call of a number.
SELECT language FROM calls WHERE caller = @caller::text AND language_known ORDER BY started_at DESC LIMIT 1;

-- name: EndCall :exec
-- Twilio may report the end twice and out of order: the first report counts.
UPDATE calls SET ended_at = coalesce(ended_at, @at) WHERE call_sid = @call_sid;

-- name: DroppedCall :one
-- I7: the newest earlier call of a number, about the same member or the same guest's account, that owes its caller news of
-- the payment begun in it. Either it broke off since an instant, and no later call about it ended with good-bye; or it ended
-- with the outcome unknown (L3: the outcome is told later), and neither a text nor a call has told it since.
SELECT c.call_sid, c.caller, c.called, c.language, c.language_known, c.step, c.turn, c.member_id, c.account, c.verified_at, c.attempt_key,
       c.handed_over_at, c.started_at, m.name AS member_name, m.phone AS member_phone
FROM calls c
JOIN payment_attempts a ON a.key = c.attempt_key AND a.call_sid = c.call_sid
LEFT JOIN members m ON m.member_id = c.member_id
WHERE c.caller = @caller AND c.call_sid <> @call_sid
  AND CASE WHEN @member_id::text = '' THEN c.member_id IS NULL AND c.account = @account::text ELSE c.member_id = @member_id END
  AND CASE WHEN c.step = @goodbye::text THEN
          c.started_at >= @promised_since::timestamptz AND a.authorized_at IS NOT NULL AND NOT a.heard
          AND a.text_number IS NULL AND NOT a.awaits_letter
      ELSE
          greatest(c.started_at, c.noted_at, c.ended_at) >= @since::timestamptz
          AND NOT EXISTS (
              SELECT FROM calls later
              WHERE later.caller = c.caller AND later.call_sid <> @call_sid AND later.started_at > c.started_at AND later.step = @goodbye
                AND later.member_id IS NOT DISTINCT FROM c.member_id
                AND (c.member_id IS NOT NULL OR later.account IS NOT DISTINCT FROM c.account))
      END
ORDER BY c.started_at DESC, c.call_sid DESC
LIMIT 1;

-- name: CallsInProgress :one
-- How many calls of either direction have not ended; one whose end was never reported counts until @since only.
SELECT count(*) FROM (
    SELECT c.call_sid AS call FROM calls c WHERE c.ended_at IS NULL AND c.started_at > @since
    UNION
    SELECT coalesce(n.message_sid, n.reference) FROM notices n
    WHERE n.channel = 'voice' AND n.state IN ('claimed', 'unknown', 'accepted', 'sent') AND n.tried_at > @since
) busy;
