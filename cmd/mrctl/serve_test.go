package main

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
)

func TestCheckListen(t *testing.T) {
	for _, c := range []struct {
		listen   string
		insecure bool
		ok       bool
	}{
		{"127.0.0.1:0", false, true}, {"127.3.2.1:70", false, true}, {"[::1]:0", false, true}, {"localhost:7070", false, true},
		{"0.0.0.0:7070", false, false}, {":7070", false, false}, {"10.0.0.5:7070", false, false}, {"example.org:7070", false, false},
		{"0.0.0.0:7070", true, true}, {"10.0.0.5:7070", true, true}, {"7070", true, false}, {"", true, false},
	} {
		if err := checkListen(c.listen, c.insecure); (err == nil) != c.ok || err != nil && exitCode(err) != exitUsage {
			t.Errorf("checkListen(%q, %v) = %v", c.listen, c.insecure, err)
		}
	}
}

func TestAdvertised(t *testing.T) {
	at := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 7070} }
	for _, c := range []struct {
		given string
		at    net.Addr
		want  string
	}{
		{"", at("127.0.0.1"), "127.0.0.1:7070"}, {"", at("10.0.0.5"), "10.0.0.5:7070"}, {"", at("::1"), "[::1]:7070"},
		{"node5:80", at("0.0.0.0"), "node5:80"}, {"node5:0", at("0.0.0.0"), "node5:7070"},
	} {
		if got, err := advertised(c.given, c.at); err != nil || got != c.want {
			t.Errorf("advertised(%q, %v) = %q, %v; want %q", c.given, c.at, got, err, c.want)
		}
	}
	if _, err := advertised("node5", at("10.0.0.5")); !errs.Is(err, errs.Invalid) {
		t.Errorf("without a port: %v", err)
	}
	if got, err := advertised("", at("0.0.0.0")); err != nil || strings.HasPrefix(got, "0.") || !strings.HasSuffix(got, ":7070") {
		t.Errorf("listening everywhere is told as %q, %v", got, err)
	}
}

func TestServe(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	_, dir := testStore(t)
	ctx, terminate := context.WithCancelCause(t.Context())
	var coord coordinatorConfig
	var work workerConfig
	drained := 0
	run := server(func(ctx context.Context) error {
		terminate(errInterrupted) // as Ctrl-C would, once it serves
		<-ctx.Done()
		drained++
		return ctx.Err()
	})
	s := servers{
		coordinator: func(c coordinatorConfig) (runner, error) {
			coord = c
			return server(func(ctx context.Context) error { <-ctx.Done(); return nil }), nil
		},
		worker: func(c workerConfig) (runner, error) { work = c; return run, nil },
	}
	scratch := filepath.Join(t.TempDir(), "scratch")
	out, errOut, code := mrctlIn(ctx, t, s, "serve", "all", "--store", dir, "--slots", "3", "--memory", "64MiB", "--scratch", scratch,
		"--label", "zone=a", "--label", "disk=a,b", "--slow-start", "0.25", "--no-backup")
	if code != 0 || out != "" || drained != 1 {
		t.Fatalf("exit %d\n%s%s", code, out, errOut)
	}
	if work.Slots != 3 || work.Memory != 64<<20 || work.Scratch != filepath.Join(scratch, "work") || work.Labels["zone"] != "a" || work.Labels["disk"] != "a,b" {
		t.Errorf("worker: %+v", work)
	}
	if coord.SlowStart != 0.25 || !coord.NoBackup || coord.Store == nil || coord.Listener == nil || coord.Advertise != coord.Listener.Addr().String() || coord.Advertise == work.Advertise {
		t.Errorf("coordinator: %+v", coord)
	}
	for line := range strings.Lines(errOut) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil || m["msg"] != "serving" || m["role"] == "" || m["addr"] == "" {
			t.Errorf("log line %q: %v", line, err)
		}
	}
	// A scratch folder belongs to one worker.
	unlock, err := lockFile(filepath.Join(scratch, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	wants(t, exitUsage, "", "in use by another process", "serve", "worker", "--store", dir, "--scratch", scratch)
	if entries, err := os.ReadDir(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "mrctl")); err == nil && len(entries) > 0 {
		t.Errorf("left in the cache: %v", entries)
	}
}
