-- Views for programs outside (design §2): read-only, without secrets. Names and columns are a promise; a later migration
-- may add a column, never rename, retype or remove one.
CREATE SCHEMA contract;

-- One row an attempt. confirmation is the reference, null until the money was taken. net_cents is what the payment counts
-- for now: the sum of its ledger entries, 0 while none is taken.
CREATE VIEW contract.payments AS
SELECT reference, account, cents, method, state,
       CASE WHEN state IN ('taken', 'returned') THEN reference END AS confirmation,
       call_sid, authorized_at,
       coalesce((SELECT sum(l.cents) FROM ledger l WHERE l.attempt_key = payment_attempts.key), 0)::bigint AS net_cents
FROM payment_attempts;

-- One row a ledger entry; cents counts towards paid.
CREATE VIEW contract.ledger AS
SELECT account, kind, cents, reference, received_at FROM ledger;

-- One row a text, sent or not; calls of ours are left out.
CREATE VIEW contract.texts AS
SELECT number AS to_number, kind, state, body, created_at, sent_at FROM notices WHERE channel = 'sms';
