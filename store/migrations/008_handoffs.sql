-- To a person and back (H1-H5): transfers of calls, call-backs that people owe, and tasks.

-- One series of numbers for transfers and call-backs, so that `duebell handoffs done ID` names one of them.
CREATE SEQUENCE person_requests;

-- One row for each transfer to a person; a turn that is delivered twice transfers once.
CREATE TABLE handoffs (
    call_sid      text NOT NULL,
    turn          integer NOT NULL,
    id            bigint NOT NULL UNIQUE DEFAULT nextval('person_requests'),
    reason        text NOT NULL,
    verified      boolean NOT NULL,
    account       text,
    attempt_key   text,
    language      text NOT NULL,
    step          text NOT NULL,            -- where the call goes on if nobody answers
    at            timestamptz NOT NULL,
    -- What the person is told (H3: the hand-off carries this, never secrets):
    tier          text CHECK (tier IN ('T0', 'T1', 'T2', 'T3')),  -- null: not known
    account_last4 text,
    doing         text NOT NULL DEFAULT '', -- the step that the caller came from
    payment       text NOT NULL DEFAULT '' CHECK (payment IN ('', 'open', 'unknown', 'taken', 'declined')),
    tries_left    integer,
    -- What became of it:
    accepted_at   timestamptz,              -- key 1 in the whisper (H5)
    outcome       text,
    ended_at      timestamptz,
    done_at       timestamptz,              -- somebody saw to it afterwards
    PRIMARY KEY (call_sid, turn),
    CONSTRAINT handoffs_outcome CHECK (outcome IN ('accepted', 'declined', 'busy', 'no-answer', 'failed', 'canceled')),
    CONSTRAINT handoffs_over CHECK ((outcome IS NULL) = (ended_at IS NULL))
);
CREATE INDEX handoffs_old ON handoffs USING brin (at);
CREATE INDEX handoffs_open ON handoffs (at) WHERE done_at IS NULL AND accepted_at IS NULL;
CREATE INDEX handoffs_newest ON handoffs (at);

-- One row for each opaque reference in a whisper's address. A turn that runs twice draws a new reference; which of its
-- answers Twilio follows is not known here, so each leads to the one transfer of that turn.
CREATE TABLE handoff_refs (
    ref        text PRIMARY KEY,
    handoff_id bigint NOT NULL REFERENCES handoffs (id) ON DELETE CASCADE
);
CREATE INDEX handoff_refs_of ON handoff_refs (handoff_id);

-- One row for each call-back appointment in a slot that was named to the caller (H2).
CREATE TABLE callbacks (
    call_sid   text NOT NULL,
    turn       integer NOT NULL,
    id         bigint NOT NULL UNIQUE DEFAULT nextval('person_requests'),
    number     text NOT NULL,
    slot_from  timestamptz NOT NULL,
    slot_until timestamptz NOT NULL,
    reason     text NOT NULL,
    account    text,
    language   text NOT NULL,
    deadline   timestamptz,                 -- the member's due instant: the priority
    at         timestamptz NOT NULL,
    done_at    timestamptz,
    PRIMARY KEY (call_sid, turn),
    CHECK (slot_from <= slot_until)
);
CREATE INDEX callbacks_open ON callbacks (deadline, slot_from) WHERE done_at IS NULL;
CREATE INDEX callbacks_newest ON callbacks (at);

-- One row for each thing that a person has to look at: unknown payments, failures nobody heard of, texts that mean
-- something. An attempt has one of a kind.
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
