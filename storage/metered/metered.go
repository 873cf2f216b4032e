// Package metered counts what passes through a store: calls, failures, bytes and latencies by operation.
package metered

import (
	"context"
	"io"
	"iter"
	"math/bits"
	"sync"
	"time"

	"github.com/mrctl/mrctl/storage"
)

// Op names an operation of a store.
type Op string

// The operations. The bytes of streams count where they move: those of Open at Read, those of Create at Write. A List
// is one call however many requests it takes.
const (
	Get     Op = "get"
	Open    Op = "open"
	Read    Op = "read"
	Stat    Op = "stat"
	PutIf   Op = "put"
	Create  Op = "create"
	Write   Op = "write"
	Stage   Op = "stage"
	Publish Op = "publish"
	Discard Op = "discard"
	List    Op = "list"
	Delete  Op = "delete"
	Pending Op = "pending"
)

// Stats are the figures of one operation since the store was decorated. They only grow.
type Stats struct {
	Calls   uint64
	Failed  uint64 // calls that returned an error, refused conditions included
	Bytes   uint64
	Total   time.Duration
	Most    time.Duration
	Buckets [Buckets]uint64 // calls by latency: bucket i has those below Bound(i) and not below Bound(i-1)
}

// Buckets is how many classes of latency there are; the last takes what is longer.
const Buckets = 28

// Bound is the upper bound of a bucket: 1 µs, 2 µs, 4 µs and so on to some two minutes.
func Bound(bucket int) time.Duration { return time.Microsecond << bucket }

// Quantile estimates, from above, the latency that a share q of the calls stayed below. It is within a factor of two.
func (s Stats) Quantile(q float64) time.Duration {
	rank, seen := uint64(q*float64(s.Calls)), uint64(0)
	for i, n := range s.Buckets {
		if seen += n; seen > 0 && seen >= rank {
			return min(Bound(i), s.Most)
		}
	}
	return s.Most
}

// Snapshot holds the figures of all operations that were called.
type Snapshot map[Op]Stats

// Store counts and passes on.
type Store struct {
	inner storage.Store

	mu    sync.Mutex
	stats map[Op]*Stats // guarded by mu
}

// New decorates a store.
func New(s storage.Store) *Store { return &Store{inner: s, stats: map[Op]*Stats{}} }

// Snapshot copies the figures.
func (s *Store) Snapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(Snapshot, len(s.stats))
	for op, st := range s.stats {
		all[op] = *st
	}
	return all
}

// count enters one call that began at start.
func (s *Store) count(op Op, start time.Time, n int, err error) {
	took := time.Since(start)
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats[op]
	if st == nil {
		st = &Stats{}
		s.stats[op] = st
	}
	st.Calls++
	if err != nil {
		st.Failed++
	}
	st.Bytes += uint64(n)
	st.Total += took
	st.Most = max(st.Most, took)
	st.Buckets[min(bits.Len64(uint64(took/time.Microsecond)), Buckets-1)]++
}

// Get implements storage.Store.
func (s *Store) Get(ctx context.Context, key string) ([]byte, storage.Info, error) {
	start := time.Now()
	body, info, err := s.inner.Get(ctx, key)
	s.count(Get, start, len(body), err)
	return body, info, err
}

// Open implements storage.Store.
func (s *Store) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, storage.Info, error) {
	start := time.Now()
	r, info, err := s.inner.Open(ctx, key, off, n)
	s.count(Open, start, 0, err)
	if err != nil {
		return nil, info, err
	}
	return &reader{ReadCloser: r, s: s}, info, nil
}

// Stat implements storage.Store.
func (s *Store) Stat(ctx context.Context, key string) (storage.Info, error) {
	start := time.Now()
	info, err := s.inner.Stat(ctx, key)
	s.count(Stat, start, 0, err)
	return info, err
}

// PutIf implements storage.Store.
func (s *Store) PutIf(ctx context.Context, key string, body []byte, want storage.Version) (storage.Version, error) {
	start := time.Now()
	v, err := s.inner.PutIf(ctx, key, body, want)
	s.count(PutIf, start, len(body), err)
	return v, err
}

// Create implements storage.Store.
func (s *Store) Create(ctx context.Context, key string, meta map[string]string) (storage.Writer, error) {
	start := time.Now()
	w, err := s.inner.Create(ctx, key, meta)
	s.count(Create, start, 0, err)
	if err != nil {
		return nil, err
	}
	return &writer{Writer: w, s: s}, nil
}

// Publish implements storage.Store.
func (s *Store) Publish(ctx context.Context, t storage.Token) (storage.Info, error) {
	start := time.Now()
	info, err := s.inner.Publish(ctx, t)
	s.count(Publish, start, 0, err)
	return info, err
}

// Discard implements storage.Store.
func (s *Store) Discard(ctx context.Context, t storage.Token) error {
	start := time.Now()
	err := s.inner.Discard(ctx, t)
	s.count(Discard, start, 0, err)
	return err
}

// List implements storage.Store. The time its caller spends on each key is counted too.
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		start := time.Now()
		var failed error
		defer func() { s.count(List, start, 0, failed) }()
		for info, err := range s.inner.List(ctx, prefix, after) {
			failed = err
			if !yield(info, err) {
				return
			}
		}
	}
}

// Delete implements storage.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	start := time.Now()
	err := s.inner.Delete(ctx, key)
	s.count(Delete, start, 0, err)
	return err
}

// PendingOf implements storage.Sweeper. A store that cannot tell has nothing pending.
func (s *Store) PendingOf(ctx context.Context, key string) ([]storage.Pending, error) {
	sweeper, ok := s.inner.(storage.Sweeper)
	if !ok {
		return nil, nil
	}
	start := time.Now()
	found, err := sweeper.PendingOf(ctx, key)
	s.count(Pending, start, 0, err)
	return found, err
}

type reader struct {
	io.ReadCloser
	s *Store
}

func (r *reader) Read(p []byte) (int, error) {
	start := time.Now()
	n, err := r.ReadCloser.Read(p)
	failed := err
	if err == io.EOF {
		failed = nil
	}
	r.s.count(Read, start, n, failed)
	return n, err
}

type writer struct {
	storage.Writer
	s *Store
}

func (w *writer) Write(p []byte) (int, error) {
	start := time.Now()
	n, err := w.Writer.Write(p)
	w.s.count(Write, start, n, err)
	return n, err
}

func (w *writer) Stage(ctx context.Context) (storage.Token, error) {
	start := time.Now()
	t, err := w.Writer.Stage(ctx)
	w.s.count(Stage, start, 0, err)
	return t, err
}
