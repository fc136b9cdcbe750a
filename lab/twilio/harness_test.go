package twilio

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	ourNumber   = "+18776236765"
	callerPhone = "+16175550101"
	// retry is the fragment as it stands inside XML.
	retry = "#ct=2000&amp;rt=6500&amp;rc=1&amp;rp=ct,rt,5xx"
)

// hit is one request that the product got.
type hit struct {
	path   string
	form   url.Values
	header http.Header
}

// product is a small HTTP server with hand-written TwiML. It checks every
// signature by the public URL.
type product struct {
	t      *testing.T
	server *httptest.Server
	public string

	mu    sync.Mutex
	pages map[string]func(form url.Values) string // inside Response, by path
	raw   map[string]http.HandlerFunc
	hits  []hit
}

func newProduct(t *testing.T) *product {
	t.Helper()
	p := &product{t: t, pages: map[string]func(url.Values) string{}, raw: map[string]http.HandlerFunc{}}
	p.server = httptest.NewServer(p)
	t.Cleanup(p.server.Close)
	p.public = p.server.URL
	return p
}

func (p *product) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Errorf("read request: %v", err)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		p.t.Errorf("parse request: %v", err)
	}
	signed := form
	if r.Method == http.MethodGet {
		signed, form = nil, r.URL.Query()
	}
	if want := Sign(DevAuthToken, p.public+r.RequestURI, signed, PortKept); r.Header.Get("X-Twilio-Signature") != want && !strings.HasPrefix(r.URL.Path, "/clips/") {
		p.t.Errorf("%s: wrong signature", r.URL.Path)
	}
	p.mu.Lock()
	p.hits = append(p.hits, hit{r.URL.Path, form, r.Header})
	page, raw := p.pages[r.URL.Path], p.raw[r.URL.Path]
	p.mu.Unlock()
	switch {
	case raw != nil:
		raw(w, r)
	case page != nil:
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		_, _ = io.WriteString(w, "<Response>"+page(form)+"</Response>")
	case strings.HasSuffix(r.URL.Path, "/status"):
		w.WriteHeader(http.StatusNoContent)
	default:
		http.NotFound(w, r)
	}
}

// says lets a path answer with TwiML.
func (p *product) says(path, inside string) {
	p.answers(path, func(url.Values) string { return inside })
}

func (p *product) answers(path string, page func(url.Values) string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pages[path] = page
}

func (p *product) handles(path string, h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.raw[path] = h
}

// got returns the requests to a path.
func (p *product) got(path string) []hit {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []hit
	for _, h := range p.hits {
		if h.path == path {
			found = append(found, h)
		}
	}
	return found
}

// last returns the last form posted to a path.
func (p *product) last(path string) url.Values {
	p.t.Helper()
	hits := p.got(path)
	if len(hits) == 0 {
		p.t.Fatalf("nothing was posted to %s", path)
	}
	return hits[len(hits)-1].form
}

// at is the absolute URL of a path with the retry fragment, as it stands in XML.
func (p *product) at(path string) string { return p.public + path + retry }

var testNow = time.Date(2027, 2, 10, 15, 0, 0, 0, time.UTC)

// line makes a stand-in that calls the product.
func (p *product) line(change func(*Config)) *Twilio {
	p.t.Helper()
	cfg := Config{
		PublicURL: p.public, OverridesRequired: true, Seed: 1,
		Numbers: []Number{{Phone: ourNumber}},
		Now:     func() time.Time { return testNow },
	}
	if change != nil {
		change(&cfg)
	}
	tw, err := New(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(tw.Close)
	return tw
}

// dial places a call and demands that it is not at fault.
func (p *product) dial(tw *Twilio) *Call {
	p.t.Helper()
	c, err := tw.Call(context.Background(), CallOptions{From: callerPhone})
	if err != nil {
		p.t.Fatalf("call: %v\n%s", err, strings.Join(c.Transcript(), "\n"))
	}
	return c
}

// heard joins what was heard since the last act.
func heard(c *Call) string {
	var texts []string
	for _, h := range c.HeardSinceInput() {
		texts = append(texts, h.Text)
	}
	return strings.Join(texts, " | ")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantHeard(t *testing.T, c *Call, want string) {
	t.Helper()
	if got := heard(c); got != want {
		t.Errorf("heard %q, want %q\n%s", got, want, strings.Join(c.Transcript(), "\n"))
	}
}

func wantFields(t *testing.T, got url.Values, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if !got.Has(name) || got.Get(name) != value {
			t.Errorf("%s = %q (present: %v), want %q", name, got.Get(name), got.Has(name), value)
		}
	}
}

func wantEnded(t *testing.T, c *Call, reason string) {
	t.Helper()
	if ended, ok := c.State().(Ended); !ok || ended.Reason != reason {
		t.Errorf("state %#v, want Ended by %q\n%s", c.State(), reason, strings.Join(c.Transcript(), "\n"))
	}
}

// newServer runs a handler beside the product and gives its base URL.
func newServer(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}
