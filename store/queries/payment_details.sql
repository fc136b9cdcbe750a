-- What an operator sees of payments.

-- name: ListAttempts :many
-- Authorized payments, newest first. An empty state or account means any.
SELECT * FROM payment_attempts
WHERE authorized_at IS NOT NULL AND authorized_at >= @since::timestamptz
  AND (@state::text = '' OR state = @state)
  AND (@account::text = '' OR account = @account)
ORDER BY authorized_at DESC, key LIMIT @max_rows;

-- name: ShowEvidence :one
-- The consent to one payment.
SELECT terms, version, language, given, coalesce(confidence, '')::text AS confidence, terms_at, given_at, written_copy, hash
FROM payment_evidence WHERE key = @key;

-- name: ShowEntries :many
-- The ledger of one payment; echoed: billing has booked the entry as well.
SELECT l.kind, l.cents, l.received_at, l.recorded_at, (u.ledger_id IS NULL)::boolean AS echoed
FROM ledger l LEFT JOIN unposted_entries u ON u.ledger_id = l.id
WHERE l.attempt_key = @key::text ORDER BY l.id;

-- name: ShowNotices :many
-- The texts about one payment, without words and number.
SELECT kind, state, created_at, sent_at, coalesce(why, '')::text AS why FROM notices WHERE attempt_key = @key::text ORDER BY id;

-- name: ShowTasks :many
-- The tasks about one payment.
SELECT kind, detail, at, done_at FROM tasks WHERE attempt_key = @key::text ORDER BY id;

-- name: ShowLetter :one
-- The letter about one payment.
SELECT kind, created_at, exported_at, posted_on FROM letters WHERE attempt_key = @key;
