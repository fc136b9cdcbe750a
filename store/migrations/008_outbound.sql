-- Sending at a pace, what a carrier's word stops, and calls of our own.

-- Who stopped a kind ('*' is every kind). While probe_at is set, one text may go at that time in spite of the stop, to
-- see whether the trouble is over.
ALTER TABLE campaigns
    ADD COLUMN by_whom  text NOT NULL DEFAULT 'operator',
    ADD COLUMN probe_at timestamptz;

ALTER TABLE notices
    ADD COLUMN retries      integer NOT NULL DEFAULT 0, -- texts before this one that did not arrive for a passing reason
    ADD COLUMN polls        integer NOT NULL DEFAULT 0,
    ADD COLUMN poll_at      timestamptz,                -- domain clock: when the carrier is asked for it
    ADD COLUMN nudged_until timestamptz;                -- machine clock: its job is on its way until then

-- The tick takes each kind's oldest: kinds take turns, however long one's queue is.
CREATE INDEX notices_due ON notices (kind, not_before, id) WHERE state = 'planned';
CREATE INDEX notices_polled ON notices (poll_at) WHERE poll_at IS NOT NULL;
CREATE INDEX notices_calls ON notices (tried_at) WHERE channel = 'voice' AND state IN ('claimed', 'unknown', 'accepted', 'sent');
CREATE INDEX calls_in_progress ON calls (started_at) WHERE ended_at IS NULL;

-- O5: this number is not this member's, whatever billing says. The import may bring it back; it does not stay.
CREATE TABLE detached_numbers (
    member_id text NOT NULL REFERENCES members,
    number    text NOT NULL,
    cause     text NOT NULL,
    at        timestamptz NOT NULL,
    PRIMARY KEY (member_id, number)
);

-- Once a statement, and not once a row: a delivery holds all members, and this table a handful.
CREATE FUNCTION detach_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE members m SET phone = NULL FROM detached_numbers d WHERE d.member_id = m.member_id AND d.number = m.phone;
    RETURN NULL;
END $$;
CREATE TRIGGER members_detached AFTER INSERT OR UPDATE OF phone ON members
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION detach_again();
