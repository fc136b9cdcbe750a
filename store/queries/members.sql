-- Members and the proof of who a caller is.

-- name: CandidateAnswers :many
-- I1: one statement, whichever kind of selector was keyed and whether or not it exists. Each arm uses its own index.
WITH candidates AS (
    SELECT a.member_id FROM accounts a WHERE @kind::text = 'account' AND a.account = @value
    UNION SELECT m.member_id FROM members m WHERE @kind = 'member' AND m.member_id = @value
    UNION SELECT m.member_id FROM members m WHERE @kind = 'phone' AND m.phone = @value
)
SELECT m.member_id, m.name, coalesce(m.phone, '')::text AS phone, an.kind, an.key_id, an.mac
FROM candidates c JOIN members m USING (member_id) JOIN verification_answers an USING (member_id)
WHERE an.kind IN ('birth-date', 'zip', 'ssn4', 'invoice', 'invoice-previous')
ORDER BY m.member_id, an.kind LIMIT 64;

-- name: SubjectFailures :many
-- I5: what counts against each subject: failures of the last day since its last lock ended (tries made while it is locked
-- tell a guesser nothing, and a member who comes back starts anew), locks in force and of the day, and failures in a row
-- since it last passed.
SELECT s.subject::text AS subject,
  (SELECT count(*) FROM verifications v WHERE v.subject = s.subject AND NOT v.passed AND v.at > @day_ago::timestamptz
      AND v.at >= (SELECT coalesce(max(l.until), '-infinity') FROM soft_locks l WHERE l.subject = s.subject))::int AS failures,
  (SELECT count(*) FROM soft_locks l WHERE l.subject = s.subject AND l.until > @at)::int AS locked,
  (SELECT count(*) FROM soft_locks l WHERE l.subject = s.subject AND l.from_at > @day_ago)::int AS locks_today,
  (SELECT count(*) FROM verifications v WHERE v.subject = s.subject AND NOT v.passed AND v.at >
      (SELECT coalesce(max(p.at), '-infinity') FROM verifications p WHERE p.subject = s.subject AND p.passed))::int AS in_a_row
FROM unnest(@subjects::text[]) AS s(subject);

-- name: LockTries :exec
-- Tries that count against the same record or caller run one after another; otherwise a guesser with many calls at once
-- would get as many answers before the first failure is counted. Held until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('tries of ' || t.of, 0)) FROM unnest(@keys::text[]) AS t(of);

-- name: SubjectsOfCaller :one
-- I5: how many different records, other than these, one caller number has tried in a day.
SELECT count(DISTINCT subject) FROM verifications WHERE caller = @caller AND at > @day_ago AND subject <> ALL (@ones::text[]);

-- name: InsertVerifications :exec
-- One row a subject; the same turn again writes nothing.
INSERT INTO verifications (call_sid, turn, subject, caller, passed, at)
SELECT @call_sid, @turn, s.subject, @caller, @passed, @at FROM unnest(@subjects::text[]) AS s(subject)
ON CONFLICT (call_sid, turn, subject) DO NOTHING;

-- name: VerifiedBefore :many
-- What the same turn found when it ran first; no row: it has not run.
SELECT subject, passed FROM verifications WHERE call_sid = @call_sid AND turn = @turn;

-- name: InsertSoftLocks :exec
-- One lock a subject and instant; again it writes nothing.
INSERT INTO soft_locks (subject, from_at, until)
SELECT (@subjects::text[])[i], @at, (@untils::timestamptz[])[i] FROM generate_subscripts(@subjects::text[], 1) AS i
ON CONFLICT DO NOTHING;

-- name: SoftLocksInForce :one
-- How many subjects are locked at an instant.
SELECT count(DISTINCT subject) FROM soft_locks WHERE until > @at;

-- name: NumberOnFile :one
-- Whether a number is some member's.
SELECT EXISTS (SELECT 1 FROM members WHERE phone = @number::text);

-- name: KeepLanguage :exec
-- K2: the language that a member chose on the phone.
UPDATE members SET language = @language WHERE member_id = @member_id AND language <> @language;
