package tutorial

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// room is an empty folder, with mrctl in the path and nothing to be had from a network.
type room struct {
	dir string
	env []string
}

// newRoom builds mrctl the way it builds plugins, so that both share what is compiled.
func newRoom(t *testing.T) *room {
	t.Helper()
	r := &room{dir: t.TempDir()}
	bin := filepath.Join(r.dir, ".bin")
	cache := t.TempDir()
	r.env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "XDG_CACHE_HOME="+cache,
		"GOPROXY=off", "GOWORK=off", "CGO_ENABLED=0", "GOFLAGS=-trimpath", "TZ=UTC", "LC_ALL=C")
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} { // they lie in a folder of caches, which is now another
		where, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		r.env = append(r.env, name+"="+strings.TrimSpace(string(where)))
	}
	checkout, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(checkout, filepath.Join(r.dir, "mrctl")); err != nil { // beside which the reader works
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "mrctl"), "./cmd/mrctl")
	build.Dir, build.Env = checkout, r.env
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return r
}

// shell runs a command line in a folder of the room and gives what it prints, to either stream.
func (r *room) shell(ctx context.Context, folder, line string) (string, error) {
	cmd := exec.CommandContext(ctx, "bash", "-c", line)
	cmd.Dir, cmd.Env = filepath.Join(r.dir, folder), r.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestTutorial does what docs/tutorial.md says and sees what it shows.
func TestTutorial(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	text, err := os.ReadFile("../../docs/tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	steps, err := parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	r := newRoom(t)
	folder := "" // that cd has led to
	for _, s := range steps {
		if s.file != "" {
			if err := s.write(filepath.Join(r.dir, folder)); err != nil {
				t.Fatalf("docs/tutorial.md:%d: %v", s.line, err)
			}
			continue
		}
		if to, ok := strings.CutPrefix(s.command, "cd "); ok && !strings.Contains(to, "&&") {
			folder = filepath.Join(folder, to)
			continue
		}
		if strings.HasSuffix(s.command, "&") {
			r.serve(t, folder, strings.TrimSpace(strings.TrimSuffix(s.command, "&")))
			continue
		}
		out, err := r.shell(ctx, folder, s.command)
		if err := s.judge(out, err); err != nil {
			t.Fatalf("docs/tutorial.md:%d: $ %s\n%v", s.line, s.command, err)
		}
	}
}

// serve runs a command of mrctl until the test ends.
func (r *room) serve(t *testing.T, folder, line string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "bash", "-c", "exec "+line)
	cmd.Dir, cmd.Env = filepath.Join(r.dir, folder), r.env
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it ends by the signal
	})
}

// TestTemplates: what mrctl init writes builds, keeps its laws and runs, by hand and by mrctl.
func TestTemplates(t *testing.T) {
	r := newRoom(t)
	for templ, want := range map[string]string{"lines": "t\t7\tthat\n", "rows": "north\t2\t1330\n"} {
		for _, line := range []string{
			"mrctl init --template " + templ + " new-" + templ,
			"cd new-" + templ + " && go vet . && go test .",
			"cd new-" + templ + " && go run . sample.*",
			"cd new-" + templ + " && mrctl run -q . sample.*",
		} {
			out, err := r.shell(t.Context(), "", line)
			if err != nil || strings.Contains(line, " run ") && !strings.Contains(out, want) {
				t.Fatalf("$ %s\n%s\n%v; want it to print %q", line, out, err, want)
			}
		}
	}
}
