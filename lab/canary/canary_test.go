package canary

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace/noop"

	"duebell/billing/feed"
	"duebell/internal/telemetry"
	"duebell/lab/harness"
	"duebell/lab/processor"
	"duebell/lab/script"
	"duebell/lab/testenv"
)

// What billing delivers of the one member, with every answer on file.
var files = map[string]string{
	"members.csv": header(feed.Members) +
		"555222333444,Kim Tested,+16175552233,2020-01-15,true,en,America/New_York,application," +
		bornStored + "," + zip + "," + ssn + "," + invoice + "," + invoiceBefore + "\n",
	"accounts.csv": header(feed.Accounts) +
		"722333444,555222333444,health,active,,,\n733444555,555222333444,dental,active,,,\n",
	"bills.csv": header(feed.Bills) +
		"722333444,2027-03,0,22233,false,\n733444555,2027-03,0,3344,false,\n",
}

// Files that are wrong in every column that holds a secret: the report may not quote them.
var wrong = []feed.Source{
	feed.Text("wrong-members.csv", header(feed.Members)+
		"555222333445,Kim Tested,+16175552233,2020-01-15,true,en,America/New_York,application,"+born+","+card+","+invoice+","+bankAccount+bankAccount+","+bornStored+"\n"),
	feed.Text("wrong-again.csv", strings.Replace(header(feed.Members), "zip", "zip_"+zip, 1)+
		"555222333446,Kim Tested,,,false,en,,none,"+bornStored+","+zip+","+ssn+",,\n"),
}

func header(k feed.Kind) string { return strings.Join(feed.Columns(k), ",") + "\n" }

// The story: everything is keyed where it belongs and where it does not, told to the wrong question,
// refused, declined, charged, texted and imported.
var story = fmt.Sprintf(`
clock 2027-02-10T10:00
import file members.csv
import file accounts.csv
import file bills.csv

call from +16175552233
press 1
hear "For your balance, or to pay, press 1"
press 1
press %[1]s#
hear "account number or member ID"
press %[12]s#
hear "date of birth"
press %[3]s#
hear "ZIP code"
press %[7]s#
hear "account number or member ID"
press 722333444#
hear "date of birth … invoice number"
press %[2]s#
hear "ZIP code"
press %[4]s#
hear "ZIP code"
press %[5]s#
hear "account number or member ID"
press 722333444#
hear "date of birth"
press %[6]s#
hear "ZIP code"
press %[7]s#
hear "you owe 222 dollars and 33 cents"
press 1
hear "card, press 2"
press 2
hear "if that is right, press 1"
processor declines
press 1
hear "card number"
pay-card %[1]s %[8]s %[9]s %[10]s
hear "declined … press 1"
processor up
press 1
hear "card number"
pay-card %[1]s %[8]s %[9]s %[10]s
hear "confirmation number"
over
charged 722333444 222.33 card

call from +16175552233
press 1  press 733444555#  press %[6]s#  press %[7]s#
hear "you owe 33 dollars and 44 cents"
press 1
hear "bank account, press 1"
press 1  press 1
hear "if that is right, press 1"
press 1
hear "routing number"
pay-bank %[11]s %[4]s
hear "say: I authorize"
say "I authorize"
hear "confirmation number"
over
charged 733444555 33.44 bank

call from +16175552233
press 1  press 722333444#  press %[6]s#  press %[7]s#
hear "your balance is 0 dollars"
restart
redis empty
press 1
over

texted +16175552233 "payment received 02/10/27"
texted +16175552233 "you authorized one debit of $33.44"
texted +16175552233 "payment received 02/10/27"
text-from +16175552233 "my card is %[1]s, born %[6]s"
texted +16175552233 "payment reminders"
text-from +16175552233 "STOP %[7]s"
texted +16175552233 "no more texts"
advance 4d
`, card, invoice, bornWrong, bankAccount, zipWrong, born, zip, cardExpiry, cardCode, cardZIP, bankRouting, bankMisplaced)

// observe opens a harness in which everything is looked at.
func observe(t *testing.T) *observer {
	t.Helper()
	ctx := t.Context()
	e := &observer{
		metrics: telemetry.NewMetrics(), log: newRecorder(), spansMade: tracetest.NewInMemoryExporter(), spansExported: tracetest.NewInMemoryExporter(),
		seen: map[place]bool{},
	}
	shutdown := telemetry.ExportTo(sdktrace.NewSimpleSpanProcessor(e.spansMade), sdktrace.WithSpanProcessor(sdktrace.NewSimpleSpanProcessor(telemetry.Redact(e.spansExported))))
	t.Cleanup(func() {
		otel.SetTracerProvider(noop.NewTracerProvider())
		if err := shutdown(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	dsn, address := testenv.Postgres(t), testenv.Redis(t)
	options, err := redis.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	e.redis = redis.NewClient(options)
	t.Cleanup(func() { e.redis.Close() })
	if e.pool, err = pgxpool.New(ctx, dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.pool.Close)
	e.harness, err = harness.Open(ctx, harness.Config{
		DatabaseURL: dsn + "&pool_max_conns=8", RedisURL: address, Metrics: e.metrics, Log: e.log,
		Cards: []processor.Card{{Number: card}}, Banks: []processor.Bank{{Routing: bankRouting, Account: bankAccount}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.harness.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	return e
}

// playStory tells the story, and looks on.
func (o *observer) playStory(t *testing.T) {
	t.Helper()
	s, err := script.Parse("canary.call", story)
	if err != nil {
		t.Fatal(err)
	}
	got := script.Run(t.Context(), o.harness, s, script.Options{
		Out:   o,
		Files: func(name string) ([]byte, error) { return []byte(files[name]), nil },
	})
	if got.Err != nil {
		t.Fatalf("%v\n\n%s", got.Err, got.Transcript)
	}
}

// Promise P4: no run of four or more characters of a secret lies anywhere.
func TestNoSecretIsKeptOrShown(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	e := observe(t)
	e.playStory(t)
	for _, f := range wrong {
		err := e.harness.Import(ctx, f)
		if bad := (*feed.BadRows)(nil); !errors.As(err, &bad) {
			t.Fatalf("%s: %v", f.Name, err)
		}
		slog.New(e.log).Error("import", "error", err) // what the command prints
	}
	places, err := e.allPlaces(ctx)
	if err != nil {
		t.Fatal(err)
	}
	e.checkPlacesSearched(t, places)
	for _, l := range leaks(places) {
		t.Errorf("%s: a run of the %s: …%s…", l.where, l.whose, l.text)
	}
	if !t.Failed() {
		t.Run("and the search finds what is there", func(t *testing.T) { e.checkPlantedAreFound(t) })
	}
}

// checkPlacesSearched fails when a kind of place was empty: a search in nothing finds nothing.
func (o *observer) checkPlacesSearched(t *testing.T, places []place) {
	t.Helper()
	for _, want := range []place{
		{"log", "turn answered"}, {"log", "payment taken"}, {"address", "/twilio/voice/turn/"}, {"address", "/twilio/sms/incoming"},
		{"span", "turn"}, {"span", "charge"}, {"span", "Authorize"}, {"span", "evalsha"}, {"span that leaves duebell.state", "taken"},
		{"span that leaves duebell.op", "tokenize"},
		{"metric duebell_payments_settled_total", "state=declined"}, {"metric duebell_captures_total", "result=success"},
		{"Redis key", "call:{"}, {"Redis value call step", "ask-zip"},
		{"river_job.args", "key"}, {"payment_attempts.last4", card[len(card)-run:]}, {"notices.body", "payment received"},
		{"inbound_texts.words", "my card is"}, {"members.name", "Kim Tested"}, {"payment_evidence.terms", "checking"},
	} {
		found := false
		for _, p := range places {
			found = found || p.where == want.where && strings.Contains(p.text, want.text)
		}
		if !found {
			t.Errorf("nothing was seen of %q in %q: was the place looked into?", want.text, want.where)
		}
	}
}

// checkPlantedAreFound puts a secret into one place of each kind, as a mistake in the product would, and looks again.
func (o *observer) checkPlantedAreFound(t *testing.T) {
	ctx := t.Context()
	plants := []struct {
		where string
		plant func() error
	}{
		{"log", func() error {
			slog.New(o.log).With("typed", "key "+zip[:run]).Debug("a careless line")
			return nil
		}},
		{"address", func() error {
			resp, err := http.Get(o.harness.URL() + "/twilio/voice/turn/1?Digits=" + born)
			if err != nil {
				return err
			}
			return resp.Body.Close()
		}},
		{"span that leaves duebell.attempt", func() error {
			_, s := otel.Tracer("careless").Start(ctx, "charge")
			s.SetAttributes(attribute.String("duebell.attempt", cardCode))
			s.End()
			return nil
		}},
		{"span event exception.message", func() error {
			_, s := otel.Tracer("careless").Start(ctx, "query")
			s.RecordError(errors.New("no such invoice " + invoice))
			s.End()
			return nil
		}},
		{"metric duebell_turns_total", func() error { o.metrics.TurnAnswered("ask-zip", bankRouting[:5], time.Second); return nil }},
		{"Redis key", func() error { return o.redis.Set(ctx, "typed:"+bankAccount, 1, time.Minute).Err() }},
		{"Redis value call lang", func() error { return o.redis.HSet(ctx, "call:{planted}", "lang", born[2:6]).Err() }},
		{"Redis value typed list 0", func() error { return o.redis.RPush(ctx, "typed", "expires "+cardExpiry).Err() }},
		{"tasks.detail", func() error {
			_, err := o.pool.Exec(ctx, "INSERT INTO tasks (kind, detail, at) VALUES ('careless', $1, $2)", "ssn "+ssn, o.harness.Now())
			return err
		}},
		{"members.phone_since", func() error {
			_, err := o.pool.Exec(ctx, "UPDATE members SET phone_since = $1::text::date", bornStored)
			return err
		}},
		{"river_job.args", func() error {
			_, err := o.pool.Exec(ctx, `UPDATE river_job SET args = args || jsonb_build_object('token', $1::text)`, card[:6])
			return err
		}},
		{"processor_events.received_at", func() error {
			_, err := o.pool.Exec(ctx, "INSERT INTO processor_events (id, kind, received_at) VALUES ('planted', 'other', $1::text::timestamptz)", bornStored+" 00:00:00Z")
			return err
		}},
	}
	for _, p := range plants {
		if err := p.plant(); err != nil {
			t.Fatalf("%s: %v", p.where, err)
		}
	}
	places, err := o.allPlaces(ctx)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, l := range leaks(places) {
		found[l.where] = true
	}
	for _, p := range plants {
		if !found[p.where] {
			t.Errorf("a secret in %q was not found (found: %v)", p.where, found)
		}
	}
}
