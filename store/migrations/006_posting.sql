-- Entries of ours that billing has not echoed yet: what `export payments` lists (B7, P5). The database keeps
-- the list itself, so that no way of writing the ledger can forget it. An echo takes its entry out, once.
CREATE TABLE unposted (
    ledger_id bigint PRIMARY KEY REFERENCES ledger
);

CREATE FUNCTION ledger_waits_for_echo() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO unposted (ledger_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_unposted AFTER INSERT ON ledger
    FOR EACH ROW WHEN (NEW.kind <> 'foreign') EXECUTE FUNCTION ledger_waits_for_echo();

-- E6: the letters that still have to be posted.
CREATE INDEX letters_unposted ON letters (created_at) WHERE posted_on IS NULL;
