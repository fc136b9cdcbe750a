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
	"time"
)

// ErrNotAsTold means that a script was played and went otherwise.
var ErrNotAsTold = errors.New("it did not go as told")

// Play plays a script file against the dev at control and copies the conversation to out.
func Play(ctx context.Context, control, path string, out io.Writer) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the script: %w", err)
	}
	o := order{Name: filepath.Base(path), Text: string(text), Files: map[string]string{}}
	if err := o.addFiles(filepath.Dir(path)); err != nil {
		return err
	}
	body, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("send the script: %w", err)
	}
	res, err := ask(ctx, http.MethodPost, control+"/script", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
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
	return fmt.Errorf("duebell-lab dev ended in the middle of the script: %w", errors.Join(lines.Err(), io.ErrUnexpectedEOF))
}

// addFiles takes along what the script names and what lies beside it: it is read here, because dev may
// run in another folder.
func (o *order) addFiles(dir string) error {
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

// Clock asks a dev for its time, in words.
func Clock(ctx context.Context, control string) (string, error) {
	return read(ask(ctx, http.MethodGet, control+"/clock", "", nil))
}

// MoveClock moves a dev's clock by a span (2h) or until an instant (2027-02-20T10:00), whichever is
// given, and gives the time then.
func MoveClock(ctx context.Context, control, advance, until string) (string, error) {
	form := url.Values{"advance": {advance}, "until": {until}}
	return read(ask(ctx, http.MethodPost, control+"/clock", "application/x-www-form-urlencoded", strings.NewReader(form.Encode())))
}

// nowHeader holds a dev's time for programs, beside the words for people.
const nowHeader = "Duebell-Now"

// Now is the time by a dev's clock.
func Now(ctx context.Context, control string) (time.Time, error) {
	res, err := ask(ctx, http.MethodGet, control+"/clock", "", nil)
	if err != nil {
		return time.Time{}, err
	}
	defer res.Body.Close()
	at, err := time.Parse(time.RFC3339Nano, res.Header.Get(nowHeader))
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: no time in its answer: %w", ControlVariable, err)
	}
	return at, nil
}

func read(res *http.Response, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return strings.TrimSpace(string(text)), err
}

// ask sends a request to a dev; a refusal is an error in dev's words.
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
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		words, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
		return nil, errors.New(strings.TrimSpace(string(words)))
	}
	return res, nil
}
