// Package dev is `duebell-lab dev`: the whole product on one machine, for whoever works on it or wants to see
// it.
//
// It owns the folder in which dev keeps its state, the private PostgreSQL's life, the settings written for
// shells and other programs, the ticking of a clock that runs, and the address at which scripts are played.
// What is moved and broken is package harness's, and the telephone in the browser package phone's. It refuses
// to be anything but dev: it is given no database and no keys from outside.
//
// # A start, and what a later one finds
//
// start goes through its steps in a fixed order: PostgreSQL (which locks the folder), settings, the harness
// with every role and stand-in, the phone, the side servers, and at last dev.env. Whoever finds dev.env
// complete, or reads the line on stdout, finds everything up. stop takes the same way back.
//
// The database, the keys, the clock's time and the processor's state outlive a dev, however it ended: a payment
// whose outcome was open is looked up by the next one. Calls, texts on their way and the rest of Twilio's state
// do not; the product treats them as it treats calls and texts whose ends it never heard of. --fresh begins
// from nothing.
//
// # Other processes
//
// Commands in other shells read dev.env (env.go): the product's own go by DUEBELL_CLOCK_SHIFT, so that they
// share dev's time; `duebell-lab call` and `duebell-lab clock` use the control address (control.go, client.go).
// Scripts are played here in dev's process, on data of their own (scripts.go).
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

// Options say how dev is started. All but Fresh and Now are needed; Settings may be empty.
type Options struct {
	Dir      string       // the folder of its state; made when missing
	Fresh    bool         // empty the folder first
	Now      string       // DUEBELL_NOW: where the clock starts, RFC 3339; empty: the machine's time, or where the clock was left if that is later
	Settings app.Settings // what was set beforehand; empty fields are filled in
	Log      *slog.Logger
	Ready    func(phone string) // called once, with the address of the phone's page, when a call can be placed
}

// dev is a running dev. The fields are filled in by the steps of start, in their order; what a step has not
// reached is nil, and stop passes over it.
type dev struct {
	Options
	folder    stateFolder
	ownPolicy bool   // the policy file is dev's own, because DUEBELL_POLICY named none
	policy    string // TOML
	clock     *harness.DomainClock
	metrics   *telemetry.Metrics
	server    *servers.Server
	harness   *harness.Harness
	phone     *phone.Phone
	processor *processorFile
	pages     atomic.Pointer[phone.Phone] // nil until the phone is up; requests come before that
	control   *control
	env       func() error  // writes dev.env; nil until everything is up
	written   time.Duration // the clock shift that stands in dev.env

	sideServers []*http.Server // control and metrics
	ops         net.Listener
}

// Run runs dev from its start until ctx ends. What it has started is gone when it returns; an end that ctx
// asked for is no error. It is called once in a process and folder at a time: the folder's PostgreSQL is the
// lock.
func Run(ctx context.Context, o Options) error {
	d := &dev{Options: o, folder: stateFolder(o.Dir), metrics: telemetry.NewMetrics()}
	err := d.start(ctx)
	if err == nil {
		err = d.live(ctx)
	}
	if ctx.Err() != nil {
		err = nil // it was asked to end, in the middle of starting perhaps
	}
	return errors.Join(err, d.stop(context.WithoutCancel(ctx)))
}

// start checks what people get wrong before it changes anything, and then starts one part after another. dev.env
// comes last: whoever finds it complete finds everything up.
func (d *dev) start(ctx context.Context) error {
	if servers.InUse(d.folder.postgres()) { // said first: such a second dev also finds its port taken
		return errSecondDev
	}
	if err := portFree(ctx, d.Settings.HTTPAddr); err != nil {
		return err
	}
	if err := d.folder.writable(); err != nil {
		return err
	}
	if d.Fresh {
		if err := d.folder.empty(); err != nil {
			return secondDev(err)
		}
	}
	for _, step := range []func(context.Context) error{d.startDatabase, d.chooseSettings, d.openHarness, d.openPhone, d.openSideServers, d.writeEnv} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	// Only now: /readyz says 200 when dev.env can be read, and the line on stdout comes after both.
	d.harness.Ready()
	d.Ready(d.harness.URL() + "/phone")
	return nil
}

// portFree says early, and in a sentence, that the line's address is taken. Between this look and the start
// another program may still take it; then the harness says so. An early word matters: PostgreSQL would have
// been started by then.
func portFree(ctx context.Context, addr string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("another program is on %s, perhaps another duebell-lab dev: stop it, or choose another address, as in DUEBELL_HTTP_ADDR=127.0.0.1:8090 duebell-lab dev (%w)", addr, err)
	}
	return l.Close()
}

// errSecondDev is what a second dev in one folder ends with, whichever way it is noticed.
var errSecondDev = errors.New("another duebell-lab dev runs in this folder: use it, stop it, or start in another folder")

// secondDev puts the one mistake that people make with dev's folder into their words: of two devs that start at
// the same moment the lock on PostgreSQL's folder lets one through. Other errors pass as they are.
func secondDev(err error) error {
	if errors.Is(err, servers.ErrInUse) {
		return errSecondDev
	}
	return err
}

// database is the name of dev's own database, and of the role that owns it (design §2).
const database = "duebell"

// startDatabase starts the private PostgreSQL and brings the schema up to date. It also locks the folder:
// whoever holds its PostgreSQL holds all of it. Commits are durable: a dev that is killed finds everything
// again.
func (d *dev) startDatabase(ctx context.Context) error {
	var err error
	d.server, err = servers.Start(ctx, servers.Options{Dir: d.folder.postgres(), Durable: true, Log: os.Stderr, Database: database})
	if err != nil {
		return secondDev(err)
	}
	return store.Migrate(ctx, d.server.DSN(database))
}

// chooseSettings reads what is kept in the folder and decides what this dev runs with. The old dev.env is
// removed, once its own marks were read: while a dev starts nobody shall find the settings of the one before.
func (d *dev) chooseSettings(context.Context) error {
	// Before the file is removed, which says what was made up.
	forgetOwn(&d.Options, d.folder.env())
	if err := os.Remove(d.folder.env()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove old settings: %w", err)
	}
	s := &d.Settings
	var err error
	if s.DataKeys, s.HashKeys, err = d.folder.keys(); err != nil {
		return err
	}
	if s.PolicyFile == "" {
		// Written at each start: it is dev's own, and changes with the program. Whoever wants another names a
		// file of theirs.
		s.PolicyFile, d.ownPolicy = d.folder.policy(), true
		if err := d.folder.write("policy.toml", []byte(devPolicy)); err != nil {
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
	d.clock = harness.NewDomainClock(at, false)
	return nil
}

// startOfClock returns DUEBELL_NOW, else the machine's time, or where the clock was left if it had been moved
// beyond that: what has happened must not lie in the future. DUEBELL_NOW may still set it back, with a warning.
func (d *dev) startOfClock() (time.Time, error) {
	left := d.folder.clock()
	if d.Now != "" {
		at, err := time.Parse(time.RFC3339, d.Now)
		if err != nil {
			return time.Time{}, errors.New("DUEBELL_NOW is no instant with its offset, such as 2027-02-10T10:00:00-05:00")
		}
		if at.Before(left) {
			d.Log.Warn("DUEBELL_NOW sets the clock back; what happened later is still there, unless you start with --fresh", "clock", left)
		}
		return at, nil
	}
	machine := app.SystemClock{}.Now()
	if left.After(machine) {
		d.Log.Info("the clock goes on from where it was left; DUEBELL_NOW sets it, --fresh begins anew", "at", left)
		return left, nil
	}
	return machine, nil
}

// timing is the product's own, but for the ticks (dev does every second what is due) and the claim of a text,
// so that a killed worker's texts are taken up soon while somebody watches.
var timing = app.Timing{Tick: time.Second, Text: 10 * time.Second}

// openHarness starts every role in this process, with stand-ins for what was not named beforehand, restores
// what the processor had charged and imports the sample members as of the clock: a later start brings them
// forward.
func (d *dev) openHarness(ctx context.Context) error {
	// Read once: a file that is changed while dev runs counts from the next start.
	policy, err := os.ReadFile(d.Settings.PolicyFile)
	if err != nil {
		return fmt.Errorf("DUEBELL_POLICY: %w", err)
	}
	d.policy = string(policy)
	// Ids of calls and texts of an earlier dev are in the database; those of this one must be others.
	var seed [8]byte
	_, _ = rand.Read(seed[:]) // does not fail
	d.processor = &processorFile{folder: d.folder, log: d.Log}
	d.harness, err = harness.Open(ctx, harness.Config{
		DatabaseURL: d.server.DSN(database), Timing: timing, Policy: d.policy, Clock: d.clock, Log: d.Log.Handler(), Metrics: d.metrics,
		HTTPAddr: d.Settings.HTTPAddr, PublicURL: d.Settings.PublicURL, ConnectorAddr: d.Settings.ConnectorAddr,
		Pages: http.HandlerFunc(d.showPages), TwilioURL: d.Settings.TwilioAPIURL, StripeURL: d.Settings.StripeAPIURL, Settings: d.Settings,
		Seed: binary.LittleEndian.Uint64(seed[:]), StartUnready: true, OnCharge: d.processor.save,
		Reminders: true,
	})
	if err != nil {
		return err
	}
	// Before the first import and the first tick, which may ask the processor about payments of the dev before.
	if err := d.processor.load(d.harness.Processor()); err != nil {
		return err
	}
	return d.harness.ImportSamples(ctx)
}

// showPages answers every request that is neither webhook nor probe: the phone's pages, and the way to them.
func (d *dev) showPages(w http.ResponseWriter, r *http.Request) {
	// Requests may come as soon as the line listens, and the phone comes later.
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

// openPhone puts the phone on its page; until then the page says that dev is starting. Its Reset has people
// take calls.
func (d *dev) openPhone(context.Context) error {
	_, calendar := d.harness.Policy()
	p, err := phone.New(phone.Config{
		Line: d.harness.Twilio, Number: d.harness.Settings().TwilioPhoneNumber, Environment: &environment{d.harness, d.clockMoved},
		Stories: samples.Stories(), Calendar: calendar, Log: d.Log,
	})
	if err != nil {
		return err
	}
	d.phone = p
	p.Reset()
	d.pages.Store(p)
	return nil
}

// clockMoved saves the clock's time, so that a dev which was killed goes on from there, and rewrites dev.env when
// the distance to the machine's clock has changed: commands in other shells go by DUEBELL_CLOCK_SHIFT.
func (d *dev) clockMoved() {
	if err := d.folder.saveClock(d.clock.Now()); err != nil {
		d.Log.Warn("the clock's time could not be saved: a dev that is started again goes by the machine's", "error", err)
	}
	// Less than a tenth of a second is the time that passes between two looks at two clocks.
	if d.env == nil || (d.shift()-d.written).Abs() < 100*time.Millisecond {
		return
	}
	if err := d.env(); err != nil {
		d.Log.Warn("dev.env could not be rewritten: commands in other shells go by the old clock", "error", err)
	}
}

// shift returns how far dev's clock is ahead of the machine's, in whole milliseconds; less than zero when it is
// behind.
func (d *dev) shift() time.Duration {
	return d.clock.Now().Sub(app.SystemClock{}.Now()).Truncate(time.Millisecond)
}

// openSideServers opens the two addresses that are no part of the line: control and metrics.
func (d *dev) openSideServers(ctx context.Context) error {
	scripts := &scriptHost{server: d.server, policy: d.policy, log: d.Log}
	d.control = &control{harness: d.harness, scripts: scripts, moved: d.clockMoved}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("dev's control address: %w", err)
	}
	// Always a free port of loopback: nobody needs to know it beforehand, and no other machine may reach it.
	d.control.url = "http://" + l.Addr().String()
	d.serveBeside(l, d.control.handler())

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
	d.serveBeside(l, app.OpsHandler(d.metrics))
	return nil
}

// serveBeside serves a handler at a listener until stop.
func (d *dev) serveBeside(l net.Listener, h http.Handler) {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	d.sideServers = append(d.sideServers, s)
	go func() { _ = s.Serve(l) }() // it ends with stop
}

// writeEnv writes dev.env with every setting of the contract, and remembers how to do it again. What dev made up
// itself is marked as such: a later dev must not take it for somebody's wish.
func (d *dev) writeEnv(context.Context) error {
	s := d.harness.Settings()
	s.OpsAddr, s.PolicyFile = d.ops.Addr().String(), d.Settings.PolicyFile
	// What was empty in the options has been made up.
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
		return d.folder.write("dev.env", envFile(variables(s, d.clock.Now().In(d.harness.Zone()), d.written, d.control.url), own))
	}
	return d.env()
}
