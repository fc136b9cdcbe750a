-- What the owner of a telephone number has agreed to and refused, and whose number it is (O1-O6, N11).

-- One row for each consent of a number to a channel. A row with ended_at is history; one at most is in force.
CREATE TABLE consents (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number   text NOT NULL,
    channel  text NOT NULL CHECK (channel IN ('sms', 'voice')),
    purpose  text NOT NULL,                 -- 'payments': reminders and payment notices
    source   text NOT NULL,                 -- application, opt_in, import, start, call
    wording  text NOT NULL DEFAULT '',
    at       timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE UNIQUE INDEX consents_in_force ON consents (number, channel, purpose) WHERE ended_at IS NULL;
CREATE INDEX consents_ended ON consents (ended_at) WHERE ended_at IS NOT NULL;

-- One row for each time that a number was switched off, for texts and calls alike. A row with lifted_at is history; one at
-- most is in force, and only the number's owner lifts it (O4).
CREATE TABLE suppressions (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number       text NOT NULL,
    channel      text NOT NULL CHECK (channel IN ('sms', 'voice')),
    purpose      text NOT NULL,             -- 'payments', or 'all' (O3: from the switch date STOP ends everything)
    source       text NOT NULL,             -- text, twilio (it acted on the words too), key, speech, agent, letter, web, carrier, undeliverable, reassigned
    words        text NOT NULL DEFAULT '',
    at           timestamptz NOT NULL,
    lifted_at    timestamptz,
    lifted_words text
);
CREATE UNIQUE INDEX suppressions_in_force ON suppressions (number, channel, purpose) WHERE lifted_at IS NULL;
CREATE INDEX suppressions_lifted ON suppressions (lifted_at) WHERE lifted_at IS NOT NULL;

-- One row for each number that was looked up for reassignment (O5: numbers change hands).
CREATE TABLE number_checks (
    number      text PRIMARY KEY,
    checked_at  timestamptz NOT NULL,
    verified_at timestamptz NOT NULL        -- when it was last known to be its owner's
);

-- One row for each number that is not this member's, whatever billing says (O5: wrong number). An import may bring it back;
-- the trigger takes it away again.
CREATE TABLE detached_numbers (
    member_id text NOT NULL REFERENCES members,
    number    text NOT NULL,
    cause     text NOT NULL,
    at        timestamptz NOT NULL,
    PRIMARY KEY (member_id, number)
);

-- Once a statement and not once a row: a delivery holds all members, this table a handful.
CREATE FUNCTION detach_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE members m SET phone = NULL FROM detached_numbers d WHERE d.member_id = m.member_id AND d.number = m.phone;
    RETURN NULL;
END $$;
CREATE TRIGGER members_detached AFTER INSERT OR UPDATE OF phone ON members
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION detach_again();
