package dev_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	postgres "duebell/lab/servers"
)

var (
	building sync.Once
	binaries string
	errBuild error
)

func TestMain(m *testing.M) {
	os.Exit(withReadyCluster(m))
}

// withReadyCluster runs the tests with a PostgreSQL cluster to copy: each of the devs would make one of its own.
func withReadyCluster(m *testing.M) int {
	dir, err := os.MkdirTemp(inMemory(), "duebell-dev-test-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		err = os.Chmod(dir, 0o711) // PostgreSQL's user must come through
	}
	if err == nil {
		err = postgres.SetReadyCluster(context.Background(), dir, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if binaries != "" {
		_ = os.RemoveAll(binaries)
	}
	return code
}

// programs is the folder with duebell and duebell-lab as they are built for people.
func programs(t *testing.T) string {
	t.Helper()
	building.Do(func() {
		dir, err := os.MkdirTemp("", "duebell-binary-")
		if err != nil {
			errBuild = err
			return
		}
		binaries = dir
		out, err := exec.Command("go", "build", "-buildvcs=false", "-o", dir+"/", "duebell/cmd/duebell", "duebell/cmd/duebell-lab").CombinedOutput()
		if err != nil {
			errBuild = errors.New(string(out))
		}
	})
	if errBuild != nil {
		t.Fatal(errBuild)
	}
	return binaries
}

// process is `duebell-lab dev` as a program of its own.
type process struct {
	t      *testing.T
	dir    string
	url    string   // of the line
	env    []string // of the shell in which commands are run beside it
	cmd    *exec.Cmd
	stdout *bufio.Scanner
	stderr *bytes.Buffer
	ended  bool
}

// launch starts `duebell-lab dev` in a folder and waits until a call can be placed.
func launch(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := &process{t: t, dir: dir, stderr: &bytes.Buffer{}}
	p.cmd = command(t, dir, append([]string{"dev"}, args...)...)
	p.cmd.Env = append(p.cmd.Env, "DUEBELL_HTTP_ADDR=127.0.0.1:0", "DUEBELL_NOW=2027-02-10T10:00:00-05:00")
	p.cmd.Stderr = p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !p.ended {
			p.end(syscall.SIGKILL)
		}
	})
	watchdog := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer watchdog.Stop()
	if !p.stdout.Scan() {
		t.Fatalf("dev says nothing on stdout, and on stderr:\n%s", p.stderr)
	}
	url, ok := strings.CutPrefix(p.stdout.Text(), "ready http://")
	url, page := strings.CutSuffix(url, "/phone")
	if !ok || !page {
		t.Fatalf("dev says %q", p.stdout.Text())
	}
	p.url = "http://" + url
	return p
}

// command is duebell, or duebell-lab for the lab's commands, with a clean environment, in a folder.
func command(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	program := "duebell"
	if slices.Contains([]string{"dev", "call", "clock", "bench"}, args[0]) {
		program = "duebell-lab"
	}
	cmd := exec.Command(filepath.Join(programs(t), program), args...)
	cmd.Dir = dir
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, postgres.ReadyClusterVar+"=") || !strings.HasPrefix(v, "DUEBELL_") && !strings.HasPrefix(v, "TWILIO_") && !strings.HasPrefix(v, "STRIPE_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	return cmd
}

// end sends a signal, waits for the end, and checks that nothing more was said on stdout.
func (p *process) end(signal syscall.Signal) error {
	p.t.Helper()
	p.ended = true
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
	watchdog := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer watchdog.Stop()
	for p.stdout.Scan() {
		p.t.Errorf("dev says on stdout: %s", p.stdout.Text())
	}
	return p.cmd.Wait()
}

// settings reads dev.env as a shell does.
func (p *process) settings() map[string]string {
	p.t.Helper()
	file := filepath.Join(p.dir, ".duebell", "dev.env")
	st, err := os.Stat(file)
	if err != nil {
		p.t.Fatal(err)
	}
	if st.Mode().Perm() != 0o600 {
		p.t.Errorf("dev.env has the mode %v", st.Mode())
	}
	out, err := exec.Command("env", "-i", "/bin/sh", "-c", `set -a; . "$0"; /usr/bin/env -0`, file).Output()
	if err != nil {
		p.t.Fatal(err)
	}
	values := map[string]string{}
	for _, v := range strings.Split(string(out), "\x00") {
		name, value, _ := strings.Cut(v, "=")
		values[name] = value
	}
	return values
}

// servers counts the database servers that work in a folder.
func servers(t *testing.T, dir string) int {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(processes) == 0 {
		t.Fatalf("no processes to look at: %v", err)
	}
	n := 0
	for _, file := range processes {
		line, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		if bytes.Contains(line, []byte("postgres")) && bytes.Contains(line, []byte(dir)) {
			n++
		}
	}
	return n
}

// run runs a command of duebell in dev's folder and gives what it prints, and whether it succeeded.
func (p *process) run(stdin string, args ...string) (out string, ok bool) {
	p.t.Helper()
	return runWith(p.t, p.dir, p.env, stdin, args...)
}

func runIn(t *testing.T, dir, stdin string, args ...string) (string, bool) {
	t.Helper()
	return runWith(t, dir, nil, stdin, args...)
}

func runWith(t *testing.T, dir string, env []string, stdin string, args ...string) (string, bool) {
	t.Helper()
	cmd := command(t, dir, args...)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout = io.MultiWriter(&out, t.Output())
	cmd.Stderr = cmd.Stdout
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), err == nil
}
