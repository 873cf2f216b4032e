package shuffle

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	shufflev1 "github.com/mrctl/mrctl/api/shuffle/v1"
	"github.com/mrctl/mrctl/internal/frame"
	"github.com/mrctl/mrctl/worker/runs"
)

// pipe is a route to a worker with no network between: the server's own code, and faults as values.
type pipe struct {
	w *worker
	// fault, if set, is asked for what becomes of frame n of a stream: what is delivered in its place, and the error that
	// ends the stream. It may wait, but not beyond ctx.
	fault func(ctx context.Context, n int, m *shufflev1.FetchResponse) ([]*shufflev1.FetchResponse, error)

	mu    sync.Mutex
	opens []*shufflev1.FetchRequest // guarded by mu
	sent  int                       // guarded by mu; bytes delivered
}

func (p *pipe) Open(ctx context.Context, req *shufflev1.FetchRequest) (Frames, error) {
	p.mu.Lock()
	p.opens = append(p.opens, req)
	p.mu.Unlock()
	s := &pipeStream{ctx: ctx, p: p, frames: make(chan *shufflev1.FetchResponse), end: make(chan error, 1)}
	go func() {
		err := NewServer(p.w.lookup).Fetch(req, s)
		if err == nil {
			err = io.EOF
		}
		s.end <- err
	}()
	return s, nil
}

func (p *pipe) opened() []*shufflev1.FetchRequest {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.opens)
}

// pipeStream is both ends of a stream.
type pipeStream struct {
	grpc.ServerStream
	ctx    context.Context
	p      *pipe
	n      int
	frames chan *shufflev1.FetchResponse
	end    chan error
}

func (s *pipeStream) Send(m *shufflev1.FetchResponse) error { return s.deliver(proto.CloneOf(m)) }

func (s *pipeStream) SendMsg(v any) error {
	l := v.(*frame.Loose)
	m := proto.CloneOf(l.Head.(*shufflev1.FetchResponse))
	m.Body = l.Body.Materialize()
	return s.deliver(m)
}

func (s *pipeStream) deliver(m *shufflev1.FetchResponse) error {
	all, err := []*shufflev1.FetchResponse{m}, error(nil)
	if s.p.fault != nil {
		all, err = s.p.fault(s.ctx, s.n, m)
	}
	s.n++
	for _, m := range all {
		select {
		case s.frames <- m:
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
	return err
}

func (s *pipeStream) RecvMsg(v any) error {
	l := v.(*frame.Loose)
	l.Free()
	select {
	case m := <-s.frames:
		s.p.mu.Lock()
		s.p.sent += len(m.Body)
		s.p.mu.Unlock()
		l.Body = append(l.Body, mem.SliceBuffer(m.Body))
		m.Body = nil
		proto.Reset(l.Head)
		proto.Merge(l.Head, m)
		return nil
	case err := <-s.end:
		return err
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// holder is a worker that is reached through pipes alone. Each of its runs has size bytes of values in each partition.
func holder(t testing.TB, tasks, parts, size int) *worker {
	t.Helper()
	w := &worker{name: "a", paths: map[uint32]string{}}
	r := rand.NewChaCha8([32]byte{})
	for task := range tasks {
		path := filepath.Join(t.TempDir(), fmt.Sprint("run-", task))
		run, err := runs.Create(path, parts, runs.Options{Block: 64 << 10, Digest: runs.SumPairs})
		if err != nil {
			t.Fatal(err)
		}
		for p := (runs.Pair{Val: make([]byte, 1000)}); p.Part < parts; p.Part++ {
			for i := range size / len(p.Val) {
				p.Key = fmt.Appendf(p.Key[:0], "%06d", i)
				_, _ = r.Read(p.Val) // never fails
				if err := run.Append(&p); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := run.Finish(); err != nil {
			t.Fatal(err)
		}
		w.paths[uint32(task)] = path
	}
	return w
}

// wait is what a fault does to be slow.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// stallAfter is a fault that delivers n frames of a stream and then nothing.
func stallAfter(n int) func(context.Context, int, *shufflev1.FetchResponse) ([]*shufflev1.FetchResponse, error) {
	return func(ctx context.Context, at int, m *shufflev1.FetchResponse) ([]*shufflev1.FetchResponse, error) {
		if at >= n {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return []*shufflev1.FetchResponse{m}, nil
	}
}
