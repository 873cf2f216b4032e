package pluginhost

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/mem"
)

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// keep puts bytes where the plugin of a digest is looked for.
func keep(t *testing.T, store storage.Store, digest string, body []byte) {
	t.Helper()
	w, err := store.Create(t.Context(), ledger.PluginKey(digest), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	token, err := w.Stage(t.Context())
	if err == nil {
		_, err = store.Publish(t.Context(), token)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestFetch(t *testing.T) {
	store, dir := mem.New(), t.TempDir()
	body := bytes.Repeat([]byte("not really a program\n"), 1000)
	digest := sum(body)
	keep(t, store, digest, body)
	h := New(Config{Dir: dir, Store: store})
	path, err := h.Fetch(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	same := func() {
		t.Helper()
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
	same()
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o500 {
		t.Errorf("%v, %v", st.Mode(), err)
	}

	// A file that was put in its place is found out, though size and time are the same.
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	swapped := filepath.Join(t.TempDir(), "swapped")
	if err := os.WriteFile(swapped, bytes.Repeat([]byte("x"), len(body)), 0o500); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chtimes(swapped, st.ModTime(), st.ModTime()), os.Rename(swapped, path)); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Fetch(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	same()

	// What an earlier worker left is used if it is right, and replaced if not.
	if err := errors.Join(os.Chmod(path, 0o700), os.WriteFile(path, body[1:], 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Dir: dir, Store: store}).Fetch(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	same()
	if _, err := New(Config{Dir: dir, Store: mem.New()}).Fetch(t.Context(), digest); err != nil {
		t.Errorf("a plugin that lies here is fetched again: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestFetchRefuses(t *testing.T) {
	body := bytes.Repeat([]byte("program "), 1000)
	digest := sum(body)
	corrupt := bytes.Clone(body)
	corrupt[4000] ^= 1
	for name, x := range map[string]struct {
		body []byte
		kind errs.Kind
	}{
		"corrupt": {corrupt, errs.Corrupt}, "truncated": {body[:7999], errs.Corrupt},
		"longer": {append(bytes.Clone(body), 'x'), errs.Corrupt}, "absent": {nil, errs.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			store, dir := mem.New(), t.TempDir()
			if x.body != nil {
				keep(t, store, digest, x.body)
			}
			if _, err := New(Config{Dir: dir, Store: store}).Fetch(t.Context(), digest); !errs.Is(err, x.kind) {
				t.Errorf("%v, want %v", err, x.kind)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
				t.Errorf("left behind: %v, %v", entries, err)
			}
		})
	}
}

// stuck is a store that opens what it is asked for when it is told to.
type stuck struct {
	storage.Store
	asked, answer chan struct{}
}

func (s *stuck) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, storage.Info, error) {
	s.asked <- struct{}{}
	select {
	case <-s.answer:
		return s.Store.Open(ctx, key, off, n)
	case <-ctx.Done():
		return nil, storage.Info{}, ctx.Err()
	}
}

// TestFetchTogether: those who want one plugin share one download, and who no longer wants it need not wait.
func TestFetchTogether(t *testing.T) {
	store := &stuck{mem.New(), make(chan struct{}, 100), make(chan struct{})}
	body := []byte("program")
	keep(t, store, sum(body), body)
	h := New(Config{Dir: t.TempDir(), Store: store})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := h.Fetch(t.Context(), sum(body)); err != nil {
				t.Error(err)
			}
		})
	}
	<-store.asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Fetch(ctx, sum(body)); !errs.Is(err, errs.Canceled) {
		t.Errorf("%v, want canceled", err)
	}
	close(store.answer)
	all.Wait()
	if n := len(store.asked); n != 0 {
		t.Errorf("%d more downloads", n)
	}
}
