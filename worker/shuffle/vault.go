package shuffle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/grpc/mem"

	shufflev1 "github.com/mrctl/mrctl/api/shuffle/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/frame"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/worker/runs"
)

// storeLanes is over how many streams a reader takes runs out of the store. Each is one ranged read at a time, most of
// which is waiting for its first byte.
const storeLanes = 8

// Vault is the way to runs that lie in the store. What a lane reads from it is checked and landed as what comes from a
// worker is. It is safe for concurrent use.
type Vault struct {
	store      storage.Store
	partitions func(job string, stage int) int

	mu      sync.Mutex
	indexes map[string]map[string]*runs.File // guarded by mu; by job and key: each reduce of a job here wants one section of every run
}

// NewVault makes a vault over the cluster's store. partitions gives how many a stage of a job has; it is asked for jobs that a
// reduce here works for.
func NewVault(store storage.Store, partitions func(job string, stage int) int) *Vault {
	return &Vault{store: store, partitions: partitions, indexes: map[string]map[string]*runs.File{}}
}

// Forget drops what is known of a job's runs.
func (v *Vault) Forget(job string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.indexes, job)
}

// Open implements Route.
func (v *Vault) Open(ctx context.Context, req *shufflev1.FetchRequest) (Frames, error) {
	return &withdrawal{v: v, ctx: ctx, req: req}, nil
}

// index reads the index of a run, once. Readers that come at the same time may read it twice.
func (v *Vault) index(ctx context.Context, job string, stage int, key string, ordered bool) (*runs.File, error) {
	v.mu.Lock()
	file := v.indexes[job][key]
	v.mu.Unlock()
	if file != nil {
		return file, nil
	}
	info, err := v.store.Stat(ctx, key)
	if err != nil {
		return nil, err
	}
	last := func(n int64) ([]byte, error) { return v.last(ctx, key, info.Size, n) }
	if ordered {
		file, err = runs.OpenOrdered(key, info.Size, last)
	} else {
		var end []byte
		if end, err = last(min(runs.IndexSize(v.partitions(job, stage)), info.Size)); err == nil {
			file, err = runs.OpenIndex(key, info.Size, end)
		}
	}
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.indexes[job] == nil {
		v.indexes[job] = map[string]*runs.File{}
	}
	v.indexes[job][key] = file
	return file, nil
}

// last reads the last n bytes of an object.
func (v *Vault) last(ctx context.Context, key string, size, n int64) ([]byte, error) {
	body, _, err := v.store.Open(ctx, key, size-n, n)
	if err != nil {
		return nil, err
	}
	defer body.Close() // only read
	end := make([]byte, n)
	_, err = io.ReadFull(body, end)
	return end, err
}

// withdrawal reads the sections of one request, one after the other, in the frames in which a worker would send them.
type withdrawal struct {
	v   *Vault
	ctx context.Context
	req *shufflev1.FetchRequest
	run int // the present one

	body io.ReadCloser // of the present section; nil: not opened yet
	at   int64
	len  int64
}

// RecvMsg implements Frames. What is wrong with one run is told in its place; an error is the store's.
func (w *withdrawal) RecvMsg(m any) error {
	msg := m.(*frame.Loose)
	head := msg.Head.(*shufflev1.FetchResponse)
	msg.Free()
	head.Reset()
	if w.run == len(w.req.GetRuns()) {
		return io.EOF
	}
	head.Run = uint32(w.run)
	if err := w.next(msg, head); err != nil {
		w.end()
		var damage *runs.CorruptError
		if errors.Is(err, storage.ErrNotExist) || errors.As(err, &damage) {
			head.Missing = err.Error()
			w.run++
			return nil
		}
		return errs.E(errs.Unavailable, "fetch from the store", "", err)
	}
	return nil
}

// next fills in the next frame of the present run.
func (w *withdrawal) next(msg *frame.Loose, head *shufflev1.FetchResponse) error {
	if w.body == nil {
		if err := w.open(head); err != nil {
			return err
		}
	}
	buf := frame.Pool.Get(int(min(w.len-w.at, bodySize)))
	body := mem.NewBuffer(buf, frame.Pool)
	if _, err := io.ReadFull(w.body, *buf); err != nil {
		body.Free()
		return fmt.Errorf("at byte %d of %d: %w", w.at, w.len, err)
	}
	msg.Body = append(msg.Body, body)
	head.At = uint64(w.at)
	w.at += int64(len(*buf))
	if head.End = w.at == w.len; head.End {
		w.end()
		w.run++
	}
	return nil
}

// open begins with the present run.
func (w *withdrawal) open(head *shufflev1.FetchResponse) error {
	run := w.req.GetRuns()[w.run]
	key := ledger.RunKey(w.req.GetJob(), int(w.req.GetStage()), int(run.GetTask()), int32(run.GetAttempt()))
	file, err := w.v.index(w.ctx, w.req.GetJob(), int(w.req.GetStage()), key, w.req.GetSpan() != nil)
	if err != nil {
		return err
	}
	sec, err := sectionOf(file, w.req)
	if err != nil {
		return err
	}
	w.at, w.len = int64(run.GetSkip()), sec.Len
	if w.at > w.len {
		return errs.New(errs.Invalid, "skip %d of a section of %d bytes", w.at, w.len)
	}
	head.RangeLength = uint64(w.len)
	if w.at == w.len {
		w.body = io.NopCloser(eof{})
		return nil
	}
	w.body, _, err = w.v.store.Open(w.ctx, key, sec.Off+w.at, w.len-w.at)
	return err
}

// Close implements io.Closer.
func (w *withdrawal) Close() error { w.end(); return nil }

// end is done with the present section.
func (w *withdrawal) end() {
	if w.body != nil {
		w.body.Close() // only read
		w.body = nil
	}
}

// eof is the body of nothing.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }
