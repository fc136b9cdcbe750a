-- Payment attempts, from the offer to the outcome. Every "once" is decided by a WHERE or a unique key, never by Go: an
-- UPDATE that finds the row in another state, or under another fence, changes nothing and returns no row.

-- name: OfferAttempt :one
-- A second delivery of the same turn gets the first row back, unchanged.
INSERT INTO payment_attempts (key, call_sid, turn, account, cents, fee_cents, method, bank_type, guest, caller, holder, language, state, offered_at)
VALUES (@key, @call_sid, @turn, @account, @cents, @fee_cents, @method, @bank_type, @guest, @caller, @holder, @language, 'offered', @at)
ON CONFLICT (call_sid, turn) DO UPDATE SET turn = payment_attempts.turn
RETURNING *;

-- name: AttemptByKey :one
-- One attempt.
SELECT * FROM payment_attempts WHERE key = @key;

-- name: AttemptForUpdate :one
-- One attempt, locked until the transaction ends.
SELECT * FROM payment_attempts WHERE key = @key FOR UPDATE;

-- name: AttemptByReference :one
-- The attempt with the number that people say and write (L4).
SELECT * FROM payment_attempts WHERE reference = @reference;

-- name: AttemptByIntent :one
-- The attempt of one of the processor's objects.
SELECT * FROM payment_attempts WHERE intent_id = @intent_id;

-- name: OpenAttemptOn :one
-- The open attempt of an account; there is at most one (one_open_attempt_an_account).
SELECT * FROM payment_attempts WHERE account = @account AND state IN ('authorized', 'confirming', 'unknown');

-- name: SamePaymentSince :many
-- M8: the same amount on the same account, not declined, voided, returned or closed.
SELECT * FROM payment_attempts
WHERE account = @account AND cents = @cents AND authorized_at >= @since
  AND state IN ('authorized', 'confirming', 'unknown', 'taken')
ORDER BY authorized_at DESC;

-- name: TokenizeAttempt :one
-- The sealed token, on an offer only: the same token again finds the row tokenized and changes nothing.
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
-- E8: the consent, in the authorizing transaction.
INSERT INTO payment_evidence (key, terms, version, language, given, confidence, caller, terms_at, given_at, written_copy, hash)
VALUES (@key, @terms, @version, @language, @given, @confidence, @caller, @terms_at, @given_at, @written_copy, @hash);

-- name: LeaseAttempt :one
-- A lease on an attempt that is due. One worker at a time; its later writes name the fence. create_sent_at is set before the
-- first create leaves, so that a crash after the create finds how old its key is.
UPDATE payment_attempts
SET fence = fence + 1, leased_until = @lease_until, create_sent_at = coalesce(create_sent_at, @now)
WHERE key = @key AND state IN ('authorized', 'confirming', 'unknown')
  AND not_before <= @now
  AND (next_look_at IS NULL OR next_look_at <= @now)
  AND (leased_until IS NULL OR leased_until <= @machine_now)
RETURNING *;

-- name: LeaseForPerson :one
-- A lease for a person with evidence, who does not wait for the next look-up.
UPDATE payment_attempts SET fence = fence + 1, leased_until = @lease_until
WHERE key = @key AND state IN ('confirming', 'unknown') AND (leased_until IS NULL OR leased_until <= @machine_now)
RETURNING *;

-- name: NewCreateKey :one
-- The next number within the create key, once the processor may have forgotten the one before.
UPDATE payment_attempts SET creates = creates + 1, create_sent_at = @now
WHERE key = @key AND fence = @fence AND state = 'authorized'
RETURNING *;

-- name: RecordIntent :one
-- The object's id is stored, and the first confirm counted, before that confirm is sent.
UPDATE payment_attempts SET state = 'confirming', intent_id = @intent_id, confirms = confirms + 1
WHERE key = @key AND fence = @fence AND state = 'authorized'
RETURNING *;

-- name: RecordConfirm :one
-- A further confirm, counted before it is sent.
UPDATE payment_attempts SET confirms = confirms + 1
WHERE key = @key AND fence = @fence AND state IN ('confirming', 'unknown')
RETURNING *;

-- name: ReleaseAttempt :execrows
-- Ends a lease without an outcome: nothing is known to have happened, or it is not known what has. Looked up again later.
UPDATE payment_attempts
SET state = CASE WHEN intent_id IS NULL THEN state ELSE 'unknown' END,
    looks = looks + 1, next_look_at = @next_look_at, leased_until = NULL
WHERE key = @key AND fence = @fence AND state IN ('authorized', 'confirming', 'unknown');

-- name: TakeAttempt :one
-- The money was taken. A card's token is erased at once, a bank's after the return window (D2).
UPDATE payment_attempts
SET state = 'taken', settled_at = @at, leased_until = NULL, next_look_at = NULL,
    token_sealed = CASE WHEN method = 'card' THEN NULL ELSE token_sealed END
WHERE key = @key AND fence = @fence AND state IN ('confirming', 'unknown')
RETURNING *;

-- name: DeclineAttempt :one
-- Nothing was charged.
UPDATE payment_attempts
SET state = 'declined', settled_at = @at, code = @code, leased_until = NULL, next_look_at = NULL, token_sealed = NULL
WHERE key = @key AND fence = @fence AND state IN ('authorized', 'confirming', 'unknown')
RETURNING *;

-- name: ReturnAttempt :one
-- A taken payment came back (L5).
UPDATE payment_attempts SET state = 'returned', returned_at = @at, code = @code, token_sealed = NULL
WHERE key = @key AND state = 'taken'
RETURNING *;

-- name: VoidAttempt :one
-- E12: cancelled, only while no worker has it and the processor holds no object of it. The fence stops a worker whose
-- lease ran out.
UPDATE payment_attempts
SET state = 'voided', settled_at = @at, token_sealed = NULL, fence = fence + 1, next_look_at = NULL
WHERE key = @key AND state = 'authorized' AND intent_id IS NULL
  AND (leased_until IS NULL OR leased_until <= @machine_now)
RETURNING *;

-- name: CloseAttempt :execrows
-- Ends an offer or token that promised nothing.
UPDATE payment_attempts SET state = 'closed', settled_at = @at, token_sealed = NULL
WHERE key = @key AND state IN ('offered', 'tokenized');

-- name: CloseOffersOn :exec
-- A frozen account takes no consent either.
UPDATE payment_attempts SET state = 'closed', settled_at = @at, token_sealed = NULL
WHERE account = @account AND state IN ('offered', 'tokenized');

-- name: StaleOffers :many
-- Offers of calls that ended a minute ago, and offers half an hour old. The caller asks for the leases of their turns before
-- it closes one.
SELECT a.key, a.call_sid FROM payment_attempts a LEFT JOIN calls c ON c.call_sid = a.call_sid
WHERE a.state IN ('offered', 'tokenized') AND (c.ended_at <= @ended_before OR a.offered_at <= @offered_before)
ORDER BY a.offered_at LIMIT 500;

-- name: DueAttempts :many
-- Open attempts that are due and not leased, oldest first.
SELECT key FROM payment_attempts
WHERE state IN ('authorized', 'confirming', 'unknown') AND not_before <= @now
  AND (next_look_at IS NULL OR next_look_at <= @now)
  AND (leased_until IS NULL OR leased_until <= @machine_now)
ORDER BY not_before LIMIT 1000;

-- name: LookUpNow :execrows
-- The processor reported an event: look the attempt up now (an event decides nothing by itself). With overtaken, an answer
-- that a worker is waiting for is older than the event: the new fence keeps that worker from writing it.
UPDATE payment_attempts
SET next_look_at = @now, fence = fence + CASE WHEN @overtaken::boolean THEN 1 ELSE 0 END,
    leased_until = CASE WHEN @overtaken THEN NULL ELSE leased_until END
WHERE intent_id = @intent_id AND state IN ('confirming', 'unknown');

-- name: UnknownSince :many
-- Attempts that have been open too long and are nobody's task yet.
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
-- O4: the caller asked for the result by text. The first number counts.
UPDATE payment_attempts SET text_number = @text_number, text_asked = true WHERE key = @key AND text_number IS NULL;

-- name: EraseOldTokens :execrows
-- D2: bank tokens after the return window.
UPDATE payment_attempts SET token_sealed = NULL
WHERE token_sealed IS NOT NULL AND state IN ('taken', 'returned') AND settled_at <= @before;

-- name: PayLimits :one
-- I5 and rule P3, counted where they are recorded. Declines of guests and of verified callers apart. The offer of this very
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

-- name: LockCaller :exec
-- Authorizations of one caller run one after another, so that what PayLimits counts stays true until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('payments of ' || @caller::text, 0));

-- name: InsertEvent :execrows
-- An event that was dealt with; the same one again writes nothing and counts 0 rows.
INSERT INTO processor_events (id, kind, intent_id, received_at) VALUES (@id, @kind, @intent_id, @at)
ON CONFLICT (id) DO NOTHING;

-- name: InsertResolution :exec
-- A person's evidence about an unknown payment.
INSERT INTO payment_resolutions (attempt_key, verdict, evidence, by_whom, at) VALUES (@attempt_key, @verdict, @evidence, @by_whom, @at);
