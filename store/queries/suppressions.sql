-- Numbers that are switched off (O2: opt-out by any means; N11: numbers where nothing arrives).

-- name: Arrives :one
-- N11: whether texts can arrive at a number, as far as we know.
SELECT (NOT EXISTS (SELECT 1 FROM suppressions WHERE suppressions.number = @number AND channel = 'sms' AND source = 'undeliverable'
                    AND lifted_at IS NULL))::boolean;

-- name: NumberFacts :one
-- What rules about a number rest on. A suppression by its owner or the carrier comes before one that only says that nothing
-- arrives there.
SELECT
    coalesce((SELECT s.source FROM suppressions s WHERE s.number = @number AND s.channel = 'sms'
              AND s.purpose IN ('payments', 'all') AND s.lifted_at IS NULL
              ORDER BY s.source = 'undeliverable', s.source NOT IN ('twilio', 'carrier') LIMIT 1), '')::text AS suppressed,
    coalesce((SELECT m.language FROM members m WHERE m.phone = @number ORDER BY m.member_id LIMIT 1), '')::text AS language,
    coalesce((SELECT m.time_zone FROM members m WHERE m.phone = @number ORDER BY m.member_id LIMIT 1), '')::text AS time_zone;

-- name: LockNumber :exec
-- Changes to one number run one after another, and after any claim of a text to it. Held until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('texts to ' || @number::text, 0));

-- name: SuppressNumber :execrows
-- One row in force: again it writes nothing. The owner's own opt-out replaces "nothing arrives there".
INSERT INTO suppressions (number, channel, purpose, source, words, at) VALUES (@number, @channel, @purpose, @source, @words, @at)
ON CONFLICT (number, channel, purpose) WHERE lifted_at IS NULL
DO UPDATE SET source = excluded.source, words = excluded.words, at = excluded.at
WHERE suppressions.source = 'undeliverable' AND excluded.source <> 'undeliverable';

-- name: LiftSuppressions :exec
-- O4: the owner wants texts again.
UPDATE suppressions SET lifted_at = @at, lifted_words = @words WHERE number = @number AND channel = 'sms' AND lifted_at IS NULL;

-- name: SuppressionsInForce :many
-- Suppressions in force, page by page, for the export.
SELECT id, number, channel, purpose, source, words, at FROM suppressions
WHERE lifted_at IS NULL AND id > @after ORDER BY id LIMIT 10000;

-- name: ImportSuppressions :execrows
-- One that is known, or that its owner has lifted since, changes nothing. The same file again changes nothing.
INSERT INTO suppressions (number, channel, purpose, source, words, at)
SELECT DISTINCT ON (r.number, r.channel, r.purpose) r.number, r.channel, r.purpose, r.source, r.words, r.at
FROM (SELECT unnest(@numbers::text[]) AS number, unnest(@channels::text[]) AS channel, unnest(@purposes::text[]) AS purpose,
             unnest(@sources::text[]) AS source, unnest(@words::text[]) AS words, unnest(@ats::timestamptz[]) AS at) r
WHERE NOT EXISTS (SELECT 1 FROM suppressions s WHERE s.number = r.number AND s.channel = r.channel AND s.purpose = r.purpose
                  AND s.lifted_at >= r.at)
ORDER BY r.number, r.channel, r.purpose, r.at
ON CONFLICT (number, channel, purpose) WHERE lifted_at IS NULL DO NOTHING;
