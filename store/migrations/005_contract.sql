-- Views that programs outside rely on: read-only, without secrets. Names and columns are a promise.
CREATE SCHEMA contract;

CREATE VIEW contract.payments AS
SELECT reference, account, cents, method, state,
       CASE WHEN state IN ('taken', 'returned') THEN reference END AS confirmation,
       call_sid, authorized_at
FROM payment_attempts;

CREATE VIEW contract.ledger AS
SELECT account, kind, cents, reference, received_at FROM ledger;

CREATE VIEW contract.texts AS
SELECT number AS to_number, kind, state, body, created_at, sent_at FROM notices WHERE channel = 'sms';
