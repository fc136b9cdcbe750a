-- Transfers to a person, and call-backs. A webhook that is delivered twice changes nothing: the first report counts.

-- name: NoteHandedOver :exec
-- The call was handed over, for its milestone.
UPDATE calls SET handed_over_at = coalesce(handed_over_at, @at) WHERE call_sid = @call_sid;

-- name: RecordHandOff :one
-- One transfer a turn: a turn that is delivered twice gets the first row's id.
INSERT INTO handoffs (call_sid, turn, reason, verified, account, attempt_key, language, step, at,
                      tier, account_last4, doing, payment, tries_left)
VALUES (@call_sid, @turn, @reason, @verified, @account, @attempt_key, @language, @step, @at,
        @tier, @account_last4, @doing, @payment, @tries_left)
ON CONFLICT (call_sid, turn) DO UPDATE SET turn = handoffs.turn
RETURNING id;

-- name: KeepHandOffRef :exec
-- A whisper reference; each one that a turn drew leads to its one transfer.
INSERT INTO handoff_refs (ref, handoff_id) VALUES (@ref, @handoff_id) ON CONFLICT (ref) DO NOTHING;

-- name: HandOffByRef :one
-- What the whisper says. The money is told as it is now: a payment that was open when the caller was transferred may be
-- settled, and no older state may hide an open one.
SELECT h.tier, h.verified, h.account, h.account_last4, h.language, h.doing, h.payment, h.tries_left,
       coalesce(a.state, '') AS attempt_state,
       EXISTS (
           SELECT FROM payment_attempts o
           WHERE o.state IN ('authorized', 'confirming', 'unknown') AND (o.account = h.account OR o.call_sid = h.call_sid)
       ) AS payment_open
FROM handoff_refs r
JOIN handoffs h ON h.id = r.handoff_id
LEFT JOIN payment_attempts a ON a.key = h.attempt_key
WHERE r.ref = @ref;

-- name: AcceptHandOff :execrows
-- Pressed twice, or delivered twice: the first counts.
UPDATE handoffs SET accepted_at = coalesce(accepted_at, @at)
FROM handoff_refs r
WHERE r.ref = @ref AND handoffs.id = r.handoff_id;

-- name: WasAccepted :one
-- Whether a person took the call that a turn transferred; no row: it transferred none.
SELECT (accepted_at IS NOT NULL OR outcome IS NOT DISTINCT FROM 'accepted')::boolean AS accepted FROM handoffs WHERE call_sid = @call_sid AND turn = @turn;

-- name: EndHandOff :one
-- What became of a transfer. A key pressed in the whisper wins over the carrier's word for the end of the leg.
UPDATE handoffs
SET outcome = coalesce(outcome, CASE WHEN accepted_at IS NULL THEN @outcome::text ELSE 'accepted' END),
    ended_at = coalesce(ended_at, @at)
WHERE call_sid = @call_sid AND turn = @turn
RETURNING (outcome = 'accepted')::boolean AS accepted;

-- name: BookCallback :exec
-- H2: one appointment a turn; again it writes nothing.
INSERT INTO callbacks (call_sid, turn, number, slot_from, slot_until, reason, account, language, deadline, at)
VALUES (@call_sid, @turn, @number, @slot_from, @slot_until, @reason, @account, @language, @deadline, @at)
ON CONFLICT (call_sid, turn) DO NOTHING;

-- name: Callbacks :many
-- Open call-backs first, by deadline and slot; then the newest.
SELECT id, number, slot_from, slot_until, reason, account, language, deadline, at, done_at
FROM callbacks
WHERE done_at IS NULL OR NOT @only_open::boolean
ORDER BY done_at IS NOT NULL, CASE WHEN done_at IS NULL THEN deadline END, CASE WHEN done_at IS NULL THEN slot_from END, at DESC, id
LIMIT @max_rows;

-- name: HandOffs :many
-- Transfers, the open ones first. One is open when nobody took the call, nobody has seen to it since, no call-back was
-- promised in its place, and the caller was not transferred once more: then that one counts.
SELECT h.id, h.reason, h.account, h.language, h.at, h.tier, h.step, h.payment, h.outcome, h.done_at, c.caller,
       unmet.unmet::boolean AS unmet
FROM handoffs h
LEFT JOIN calls c ON c.call_sid = h.call_sid
CROSS JOIN LATERAL (
    SELECT h.done_at IS NULL AND h.accepted_at IS NULL AND h.outcome IS DISTINCT FROM 'accepted'
           AND NOT EXISTS (SELECT FROM callbacks b WHERE b.call_sid = h.call_sid AND b.turn >= h.turn)
           AND NOT EXISTS (SELECT FROM handoffs later WHERE later.call_sid = h.call_sid AND later.turn > h.turn) AS unmet
) AS unmet
WHERE unmet.unmet OR NOT @only_open::boolean
ORDER BY NOT unmet.unmet, CASE WHEN unmet.unmet THEN h.at END, h.at DESC, h.id
LIMIT @max_rows;

-- name: CallbackDone :one
-- The first time counts; an unknown id returns no row.
UPDATE callbacks SET done_at = coalesce(done_at, @at) WHERE id = @id RETURNING done_at;

-- name: HandOffDone :one
-- The first time counts; an unknown id returns no row.
UPDATE handoffs SET done_at = coalesce(done_at, @at) WHERE id = @id RETURNING done_at;
