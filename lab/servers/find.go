package servers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"duebell/lab/servers/apt"
)

// install is one set of PostgreSQL server programs of the same version.
type install struct {
	// The folder with initdb and postgres.
	bin string
	// 15 of "postgres (PostgreSQL) 15.18". Data of one major version is not read by another.
	major int
}

func (i install) initdb() string   { return filepath.Join(i.bin, "initdb") }
func (i install) postgres() string { return filepath.Join(i.bin, "postgres") }

// Where the distributions put server programs, which they keep out of PATH.
var usualFolders = []string{
	"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
	"/usr/pgsql-*/bin",                  // Red Hat, from postgresql.org
	"/opt/homebrew/opt/postgresql*/bin", // Homebrew, Apple silicon
	"/usr/local/opt/postgresql*/bin",    // Homebrew, Intel
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
	"/usr/local/pgsql/bin", // built from source
}

// oldest is the oldest PostgreSQL that the schema runs on.
const oldest = 13

// find returns PostgreSQL's programs: of version major if it is not 0 (the data was made by it), else those
// of PATH, else the newest. It installs them where there are none and the machine lets us, saying so on log;
// where it does not, the error says what to type.
func find(ctx context.Context, major int, log io.Writer) (install, error) {
	got, err := pick(ctx, major)
	if err == nil || !errors.Is(err, errNone) {
		return got, err
	}
	if ctx.Err() != nil { // then nothing was found because nothing could be looked at
		return install{}, fmt.Errorf("look for PostgreSQL: %w", context.Cause(ctx))
	}
	fmt.Fprintln(log, "PostgreSQL's server programs are not on this machine.")
	if err := apt.Install(ctx, log, "postgresql"); err != nil {
		return install{}, fmt.Errorf("PostgreSQL %d or newer is needed; install it with your package manager "+
			"(Debian, Ubuntu: apt-get install postgresql; Homebrew: brew install postgresql), "+
			"or put its folder with initdb and postgres on PATH: %w", oldest, err)
	}
	// Once more from the beginning: what was installed may be of another version than the data.
	return pick(ctx, major)
}

// errNone is pick's where it finds no programs; only then is anything installed. Another version than the
// data's is not: it would not help.
var errNone = errors.New("no PostgreSQL server programs found in PATH or in the usual folders")

// pick returns the programs to use of those that are there; errNone when there are none.
func pick(ctx context.Context, major int) (install, error) {
	var usable []install
	for _, bin := range folders() {
		if i, ok := look(ctx, bin); ok {
			usable = append(usable, i)
		}
	}
	if len(usable) == 0 {
		return install{}, errNone
	}
	// No data yet: any version that the schema runs on will do.
	if major == 0 {
		return usable[0], nil
	}
	for _, i := range usable {
		if i.major == major {
			return i, nil
		}
	}
	return install{}, fmt.Errorf("the data was made by PostgreSQL %d and this machine has %d: "+
		"install version %d again, or empty the folder to start anew", major, usable[0].major, major)
}

// folders returns where to look, in order: PATH first, because whoever set it meant it; then the newest.
func folders() []string {
	var all []string
	if p, err := exec.LookPath("postgres"); err == nil {
		// A link in PATH may stand alone: initdb lies where it points.
		if real, err := filepath.EvalSymlinks(p); err == nil {
			p = real
		}
		all = append(all, filepath.Dir(p))
	}
	var rest []string
	for _, pattern := range usualFolders {
		// Homebrew's pattern matches postgresql@16 as well as postgresql.
		found, _ := filepath.Glob(pattern) // the patterns are constants and well-formed
		rest = append(rest, found...)
	}
	// The newest first, by the number in the folder's name; a folder without one comes last.
	slices.SortStableFunc(rest, func(a, b string) int { return cmp.Compare(versionIn(b), versionIn(a)) })
	return append(all, rest...)
}

var number = regexp.MustCompile(`\d+`)

// versionIn returns the version that a folder's name speaks of (its last number), 0 if none.
func versionIn(folder string) int {
	all := number.FindAllString(folder, -1)
	if len(all) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(all[len(all)-1])
	return n
}

// look returns the programs of a folder, and whether they are a server that is new enough.
func look(ctx context.Context, bin string) (install, bool) {
	i := install{bin: bin}
	for _, program := range []string{i.initdb(), i.postgres()} {
		// Client packages put psql alone into such a folder.
		if st, err := os.Stat(program); err != nil || st.Mode()&0o111 == 0 {
			return install{}, false
		}
	}
	out, err := exec.CommandContext(ctx, i.postgres(), "--version").Output() //nolint:gosec // G204: found in a fixed place or PATH
	if err != nil {
		return install{}, false
	}
	_, version, _ := strings.Cut(string(out), "(PostgreSQL)")
	// 0 where the words are not PostgreSQL's, which is older than the oldest.
	i.major, _ = strconv.Atoi(number.FindString(version))
	return i, i.major >= oldest
}
