-- Calls: the last milestone of each, so that it can go on when Redis has lost its session (design §4: one turn of a call).

-- One row a call: a snapshot, overwritten by each milestone of the same or a later turn, never by an earlier one.
CREATE TABLE calls (
    call_sid       text PRIMARY KEY,
    caller         text,                    -- null: the number was withheld
    called         text,
    language       text NOT NULL,
    language_known boolean NOT NULL DEFAULT false,  -- K2: chosen or on file, not assumed
    step           text NOT NULL,           -- where the call goes on after the session is lost
    turn           integer NOT NULL,        -- of the milestone
    member_id      text,                    -- null: no identity was proven
    account        text,
    verified_at    timestamptz,
    attempt_key    text,                    -- the payment of this call, begun or told of
    handed_over_at timestamptz,
    started_at     timestamptz NOT NULL,
    noted_at       timestamptz,             -- when the milestone was written: a call broke off no earlier (I7)
    ended_at       timestamptz              -- null: in progress, or its end was never reported
);
CREATE INDEX calls_caller ON calls (caller, started_at);
CREATE INDEX calls_old ON calls USING brin (started_at);
CREATE INDEX calls_in_progress ON calls (started_at) WHERE ended_at IS NULL;
