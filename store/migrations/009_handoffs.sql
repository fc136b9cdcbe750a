-- To a person and back (H1-H5): what the person hears before taking a call, whether they took it, and the call-backs
-- that people owe.

-- One series of numbers for hand-overs and call-backs, so that a number names one thing to do.
CREATE SEQUENCE person_requests;

ALTER TABLE handoffs
    ADD COLUMN id            bigint NOT NULL UNIQUE DEFAULT nextval('person_requests'),
    ADD COLUMN tier          text CHECK (tier IN ('T0', 'T1', 'T2', 'T3')),  -- null: nothing was known
    ADD COLUMN account_last4 text,
    ADD COLUMN doing         text NOT NULL DEFAULT '',      -- the step that the caller came from, as the person is told
    ADD COLUMN payment       text NOT NULL DEFAULT '' CHECK (payment IN ('', 'open', 'unknown', 'taken', 'declined')),
    ADD COLUMN tries_left    integer,
    ADD COLUMN accepted_at   timestamptz,                   -- key 1 in the whisper
    ADD COLUMN ended_at      timestamptz,
    ADD COLUMN done_at       timestamptz,                   -- somebody saw to it afterwards
    ADD CONSTRAINT handoffs_outcome CHECK (outcome IN ('accepted', 'declined', 'busy', 'no-answer', 'failed', 'canceled')),
    ADD CONSTRAINT handoffs_over CHECK ((outcome IS NULL) = (ended_at IS NULL));
CREATE INDEX handoffs_unmet ON handoffs (at) WHERE done_at IS NULL AND accepted_at IS NULL;
CREATE INDEX handoffs_newest ON handoffs (at);

-- Opaque references in the whispers' addresses. A turn that runs twice draws a new one, and which of its
-- answers is spoken is decided elsewhere: each leads to the one hand-over of that turn.
CREATE TABLE handoff_refs (
    ref        text PRIMARY KEY,
    handoff_id bigint NOT NULL REFERENCES handoffs (id) ON DELETE CASCADE
);
CREATE INDEX handoff_refs_of ON handoff_refs (handoff_id);

-- H2: a call-back in a slot that was named to the caller. The deadline is the member's due instant: the priority.
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
    deadline   timestamptz,
    at         timestamptz NOT NULL,
    done_at    timestamptz,
    PRIMARY KEY (call_sid, turn),
    CHECK (slot_from <= slot_until)
);
CREATE INDEX callbacks_open ON callbacks (deadline, slot_from) WHERE done_at IS NULL;
CREATE INDEX callbacks_newest ON callbacks (at);

-- When the newest milestone was written: how long ago a call broke off, should its end never be told (I7).
ALTER TABLE calls ADD COLUMN noted_at timestamptz;
