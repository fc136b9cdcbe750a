package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"duebell/lab/processor"
	"duebell/lab/twilio"
)

const (
	devSID   = twilio.DevAccountSID
	devToken = twilio.DevAuthToken
)

// outside is what lies beyond the line: the stand-ins, each replaced by a new one when the world is
// reset, and the bank connector's own address.
type outside struct {
	w         *World
	twilio    atomic.Pointer[twilio.Twilio]
	processor atomic.Pointer[processor.Processor]
	twilioURL string
	stripeURL string
	connector net.Listener
	servers   []*http.Server
}

func (w *World) openOutside(ctx context.Context) error {
	o := &outside{w: w, twilioURL: w.cfg.TwilioURL, stripeURL: w.cfg.StripeURL}
	w.outside = o
	var err error
	if o.connector, err = o.serve(ctx, w.cfg.ConnectorAddr, o.tokenizeBank); err != nil {
		return fmt.Errorf("the connector's address: %w", err)
	}
	if o.stripeURL == "" {
		l, err := o.serve(ctx, "", o.charge)
		if err != nil {
			return fmt.Errorf("the processor's address: %w", err)
		}
		o.stripeURL = "http://" + l.Addr().String()
		o.newProcessor()
	}
	if o.twilioURL == "" {
		l, err := o.serve(ctx, "", o.rest)
		if err != nil {
			return fmt.Errorf("the address for Twilio: %w", err)
		}
		o.twilioURL = "http://" + l.Addr().String()
		return o.newTwilio()
	}
	return nil
}

func (o *outside) serve(ctx context.Context, addr string, h http.HandlerFunc) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", orElse(addr, "127.0.0.1:0"))
	if err != nil {
		return nil, err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	o.servers = append(o.servers, s)
	go func() { _ = s.Serve(l) }() // it ends with close
	return l, nil
}

func (o *outside) connectorAddr() string { return o.connector.Addr().String() }

func (o *outside) newProcessor() {
	o.processor.Store(processor.New(processor.Config{
		Now: o.w.clock.Now, APIKey: stripeKey, WebhookURL: o.w.front.url + "/stripe/events", WebhookSecret: webhookSecret,
		AddBankingDays: o.w.addBankingDays,
		Cards:          o.w.cfg.Cards, Banks: o.w.cfg.Banks,
	}))
}

// addBankingDays is the bank's calendar: n banking days after a debit's own day, at the same hour.
func (w *World) addBankingDays(t time.Time, n int) time.Time {
	_, cal := w.Policy()
	local := t.In(cal.Zone())
	day := cal.AddBankingDays(cal.DateOf(t), n)
	return time.Date(day.Year, day.Month, day.Day, local.Hour(), local.Minute(), local.Second(), 0, cal.Zone())
}

func (o *outside) newTwilio() error {
	w := o.w
	t, err := twilio.New(twilio.Config{
		PublicURL: w.front.url, Targets: []string{w.front.local()}, Seed: w.cfg.Seed, Numbers: []twilio.Number{{Phone: LineNumber}}, MessagingServiceSID: ServiceSID, OverridesRequired: true,
		Connectors: map[string]twilio.Connector{
			cardConnector: {Kind: twilio.Stripe},
			bankConnector: {Kind: twilio.Generic, URL: "http://" + o.connectorAddr() + "/twilio/pay/bank", User: connectorUser, Password: w.password},
		},
		Tokenize: o.tokenizeCard, Now: w.clock.Now, OnPause: w.pause, OnSpoken: w.truth.spoken, PayExhausted: twilio.ExhaustedAction, PayHangupSilent: w.silent,
	})
	if err != nil {
		return err
	}
	o.twilio.Store(t)
	return nil
}

// notListed is an error code that Twilio's pages do not name: a gateway that does not answer.
const notListed = 64999

// tokenizeCard is Twilio's Stripe connector.
func (o *outside) tokenizeCard(ctx context.Context, c twilio.Card) (string, error) {
	if o.processor.Load() == nil {
		return o.tokenizeElsewhere(ctx, c)
	}
	month, _ := strconv.Atoi(c.ExpMonth) // Pay has checked both
	year, _ := strconv.Atoi(c.ExpYear)
	token, err := o.processor.Load().Tokenize(processor.Card{
		Number: c.Number, Month: month, Year: 2000 + year, Code: c.Code, PostalCode: c.PostalCode,
	})
	switch {
	case errors.Is(err, processor.ErrNoAnswer):
		o.w.tokenizedNothing()
		return "", &twilio.ConnectorError{Code: "api_connection_error", Message: "the gateway does not answer", PayErrorCode: notListed}
	case err != nil:
		return "", &twilio.ConnectorError{Code: "card_declined", Message: "the gateway refused the card"}
	}
	return token, nil
}

// charge answers for the processor.
func (o *outside) charge(rw http.ResponseWriter, r *http.Request) {
	o.w.processorAsked(r)
	p := o.processor.Load()
	if o.w.cfg.Charged != nil && r.Method != http.MethodGet {
		defer o.w.cfg.Charged(p) // also when the answer breaks off
	}
	p.ServeHTTP(rw, r)
}

// rest answers for Twilio's API.
func (o *outside) rest(rw http.ResponseWriter, r *http.Request) {
	o.w.apiAsked(r)
	o.killedBy(r)
	o.twilio.Load().Handler().ServeHTTP(rw, r)
}

// tokenizeBank answers at the connector's address, for the connector that is up now.
func (o *outside) tokenizeBank(rw http.ResponseWriter, r *http.Request) {
	o.w.mu.Lock()
	h := o.w.connector
	o.w.mu.Unlock()
	if h == nil {
		panic(http.ErrAbortHandler)
	}
	h.ServeHTTP(rw, r)
}

// release lets go of every answer that is held.
func (o *outside) release() {
	if p := o.processor.Load(); p != nil {
		p.Close()
	}
}

func (o *outside) close(ctx context.Context) error {
	if t := o.twilio.Load(); t != nil {
		t.Close()
	}
	var err error
	for _, s := range o.servers {
		if e := s.Close(); e != nil && err == nil {
			err = fmt.Errorf("close a stand-in: %w", e)
		}
	}
	return err
}
