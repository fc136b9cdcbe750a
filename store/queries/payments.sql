-- The book of payment attempts. Every "once" is decided by a WHERE or a unique key, never by Go.

-- name: OfferAttempt :one
-- A second delivery of the same turn gets the first row back, unchanged.
INSERT INTO payment_attempts (key, call_sid, turn, account, cents, fee_cents, method, bank_type, guest, caller, holder, language, state, offered_at)
VALUES (@key, @call_sid, @turn, @account, @cents, @fee_cents, @method, @bank_type, @guest, @caller, @holder, @language, 'offered', @at)
ON CONFLICT (call_sid, turn) DO UPDATE SET turn = payment_attempts.turn
RETURNING *;

-- name: AttemptByKey :one
SELECT * FROM payment_attempts WHERE key = @key;

-- name: AttemptForUpdate :one
SELECT * FROM payment_attempts WHERE key = @key FOR UPDATE;

-- name: AttemptByReference :one
SELECT * FROM payment_attempts WHERE reference = @reference;

-- name: AttemptByIntent :one
SELECT * FROM payment_attempts WHERE intent_id = @intent_id;

-- name: OpenAttemptOn :one
SELECT * FROM payment_attempts WHERE account = @account AND state IN ('authorized', 'confirming', 'unknown');

-- name: SamePaymentSince :many
-- M8: the same amount on the same account, not declined, voided, returned or closed.
SELECT * FROM payment_attempts
WHERE account = @account AND cents = @cents AND authorized_at >= @since
  AND state IN ('authorized', 'confirming', 'unknown', 'taken')
ORDER BY authorized_at DESC;

-- name: TokenizeAttempt :one
UPDATE payment_attempts SET state = 'tokenized', token_sealed = @token_sealed, last4 = @last4, tokenized_at = @at
WHERE key = @key AND state = 'offered'
RETURNING *;

-- name: AuthorizeAttempt :one
-- From here on the member has paid in time. one_open_attempt_an_account may refuse it.
UPDATE payment_attempts
SET state = 'authorized', authorized_at = @at, reference = @reference, not_before = @not_before,
    awaits_letter = @awaits_letter, text_number = @text_number, text_asked = @text_asked, counts_from = @counts_from
WHERE key = @key AND state = 'tokenized'
RETURNING *;

-- name: UnheardFailures :many
-- L3: payments on the same account that failed without the caller hearing so, and since when they may know: from the text, or
-- from the failure itself where none went.
SELECT coalesce(f.counts_from, f.authorized_at)::timestamptz AS counts_from, coalesce(n.sent_at, f.settled_at)::timestamptz AS told_at, acc.account, acc.kind
FROM payment_attempts a
JOIN payment_attempts f ON f.account = a.account AND f.state = 'declined' AND NOT f.heard AND f.settled_at >= @since
JOIN accounts acc ON acc.account = a.account
LEFT JOIN notices n ON n.attempt_key = f.key AND n.kind = 'payment_failed'
WHERE a.key = @key
ORDER BY 1;

-- name: InsertEvidence :exec
INSERT INTO payment_evidence (key, terms, version, language, given, confidence, caller, terms_at, given_at, written_copy, hash)
VALUES (@key, @terms, @version, @language, @given, @confidence, @caller, @terms_at, @given_at, @written_copy, @hash);

-- name: InsertLetter :exec
INSERT INTO letters (attempt_key, kind, created_at) VALUES (@attempt_key, 'written-notice', @at)
ON CONFLICT (attempt_key) DO NOTHING;

-- name: ClaimAttempt :one
-- One worker at a time; every later write of it names the fence. create_sent_at is set before the first create leaves.
UPDATE payment_attempts
SET fence = fence + 1, leased_until = @lease_until, create_sent_at = coalesce(create_sent_at, @now)
WHERE key = @key AND state IN ('authorized', 'confirming', 'unknown')
  AND not_before <= @now
  AND (next_look_at IS NULL OR next_look_at <= @now)
  AND (leased_until IS NULL OR leased_until <= @machine_now)
RETURNING *;

-- name: ClaimForPerson :one
-- A person with evidence does not wait for the next look.
UPDATE payment_attempts SET fence = fence + 1, leased_until = @lease_until
WHERE key = @key AND state IN ('confirming', 'unknown') AND (leased_until IS NULL OR leased_until <= @machine_now)
RETURNING *;

-- name: NewCreateKey :one
UPDATE payment_attempts SET creates = creates + 1, create_sent_at = @now
WHERE key = @key AND fence = @fence AND state = 'authorized'
RETURNING *;

-- name: RecordIntent :one
-- The object's id is stored, and the first confirm counted, before that confirm is sent.
UPDATE payment_attempts SET state = 'confirming', intent_id = @intent_id, confirms = confirms + 1
WHERE key = @key AND fence = @fence AND state = 'authorized'
RETURNING *;

-- name: RecordConfirm :one
UPDATE payment_attempts SET confirms = confirms + 1
WHERE key = @key AND fence = @fence AND state IN ('confirming', 'unknown')
RETURNING *;

-- name: ReleaseAttempt :execrows
-- Nothing is known to have happened, or the outcome is not known: look again later.
UPDATE payment_attempts
SET state = CASE WHEN intent_id IS NULL THEN state ELSE 'unknown' END,
    looks = looks + 1, next_look_at = @next_look_at, leased_until = NULL
WHERE key = @key AND fence = @fence AND state IN ('authorized', 'confirming', 'unknown');

-- name: TakeAttempt :one
UPDATE payment_attempts
SET state = 'taken', settled_at = @at, leased_until = NULL, next_look_at = NULL,
    token_sealed = CASE WHEN method = 'card' THEN NULL ELSE token_sealed END
WHERE key = @key AND fence = @fence AND state IN ('confirming', 'unknown')
RETURNING *;

-- name: DeclineAttempt :one
UPDATE payment_attempts
SET state = 'declined', settled_at = @at, code = @code, leased_until = NULL, next_look_at = NULL, token_sealed = NULL
WHERE key = @key AND fence = @fence AND state IN ('authorized', 'confirming', 'unknown')
RETURNING *;

-- name: ReturnAttempt :one
UPDATE payment_attempts SET state = 'returned', returned_at = @at, code = @code, token_sealed = NULL
WHERE key = @key AND state = 'taken'
RETURNING *;

-- name: VoidAttempt :one
-- Only while no worker has it and the processor holds no object of it.
UPDATE payment_attempts
SET state = 'voided', settled_at = @at, token_sealed = NULL, fence = fence + 1, next_look_at = NULL
WHERE key = @key AND state = 'authorized' AND intent_id IS NULL
  AND (leased_until IS NULL OR leased_until <= @machine_now)
RETURNING *;

-- name: CloseAttempt :execrows
UPDATE payment_attempts SET state = 'closed', settled_at = @at, token_sealed = NULL
WHERE key = @key AND state IN ('offered', 'tokenized');

-- name: CloseOffersOn :exec
-- A frozen account takes no consent either.
UPDATE payment_attempts SET state = 'closed', settled_at = @at, token_sealed = NULL
WHERE account = @account AND state IN ('offered', 'tokenized');

-- name: StaleOffers :many
-- Offers of calls that ended a minute ago, and offers half an hour old. The caller of this asks for turn leases first.
SELECT a.key, a.call_sid FROM payment_attempts a LEFT JOIN calls c ON c.call_sid = a.call_sid
WHERE a.state IN ('offered', 'tokenized') AND (c.ended_at <= @ended_before OR a.offered_at <= @offered_before)
ORDER BY a.offered_at LIMIT 500;

-- name: DueAttempts :many
SELECT key FROM payment_attempts
WHERE state IN ('authorized', 'confirming', 'unknown') AND not_before <= @now
  AND (next_look_at IS NULL OR next_look_at <= @now)
  AND (leased_until IS NULL OR leased_until <= @machine_now)
ORDER BY not_before LIMIT 1000;

-- name: LookAtOnce :execrows
-- An event of the processor says that something happened: look now. An event decides nothing by itself. With overtaken,
-- a worker's answer is older than the event: the fence keeps him from writing it.
UPDATE payment_attempts
SET next_look_at = @now, fence = fence + CASE WHEN @overtaken::boolean THEN 1 ELSE 0 END,
    leased_until = CASE WHEN @overtaken THEN NULL ELSE leased_until END
WHERE intent_id = @intent_id AND state IN ('confirming', 'unknown');

-- name: UnknownSince :many
SELECT key, account FROM payment_attempts a
WHERE state IN ('authorized', 'confirming', 'unknown') AND not_before <= @before
  AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.kind = 'payment-unknown' AND t.attempt_key = a.key)
LIMIT 500;

-- name: OldestDue :one
-- The age that alarms: open attempts count from not_before.
SELECT min(not_before)::timestamptz AS oldest FROM payment_attempts
WHERE state IN ('authorized', 'confirming', 'unknown') AND not_before <= @now
HAVING min(not_before) IS NOT NULL;

-- name: MarkHeard :exec
-- L3: a failure that the caller has heard is nobody's task any more.
WITH heard AS (
    UPDATE payment_attempts SET heard = true WHERE payment_attempts.key = @key AND NOT heard
)
UPDATE tasks SET done_at = @at WHERE kind = 'payment-failed' AND attempt_key = @key AND done_at IS NULL;

-- name: TextResultTo :exec
UPDATE payment_attempts SET text_number = @text_number, text_asked = true WHERE key = @key AND text_number IS NULL;

-- name: EraseOldTokens :execrows
UPDATE payment_attempts SET token_sealed = NULL
WHERE token_sealed IS NOT NULL AND state IN ('taken', 'returned') AND settled_at <= @before;

-- name: InsertLedgerPayment :exec
INSERT INTO ledger (account, kind, cents, reference, attempt_key, received_at, recorded_at)
VALUES (@account, 'payment', @cents, @reference, @attempt_key, @received_at, @at);

-- name: InsertLedgerReversal :exec
INSERT INTO ledger (account, kind, cents, reference, attempt_key, received_at, recorded_at)
VALUES (@account, 'reversal', @cents, @reference, @attempt_key, @at, @at);

-- name: InsertTask :exec
INSERT INTO tasks (kind, account, attempt_key, detail, at, due_at)
VALUES (@kind, @account, @attempt_key, @detail, @at, @due_at)
ON CONFLICT (kind, attempt_key) WHERE attempt_key IS NOT NULL DO NOTHING;

-- name: FreezeAccount :exec
UPDATE accounts SET frozen_at = @at WHERE account = @account AND frozen_at IS NULL;

-- name: PayLimits :one
-- I5 and P3, counted where they are recorded. Declines of guests and of verified callers apart. The offer of this very
-- turn does not count: a second delivery must not be refused on account of the first.
SELECT
  count(*) FILTER (WHERE call_sid = @call_sid AND account = @account) AS captures_call,
  count(*) FILTER (WHERE account = @account AND guest = @guest AND state = 'declined') AS declines_account,
  count(*) FILTER (WHERE caller = @caller AND state = 'declined') AS declines_caller,
  count(*) FILTER (WHERE caller IS NULL AND state = 'declined' AND offered_at > @hour_ago) AS declines_withheld,
  count(*) FILTER (WHERE caller = @caller AND state IN ('authorized', 'confirming', 'unknown') AND NOT awaits_letter) AS open_caller,
  count(*) FILTER (WHERE caller = @caller AND guest AND authorized_at IS NOT NULL) AS guest_pays_caller,
  count(*) FILTER (WHERE account = @account AND method = 'bank' AND tokenized_at IS NOT NULL) AS banks_account,
  count(*) FILTER (WHERE caller = @caller AND method = 'bank' AND tokenized_at IS NOT NULL) AS banks_caller
FROM payment_attempts
WHERE offered_at > @day_ago AND NOT (call_sid = @call_sid AND turn = @turn)
  AND (account = @account OR caller = @caller OR (caller IS NULL AND state = 'declined'));

-- name: OneCallerAtATime :exec
-- Until the transaction is over: what is counted next for this number is true until then.
SELECT pg_advisory_xact_lock(hashtextextended('payments of ' || @caller::text, 0));

-- name: FrozenAt :one
SELECT frozen_at FROM accounts WHERE account = @account;

-- name: InsertEvent :execrows
INSERT INTO processor_events (id, kind, intent_id, received_at) VALUES (@id, @kind, @intent_id, @at)
ON CONFLICT (id) DO NOTHING;

-- name: InsertResolution :exec
INSERT INTO payment_resolutions (attempt_key, verdict, evidence, by_whom, at) VALUES (@attempt_key, @verdict, @evidence, @by_whom, @at);

-- name: CloseTask :exec
UPDATE tasks SET done_at = @at WHERE kind = @kind AND attempt_key = @attempt_key AND done_at IS NULL;
