package main

import (
	"context"
	"flag"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/jobs"
	"github.com/mrctl/mrctl/worker/pluginhost"
)

// pluginArgs are the plugin's own flags in tests.
var pluginArgs = []string{"--", "-lower"}

// The test binary is a plugin too, when a worker or "mrctl run" starts it as one.
func TestMain(m *testing.M) {
	if os.Getenv(boundary.Handshake.MagicCookieKey) == "" {
		if err := os.Setenv("TZ", "UTC"); err != nil { // the golden tables have times in them
			panic(err)
		}
		os.Exit(m.Run())
	}
	flag.Bool("lower", false, "fold case")
	jobs.Main(jobs.Job[string, string, int64, jobs.Pair[string, int64]]{
		Name: "stub", Combine: jobs.Sum[int64](),
		Map: func(_ context.Context, line string, emit func(string, int64)) error {
			for word := range jobs.Words(line) {
				emit(word, 1)
			}
			return nil
		},
	})
}

// testPlugin is a binary that is a plugin.
func testPlugin(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func listenLoopback() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

func writeSource(t *testing.T, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/p\n\ngo 1.26\n", "main.go": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBuild(t *testing.T) {
	src := writeSource(t, "package main\n\nfunc main() {}\n")
	var first string
	for range 2 {
		var words strings.Builder
		pl, err := resolvePlugin(t.Context(), src, t.TempDir(), &words)
		if err != nil {
			t.Fatalf("%v\n%s", err, &words)
		}
		store, _ := testStore(t)
		digests, err := pl.upload(t.Context(), store, []string{here, "linux/" + otherArch()}, &words)
		if err != nil || len(digests) != 2 || digests[here] == digests["linux/"+otherArch()] {
			t.Fatalf("%v, %v\n%s", digests, err, &words)
		}
		if first == "" {
			first = digests[here]
		} else if digests[here] != first {
			t.Error("the same source gives another binary in another folder")
		}
	}
	// Built for another machine it cannot be checked here.
	pl, err := resolvePlugin(t.Context(), src, t.TempDir(), &strings.Builder{})
	if err != nil {
		t.Fatal(err)
	}
	if err := pl.build(t.Context(), "linux/"+otherArch(), &strings.Builder{}); err != nil {
		t.Fatal(err)
	}
	if _, err := resolvePlugin(t.Context(), pl.binaries["linux/"+otherArch()], t.TempDir(), &strings.Builder{}); !errs.Is(err, errs.Invalid) {
		t.Errorf("a binary for another machine: %v", err)
	}
}

func otherArch() string {
	if runtime.GOARCH == "arm64" {
		return "amd64"
	}
	return "arm64"
}

func TestBuildErrors(t *testing.T) {
	for _, c := range []struct{ name, source, says string }{
		{"does not compile", "package main\n\nfunc main() { undefined() }\n", "main.go:3:15: undefined: undefined"},
		{"no program", "package p\n", "no main packages to build"},
	} {
		var words strings.Builder
		_, err := resolvePlugin(t.Context(), writeSource(t, c.source), t.TempDir(), &words)
		if exitCode(err) != exitUsage || !strings.Contains(words.String(), c.says) {
			t.Errorf("%s: %v\n%s", c.name, err, &words)
		}
	}
}

func TestLockFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lockFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockFile(path); !errs.Is(err, errs.Conflict) {
		t.Errorf("locked twice: %v", err)
	}
	unlock()
	if unlock, err = lockFile(path); err != nil {
		t.Errorf("locked again: %v", err)
	} else {
		unlock()
	}
}

func TestCheckPlugin(t *testing.T) {
	store, _ := testStore(t)
	for _, c := range []struct {
		name, path string
		args       []string
		says       string
	}{
		{"good", testPlugin(t), []string{"-lower"}, ""},
		{"wrong flag", testPlugin(t), []string{"-upper"}, "-upper"},
		{"an argument", testPlugin(t), []string{"lower"}, "lower"},
		{"no plugin", "/bin/ls", nil, "/bin/ls"},
	} {
		pl, err := resolvePlugin(t.Context(), c.path, t.TempDir(), &strings.Builder{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = pl.check(t.Context(), store, pluginhost.Spec{Args: c.args, Scratch: t.TempDir()})
		if err := pl.close(); err != nil {
			t.Error(err)
		}
		if c.says == "" {
			if err != nil || pl.name != "stub" {
				t.Errorf("%s: %v, name %q", c.name, err, pl.name)
			}
		} else if exitCode(err) != exitUsage || !strings.Contains(err.Error(), c.says) || hintOf(err) == "" {
			t.Errorf("%s: %v, next %q", c.name, err, hintOf(err))
		}
	}
}
