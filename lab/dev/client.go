package dev

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// ErrNotAsTold means that a script was played and failed: what happened is not what it expects.
var ErrNotAsTold = errors.New("it did not go as told")

// Play has the dev at control play a script file, on data of the script's own, and copies the conversation to
// out as it goes. It returns ErrNotAsTold when the script failed (its last lines say why), and any other error
// when it could not be played. It ends with ctx, and the script with it.
func Play(ctx context.Context, control, path string, out io.Writer) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the script: %w", err)
	}
	o := scriptOrder{Name: filepath.Base(path), Text: string(text), Files: map[string]string{}}
	if err := o.addFiles(filepath.Dir(path)); err != nil {
		return err
	}
	body, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("send the script: %w", err)
	}
	// A POST to something else on that port could do harm; a question about a clock cannot.
	if _, err := Clock(ctx, control); err != nil { // before anything is sent: is it a dev at all?
		return err
	}
	res, err := ask(ctx, http.MethodPost, control+"/script", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	// A line may be long: what was heard stands in one.
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		switch lines.Text() {
		case passed:
			return nil
		case failed:
			return ErrNotAsTold
		}
		fmt.Fprintln(out, lines.Text())
	}
	// The stream ended without either mark: nobody knows how the script went.
	return fmt.Errorf("duebell-lab dev ended in the middle of the script: %w", errors.Join(lines.Err(), io.ErrUnexpectedEOF))
}

// addFiles adds the CSV files that the script names and that lie beside it. They are read here, because dev may
// run in another folder. The words are not parsed, only looked through: dev parses the script, and says what is
// missing. Names with a folder in them are left out, so that a script reaches nothing beyond its own folder.
func (o *scriptOrder) addFiles(dir string) error {
	for _, word := range strings.Fields(o.Text) {
		if filepath.Ext(word) != ".csv" || filepath.Base(word) != word {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, word))
		if errors.Is(err, os.ErrNotExist) {
			continue // a mere word, or the script's own mistake, which it will tell
		}
		if err != nil {
			return fmt.Errorf("read a file of the script: %w", err)
		}
		o.Files[word] = string(text)
	}
	return nil
}

// Clock asks a dev for its time and returns it in words, as in "Wednesday 2027-02-10T10:00:00 EST". ErrNoDev
// when nobody answers there, and another error when what answers is no dev.
func Clock(ctx context.Context, control string) (string, error) {
	return read(ask(ctx, http.MethodGet, control+"/clock", "", nil))
}

// MoveClock moves a dev's clock by a span (2h) or until an instant (2027-02-20T10:00), whichever is given, and
// returns the time then. It returns when nothing that is due is left undone, which may take a while for a
// month. Ended half-way, the move goes on in dev. A refusal (backwards, a span that is none) is an error in
// dev's words.
func MoveClock(ctx context.Context, control, advance, until string) (string, error) {
	form := url.Values{"advance": {advance}, "until": {until}}
	return read(ask(ctx, http.MethodPost, control+"/clock", "application/x-www-form-urlencoded", strings.NewReader(form.Encode())))
}

// nowHeader marks every answer about the clock, RFC 3339 with nanoseconds: what lacks it comes from no dev.
const nowHeader = "Duebell-Now"

// errNotDev means that something else answers at the control address, perhaps because a port was given to
// another program after dev had ended.
var errNotDev = errors.New("what answers at " + ControlVariable + " is no duebell-lab dev, and nothing was done to it: unset the variable to use the dev of this folder")

// read returns the words of an answer about the clock. It takes ask's results as they are.
func read(res *http.Response, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.Header.Get(nowHeader) == "" {
		return "", errNotDev
	}
	text, err := io.ReadAll(res.Body)
	return strings.TrimSpace(string(text)), err
}

// ask sends a request to a dev and returns its answer with status 200, whose body the caller closes. A refusal
// is an error in dev's own words; ErrNoDev when nobody answers (it was killed, perhaps, and its dev.env is
// still there).
func ask(ctx context.Context, method, url, contentType string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ControlVariable, err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w (%s does not answer)", ErrNoDev, url)
	}
	// A dev has these paths; whoever answers so is none.
	if res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusMethodNotAllowed {
		return nil, errors.Join(errNotDev, res.Body.Close())
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		// Bounded: only the first words of a stranger's answer are of use.
		words, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
		return nil, errors.New(strings.TrimSpace(string(words)))
	}
	return res, nil
}
