// Package dev is `duebell-lab dev`: the whole product on one machine, for whoever works on it or wants to
// see it.
//
// It owns the folder in which dev keeps its state, the private PostgreSQL's life, the settings written
// for shells and other programs, the ticking of a clock that runs, and the address at which scripts are
// played. What is moved and broken is package world's, and the telephone in the browser package
// phone's. It refuses to be anything but dev: it is given no database and no keys from outside.
package dev

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"duebell/internal/app"
	"duebell/internal/telemetry"
	"duebell/lab/harness"
	"duebell/lab/phone"
	"duebell/lab/samples"
	"duebell/lab/servers"
	"duebell/store"
)

// Options say how dev is started.
type Options struct {
	Dir      string       // where it keeps its state
	Fresh    bool         // forget what is there
	Now      string       // DUEBELL_NOW: where the clock starts; empty: the machine's time, or later where it stood
	Settings app.Settings // what was set beforehand; empty fields are filled in
	Log      *slog.Logger
	Ready    func(phone string) // told once a call can be placed
}

// Dev is a running dev.
type dev struct {
	Options
	home      home
	ownPolicy bool
	clock     *app.DomainClock
	metrics   *telemetry.Metrics
	server    *servers.Server
	world     *harness.World
	phone     *phone.Phone
	keeper    *keeper
	pages     atomic.Pointer[phone.Phone]
	control   *control
	env       func() error  // writes dev.env; nil until everything is up
	written   time.Duration // the shift that stands in dev.env

	aside []*http.Server // control and metrics
	ops   net.Listener
}

// Run is dev from its start until ctx ends. What it has started is gone when it returns.
func Run(ctx context.Context, o Options) error {
	d := &dev{Options: o, home: home(o.Dir), metrics: telemetry.NewMetrics()}
	err := d.start(ctx)
	if err == nil {
		err = d.live(ctx)
	}
	if ctx.Err() != nil {
		err = nil // it was asked to end, in the middle of starting perhaps
	}
	return errors.Join(err, d.stop(context.WithoutCancel(ctx)))
}

func (d *dev) start(ctx context.Context) error {
	if err := portFree(ctx, d.Settings.HTTPAddr); err != nil {
		return err
	}
	if d.Fresh {
		if err := d.home.empty(); err != nil {
			return asked(err)
		}
	}
	for _, step := range []func(context.Context) error{d.startDatabase, d.settle, d.openWorld, d.openPhone, d.openAside, d.writeEnv} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	d.world.Ready()
	d.Ready(d.world.URL() + "/phone")
	return nil
}

// portFree says early, and in a sentence, that the line's address is taken.
func portFree(ctx context.Context, addr string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("another program is on %s, perhaps another duebell-lab dev: stop it, or choose another address, as in DUEBELL_HTTP_ADDR=127.0.0.1:8090 duebell-lab dev (%w)", addr, err)
	}
	return l.Close()
}

// asked puts the one mistake that people make with dev's folder into their words.
func asked(err error) error {
	if errors.Is(err, servers.ErrInUse) {
		return fmt.Errorf("another duebell-lab dev runs in this folder: use it, stop it, or start in another folder (%w)", err)
	}
	return err
}

const database = "duebell"

// startDatabase also locks the folder: whoever holds its PostgreSQL holds all of it.
func (d *dev) startDatabase(ctx context.Context) error {
	var err error
	d.server, err = servers.Start(ctx, servers.Options{Dir: d.home.postgres(), Durable: true, Log: os.Stderr, Database: database})
	if err != nil {
		return asked(err)
	}
	return store.Migrate(ctx, d.server.DSN(database))
}

// settle reads what is kept in the folder and decides what this dev runs with.
func (d *dev) settle(context.Context) error {
	forgetOwn(&d.Options, d.home.env())
	if err := os.Remove(d.home.env()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove old settings: %w", err)
	}
	s := &d.Settings
	var err error
	if s.DataKeys, s.HashKeys, err = d.home.keys(); err != nil {
		return err
	}
	if s.PolicyFile == "" {
		s.PolicyFile, d.ownPolicy = d.home.policy(), true
		if err := d.home.write("policy.toml", []byte(devPolicy)); err != nil {
			return err
		}
	}
	if s.PolicyFile, err = filepath.Abs(s.PolicyFile); err != nil { // dev.env is read in other folders, too
		return fmt.Errorf("DUEBELL_POLICY: %w", err)
	}
	at, err := d.startOfClock()
	if err != nil {
		return err
	}
	d.clock = app.NewDomainClock(at, false)
	return nil
}

// startOfClock is DUEBELL_NOW, else the machine's time, or where the clock stood if it had been moved
// beyond that: what has happened must not lie in the future.
func (d *dev) startOfClock() (time.Time, error) {
	stood := d.home.standing()
	if d.Now != "" {
		at, err := time.Parse(time.RFC3339, d.Now)
		if err != nil {
			return time.Time{}, errors.New("DUEBELL_NOW is no instant with its offset, such as 2027-02-10T10:00:00-05:00")
		}
		if at.Before(stood) {
			d.Log.Warn("DUEBELL_NOW sets the clock back; what happened later is still there, unless you start with --fresh", "stood", stood)
		}
		return at, nil
	}
	machine := app.SystemClock{}.Now()
	if stood.After(machine) {
		d.Log.Info("the clock goes on from where it stood; DUEBELL_NOW sets it, --fresh begins anew", "at", stood)
		return stood, nil
	}
	return machine, nil
}

// timing is the line's own, but for the ticks: dev does every second what is due.
var timing = app.Timing{Tick: time.Second, Text: 10 * time.Second}

func (d *dev) openWorld(ctx context.Context) error {
	policy, err := os.ReadFile(d.Settings.PolicyFile)
	if err != nil {
		return fmt.Errorf("DUEBELL_POLICY: %w", err)
	}
	var seed [8]byte
	_, _ = rand.Read(seed[:]) // does not fail
	d.keeper = &keeper{home: d.home, log: d.Log}
	d.world, err = harness.Open(ctx, harness.Config{
		DatabaseURL: d.server.DSN(database), Timing: timing, Policy: string(policy), Clock: d.clock, Log: d.Log.Handler(), Metrics: d.metrics,
		HTTPAddr: d.Settings.HTTPAddr, PublicURL: d.Settings.PublicURL, ConnectorAddr: d.Settings.ConnectorAddr,
		Pages: http.HandlerFunc(d.showPages), TwilioURL: d.Settings.TwilioAPIURL, StripeURL: d.Settings.StripeAPIURL, Settings: d.Settings,
		Seed: binary.LittleEndian.Uint64(seed[:]), NotYet: true, Charged: d.keeper.keep,
		Reminders: true,
	})
	if err != nil {
		return err
	}
	if err := d.keeper.restore(d.world.Processor()); err != nil {
		return err
	}
	return d.world.Sample(ctx)
}

// showPages answers what is neither webhook nor probe.
func (d *dev) showPages(w http.ResponseWriter, r *http.Request) {
	p := d.pages.Load()
	switch {
	case p == nil:
		http.Error(w, "duebell-lab dev is starting.", http.StatusServiceUnavailable)
	case r.URL.Path == "/":
		http.Redirect(w, r, "/phone", http.StatusFound)
	default:
		p.ServeHTTP(w, r)
	}
}

func (d *dev) openPhone(context.Context) error {
	_, calendar := d.world.Policy()
	p, err := phone.New(phone.Config{
		Line: d.world.Twilio, Number: d.world.Settings().TwilioPhoneNumber, Stage: &stage{d.world, d.moved},
		Stories: samples.Stories(), Calendar: calendar, Log: d.Log,
	})
	if err != nil {
		return err
	}
	d.phone = p
	p.Begin()
	d.pages.Store(p)
	return nil
}

// moved keeps the clock's new time, so that a dev which is killed finds it again.
func (d *dev) moved() {
	if err := d.home.keepClock(d.clock.Now()); err != nil {
		d.Log.Warn("the clock's time could not be kept", "error", err)
	}
	if d.env == nil || (d.shift()-d.written).Abs() < 100*time.Millisecond {
		return
	}
	if err := d.env(); err != nil {
		d.Log.Warn("dev.env could not be rewritten: commands in other shells go by the old clock", "error", err)
	}
}

// shift is how far dev's clock is from the machine's.
func (d *dev) shift() time.Duration {
	return d.clock.Now().Sub(app.SystemClock{}.Now()).Truncate(time.Millisecond)
}

// openAside opens the addresses that are no part of the line: control and metrics.
func (d *dev) openAside(ctx context.Context) error {
	d.control = &control{world: d.world, moved: d.moved, emptied: d.phone.Begin}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("dev's control address: %w", err)
	}
	d.control.url = "http://" + l.Addr().String()
	d.serveAside(l, d.control.handler())

	addr := d.Settings.OpsAddr
	if addr == "" {
		addr = "127.0.0.1:9090"
	}
	l, err = new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil && d.Settings.OpsAddr == "" { // Prometheus itself likes that port; nobody asked for it here
		l, err = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	}
	if err != nil {
		return fmt.Errorf("another program is on DUEBELL_OPS_ADDR: stop it or choose another address: %w", err)
	}
	d.ops = l
	d.serveAside(l, app.OpsHandler(d.metrics))
	return nil
}

func (d *dev) serveAside(l net.Listener, h http.Handler) {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	d.aside = append(d.aside, s)
	go func() { _ = s.Serve(l) }() // it ends with stop
}

func (d *dev) writeEnv(context.Context) error {
	s := d.world.Settings()
	s.OpsAddr, s.PolicyFile = d.ops.Addr().String(), d.Settings.PolicyFile
	own := []string{}
	for name, before := range map[string]string{
		"TWILIO_API_URL": d.Settings.TwilioAPIURL, "STRIPE_API_URL": d.Settings.StripeAPIURL, "DUEBELL_PUBLIC_URL": d.Settings.PublicURL,
		"DUEBELL_OPS_ADDR": d.Settings.OpsAddr, "DUEBELL_CONNECTOR_ADDR": d.Settings.ConnectorAddr, "DUEBELL_NOW": d.Now,
	} {
		if before == "" {
			own = append(own, name)
		}
	}
	if d.ownPolicy {
		own = append(own, "DUEBELL_POLICY")
	}
	var mu sync.Mutex // the clock is moved from the control address and from the phone page
	d.env = func() error {
		mu.Lock()
		defer mu.Unlock()
		d.written = d.shift()
		return d.home.write("dev.env", envFile(variables(s, d.clock.Now().In(d.world.Zone()), d.written, d.control.url), own))
	}
	return d.env()
}
