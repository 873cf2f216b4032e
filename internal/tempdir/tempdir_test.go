package tempdir

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

const childEnv = "TEMPDIR_CHILD"

// A child makes folders and is killed: they are found, and nothing else is.
func TestAbandoned(t *testing.T) {
	if root := os.Getenv(childEnv); root != "" {
		for _, prefix := range []string{Sockets, Work} {
			if _, err := Make(root, prefix); err != nil {
				t.Fatal(err)
			}
		}
		if p, err := os.FindProcess(os.Getpid()); err == nil {
			_ = p.Kill()
		}
		select {}
	}
	root := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run", "^TestAbandoned$")
	child.Env = append(os.Environ(), childEnv+"="+root)
	if err := child.Run(); err == nil {
		t.Fatal("the child was not killed")
	}
	live, err := Make(root, Work)
	if err != nil {
		t.Fatal(err)
	}
	bare := filepath.Join(root, Work+"bare") // its maker was killed before it made the lock, or is about to make it
	for _, dir := range []string{filepath.Join(root, "another"), bare} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	find := func(now time.Time) (paths []string) {
		if err := abandoned(root, now, func(p string) error { paths = append(paths, p); return nil }); err != nil {
			t.Fatal(err)
		}
		return paths
	}
	if got := find(time.Now()); len(got) != 2 || slices.Contains(got, live.Path) || slices.Contains(got, bare) {
		t.Errorf("%q are abandoned", got)
	}
	if got := find(time.Now().Add(2 * lockWithin)); len(got) != 3 || slices.Contains(got, live.Path) {
		t.Errorf("%q are abandoned later", got)
	}
	if err := live.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(live.Path); !os.IsNotExist(err) {
		t.Errorf("it is there: %v", err)
	}
	if err := live.Remove(); err != nil {
		t.Errorf("removed again: %v", err)
	}
}
