package local_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/local"
)

// tree gives all files below root.
func tree(t *testing.T, root string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, path[len(root)+1:])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A user's output folder holds what was written to it and, while a stream is open, a temporary file.
func TestFolderHoldsObjectsAlone(t *testing.T) {
	root := filepath.Join(t.TempDir(), "out")
	s := open(t, root, local.Options{})
	if _, err := os.Stat(root); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the folder was made before anything was written: %v", err)
	}
	v, err := s.PutIf(t.Context(), "_mrctl", []byte("one"), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutIf(t.Context(), "_mrctl", []byte("two"), v); err != nil {
		t.Fatal(err)
	}
	w, err := s.Create(t.Context(), "part-0", map[string]string{"a": "b"})
	if err != nil {
		t.Fatal(err)
	}
	if got := tree(t, root); len(got) != 2 || !strings.HasPrefix(got[0], ".mrctl-part-0-") || got[1] != "_mrctl" {
		t.Errorf("while a stream is open: %v", got)
	}
	token, err := w.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Publish(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	if got := tree(t, root); !slices.Equal(got, []string{"_mrctl", "part-0"}) {
		t.Errorf("at the end: %v", got)
	}
}

func TestKeyIsNoFolder(t *testing.T) {
	s := open(t, t.TempDir(), local.Options{NoSync: true})
	if _, err := s.PutIf(t.Context(), "a/b", nil, ""); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "a/b/c"} {
		_, err := s.PutIf(t.Context(), key, nil, "")
		if !errs.Is(err, errs.Invalid) {
			t.Errorf("PutIf(%s) beside a/b: %v", key, err)
		}
		w, err := s.Create(t.Context(), key, nil)
		if err == nil {
			var token storage.Token
			if token, err = w.Stage(t.Context()); err == nil {
				_, err = s.Publish(t.Context(), token)
			}
		}
		if !errs.Is(err, errs.Invalid) {
			t.Errorf("publishing %s beside a/b: %v", key, err)
		}
	}
}

// Versions never repeat along one key: not in quick succession, not where a clock went back, not after a deletion.
func TestVersionsDoNotRepeat(t *testing.T) {
	root := t.TempDir()
	s := open(t, root, local.Options{NoSync: true})
	seen := map[storage.Version]bool{}
	var v storage.Version
	for i := range 600 {
		var err error
		if v, err = s.PutIf(t.Context(), "k", []byte("same bytes"), v); err != nil {
			t.Fatal(err)
		}
		if seen[v] {
			t.Fatalf("version %s came back after %d writes", v, i)
		}
		seen[v] = true
		switch {
		case i%100 == 50:
			if err := s.Delete(t.Context(), "k"); err != nil {
				t.Fatal(err)
			}
			v = ""
		case i == 300: // as if it had been written by a clock that is ahead
			ahead := time.Now().Add(time.Hour)
			if err := os.Chtimes(filepath.Join(root, "k"), ahead, ahead); err != nil {
				t.Fatal(err)
			}
			info, err := s.Stat(t.Context(), "k")
			if err != nil {
				t.Fatal(err)
			}
			v = info.Version
		}
	}
}

func TestRootIsAFile(t *testing.T) {
	root := t.TempDir()
	write(t, root, "f", nil)
	if _, err := local.New(filepath.Join(root, "f"), local.Options{}); !errs.Is(err, errs.Invalid) {
		t.Errorf("New over a file: %v", err)
	}
	if _, err := local.NewSource(filepath.Join(root, "f")); !errs.Is(err, errs.Invalid) {
		t.Errorf("NewSource over a file: %v", err)
	}
}

func source(t *testing.T, root string) *local.Source {
	t.Helper()
	src, err := local.NewSource(root)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func listed(t *testing.T, src storage.Source, prefix string) []string {
	t.Helper()
	var keys []string
	for info, err := range src.List(t.Context(), prefix, "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

func TestSourceLinks(t *testing.T) {
	root := t.TempDir()
	write(t, root, "data/a", []byte("linked"))
	for link, to := range map[string]string{"file": "data/a", "folder": "data", "dangling": "nowhere", "loop": "loop", "data/up": ".."} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(root, "pipe"), 0o666); err != nil {
		t.Fatal(err)
	}
	src := source(t, root)
	if got := listed(t, src, ""); !slices.Equal(got, []string{"data/a", "file"}) {
		t.Errorf("List gave %q", got)
	}
	if got := listed(t, src, "folder/"); !slices.Equal(got, []string{"folder/a"}) {
		t.Errorf("List below a link that is named gave %q", got)
	}
	for _, key := range []string{"file", "folder/a", "data/up/file"} {
		r, info, err := src.Open(t.Context(), key, 0, -1, "")
		if err != nil || info.Size != 6 {
			t.Errorf("Open(%s): %+v, %v", key, info, err)
			continue
		}
		r.Close()
	}
	for _, key := range []string{"folder", "dangling", "loop"} {
		if _, err := src.Stat(t.Context(), key); !errors.Is(err, storage.ErrNotExist) {
			t.Errorf("Stat(%s): %v", key, err)
		}
	}
	if _, _, err := src.Open(t.Context(), "pipe", 0, -1, ""); !errs.Is(err, errs.Invalid) {
		t.Errorf("Open of a pipe: %v", err)
	}
}

func TestSourceStaysBelowItsRoot(t *testing.T) {
	root := t.TempDir()
	write(t, root, "secret", []byte("x"))
	write(t, root, "in/k", []byte("x"))
	src := source(t, filepath.Join(root, "in"))
	for _, key := range []string{"../secret", "./k", "k/../k", "/k", "//k", "", ".", "k\x00"} {
		if _, err := src.Stat(t.Context(), key); !errors.Is(err, storage.ErrNotExist) {
			t.Errorf("Stat(%q): %v", key, err)
		}
		if _, _, err := src.Open(t.Context(), key, 0, -1, ""); !errors.Is(err, storage.ErrNotExist) {
			t.Errorf("Open(%q): %v", key, err)
		}
	}
	for _, prefix := range []string{"../", "../in/", "./", "/", "a/../"} {
		if got := listed(t, src, prefix); len(got) != 0 {
			t.Errorf("List(%q) gave %q", prefix, got)
		}
	}
	write(t, root, "in/bad\xff\nname", []byte("x"))
	if got := listed(t, src, "bad"); !slices.Equal(got, []string{"bad\xff\nname"}) {
		t.Errorf("a name that is not UTF-8 came back as %q", got)
	}
}

// A file that is written to while it is read must not be taken for the version that was planned.
func TestSourceChangedWhileRead(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"appended": func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("more")
			return errors.Join(err, f.Close())
		},
		"truncated": func(path string) error { return os.Truncate(path, 10) },
	} {
		root := t.TempDir()
		write(t, root, "k", make([]byte, 1000))
		src := source(t, root)
		info, err := src.Stat(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		r, _, err := src.Open(t.Context(), "k", 0, -1, info.Version)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		if err := change(filepath.Join(root, "k")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); !errors.Is(err, storage.ErrPrecondition) || !strings.Contains(err.Error(), "k") {
			t.Errorf("%s: %v", name, err)
		}
		r.Close()
	}
}
