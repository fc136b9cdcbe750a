-- Who has agreed to texts and calls (O1: consent per number and channel).

-- name: Textable :one
-- Whether payment texts may go to a number: consent is in force and nothing suppresses it. O1: a consent counts where
-- policy names its basis; whatever is not the application is the person's own yes.
SELECT (EXISTS (SELECT 1 FROM consents WHERE consents.number = @number AND channel = 'sms' AND purpose = 'payments' AND ended_at IS NULL
                AND CASE source WHEN 'application' THEN 'application' ELSE 'opt_in' END = ANY (@basis::text[]))
    AND NOT EXISTS (SELECT 1 FROM suppressions WHERE suppressions.number = @number AND channel = 'sms'
                    AND purpose IN ('payments', 'all') AND lifted_at IS NULL))::boolean;

-- name: GrantConsent :exec
-- Consent to payment texts (sms) or reminder calls (voice). One in force: again it writes nothing. Lifts no suppression.
INSERT INTO consents (number, channel, purpose, source, wording, at) VALUES (@number, @channel, 'payments', @source, @wording, @at)
ON CONFLICT (number, channel, purpose) WHERE ended_at IS NULL DO NOTHING;

-- name: RevokeConsents :exec
-- Ends the consents in force of a number on these channels.
UPDATE consents SET ended_at = @at WHERE number = @number AND channel = ANY (@channels::text[]) AND ended_at IS NULL;

-- name: MayBeAsked :one
-- N10: whether the owner of a number has neither agreed to reminder calls nor refused them.
SELECT (NOT EXISTS (SELECT 1 FROM consents WHERE consents.number = @number AND channel = 'voice' AND purpose = 'payments' AND ended_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM suppressions WHERE suppressions.number = @number AND channel = 'voice' AND purpose IN ('payments', 'all')
                    AND lifted_at IS NULL))::boolean;

-- name: ConsentsInForce :many
-- Consents in force, page by page, for the export.
SELECT id, number, channel, purpose, source, wording, at FROM consents
WHERE ended_at IS NULL AND id > @after ORDER BY id LIMIT 10000;

-- name: CountOptedOut :one
-- How many of these rows will not be imported, because the number's owner has opted out.
SELECT count(*) FROM (SELECT unnest(@numbers::text[]) AS number, unnest(@channels::text[]) AS channel, unnest(@purposes::text[]) AS purpose) r
WHERE EXISTS (SELECT 1 FROM suppressions s WHERE s.number = r.number AND s.channel = r.channel AND s.purpose IN ('all', r.purpose)
              AND s.lifted_at IS NULL AND s.source <> 'undeliverable');

-- name: ImportConsents :execrows
-- None where an opt-out is in force, or after an end that is newer; one that is known changes nothing. The same file again
-- changes nothing.
INSERT INTO consents (number, channel, purpose, source, wording, at)
SELECT DISTINCT ON (r.number, r.channel, r.purpose) r.number, r.channel, r.purpose, r.source, r.wording, r.at
FROM (SELECT unnest(@numbers::text[]) AS number, unnest(@channels::text[]) AS channel, unnest(@purposes::text[]) AS purpose,
             unnest(@sources::text[]) AS source, unnest(@wordings::text[]) AS wording, unnest(@ats::timestamptz[]) AS at) r
WHERE NOT EXISTS (SELECT 1 FROM suppressions s WHERE s.number = r.number AND s.channel = r.channel AND s.purpose IN ('all', r.purpose)
                  AND s.lifted_at IS NULL AND s.source <> 'undeliverable')
  AND NOT EXISTS (SELECT 1 FROM consents c WHERE c.number = r.number AND c.channel = r.channel AND c.purpose = r.purpose AND c.ended_at >= r.at)
ORDER BY r.number, r.channel, r.purpose, r.at
ON CONFLICT (number, channel, purpose) WHERE ended_at IS NULL DO NOTHING;

-- name: EndSuppressedConsents :execrows
-- Whoever has opted out has ended the consent. Where texts only do not arrive, the owner has said nothing.
UPDATE consents c SET ended_at = @at
WHERE c.ended_at IS NULL AND c.number = ANY (@numbers::text[])
  AND EXISTS (SELECT 1 FROM suppressions s WHERE s.number = c.number AND s.channel = c.channel AND s.lifted_at IS NULL
              AND s.purpose IN ('all', c.purpose) AND s.source <> 'undeliverable');
