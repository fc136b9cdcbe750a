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

// standIns is everything outside the line: the stand-ins for Twilio and the processor, which a reset replaces,
// their addresses, which stay, and the bank connector's address. A nil stand-in means that an external program
// is used in its place.
type standIns struct {
	h         *Harness
	twilio    atomic.Pointer[twilio.Twilio]
	processor atomic.Pointer[processor.Processor]
	twilioURL string
	stripeURL string
	connector net.Listener
	servers   []*http.Server
}

// openStandIns listens for the connector and for each stand-in that no external address replaces. Everything is
// on loopback, unless Config.ConnectorAddr says otherwise. The processor comes first: Twilio's card connector
// makes its tokens there.
func (h *Harness) openStandIns(ctx context.Context) error {
	o := &standIns{h: h, twilioURL: h.cfg.TwilioURL, stripeURL: h.cfg.StripeURL}
	h.standIns = o
	var err error
	if o.connector, err = o.serve(ctx, h.cfg.ConnectorAddr, o.tokenizeBank); err != nil {
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

// serve answers at an address (a free loopback port if empty) until close, and returns the listener with the
// address that it really has.
func (s *standIns) serve(ctx context.Context, addr string, h http.HandlerFunc) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", orElse(addr, "127.0.0.1:0"))
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	s.servers = append(s.servers, server)
	go func() { _ = server.Serve(l) }() // it ends with close
	return l, nil
}

// connectorAddr returns host and port of the bank connector.
func (s *standIns) connectorAddr() string { return s.connector.Addr().String() }

// newProcessor puts a processor without any charge in place. It reads the domain clock, so that bank debits
// come back two banking days later by the clock (twilio.md §13.3), and posts its events to the line's public
// address.
func (s *standIns) newProcessor() {
	s.processor.Store(processor.New(processor.Config{
		Now: s.h.clock.Now, APIKey: stripeKey, WebhookURL: s.h.balancer.url + "/stripe/events", WebhookSecret: webhookSecret,
		AddBankingDays: s.h.addBankingDays,
		Cards:          s.h.cfg.Cards, Banks: s.h.cfg.Banks,
	}))
}

// addBankingDays returns t plus n banking days of the Federal Reserve's calendar (C8: banking days), at the
// same local hour (a bounced debit is known then).
func (h *Harness) addBankingDays(t time.Time, n int) time.Time {
	_, cal := h.Policy()
	local := t.In(cal.Zone())
	day := cal.AddBankingDays(cal.DateOf(t), n)
	return time.Date(day.Year, day.Month, day.Day, local.Hour(), local.Minute(), local.Second(), 0, cal.Zone())
}

// newTwilio puts a Twilio without any call or text in place. It refuses voice URLs without the retry overrides
// (twilio.md §4.2), pauses by moving the clock, and ends exhausted <Pay> attempts with an action POST unless a
// script chooses the fall-through: Twilio's pages say both (twilio.md §12).
func (s *standIns) newTwilio() error {
	w := s.h
	// Deliveries go to the local address and are signed over the public one, as behind a proxy.
	t, err := twilio.New(twilio.Config{
		PublicURL: w.balancer.url, Targets: []string{w.balancer.local()}, Seed: w.cfg.Seed, Numbers: []twilio.Number{{Phone: LineNumber}}, MessagingServiceSID: ServiceSID, OverridesRequired: true,
		Connectors: map[string]twilio.Connector{
			cardConnector: {Kind: twilio.Stripe},
			bankConnector: {Kind: twilio.Generic, URL: "http://" + s.connectorAddr() + "/twilio/pay/bank", User: connectorUser, Password: w.password},
		},
		Tokenize: s.tokenizeCard, Now: w.clock.Now, OnPause: w.pause, OnSpoken: w.facts.spoken, PayExhausted: twilio.ExhaustedAction, PayHangupSilent: w.payHangupSilent,
	})
	if err != nil {
		return err
	}
	s.twilio.Store(t)
	return nil
}

// notListed is an error code of <Pay> that Twilio's pages do not name: the gateway does not answer. The product
// must treat an unknown code like any connector error: no token, no money moved (twilio.md §2.2).
const notListed = 64999

// tokenizeCard plays Twilio's Stripe connector: it turns a card into a payment method at the processor. The
// product never sees the card. Errors are the connector's, and reach the product as
// Result=payment-connector-error.
func (s *standIns) tokenizeCard(ctx context.Context, c twilio.Card) (string, error) {
	if s.processor.Load() == nil {
		return s.tokenizeAtExternal(ctx, c)
	}
	month, _ := strconv.Atoi(c.ExpMonth) // Pay has checked both
	year, _ := strconv.Atoi(c.ExpYear)
	token, err := s.processor.Load().Tokenize(processor.Card{
		Number: c.Number, Month: month, Year: 2000 + year, Code: c.Code, PostalCode: c.PostalCode,
	})
	switch {
	case errors.Is(err, processor.ErrNoAnswer):
		s.h.recordTokenizeFailure()
		return "", &twilio.ConnectorError{Code: "api_connection_error", Message: "the gateway does not answer", PayErrorCode: notListed}
	case err != nil:
		return "", &twilio.ConnectorError{Code: "card_declined", Message: "the gateway refused the card"}
	}
	return token, nil
}

// charge answers requests to the processor. Every request is progress: a charge that is slow on command keeps a
// wait from giving up.
func (s *standIns) charge(rw http.ResponseWriter, r *http.Request) {
	s.h.noteProgress()
	s.h.recordProcessorRequest(r)
	p := s.processor.Load()
	if s.h.cfg.OnCharge != nil && r.Method != http.MethodGet {
		defer s.h.cfg.OnCharge(p) // also when the answer breaks off
	}
	p.ServeHTTP(rw, r)
}

// rest answers requests to Twilio's API; a worker that is to die dies here. The record comes first: a text is
// judged at the instant at which it is handed over, be its sender dead a moment later.
func (s *standIns) rest(rw http.ResponseWriter, r *http.Request) {
	s.h.noteProgress()
	s.h.recordAPIRequest(r)
	s.killWorkersOn(r)
	s.twilio.Load().Handler().ServeHTTP(rw, r)
}

// tokenizeBank passes a request to the bank connector that runs now. While none does, the connection is cut, as
// by a process that is not there; Twilio repeats the request (twilio.md §2.5).
func (s *standIns) tokenizeBank(rw http.ResponseWriter, r *http.Request) {
	// A restart replaces the connector; a request that came before it goes on with the old one.
	s.h.mu.Lock()
	h := s.h.connector
	s.h.mu.Unlock()
	if h == nil {
		panic(http.ErrAbortHandler)
	}
	h.ServeHTTP(rw, r)
}

// release lets go of every answer that the processor holds back, without sending it, and of those that it would
// hold later. A reset puts a new one in its place.
func (s *standIns) release() {
	if p := s.processor.Load(); p != nil {
		p.Close()
	}
}

// close waits for deliveries under way and stops listening.
func (s *standIns) close(ctx context.Context) error {
	// First Twilio: what it is delivering may still ask the processor.
	if t := s.twilio.Load(); t != nil {
		t.Close()
	}
	var err error
	for _, server := range s.servers {
		if e := server.Close(); e != nil && err == nil {
			err = fmt.Errorf("close a stand-in: %w", e)
		}
	}
	return err
}
