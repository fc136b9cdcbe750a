-- E6: written notices on paper.

-- name: InsertLetter :exec
-- One letter an attempt; again it writes nothing.
INSERT INTO letters (attempt_key, kind, created_at) VALUES (@attempt_key, 'written-notice', @at)
ON CONFLICT (attempt_key) DO NOTHING;

-- name: LetterInsteadOfText :execrows
-- E6: a written notice that does not arrive by text goes by letter the same day, as long as there is a debit.
INSERT INTO letters (attempt_key, kind, created_at)
SELECT key, 'written-notice', @at FROM payment_attempts
WHERE key = @attempt_key AND state IN ('authorized', 'confirming', 'unknown', 'taken')
ON CONFLICT (attempt_key) DO NOTHING;

-- name: LettersToPost :many
-- A debit that was voided or declined needs no notice any more. Letters that were exported before but not
-- reported as posted come again: paper gets lost.
SELECT a.key, coalesce(a.reference, '')::text AS reference, a.account, m.name AS member_name, a.holder, a.language,
       (a.cents + a.fee_cents)::bigint AS cents, coalesce(a.bank_type, '')::text AS bank_type, coalesce(a.last4, '')::text AS last4,
       a.state, a.awaits_letter, a.authorized_at::timestamptz AS authorized_at, l.exported_at
FROM letters l JOIN payment_attempts a ON a.key = l.attempt_key JOIN accounts c ON c.account = a.account JOIN members m ON m.member_id = c.member_id
WHERE l.posted_on IS NULL AND l.kind = 'written-notice' AND a.state IN ('authorized', 'confirming', 'unknown', 'taken', 'returned')
ORDER BY l.created_at, a.key
FOR UPDATE OF l;

-- name: LettersExported :execrows
-- The first export counts.
UPDATE letters SET exported_at = @at WHERE attempt_key = ANY (@keys::text[]) AND exported_at IS NULL;

-- name: LettersOf :many
-- The letters of these references, locked until it is decided what becomes of them.
SELECT coalesce(a.reference, '')::text AS reference, a.key, l.created_at, l.posted_on
FROM letters l JOIN payment_attempts a ON a.key = l.attempt_key
WHERE a.reference = ANY (@refs::text[])
ORDER BY a.key FOR UPDATE OF l;

-- name: PostLetters :execrows
-- The first report of a day of posting counts.
UPDATE letters SET posted_on = @posted_on WHERE attempt_key = ANY (@keys::text[]) AND posted_on IS NULL;

-- name: SetDebitDay :execrows
-- Only now does the debit get its day; one that was submitted or voided keeps what it has.
UPDATE payment_attempts SET not_before = @not_before
WHERE key = ANY (@keys::text[]) AND state = 'authorized' AND awaits_letter AND not_before IS NULL;
