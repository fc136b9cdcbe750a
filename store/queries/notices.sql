-- Texts: planned with the fact that causes them, claimed and sent once. Every "once" is a unique key here.

-- name: PlanPaymentNotice :one
-- One notice for each payment and kind (N1). Its local day is the member's. No row comes back when it is planned already.
WITH planned AS (
    INSERT INTO notices (reference, number, kind, language, local_day, attempt_key, state, by_request, created_at, not_before, not_after)
    SELECT @reference, @number, @kind, @language, timezone(m.time_zone, @at::timestamptz)::date, @attempt_key,
           'planned', @by_request, @at, @not_before, @not_after
    FROM accounts a JOIN members m ON m.member_id = a.member_id
    WHERE a.account = @account
    ON CONFLICT (attempt_key, kind) WHERE attempt_key IS NOT NULL DO NOTHING
    RETURNING id, kind, number, attempt_key
)
INSERT INTO notice_reasons (notice_id, kind, days_before, number, account, attempt_key)
SELECT id, kind, 0, number, @account, attempt_key FROM planned
RETURNING notice_id;

-- name: PaymentNoticeID :one
SELECT id FROM notices WHERE attempt_key = @attempt_key AND kind = @kind;
