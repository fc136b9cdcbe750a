-- Texts that come in, and the answers to them.

-- name: InsertInboundText :execrows
-- A text that is delivered twice counts 0 rows the second time, and has no second effect.
INSERT INTO inbound_texts (message_sid, number, class, words, at) VALUES (@message_sid, @number, @class, @words, @at)
ON CONFLICT (message_sid) DO NOTHING;

-- name: LastHelpReply :many
-- When a number was last sent the help reply; no row: never.
SELECT created_at FROM notices WHERE number = @number AND kind = 'help_reply' ORDER BY created_at DESC LIMIT 1;

-- name: CountAnswers :one
-- How many answers a number was sent since an instant.
SELECT count(*) FROM notices
WHERE number = @number AND channel = 'sms' AND cause IS NOT NULL AND retries = 0 AND created_at > @since;

-- name: CallBacksOf :many
-- N8: the calls that a number has asked for since an instant, oldest first.
SELECT state, coalesce(tried_at, created_at)::timestamptz AS at, (sent_at IS NOT NULL)::boolean AS placed FROM notices
WHERE number = @number AND kind = 'call_back' AND created_at > @since
ORDER BY created_at, id;

-- name: PlanAnswer :one
-- An answer to a text or a call: one for each cause. No row comes back when it is planned already.
INSERT INTO notices (reference, number, channel, kind, language, local_day, cause, state, by_request, created_at, not_before, not_after)
VALUES (@reference, @number, @channel, @kind, @language, timezone(@time_zone::text, @at::timestamptz)::date, @cause, 'planned', @by_request, @at, @at, @not_after)
ON CONFLICT (cause, kind) WHERE cause IS NOT NULL DO NOTHING
RETURNING id;
