-- What people have to look at.

-- name: InsertTask :exec
-- A task about a payment: one of a kind; again it writes nothing.
INSERT INTO tasks (kind, account, attempt_key, detail, at, due_at)
VALUES (@kind, @account, @attempt_key, @detail, @at, @due_at)
ON CONFLICT (kind, attempt_key) WHERE attempt_key IS NOT NULL DO NOTHING;

-- name: InsertNoticeTask :exec
-- A task about a notice, with the account and payment that it speaks of.
INSERT INTO tasks (kind, account, attempt_key, detail, at)
SELECT @kind, (SELECT r.account FROM notice_reasons r WHERE r.notice_id = n.id ORDER BY r.account LIMIT 1), n.attempt_key, @detail, @at
FROM notices n WHERE n.id = @id
ON CONFLICT (kind, attempt_key) WHERE attempt_key IS NOT NULL DO NOTHING;

-- name: InsertGeneralTask :exec
-- A task about no payment.
INSERT INTO tasks (kind, detail, at, due_at) VALUES (@kind, @detail, @at, @due_at);

-- name: CloseTask :exec
-- Ends a task; the first end counts.
UPDATE tasks SET done_at = @at WHERE kind = @kind AND attempt_key = @attempt_key AND done_at IS NULL;
