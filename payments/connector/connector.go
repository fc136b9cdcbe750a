// Package connector is the bank connector: a server with one path, POST /twilio/pay/bank, at which
// Twilio hands over the bank account that a caller has keyed, and gets the processor's token for it
// (twilio.md §2.5). It runs apart from everything else.
//
// It owns the way of a bank number from that request to the processor, in memory only. It refuses
// card data unread, keeps no number (not in a log, an error, a reply or its cache of answers), and
// imports nothing of ours: the processor is a Tokenizer, the check of routing numbers a function.
// What it logs is the outcome of a request and the time it took.
//
// What may go wrong:
//   - Twilio gets no answer within ten seconds. It asks up to five times with the same transaction_id and must get the first
//     answer again. The cache gives it while this process lives; across replicas and restarts the transaction_id, which is
//     also the processor's idempotency key, makes the same token.
//   - The processor is slower than Patience. The request is answered with an error; the work goes on, and the repeat finds its
//     answer.
//   - The process dies. Nothing is stored, so nothing is left behind but perhaps an unused token at the processor.
package connector

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// Path is the only path that the connector serves.
const Path = "/twilio/pay/bank"

// Tokenizer makes the processor's payment method for a bank account and returns its token, the account's last
// four and the bank's name (empty where unknown). The same key and account give the same token. It may be
// called by many goroutines. ErrRefused ends the matter; after any other error nothing is known, and the next
// request with the same key asks again.
type Tokenizer interface {
	BankPaymentMethod(ctx context.Context, idempotencyKey string, b BankAccount) (token, last4, bank string, err error)
}

// ErrRefused is returned by a Tokenizer when the processor understood and does not take the
// account; asking again is of no use.
var ErrRefused = errors.New("connector: the processor does not take this account")

// Config holds the settings of the connector. Tokenizer, CheckRouting and Now are required.
type Config struct {
	// User and Password are what Twilio sends by HTTP Basic. While one of them is empty every
	// request is refused.
	User, Password string
	Tokenizer      Tokenizer
	// CheckRouting returns "ok", or why a routing number cannot be one (E10: routing number checks).
	CheckRouting func(string) string
	// MinDigits and MaxDigits bound a bank account number (E11). Default: 4 and 17, as NACHA has it.
	MinDigits, MaxDigits int
	// Now is the machine's clock: only durations are taken from it.
	Now func() time.Time
	Log *slog.Logger
	// Patience is how long a request waits for the processor. Default: 9 s, one less than Twilio
	// waits.
	Patience time.Duration
	// WorkFor is how long the work goes on after a request was answered without it. Default: one
	// minute.
	WorkFor time.Duration
}

// maxBody is far more than Twilio sends, and small enough to be read byte by byte. A longer body is
// malformed.
const maxBody = 16 << 10

// outcome is the one word that is logged about a request; in a refusal it is also the error_code. The words
// are part of what operators search for, so they do not change.
type outcome string

const (
	tokenized     outcome = "tokenized"
	unauthorized  outcome = "not-authorized"
	cardData      outcome = "card-data-refused"
	malformed     outcome = "malformed"
	notTokenize   outcome = "method-not-supported"
	badReference  outcome = "transaction-id-invalid"
	badRouting    outcome = "routing-number-invalid"
	badAccount    outcome = "account-number-invalid"
	badType       outcome = "account-type-unknown"
	badHolder     outcome = "holder-name-missing"
	refused       outcome = "refused-by-processor"
	unavailable   outcome = "processor-unavailable"
	processorSlow outcome = "processor-slow"
	tooBusy       outcome = "busy"
)

// reply is the body that Twilio reads. All four names are always there, null or empty where they say nothing.
// Nothing in it is a bank number: the last four are all that ever goes back.
type reply struct {
	Token      *string           `json:"token_id"`
	Code       *string           `json:"error_code"`
	Message    *string           `json:"error_message"`
	Parameters map[string]string `json:"parameters"`
}

// handler serves Path. User and password are kept as hashes, for comparing in constant time. It may serve any
// number of requests at once.
type handler struct {
	cfg          Config
	userHash     [sha256.Size]byte
	passwordHash [sha256.Size]byte
	cache        *answerCache
}

// Handler returns the connector's HTTP handler. Any path but Path is a 404, any method but POST a 405. It
// starts nothing by itself, and holds no connection: the caller serves it.
func Handler(cfg Config) http.Handler {
	if cfg.Patience == 0 {
		cfg.Patience = 9 * time.Second
	}
	if cfg.WorkFor == 0 {
		cfg.WorkFor = time.Minute
	}
	if cfg.MinDigits == 0 {
		cfg.MinDigits = 4
	}
	if cfg.MaxDigits == 0 {
		cfg.MaxDigits = 17
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	h := &handler{
		cfg: cfg, cache: newAnswerCache(),
		userHash: sha256.Sum256([]byte(cfg.User)), passwordHash: sha256.Sum256([]byte(cfg.Password)),
	}
	mux := http.NewServeMux()
	mux.Handle("POST "+Path, h)
	return mux
}

// ServeHTTP answers one request. It does not ask for a content type: Twilio documents none (twilio.md §2.5).
// A refusal is an answer with status 200 and an error_code (twilio.md §2.5); only a body that is not read to
// its end gets a 400.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := h.cfg.Now()
	if !h.authenticated(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="bank connector"`)
		w.WriteHeader(http.StatusUnauthorized)
		h.logOutcome(unauthorized, start)
		return
	}
	out, body := h.answer(w, r)
	status := http.StatusOK
	if out == cardData || out == malformed {
		status = http.StatusBadRequest
		w.Header().Set("Connection", "close") // the rest of the body stays unread
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a caller who has gone asks again
	h.logOutcome(out, start)
}

// authenticated compares user and password in constant time, as hashes so that lengths do not show either.
// The body has not been touched when it is asked.
func (h *handler) authenticated(r *http.Request) bool {
	user, pass, ok := r.BasicAuth()
	u, p := sha256.Sum256([]byte(user)), sha256.Sum256([]byte(pass))
	same := subtle.ConstantTimeCompare(u[:], h.userHash[:]) & subtle.ConstantTimeCompare(p[:], h.passwordHash[:])
	return ok && same == 1 && h.cfg.User != "" && h.cfg.Password != ""
}

// logOutcome writes the only log line of a request: never a field of it.
func (h *handler) logOutcome(out outcome, start time.Time) {
	level := slog.LevelInfo
	switch out {
	case cardData: // a card capture is configured to send here: cards belong to Twilio's Stripe connector
		level = slog.LevelError
	case unavailable, processorSlow, tooBusy, unauthorized:
		level = slog.LevelWarn
	}
	h.cfg.Log.Log(context.Background(), level, "bank connector", "outcome", string(out), "ms", h.cfg.Now().Sub(start).Milliseconds())
}

// answer decodes and checks the request, has the account tokenized, and returns the reply. Each
// transaction_id is worked on once, whoever asks how often; a repeat waits for the same job. patience counts
// from the beginning of the request, reading its body included.
func (h *handler) answer(w http.ResponseWriter, r *http.Request) (outcome, reply) {
	patience := time.NewTimer(h.cfg.Patience)
	defer patience.Stop()
	f, err := decode(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if errors.Is(err, errCard) {
			return failureReply(cardData, "")
		}
		return failureReply(malformed, "")
	}
	account, out := h.validate(f)
	if out != tokenized {
		return failureReply(out, f.attempt)
	}
	j, ok := h.cache.startOrJoin(f.transaction, h.cfg.Now(), func(j *job) { go h.tokenize(r.Context(), j, f.transaction, account) })
	if !ok {
		return failureReply(tooBusy, f.attempt)
	}
	select {
	case <-j.done:
	case <-patience.C:
		return failureReply(processorSlow, f.attempt)
	}
	if j.out != tokenized {
		return failureReply(j.out, f.attempt)
	}
	return tokenized, successReply(j, f.attempt)
}

// validate checks the fields before the processor sees any, and returns the account with the outcome
// tokenized, or why not. The order is fixed, so that one request always gets the same code.
func (h *handler) validate(f form) (BankAccount, outcome) {
	kind, known := accountTypes[f.accountType]
	switch {
	case f.method != "tokenize":
		return BankAccount{}, notTokenize
	case !validTransactionID(f.transaction):
		return BankAccount{}, badReference
	case h.cfg.CheckRouting(f.routing) != "ok":
		return BankAccount{}, badRouting
	case len(f.account) < h.cfg.MinDigits || len(f.account) > h.cfg.MaxDigits || !digitsOnly(f.account): // E11: digits, neither too few nor too many
		return BankAccount{}, badAccount
	case !known:
		return BankAccount{}, badType
	case f.holder == "" || len(f.holder) > 200:
		return BankAccount{}, badHolder
	}
	return BankAccount{Routing: f.routing, Account: f.account, Type: kind, Holder: f.holder}, tokenized
}

// tokenize asks the processor, whether or not the request that began it still waits, and finishes the job. It
// runs in a goroutine of its own. If the process dies here, the processor may hold a payment method that
// nobody uses: it moves no money.
func (h *handler) tokenize(ctx context.Context, j *job, transaction string, b BankAccount) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.cfg.WorkFor)
	defer cancel()
	token, last4, bank, err := h.cfg.Tokenizer.BankPaymentMethod(ctx, transaction, b)
	switch {
	case err == nil && token != "":
		j.out, j.token, j.last4, j.bank = tokenized, token, last4, bank
		// The account has at least min_digits, four by default (E11), so there are four to take.
		if j.last4 == "" {
			j.last4 = b.Account[len(b.Account)-4:]
		}
	case errors.Is(err, ErrRefused):
		j.out = refused
	default: // nothing is known: the repeat asks again under the same key
		j.out = unavailable
	}
	h.cache.finish(j)
}

// successReply is the answer to a token. Its parameters come back to the call as PayConnector_last4
// and so on.
func successReply(j *job, attempt string) reply {
	r := reply{Token: &j.token, Parameters: map[string]string{"last4": j.last4}}
	if j.bank != "" {
		r.Parameters["bank"] = j.bank
	}
	if attempt != "" {
		r.Parameters["attempt"] = attempt
	}
	return r
}

// failureReply is the answer to what was not done: token_id is there and null, error_code is the outcome. The
// attempt goes back too where it was readable, so that the call finds its row.
func failureReply(out outcome, attempt string) (outcome, reply) {
	code, message := string(out), messages[out]
	r := reply{Code: &code, Message: &message, Parameters: map[string]string{}}
	if attempt != "" {
		r.Parameters["attempt"] = attempt
	}
	return out, r
}

// messages are the error_message of each outcome: sentences for whoever reads Twilio's log, without
// any field.
var messages = map[outcome]string{
	cardData:      "this connector takes bank accounts only",
	malformed:     "the request cannot be read",
	notTokenize:   "only the method tokenize is supported",
	badReference:  "transaction_id is missing or invalid",
	badRouting:    "the routing number is invalid",
	badAccount:    "the account number is invalid",
	badType:       "the parameter account_type is invalid",
	badHolder:     "the parameter holder_name is missing",
	refused:       "the processor does not take this account",
	unavailable:   "the processor cannot be reached",
	processorSlow: "the processor has not answered yet",
	tooBusy:       "too many requests at once",
}
