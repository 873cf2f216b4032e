package shuffle

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/mrctl/mrctl/internal/budget"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/mem"
	"github.com/mrctl/mrctl/worker/runs"
)

// brittle is a store whose bodies end early now and then.
type brittle struct {
	storage.Store

	mu sync.Mutex
	r  *rand.Rand // guarded by mu
}

func (s *brittle) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, storage.Info, error) {
	body, info, err := s.Store.Open(ctx, key, off, n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.r.IntN(3) == 0 {
		body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(body, s.r.Int64N(n+1)), body}
	}
	return body, info, err
}

// stock puts runs of a worker into a store.
func stock(t *testing.T, to storage.Store, w *worker) {
	t.Helper()
	for task, path := range w.paths {
		file, err := runs.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := to.Create(t.Context(), ledger.RunKey("job", 2, int(task), int32(task+1)), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(file.CopyTo(s), file.Close()); err != nil {
			t.Fatal(err)
		}
		token, err := s.Stage(t.Context())
		if err == nil {
			_, err = to.Publish(t.Context(), token)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestFetchFromTheStore: what comes out of the store is what lies with the producer, however often bodies break off; a run
// that is not there is missing.
func TestFetchFromTheStore(t *testing.T) {
	const parts = 7
	r := rand.New(rand.NewPCG(1, 2))
	var tasks []uint32
	for i := range uint32(12) {
		tasks = append(tasks, i)
	}
	w := start(t, ledger.InStore, r, tasks, parts, 8<<10)
	store := &brittle{Store: mem.New(), r: r}
	stock(t, store, w)
	vault := NewVault(store, func(string, int) int { return parts })
	c := NewClient(Config{Worker: "reader", Routes: func(string) ([]Route, error) { return []Route{vault}, nil }, Backoff: 1, Tries: 100})
	for part := range uint32(parts) {
		q := request(t, part, 256<<10, w)
		got, err := c.Fetch(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, q, w)
	}
	vault.Forget("job")
	q := request(t, 0, 1<<30, w)
	q.Sources[0].Tasks, q.Sources[0].Attempts = append(q.Sources[0].Tasks, 99), append(q.Sources[0].Attempts, 100)
	var gone *MissingError
	if _, err := c.Fetch(t.Context(), q); !errors.As(err, &gone) || len(gone.Runs) != 1 || gone.Runs[0].Task != 99 || gone.Runs[0].Worker != ledger.InStore {
		t.Errorf("a run that is not there: %v", err)
	}
	q = Request{Job: "job", Stage: 2, Partition: parts, Memory: budget.New(1), Scratch: filepath.Join(t.TempDir(), "s"), Sources: q.Sources}
	if _, err := c.Fetch(t.Context(), q); err == nil {
		t.Error("a partition that there is not")
	}
}
