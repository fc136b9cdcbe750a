package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"duebell/lab/servers/apt"
)

// ChromiumVar names a browser to test with, instead of one found or installed.
const ChromiumVar = "DUEBELL_TEST_CHROMIUM"

// Chromium returns the path of a Chromium, or of a browser made of it, for a test that drives pages. It is
// installed where it is missing and the machine lets us; else the test fails with a sentence. It is looked
// for once a process.
func Chromium(t testing.TB) string {
	t.Helper()
	path, err := sharedChromium()
	if err != nil {
		t.Fatalf("this test needs a browser: %v", err)
	}
	return path
}

var sharedChromium = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // it is large
	defer cancel()
	return InstallChromium(ctx, os.Stderr)
})

// InstallChromium returns the path of the browser that DUEBELL_TEST_CHROMIUM names, or of one on PATH, and
// installs Debian's where there is none, saying so on log. A machine that lets us install nothing is an error
// that says what to type. A browser that is named is not looked for: whether it is there shows when it is
// started.
func InstallChromium(ctx context.Context, log io.Writer) (string, error) {
	// Believed as it is, so that a wrong name fails loudly and no other browser is used in its place.
	if path := os.Getenv(ChromiumVar); path != "" {
		return path, nil
	}
	if path, ok := findChromium(); ok {
		return path, nil
	}
	if err := apt.Install(ctx, log, "chromium", "fonts-dejavu-core"); err != nil {
		return "", fmt.Errorf("install Chromium (Debian: apt-get install chromium), or name a browser made of it in %s: %w", ChromiumVar, err)
	}
	path, ok := findChromium()
	if !ok {
		return "", errors.New("test environment: Chromium was installed and is not in PATH")
	}
	return path, nil
}

// findChromium returns the first browser that is there, and whether there is one: those on PATH, then macOS's
// usual places.
func findChromium() (string, bool) {
	for _, name := range []string{
		"chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
		"/Applications/Chromium.app/Contents/MacOS/Chromium",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	} {
		if path, err := exec.LookPath(name); err == nil {
			return path, true
		}
	}
	return "", false
}
