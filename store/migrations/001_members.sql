-- Members, and the tries of callers to prove that they are one (rule book B1, B3, I1-I5).
--
-- All migrations: an instant (timestamptz) is handed in by the program and is of the domain clock, unless the column
-- says "machine clock"; no statement reads the server's clock. Amounts are integer US cents. Telephone numbers are E.164.
-- A CHECK or unique key named in a comment is what holds the rule that stands beside it.

-- One row a member, as billing delivered it last (import).
CREATE TABLE members (
    member_id        text PRIMARY KEY CHECK (member_id ~ '^[0-9]{12}$'),  -- B1: 12 digits, leading zeros kept
    name             text NOT NULL,
    phone            text CHECK (phone ~ '^\+[1-9][0-9]{7,14}$'),         -- null: none, or detached (detached_numbers)
    phone_since      date,                  -- since when billing has had it (I6: a code goes only to an old enough number)
    mobile           boolean NOT NULL DEFAULT false,
    language         text NOT NULL,         -- K2: chosen on the phone; stands until billing names another one
    billing_language text,                  -- what billing named last, to see that it names another one
    time_zone        text NOT NULL          -- IANA name; empty: not known (N4 asks the area code then)
);
CREATE INDEX members_phone ON members (phone);

-- One row for each answer that a member can be asked for, as a keyed hash over member ID, kind and answer: never in
-- clear (D1). key_id names the hash key, so that keys can be changed by the next import.
CREATE TABLE verification_answers (
    member_id text NOT NULL REFERENCES members,
    kind      text NOT NULL CHECK (kind IN ('birth-date', 'zip', 'ssn4', 'invoice', 'invoice-previous')),
    key_id    text NOT NULL,
    mac       bytea NOT NULL,
    PRIMARY KEY (member_id, kind)
);

-- One row for each try to prove an identity and each record that it counts against (I5: limits on tries), also where
-- no such account exists. The primary key counts a turn that is delivered twice once. Erased after failed_id_days (D4).
CREATE TABLE verifications (
    call_sid text NOT NULL,
    turn     integer NOT NULL,
    subject  text NOT NULL,                 -- the member ID; where none matched, a keyed hash of what was keyed
    caller   text,                          -- null: the number was withheld
    passed   boolean NOT NULL,
    at       timestamptz NOT NULL,
    PRIMARY KEY (call_sid, turn, subject)
);
CREATE INDEX verifications_subject ON verifications (subject, at);
CREATE INDEX verifications_at ON verifications (at);
CREATE INDEX verifications_caller ON verifications (caller, at) WHERE caller IS NOT NULL;

-- One row for each time that verification of a subject was locked (I5: five failures a day). Guest payment stays open.
CREATE TABLE soft_locks (
    subject text NOT NULL,
    from_at timestamptz NOT NULL,
    until   timestamptz NOT NULL CHECK (until > from_at),
    PRIMARY KEY (subject, from_at)
);
