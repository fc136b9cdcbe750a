-- Jobs that run once a day.

-- name: DailyDone :one
-- Whether a job is done for a day.
SELECT EXISTS (SELECT 1 FROM daily_runs WHERE what = @what AND local_day = @local_day)::boolean;

-- name: FinishDaily :exec
-- A job is done for a day; again it writes nothing.
INSERT INTO daily_runs (what, local_day, finished_at) VALUES (@what, @local_day, @at) ON CONFLICT (what, local_day) DO NOTHING;
