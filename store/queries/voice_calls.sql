-- Calls that we place.

-- name: PlacedKind :one
-- Why we placed a call; no row: we did not.
SELECT kind FROM notices WHERE message_sid = @message_sid AND channel = 'voice';

-- name: NumbersToCall :many
-- N10: who has agreed to calls and cannot be reminded by text, because nothing arrives there or texts are not wanted.
SELECT c.number FROM consents c
WHERE c.channel = 'voice' AND c.purpose = 'payments' AND c.ended_at IS NULL AND c.number > @after
  AND NOT EXISTS (SELECT 1 FROM suppressions s WHERE s.number = c.number AND s.channel = 'voice' AND s.purpose IN ('payments', 'all')
                  AND s.lifted_at IS NULL)
  AND (NOT EXISTS (SELECT 1 FROM consents t WHERE t.number = c.number AND t.channel = 'sms' AND t.purpose = 'payments' AND t.ended_at IS NULL)
       OR EXISTS (SELECT 1 FROM suppressions s WHERE s.number = c.number AND s.channel = 'sms' AND s.purpose IN ('payments', 'all')
                  AND s.lifted_at IS NULL))
ORDER BY c.number LIMIT @max_rows::int;

-- name: CallInstead :exec
-- Planned reminders of a number become calls, unless one was sent already.
UPDATE notices SET channel = 'voice' WHERE number = @number AND channel = 'sms' AND state = 'planned' AND creates = 0 AND kind = ANY (@kinds::text[]);
