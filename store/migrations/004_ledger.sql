-- The ledger: money that counts towards paid, our own and billing's (L1, B7).

-- One row for each movement. cents is what it counts towards paid: payments positive, reversals negative, billing's own
-- entries (foreign) either. Rows are never changed; a correction is a new row (L1: append-only).
CREATE TABLE ledger (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account     text NOT NULL REFERENCES accounts,
    kind        text NOT NULL CHECK (kind IN ('payment', 'reversal', 'foreign')),
    cents       bigint NOT NULL,
    reference   text,
    attempt_key text REFERENCES payment_attempts,  -- of our own entries
    external_id text UNIQUE,                       -- of billing's
    received_at timestamptz NOT NULL,              -- C6, P5: the instant of authorization, however late the outcome
    recorded_at timestamptz NOT NULL,
    CONSTRAINT ours_or_foreign CHECK ((kind = 'foreign') = (attempt_key IS NULL)),
    CONSTRAINT sign_of_kind CHECK ((kind = 'payment' AND cents > 0) OR (kind = 'reversal' AND cents < 0) OR kind = 'foreign')
);
-- Promise P1: an attempt has at most one payment and one reversal.
CREATE UNIQUE INDEX ledger_once ON ledger (attempt_key, kind) WHERE attempt_key IS NOT NULL;
CREATE INDEX ledger_account ON ledger (account, received_at) INCLUDE (cents);

-- D4: only what lies in a closed period may be erased.
CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (SELECT 1 FROM closed_periods c WHERE c.account = OLD.account AND OLD.received_at < c.since) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the ledger is append-only: write a new entry';
END $$;
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON ledger
    FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();

-- One row for each entry of ours that billing has not echoed yet: what `duebell export payments` lists (B7, P5). A trigger
-- writes it, so that no way of writing the ledger can forget it; matching an echo deletes it, once.
CREATE TABLE unposted_entries (
    ledger_id bigint PRIMARY KEY REFERENCES ledger
);

CREATE FUNCTION ledger_waits_for_echo() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO unposted_entries (ledger_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_unposted AFTER INSERT ON ledger
    FOR EACH ROW WHEN (NEW.kind <> 'foreign') EXECUTE FUNCTION ledger_waits_for_echo();

-- One row for each payment that billing says it has booked, through any channel (B7). meaning: money that is not ours
-- (foreign: also in the ledger), the echo of an entry of ours (counted once, in our entry), or a mismatch, which counts
-- nowhere and is a task for a person.
CREATE TABLE booked_payments (
    external_id   text PRIMARY KEY,
    account       text NOT NULL REFERENCES accounts,
    cents         bigint NOT NULL CHECK (cents <> 0),
    received_at   timestamptz NOT NULL,
    channel       text NOT NULL,
    our_reference text,
    meaning       text NOT NULL CHECK (meaning IN ('foreign', 'echo', 'mismatch')),
    loaded_at     timestamptz NOT NULL
);
CREATE INDEX booked_payments_reference ON booked_payments (our_reference) WHERE our_reference IS NOT NULL;
