package archtest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// room is one folder of the house and what of ours it may import. The innermost room counts.
type room struct {
	folder string
	may    []string // besides itself and what lies in it
	why    string
}

// The rooms, inner ones first. Nothing here names cmd or internal/app: they wire everything, and
// nothing but their tests imports them.
var rooms = []room{
	{"billing", nil,
		"what is owed must be computable, and testable, without a database, a network or a phone"},
	{"voiceprompts", []string{"billing"},
		"prompts are words: what is said may not decide what happens"},
	{"payments/stripe", []string{"payments", "payments/connector", "billing"},
		"the gateway turns our words into the processor's and back, and knows nothing of calls or tables"},
	{"payments/connector", nil,
		"bank numbers pass through this room: whatever it imported could see them (promise P4); the token seam is declared here"},
	{"payments", []string{"billing"},
		"money is taken the same way whoever asks for it; the phone, the texts and the tables are other rooms"},
	{"ivr/webhook", []string{"ivr", "payments", "billing", "voiceprompts", "handoff", "internal/twilio"},
		"it turns webhooks into events for the engine; what it stores goes through interfaces"},
	{"ivr/document", []string{"ivr", "billing", "voiceprompts"},
		"it writes the conversation down for people to read, and runs none of it"},
	{"notify/webhook", []string{"notify", "payments", "billing", "voiceprompts", "internal/twilio"},
		"it turns what arrives about texts into words of notify; what it stores goes through interfaces"},
	{"ivr", []string{"payments", "billing", "voiceprompts"},
		"the conversation can be read and tested without HTTP, TwiML, SQL or Twilio; texts and transfers are asked for by interface"},
	{"notify", []string{"payments", "billing", "voiceprompts"},
		"texts and calls do not know each other; what sends them is an interface"},
	{"handoff", []string{"payments", "billing", "voiceprompts"},
		"a person is reached from the call and from the command line, so it knows neither"},
	{"store/sessions", []string{"ivr/webhook", "ivr", "payments", "billing", "internal/seal"},
		"Redis behind what the webhooks ask of it; what is in PostgreSQL it asks nobody"},
	{"store", []string{"billing", "payments", "ivr", "notify", "handoff", "voiceprompts", "internal/seal"},
		"it implements the rooms' interfaces and decides nothing; other adapters are strangers to it"},
	{"internal/twilio", []string{"billing", "notify", "handoff"},
		"signatures, TwiML and REST are the same whatever is said over them"},
	{"internal/seal", nil,
		"cryptography is reviewed alone"},
	{"internal/policyfile", []string{"billing"},
		"it reads a file into a policy; what a key means is billing's"},
	{"internal/telemetry", []string{"billing", "payments", "payments/connector", "ivr", "ivr/webhook", "notify", "handoff", "store", "store/sessions", "internal/twilio"},
		"it measures the rooms from outside, through their interfaces, and changes nothing they do"},
	{"internal/archtest", nil,
		"it reads the tree as text"},
	{"lab/twilio", nil,
		"the outside world must not borrow the product's code: a mistake that both share would pass every test"},
	{"lab/processor", nil,
		"the outside world must not borrow the product's code: a mistake that both share would pass every test"},
	{"lab/servers", nil,
		"a database server knows no schema"},
	{"lab/faults", nil,
		"what breaks the stores does not know what they hold"},
	{"lab/testenv", []string{"store", "lab/servers"},
		"it applies the schema, and that is all it knows of the product"},
}

// free rooms may import what they like, and no room above may import them: cmd and internal/app put the
// product together, the lab runs it.
var free = []string{"cmd", "internal/app", "lab"}

func roomOf(pkg string) (room, bool) {
	for _, r := range rooms {
		if under(pkg, r.folder) {
			return r, true
		}
	}
	return room{}, false
}

func TestImportsPointOneWay(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue // a test may bring its room together with others
		}
		r, ok := roomOf(s.pkg)
		if !ok {
			if !underAny(s.pkg, free) {
				t.Errorf("%s: a new room: say in archtest which way its imports point", s.path)
			}
			continue
		}
		for _, path := range s.imports() {
			ours, ok := strings.CutPrefix(path, module+"/")
			if !ok || allowed(r, ours) {
				continue
			}
			t.Errorf("%s imports %s, and %s may not: %s", s.path, ours, r.folder, r.why)
		}
	}
}

// allowed says whether room r may import our package. What a room may import, its inner rooms are not:
// payments is not payments/stripe.
func allowed(r room, pkg string) bool {
	into, ok := roomOf(pkg)
	if !ok {
		return slices.Contains(r.may, pkg)
	}
	return into.folder == r.folder || slices.Contains(r.may, into.folder)
}

func TestNothingImportsTheLabOrTheWiring(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, path := range s.imports() {
			switch {
			case path == module+"/lab/testenv" && !under(s.pkg, "lab/testenv"):
				t.Errorf("%s imports testenv: only tests have servers that vanish", s.path)
			case under(path, module+"/lab") && !underAny(s.pkg, []string{"lab", "cmd/duebell-lab"}):
				t.Errorf("%s imports the lab: no part of the product links what it is tried in", s.path)
			case path == module+"/internal/app" && !underAny(s.pkg, []string{"cmd", "internal/app", "lab"}):
				t.Errorf("%s imports the wiring: it would see every room at once", s.path)
			}
		}
	}
}

// fence keeps a library, or a part of the standard library, out of rooms or inside some.
type fence struct {
	library string
	only    []string // the folders that may import it; nil: all
	never   []string // the folders that may not
	why     string
}

// Rooms that think and do not act.
var thinking = []string{"billing", "voiceprompts", "payments", "ivr", "notify", "handoff"}

// Where everything is put together: the program, and the lab around it.
var wiring = []string{"cmd", "internal/app", "internal/telemetry", "lab"}

var fences = []fence{
	{"github.com/twilio/twilio-go", []string{"internal/twilio"}, nil,
		"its faults are worked around in one place, and a stand-in that used it would share them"},
	{"github.com/stripe/stripe-go", []string{"payments/stripe"}, nil,
		"the processor is one gateway among possible others"},
	{"github.com/jackc/pgx", append([]string{"store"}, wiring...), nil,
		"SQL lives in store"},
	{"database/sql", []string{}, nil,
		"we speak to PostgreSQL through pgx, and only in store"},
	{"github.com/redis/go-redis", append([]string{"store"}, wiring...), nil,
		"sessions and rates live in store"},
	{"github.com/riverqueue/river", append([]string{"store"}, wiring...), nil,
		"a job only wakes a worker: packages offer functions, the wiring calls them from jobs"},
	{"github.com/alecthomas/kong", []string{"cmd"}, nil,
		"commands and flags are one file each, in cmd"},
	{"github.com/alicebob/miniredis", []string{"lab"}, nil,
		"a Redis in memory is dev's; production names a real one"},
	{"net/http", nil, append([]string{"store", "internal/seal"}, thinking...),
		"a room that thinks knows no HTTP; adapters and the wiring speak it"},
	{"encoding/xml", nil, []string{"billing", "payments", "ivr", "notify", "handoff"},
		"TwiML is written by internal/twilio, from what the engine says"},
	{"os", nil, []string{"billing", "ivr", "notify", "handoff"},
		"settings, files and the environment come in as arguments"},
}

// Rooms inside a fenced one that are outside its fence: adapters, and the reader of the billing
// system's files.
var adapters = []string{"billing/feed", "payments/stripe", "payments/connector", "ivr/webhook", "notify/webhook"}

func TestLibrariesStayWhereTheyBelong(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, path := range s.imports() {
			for _, f := range fences {
				if under(path, f.library) && !f.lets(s.pkg) {
					t.Errorf("%s imports %s: %s", s.path, path, f.why)
				}
			}
		}
	}
}

func (f fence) lets(pkg string) bool {
	if f.only != nil {
		return underAny(pkg, f.only)
	}
	return underAny(pkg, adapters) || !underAny(pkg, f.never)
}

// billing is what everything else stands on: no library moves under it but the holidays.
func TestBillingStandsAlone(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || !under(s.pkg, "billing") {
			continue
		}
		for _, path := range s.imports() {
			host, _, _ := strings.Cut(path, "/")
			if strings.Contains(host, ".") && !under(path, "github.com/rickar/cal") {
				t.Errorf("%s imports %s: billing needs the standard library and a holiday calendar only", s.path, path)
			}
		}
	}
}

func TestTheTableNamesRoomsThatExist(t *testing.T) {
	for _, r := range rooms {
		if st, err := os.Stat(filepath.Join(root, r.folder)); err != nil || !st.IsDir() {
			t.Errorf("%s is no folder: take it out of the table", r.folder)
		}
		for _, m := range r.may {
			if _, ok := roomOf(m); !ok {
				t.Errorf("%s may import %s, which is no room", r.folder, m)
			}
		}
		if r.why == "" {
			t.Errorf("%s: a ban needs its reason", r.folder)
		}
	}
}

func TestTheTableItself(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"ivr", "payments", true},
		{"ivr", "payments/stripe", false},
		{"ivr", "notify", false},
		{"ivr", "handoff", false},
		{"ivr", "store", false},
		{"ivr/webhook", "ivr", true},
		{"ivr/webhook", "store/sessions", false},
		{"notify", "ivr", false},
		{"handoff", "notify", false},
		{"store", "store/db", true},
		{"store", "internal/twilio", false},
		{"payments", "internal/app", false},
		{"lab/twilio", "internal/twilio", false},
	} {
		r, ok := roomOf(c.from)
		if got := ok && allowed(r, c.to); got != c.want {
			t.Errorf("%s may import %s: %v, want %v", c.from, c.to, got, c.want)
		}
	}
}
