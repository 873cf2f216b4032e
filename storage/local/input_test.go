package local

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

func sourceOf(t *testing.T, name, text string) (s *Source, path string, info storage.Info) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := NewSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info, err = s.Stat(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return s, path, info
}

// A file that changes after it was opened is found out with its last bytes, whether or not the reader asks for more.
func TestChangedWhileRead(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"grown":     func(path string) error { return os.WriteFile(path, []byte("0123456789more"), 0o600) },
		"cut short": func(path string) error { return os.Truncate(path, 7) },
		"touched":   func(path string) error { return os.Chtimes(path, time.Time{}, time.Unix(1, 0)) },
	} {
		s, path, info := sourceOf(t, "a", "0123456789")
		body, _, err := s.Open(t.Context(), "a", 0, -1, info.Version)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 5)
		if n, err := io.ReadFull(body, buf); n != 5 || err != nil {
			t.Fatal(n, err)
		}
		if err := change(path); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(body, buf); !errors.Is(err, storage.ErrPrecondition) {
			if _, err = body.Read(buf); !errors.Is(err, storage.ErrPrecondition) { // the end comes later than the last bytes
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := body.Close(); err != nil {
			t.Error(err)
		}
		if _, _, err := s.Open(t.Context(), "a", 0, -1, info.Version); !errors.Is(err, storage.ErrPrecondition) {
			t.Errorf("%s, opened again: %v", name, err)
		}
	}
}

func TestInputRanges(t *testing.T) {
	s, path, info := sourceOf(t, "a", "0123456789")
	for _, c := range []struct {
		off, n int64
		want   string
	}{{0, -1, "0123456789"}, {3, 4, "3456"}, {8, 100, "89"}, {10, -1, ""}, {12, 1, ""}, {4, 0, ""}} {
		body, got, err := s.Open(t.Context(), "a", c.off, c.n, info.Version)
		if err != nil || got.Version != info.Version || got.Size != info.Size {
			t.Fatal(got, err)
		}
		text, err := io.ReadAll(body)
		if err != nil || string(text) != c.want {
			t.Errorf("%d bytes from %d: %q, %v", c.n, c.off, text, err)
		}
		if err := body.Close(); err != nil {
			t.Error(err)
		}
		if err := body.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("closed twice: %v", err)
		}
	}
	// Without a version nobody minds a change, but bytes that are gone cannot be read.
	body, _, err := s.Open(t.Context(), "a", 0, -1, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := body.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := os.Truncate(path, 4); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(body); string(text) != "0123" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%q, %v", text, err)
	}
}

// What is neither file nor folder is refused at once; opening a pipe must not wait for somebody to write to it.
func TestInputsThatAreNoFiles(t *testing.T) {
	s, path, _ := sourceOf(t, "a", "")
	dir := filepath.Dir(path)
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nothing", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Open(t.Context(), "pipe", 0, -1, ""); !errs.Is(err, errs.Invalid) {
		t.Errorf("a pipe: %v", err)
	}
	for _, key := range []string{"folder", "link", "none", "a/b"} {
		if _, _, err := s.Open(t.Context(), key, 0, -1, ""); !errors.Is(err, storage.ErrNotExist) {
			t.Errorf("%s: %v", key, err)
		}
	}
}
