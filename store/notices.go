package store

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/notify"
	"duebell/store/db"
)

// paymentNotice is a text about one payment. It is planned in the transaction that makes it true.
type paymentNotice struct {
	Kind       string // one of the payment kinds of package notify
	Number     string // E.164; empty plans nothing
	Language   string
	AttemptKey string
	Account    string
	At         time.Time // when the payment came to the state that the text speaks of
	NotBefore  time.Time // zero: at once
	NotAfter   time.Time // zero: the kind's own window from NotBefore
	ByRequest  bool      // asked for on this very call (O4)
}

// planPaymentNotice writes a notice and its reason within the caller's transaction, and returns its
// id; the caller enqueues the job. A payment has one notice of a kind (N1): if it is there already,
// planned is false.
//
// A kind that is no payment text is a mistake of ours: the error rolls the payment's own transaction back.
func planPaymentNotice(ctx context.Context, q *db.Queries, n paymentNotice) (id int64, planned bool, err error) {
	spec, ok := notify.Kind(n.Kind).Spec()
	if !ok || spec.Basis != notify.OnPayment {
		return 0, false, fmt.Errorf("plan notice: %q is no kind of payment text", n.Kind)
	}
	if n.Number == "" {
		return 0, false, nil
	}
	if n.NotBefore.IsZero() {
		n.NotBefore = n.At
	}
	// Too late, a text is dropped and counted, not sent (N6: window of dates).
	if n.NotAfter.IsZero() {
		n.NotAfter = n.NotBefore.Add(spec.Window)
	}
	id, err = q.PlanPaymentNotice(ctx, db.PlanPaymentNoticeParams{
		Reference: noticeReference(n.Kind, n.AttemptKey), Number: n.Number, Kind: n.Kind, Language: n.Language,
		AttemptKey: &n.AttemptKey, Account: n.Account, ByRequest: n.ByRequest,
		At: n.At, NotBefore: n.NotBefore, NotAfter: &n.NotAfter,
	})
	if err == nil {
		return id, true, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return 0, false, fmt.Errorf("plan notice %s: %w", n.Kind, err)
	}
	// The unique key refused it: the first plan stands, with its own number and words.
	id, err = q.PaymentNoticeID(ctx, db.PaymentNoticeIDParams{AttemptKey: &n.AttemptKey, Kind: n.Kind})
	if err != nil {
		return 0, false, fmt.Errorf("plan notice %s: %w", n.Kind, err)
	}
	return id, false, nil
}

// noticeReference returns the opaque reference that a notice carries towards Twilio. The same parts
// give the same reference, so that the unique key refuses a second plan of the same text.
// It is a hash, not random: that is what makes a repeated plan collide. 15 bytes are enough that no two
// causes meet by chance, and nothing of the parts can be read back, because the attempt's key and message
// SIDs are not guessable.
func noticeReference(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:15]))
}
