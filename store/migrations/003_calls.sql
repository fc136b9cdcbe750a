-- Milestones of a call, so that it can go on when Redis has lost the session, and what people must do.

CREATE TABLE calls (
    call_sid       text PRIMARY KEY,
    caller         text,
    called         text,
    language       text NOT NULL,
    language_known boolean NOT NULL DEFAULT false, -- chosen or on file, not taken for granted (K2)
    step           text NOT NULL,           -- where the call goes on after a loss
    turn           integer NOT NULL,
    member_id      text,
    account        text,
    verified_at    timestamptz,
    attempt_key    text,
    handed_over_at timestamptz,
    started_at     timestamptz NOT NULL,
    ended_at       timestamptz
);
CREATE INDEX calls_caller ON calls (caller, started_at);
CREATE INDEX calls_old ON calls USING brin (started_at);

CREATE TABLE handoffs (
    call_sid    text NOT NULL,
    turn        integer NOT NULL,
    reason      text NOT NULL,
    verified    boolean NOT NULL,
    account     text,
    attempt_key text,
    language    text NOT NULL,
    step        text NOT NULL,
    at          timestamptz NOT NULL,
    outcome     text,
    PRIMARY KEY (call_sid, turn)
);

CREATE INDEX handoffs_old ON handoffs USING brin (at);

-- What a person has to look at: unknown too long, letters undone, free texts that mean something.
CREATE TABLE tasks (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL,
    account     text,
    attempt_key text,
    detail      text NOT NULL DEFAULT '',
    at          timestamptz NOT NULL,
    due_at      timestamptz,
    done_at     timestamptz
);
CREATE UNIQUE INDEX tasks_once ON tasks (kind, attempt_key) WHERE attempt_key IS NOT NULL;
