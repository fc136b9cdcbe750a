-- Whose number it is (O5: wrong numbers and reassigned numbers).

-- name: NumbersToCheck :many
-- Numbers that are texted or called, and of which nobody knows since an instant that they are still their owner's. What
-- billing gave us is as old as its date on file; what the owner told us is of that day.
SELECT c.number, coalesce(max(k.verified_at), least(min(c.at), min(m.phone_since::timestamptz)), min(c.at))::timestamptz AS verified_at
FROM consents c JOIN members m ON m.phone = c.number LEFT JOIN number_checks k ON k.number = c.number
WHERE c.ended_at IS NULL AND c.number > @after
  AND NOT EXISTS (SELECT 1 FROM suppressions s WHERE s.number = c.number AND s.channel = c.channel AND s.lifted_at IS NULL)
GROUP BY c.number
HAVING coalesce(max(k.checked_at), CASE WHEN bool_or(c.source IN ('application', 'opt_in', 'import'))
       THEN least(min(c.at), coalesce(min(m.phone_since::timestamptz), '-infinity')) ELSE max(c.at) END) <= @before
ORDER BY c.number LIMIT @max_rows::int;

-- name: RecordCheck :exec
-- The newest look-up of a number; verified_at only moves forward.
INSERT INTO number_checks (number, checked_at, verified_at) VALUES (@number, @at, @verified_at)
ON CONFLICT (number) DO UPDATE SET checked_at = excluded.checked_at, verified_at = greatest(number_checks.verified_at, excluded.verified_at);

-- name: RecordDetached :exec
-- This number is not these members'; the import will not bring it back.
INSERT INTO detached_numbers (member_id, number, cause, at)
SELECT m.member_id, @number, @cause, @at FROM members m WHERE m.phone = @number
ON CONFLICT (member_id, number) DO NOTHING;

-- name: RemoveNumber :exec
-- Takes a number off the members that have it.
UPDATE members SET phone = NULL WHERE phone = @number;
