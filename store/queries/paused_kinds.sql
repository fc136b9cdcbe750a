-- Kinds of text that are paused; '*' is every kind.

-- name: PausedKinds :many
-- All that are paused.
SELECT * FROM paused_kinds ORDER BY kind;

-- name: PausesOf :many
-- What pauses a kind. probe_due: one text may try whether everything must still be paused.
SELECT kind, coalesce(probe_at <= @now, false)::boolean AS probe_due FROM paused_kinds WHERE kind IN ('*', @kind);

-- name: TakeProbe :execrows
-- Of two senders one gets the probe: the other finds probe_at moved on and counts 0 rows.
UPDATE paused_kinds SET probe_at = @next WHERE kind = '*' AND probe_at <= @now;

-- name: PauseKind :execrows
-- One that is paused already stays paused for the first reason, and counts 0 rows.
INSERT INTO paused_kinds (kind, paused_at, why, by_whom, probe_at) VALUES (@kind, @at, @why, @by_whom, @probe_at)
ON CONFLICT (kind) DO NOTHING;

-- name: EndProbe :execrows
-- The probe went through: every kind is sent again.
DELETE FROM paused_kinds WHERE kind = '*' AND probe_at IS NOT NULL;

-- name: ResumeKind :execrows
-- Counts 0 rows if the kind was not paused.
DELETE FROM paused_kinds WHERE kind = @kind;
