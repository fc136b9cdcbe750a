-- What goes out to billing and to the people who watch the money.

-- name: UnpostedPage :many
-- Entries of ours that billing has not echoed, oldest first, page by page.
SELECT l.id, coalesce(l.reference, '')::text AS reference, l.account, l.kind, a.method, l.cents, l.received_at
FROM unposted u JOIN ledger l ON l.id = u.ledger_id JOIN payment_attempts a ON a.key = l.attempt_key
WHERE u.ledger_id > @after ORDER BY u.ledger_id LIMIT 5000;

-- name: ListAttempts :many
-- Newest first. An empty state or account means any.
SELECT * FROM payment_attempts
WHERE authorized_at IS NOT NULL AND authorized_at >= @since::timestamptz
  AND (@state::text = '' OR state = @state)
  AND (@account::text = '' OR account = @account)
ORDER BY authorized_at DESC, key LIMIT @most;

-- name: ShowEvidence :one
SELECT terms, version, language, given, coalesce(confidence, '')::text AS confidence, terms_at, given_at, written_copy, hash
FROM payment_evidence WHERE key = @key;

-- name: ShowEntries :many
SELECT l.kind, l.cents, l.received_at, l.recorded_at, (u.ledger_id IS NULL)::boolean AS echoed
FROM ledger l LEFT JOIN unposted u ON u.ledger_id = l.id
WHERE l.attempt_key = @key::text ORDER BY l.id;

-- name: ShowNotices :many
SELECT kind, state, created_at, sent_at, coalesce(why, '')::text AS why FROM notices WHERE attempt_key = @key::text ORDER BY id;

-- name: ShowTasks :many
SELECT kind, detail, at, done_at FROM tasks WHERE attempt_key = @key::text ORDER BY id;

-- name: ShowLetter :one
SELECT kind, created_at, exported_at, posted_on FROM letters WHERE attempt_key = @key;
