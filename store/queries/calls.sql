-- Milestones of calls and hand-overs to a person.

-- name: KeepMilestone :exec
-- A milestone is a snapshot. One that comes late, from a turn that was taken over, never sets the call back.
INSERT INTO calls (call_sid, caller, called, language, step, turn, member_id, account, verified_at, attempt_key, handed_over_at, started_at)
VALUES (@call_sid, @caller, @called, @language, @step, @turn, @member_id, @account, @verified_at, @attempt_key, @handed_over_at, @started_at)
ON CONFLICT (call_sid) DO UPDATE
SET caller = excluded.caller, called = excluded.called, language = excluded.language, step = excluded.step, turn = excluded.turn,
    member_id = excluded.member_id, account = excluded.account, verified_at = excluded.verified_at, attempt_key = excluded.attempt_key,
    handed_over_at = coalesce(calls.handed_over_at, excluded.handed_over_at)
WHERE calls.turn <= excluded.turn;

-- name: LastMilestone :one
SELECT c.call_sid, c.caller, c.called, c.language, c.step, c.turn, c.member_id, c.account, c.verified_at, c.attempt_key,
       c.handed_over_at, c.started_at, m.name AS member_name, m.phone AS member_phone
FROM calls c LEFT JOIN members m ON m.member_id = c.member_id
WHERE c.call_sid = @call_sid;

-- name: EndCall :exec
-- Twilio may say it twice, and in any order with other news: the first end counts.
UPDATE calls SET ended_at = coalesce(ended_at, @at) WHERE call_sid = @call_sid;

-- name: RecordHandOff :exec
-- A turn that is answered twice hands over once.
WITH noted AS (
    UPDATE calls SET handed_over_at = coalesce(handed_over_at, @at) WHERE call_sid = @call_sid
)
INSERT INTO handoffs (call_sid, turn, reason, verified, account, attempt_key, language, step, at)
VALUES (@call_sid, @turn, @reason, @verified, @account, @attempt_key, @language, @step, @at)
ON CONFLICT (call_sid, turn) DO NOTHING;
