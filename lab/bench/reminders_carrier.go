package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// carrier takes texts at once and remembers them. It is no test of what is sent, which the strict stand-in
// makes: it must cost next to nothing, because it runs on the machine that is measured. It knows creates and
// the list by number, checks neither password nor fields, and sends no status callbacks: what it has lost the
// reply of must be found by look-ups (twilio.md §6).
type carrier struct {
	url    string
	server *http.Server
	lossy  bool

	mu    sync.Mutex
	texts map[string][]carried // by number
	count map[string]int       // by the notice's reference
	first time.Time
	last  time.Time
	all   int
	lost  int
	ahead time.Duration // of the worker's clock: a carrier's clock and ours go together
}

// carried is one text, as the carrier's API shows it in a list. The status stays queued for ever.
type carried struct {
	SID     string `json:"sid"`
	To      string `json:"to"`
	From    string `json:"from"`
	Body    string `json:"body"`
	Status  string `json:"status"`
	Created string `json:"date_created"`
}

// lostOneIn is how many replies come for one that is lost.
const lostOneIn = 20

// startCarrier opens a carrier on loopback; a lossy one loses one reply in lostOneIn. close must follow.
func startCarrier(ctx context.Context, lossy bool) (*carrier, error) {
	c := &carrier{lossy: lossy, texts: map[string][]carried{}, count: map[string]int{}}
	// A free port of loopback: no other machine reaches it.
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c.url = "http://" + l.Addr().String()
	c.server = &http.Server{Handler: c, ReadHeaderTimeout: time.Minute}
	go func() { _ = c.server.Serve(l) }()
	return c, nil
}

// close cuts what is under way and stops listening.
func (c *carrier) close() { _ = c.server.Close() }

// ServeHTTP answers creates and lists of messages; anything else is 404. All of a number's texts come in one
// page, because a number gets only a few.
func (c *carrier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/Messages.json") {
		http.NotFound(w, r)
		return
	}
	if r.Method == http.MethodGet {
		c.mu.Lock()
		// A copy, never nil: an empty list is [] in JSON, as at Twilio.
		list := append([]carried{}, c.texts[r.URL.Query().Get("To")]...)
		c.mu.Unlock()
		answerJSON(w, http.StatusOK, map[string]any{"messages": list, "page": 0, "page_size": 100})
		return
	}
	if err := r.ParseForm(); err != nil {
		http.Error(w, "no form", http.StatusBadRequest)
		return
	}
	// What is refused at Twilio (a bad number, an opted-out one) is taken here: nobody's numbers are in a
	// bench.
	text, lose := c.take(r.PostForm)
	if !lose {
		answerJSON(w, http.StatusCreated, text)
		return
	}
	// The connection is cut where the reply should come: for the worker the outcome is unknown, and it must not
	// create the text again before it has looked (promise P3: a text goes out once).
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close() // taken, and nobody is told
	}
}

// take remembers one text. lose says that its reply is to be lost: the text is taken all the same. Which
// replies are lost depends on the order of arrival alone. The notice is known by the reference in its
// status-callback URL.
func (c *carrier) take(form url.Values) (text carried, lose bool) {
	now := time.Now()
	callback, _ := url.Parse(form.Get("StatusCallback"))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == 0 {
		c.first = now
	}
	// By the machine's clock, whatever the worker's: it is a measurement.
	c.last = now
	c.all++
	text = carried{
		SID: fmt.Sprintf("SM%032x", c.all), To: form.Get("To"), From: form.Get("From"), Body: form.Get("Body"), Status: "queued",
		Created: now.Add(c.ahead).UTC().Format(time.RFC1123Z),
	}
	c.texts[text.To] = append(c.texts[text.To], text)
	// By the notice and not by number and body: two notices may have equal words.
	if callback != nil {
		c.count[callback.Query().Get("n")]++
	}
	if lose = c.lossy && c.all%lostOneIn == 0; lose {
		c.lost++
	}
	return text, lose
}

// setAhead moves the carrier's clock to where the next worker's is: a lookup compares the two (twilio.md §6:
// date_created within two minutes of the send).
func (c *carrier) setAhead(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead = d
}

// took returns how many texts have come, and how long it took from the first to the last. Waits use the count
// as a sign of progress.
func (c *carrier) took() (n int, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all, c.last.Sub(c.first)
}

// answerJSON writes one answer of the API.
func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // whoever went away misses it
}
