-- Merging a staged import. All statements run in one transaction, after the checks and only if they found nothing; every
-- UPDATE compares first, so the same files a second time change nothing.

-- name: LockImport :exec
-- One import at a time: what it has checked must still hold when it merges.
SELECT pg_advisory_xact_lock(@lock);

-- name: FindRepeatedMembers :execrows
-- Keys that stand twice in the files. The first row is right, the others are problems that name it.
INSERT INTO stage_problems (file, line, column_name, reason, other_file, other_line)
SELECT s.file, s.line, 'member_id', 'twice', s.first_file, s.first_line
FROM (SELECT file, line, row_number() OVER w AS nth, first_value(file) OVER w AS first_file, first_value(line) OVER w AS first_line
      FROM stage_members
      WHERE member_id IN (SELECT member_id FROM stage_members GROUP BY member_id HAVING count(*) > 1)
      WINDOW w AS (PARTITION BY member_id ORDER BY file, line)) s
WHERE s.nth > 1;

-- name: FindRepeatedAccounts :execrows
-- As FindRepeatedMembers.
INSERT INTO stage_problems (file, line, column_name, reason, other_file, other_line)
SELECT s.file, s.line, 'account', 'twice', s.first_file, s.first_line
FROM (SELECT file, line, row_number() OVER w AS nth, first_value(file) OVER w AS first_file, first_value(line) OVER w AS first_line
      FROM stage_accounts
      WHERE account IN (SELECT account FROM stage_accounts GROUP BY account HAVING count(*) > 1)
      WINDOW w AS (PARTITION BY account ORDER BY file, line)) s
WHERE s.nth > 1;

-- name: FindRepeatedBills :execrows
-- As FindRepeatedMembers.
INSERT INTO stage_problems (file, line, column_name, reason, other_file, other_line)
SELECT s.file, s.line, 'revision', 'twice', s.first_file, s.first_line
FROM (SELECT file, line, row_number() OVER w AS nth, first_value(file) OVER w AS first_file, first_value(line) OVER w AS first_line
      FROM stage_bills
      WHERE (account, coverage_month, revision) IN
            (SELECT account, coverage_month, revision FROM stage_bills GROUP BY account, coverage_month, revision HAVING count(*) > 1)
      WINDOW w AS (PARTITION BY account, coverage_month, revision ORDER BY file, line)) s
WHERE s.nth > 1;

-- name: FindRepeatedPayments :execrows
-- As FindRepeatedMembers.
INSERT INTO stage_problems (file, line, column_name, reason, other_file, other_line)
SELECT s.file, s.line, 'external_id', 'twice', s.first_file, s.first_line
FROM (SELECT file, line, row_number() OVER w AS nth, first_value(file) OVER w AS first_file, first_value(line) OVER w AS first_line
      FROM stage_payments
      WHERE external_id IN (SELECT external_id FROM stage_payments GROUP BY external_id HAVING count(*) > 1)
      WINDOW w AS (PARTITION BY external_id ORDER BY file, line)) s
WHERE s.nth > 1;

-- name: FindAccountsWithoutMember :execrows
-- Accounts whose member is neither in the files nor in the database.
INSERT INTO stage_problems (file, line, column_name, reason)
SELECT a.file, a.line, 'member_id', 'unknown-member' FROM stage_accounts a
WHERE a.sound
  AND NOT EXISTS (SELECT 1 FROM stage_members s WHERE s.member_id = a.member_id)
  AND NOT EXISTS (SELECT 1 FROM members m WHERE m.member_id = a.member_id);

-- name: FindBillsWithoutAccount :execrows
-- Bills whose account is neither in the files nor in the database.
INSERT INTO stage_problems (file, line, column_name, reason)
SELECT b.file, b.line, 'account', 'unknown-account' FROM stage_bills b
WHERE NOT EXISTS (SELECT 1 FROM stage_accounts s WHERE s.account = b.account)
  AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.account = b.account);

-- name: FindPaymentsWithoutAccount :execrows
-- Payments whose account is neither in the files nor in the database.
INSERT INTO stage_problems (file, line, column_name, reason)
SELECT p.file, p.line, 'account', 'unknown-account' FROM stage_payments p
WHERE p.sound
  AND NOT EXISTS (SELECT 1 FROM stage_accounts s WHERE s.account = p.account)
  AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.account = p.account);

-- name: FindChangedBills :execrows
-- B5: a bill is never changed; a change is a new revision.
INSERT INTO stage_problems (file, line, column_name, reason)
SELECT s.file, s.line, 'revision', 'bill-changed'
FROM stage_bills s JOIN bills b USING (account, coverage_month, revision)
WHERE s.sound AND (s.billed_cents, s.first_bill, s.grace_ends_at) IS DISTINCT FROM (b.billed_cents, b.first_bill, b.grace_ends_at);

-- name: FindChangedPayments :execrows
-- A booked payment is never changed. Only one that was never counted (a mismatch) may be sent again, corrected.
INSERT INTO stage_problems (file, line, column_name, reason)
SELECT s.file, s.line, 'external_id', 'payment-changed'
FROM stage_payments s JOIN booked_payments b USING (external_id)
WHERE s.sound AND b.meaning <> 'mismatch'
  AND (s.account, s.cents, s.received_at, s.channel, s.our_reference)
      IS DISTINCT FROM (b.account, b.cents, b.received_at, b.channel, b.our_reference);

-- name: StagedProblems :many
-- What the checks found, page by page.
SELECT id, file, line, column_name, reason, other_file, other_line FROM stage_problems
WHERE id > @after ORDER BY id LIMIT 10000;

-- name: LeaveOutClosedBills :execrows
-- D4: what was erased stays erased when it is delivered once more.
DELETE FROM stage_bills s USING closed_periods c WHERE c.account = s.account AND s.coverage_month < c.first_month;

-- name: LeaveOutClosedPayments :execrows
-- As LeaveOutClosedBills.
DELETE FROM stage_payments s USING closed_periods c WHERE c.account = s.account AND s.received_at < c.since;

-- name: MergeMembers :execrows
-- K2: the language that a member chose stays, until billing names another one than last time.
INSERT INTO members (member_id, name, phone, phone_since, mobile, language, billing_language, time_zone)
SELECT member_id, name, phone, phone_since, mobile, language, language, time_zone FROM stage_members
ON CONFLICT (member_id) DO UPDATE
SET name = excluded.name, phone = excluded.phone, phone_since = excluded.phone_since, mobile = excluded.mobile, time_zone = excluded.time_zone,
    language = CASE WHEN members.billing_language IS DISTINCT FROM excluded.language THEN excluded.language ELSE members.language END,
    billing_language = excluded.language
WHERE (members.name, members.phone, members.phone_since, members.mobile, members.billing_language, members.time_zone)
      IS DISTINCT FROM (excluded.name, excluded.phone, excluded.phone_since, excluded.mobile, excluded.language, excluded.time_zone);

-- name: MergeAnswers :execrows
-- Answers on file that are new, or lie under another hash key.
INSERT INTO verification_answers (member_id, kind, key_id, mac)
SELECT s.member_id, v.kind, s.key_id, v.mac
FROM stage_members s
CROSS JOIN LATERAL (VALUES ('birth-date', s.birth_mac), ('zip', s.zip_mac), ('ssn4', s.ssn4_mac),
                           ('invoice', s.invoice_mac), ('invoice-previous', s.previous_mac)) v (kind, mac)
WHERE v.mac IS NOT NULL
ON CONFLICT (member_id, kind) DO UPDATE SET key_id = excluded.key_id, mac = excluded.mac
WHERE (verification_answers.key_id, verification_answers.mac) IS DISTINCT FROM (excluded.key_id, excluded.mac);

-- name: DropAnswers :execrows
-- An answer that billing no longer has proves nothing any more.
DELETE FROM verification_answers a USING stage_members s
WHERE a.member_id = s.member_id
  AND CASE a.kind WHEN 'birth-date' THEN s.birth_mac WHEN 'zip' THEN s.zip_mac WHEN 'ssn4' THEN s.ssn4_mac
                  WHEN 'invoice' THEN s.invoice_mac ELSE s.previous_mac END IS NULL;

-- name: MergeAccounts :execrows
-- frozen_at is ours: billing neither sets nor lifts it.
INSERT INTO accounts (account, member_id, kind, status, grace_regime, autopay_day, autopay_last4)
SELECT account, member_id, kind, status, grace_regime, autopay_day, autopay_last4 FROM stage_accounts
ON CONFLICT (account) DO UPDATE
SET member_id = excluded.member_id, kind = excluded.kind, status = excluded.status, grace_regime = excluded.grace_regime,
    autopay_day = excluded.autopay_day, autopay_last4 = excluded.autopay_last4
WHERE (accounts.member_id, accounts.kind, accounts.status, accounts.grace_regime, accounts.autopay_day, accounts.autopay_last4)
      IS DISTINCT FROM (excluded.member_id, excluded.kind, excluded.status, excluded.grace_regime, excluded.autopay_day, excluded.autopay_last4);

-- name: MergeBills :execrows
-- New revisions; what is there stays as it is.
INSERT INTO bills (account, coverage_month, revision, billed_cents, first_bill, grace_ends_at)
SELECT account, coverage_month, revision, billed_cents, first_bill, grace_ends_at FROM stage_bills
ON CONFLICT (account, coverage_month, revision) DO NOTHING;

-- name: MergeConsents :execrows
-- O1: a mobile number given on the application, or an opt-in, is consent, once. A consent that has ended stays ended,
-- whatever billing says: only its owner brings it back. Suppressions are not touched.
INSERT INTO consents (number, channel, purpose, source, wording, at)
SELECT s.phone, 'sms', 'payments', min(s.sms_consent), 'import', @at
FROM stage_members s
WHERE s.mobile AND s.phone IS NOT NULL AND s.sms_consent <> 'none'
  AND NOT EXISTS (SELECT 1 FROM consents c WHERE c.number = s.phone AND c.channel = 'sms' AND c.purpose = 'payments')
GROUP BY s.phone
ON CONFLICT (number, channel, purpose) WHERE ended_at IS NULL DO NOTHING;

-- name: EndConsents :execrows
-- A consent that rests on billing's word ends when every member with that number is delivered without it.
UPDATE consents c SET ended_at = @at::timestamptz
WHERE c.channel = 'sms' AND c.purpose = 'payments' AND c.ended_at IS NULL AND c.source IN ('application', 'opt_in')
  AND c.number IN (SELECT s.phone FROM stage_members s WHERE s.sms_consent = 'none')
  AND NOT EXISTS (SELECT 1 FROM members m LEFT JOIN stage_members s ON s.member_id = m.member_id AND s.sms_consent = 'none'
                  WHERE m.phone = c.number AND s.member_id IS NULL);

-- name: ClassifyPayments :execrows
-- B7: money that names a reference of ours echoes our own entry, and each entry is echoed once; any other claim on one is a
-- mismatch. Rows that are booked already keep a null meaning and are left alone, mismatches aside: the entry that they name
-- may exist by now.
UPDATE stage_payments s
SET meaning = CASE WHEN s.our_reference IS NULL THEN 'foreign' WHEN m.ledger_id IS NULL THEN 'mismatch' ELSE 'echo' END,
    ledger_id = m.ledger_id
FROM (SELECT p.external_id, e.ledger_id
      FROM stage_payments p
      LEFT JOIN (SELECT c.external_id, l.id AS ledger_id, row_number() OVER (PARTITION BY l.id ORDER BY c.file, c.line) AS nth
                 FROM unposted_entries u JOIN ledger l ON l.id = u.ledger_id
                 JOIN stage_payments c ON c.our_reference = l.reference AND c.account = l.account AND c.cents = l.cents) e
        ON e.external_id = p.external_id AND e.nth = 1
      LEFT JOIN booked_payments b ON b.external_id = p.external_id
      WHERE b.external_id IS NULL OR b.meaning = 'mismatch') m
WHERE m.external_id = s.external_id;

-- name: RaiseMismatches :execrows
-- One task for each mismatch, not one for each delivery that repeats it. Runs before MergeBookedPayments: afterwards every
-- mismatch looks repeated.
INSERT INTO tasks (kind, account, detail, at)
SELECT 'import-mismatch', s.account,
       'payment ' || s.external_id || ' of the billing system names our reference ' || s.our_reference ||
       ', but no entry of ours under it waits for this account and amount', @at
FROM stage_payments s
WHERE s.meaning = 'mismatch'
  AND NOT EXISTS (SELECT 1 FROM booked_payments b WHERE b.external_id = s.external_id
                  AND (b.account, b.cents, b.our_reference) IS NOT DISTINCT FROM (s.account, s.cents, s.our_reference))
ORDER BY s.file, s.line;

-- name: CountMismatches :one
-- Everything that this delivery leaves unmatched, repeated rows included: the alarm lasts until somebody has mended it.
SELECT count(*) FROM stage_payments WHERE meaning = 'mismatch';

-- name: MergeBookedPayments :execrows
-- What billing has booked; rows that changed nothing are not written.
INSERT INTO booked_payments (external_id, account, cents, received_at, channel, our_reference, meaning, loaded_at)
SELECT external_id, account, cents, received_at, channel, our_reference, meaning, @at FROM stage_payments
WHERE meaning IS NOT NULL
ON CONFLICT (external_id) DO UPDATE
SET account = excluded.account, cents = excluded.cents, received_at = excluded.received_at, channel = excluded.channel,
    our_reference = excluded.our_reference, meaning = excluded.meaning, loaded_at = excluded.loaded_at
WHERE (booked_payments.account, booked_payments.cents, booked_payments.received_at, booked_payments.channel, booked_payments.our_reference, booked_payments.meaning)
      IS DISTINCT FROM (excluded.account, excluded.cents, excluded.received_at, excluded.channel, excluded.our_reference, excluded.meaning);

-- name: MergeForeignEntries :execrows
-- B7: billing's own money counts in the ledger. external_id is unique there.
INSERT INTO ledger (account, kind, cents, external_id, received_at, recorded_at)
SELECT account, 'foreign', cents, external_id, received_at, @at FROM stage_payments
WHERE meaning = 'foreign' ORDER BY file, line;

-- name: MergeEchoes :execrows
-- An echo takes its entry off the posting list, once.
DELETE FROM unposted_entries u USING stage_payments s WHERE s.meaning = 'echo' AND u.ledger_id = s.ledger_id;

-- name: InsertImportRun :one
-- The run itself, last: an import that failed leaves none.
INSERT INTO import_runs (as_of, loaded_at, members, accounts, bills, payments)
VALUES (@as_of, @loaded_at, @members, @accounts, @bills, @payments)
RETURNING id;
