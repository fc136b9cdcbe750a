-- What the nightly jobs remember.

-- One row for each daily job that is done for a day: whoever comes second that day finds it.
CREATE TABLE daily_runs (
    what        text NOT NULL,
    local_day   date NOT NULL,              -- in the business zone
    finished_at timestamptz NOT NULL,
    PRIMARY KEY (what, local_day)
);

-- One row for each table that is erased in the order of its numbers (D4: retention): up to which number that is done.
CREATE TABLE erasure_progress (
    what    text PRIMARY KEY,
    through bigint NOT NULL DEFAULT 0
);
