package shuffle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	shufflev1 "github.com/mrctl/mrctl/api/shuffle/v1"
	"github.com/mrctl/mrctl/internal/budget"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/frame"
	"github.com/mrctl/mrctl/worker/runs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// worker is one producer: its runs and its server on a real socket.
type worker struct {
	name, addr string
	paths      map[uint32]string // by task; attempts are task+1
	// tamper, if set, sees each frame before it is sent; an error breaks the stream.
	tamper atomic.Pointer[func(*shufflev1.FetchResponse, *frame.Loose) error]
	server *grpc.Server
}

func (w *worker) lookup(job string, stage, task, attempt uint32) (string, bool) {
	p, ok := w.paths[task]
	return p, ok && job == "job" && stage == 2 && attempt == task+1
}

type tampered struct {
	grpc.ServerStream
	w *worker
}

func (s tampered) SendMsg(m any) error {
	if f := s.w.tamper.Load(); f != nil {
		msg, ok := m.(*frame.Loose)
		if !ok {
			msg = &frame.Loose{Head: m.(*shufflev1.FetchResponse)}
		}
		if err := (*f)(msg.Head.(*shufflev1.FetchResponse), msg); err != nil {
			return err
		}
	}
	return s.ServerStream.SendMsg(m)
}

// start serves runs of the tasks given, each with rows of random size in parts partitions.
func start(t testing.TB, name string, r *rand.Rand, tasks []uint32, parts, size int) *worker {
	w := &worker{name: name, paths: map[uint32]string{}}
	for _, task := range tasks {
		path := filepath.Join(t.TempDir(), fmt.Sprint("run-", task))
		run, err := runs.Create(path, parts, runs.Options{Block: 4 << 10, Digest: runs.SumPairs, Codec: runs.Codec(r.IntN(3))})
		if err != nil {
			t.Fatal(err)
		}
		for part := range parts {
			if r.IntN(5) == 0 {
				continue // an empty partition
			}
			for i := range 1 + r.IntN(20) {
				val := make([]byte, r.IntN(size))
				for j := range val {
					val[j] = byte(r.Uint32())
				}
				if err := run.Append(&runs.Pair{Part: part, Key: fmt.Appendf(nil, "%d-%03d", task, i), Val: val}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := run.Finish(); err != nil {
			t.Fatal(err)
		}
		w.paths[task] = path
	}
	w.serve(t)
	return w
}

// serve starts the worker's server, with o beside the usual options.
func (w *worker) serve(t testing.TB, o ...grpc.ServerOption) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = l.Addr().String()
	server := grpc.NewServer(append(append(ServerOptions(), o...), grpc.StreamInterceptor(
		func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			return handler(srv, tampered{ss, w})
		}))...)
	shufflev1.RegisterShuffleServiceServer(server, NewServer(w.lookup))
	served := make(chan struct{})
	go func() { server.Serve(l); close(served) }()
	t.Cleanup(func() { server.Stop(); <-served })
	w.server = server
}

func (w *worker) source() *sessionv1.Source {
	s := &sessionv1.Source{Worker: w.name, Addr: w.addr}
	for task := range w.paths {
		s.Tasks = append(s.Tasks, task)
	}
	slices.Sort(s.Tasks)
	for _, task := range s.Tasks {
		s.Attempts = append(s.Attempts, task+1)
	}
	return s
}

// bytesOf is one partition of a run, as it lies on the producer's disk.
func (w *worker) bytesOf(t testing.TB, task uint32, part int) []byte {
	t.Helper()
	sec, err := section(w.paths[task], part)
	if err != nil {
		t.Fatal(err)
	}
	return slice(t, sec)
}

func slice(t testing.TB, r runs.Range) []byte {
	t.Helper()
	if r.Mem != nil || r.Len == 0 {
		return r.Mem
	}
	all, err := os.ReadFile(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	return all[r.Off : r.Off+r.Len]
}

func client(t testing.TB, own *worker, cfg Config) *Client {
	return clientWith(t, insecure.NewCredentials(), own, cfg)
}

func clientWith(t testing.TB, creds credentials.TransportCredentials, own *worker, cfg Config) *Client {
	conns := NewConns(grpc.WithTransportCredentials(creds))
	t.Cleanup(func() { conns.Close() })
	cfg.Worker, cfg.Lookup, cfg.Routes = "reader", func(string, uint32, uint32, uint32) (string, bool) { return "", false }, conns.Routes
	if own != nil {
		cfg.Worker, cfg.Lookup = own.name, own.lookup
	}
	cfg.Backoff = time.Millisecond
	return NewClient(cfg)
}

func request(t testing.TB, part uint32, memory int64, from ...*worker) Request {
	q := Request{Job: "job", Stage: 2, Partition: part, Memory: budget.New(memory), Scratch: filepath.Join(t.TempDir(), "scratch")}
	for _, w := range from {
		q.Sources = append(q.Sources, w.source())
	}
	return q
}

// same checks that every section landed as its producer has it.
func same(t *testing.T, got Fetched, q Request, from ...*worker) {
	t.Helper()
	n := 0
	for _, w := range from {
		for task := range w.paths {
			n++
			i := slices.IndexFunc(got.Sections, func(l Landed) bool { return l.Task == task && l.Worker == w.name })
			if i < 0 {
				t.Fatalf("task %d of %s did not land", task, w.name)
			}
			l := got.Sections[i]
			if want := w.bytesOf(t, task, int(q.Partition)); !bytes.Equal(slice(t, l.Range), want) || l.Attempt != task+1 {
				t.Fatalf("task %d of %s landed as other bytes", task, w.name)
			}
			want, err := section(w.paths[task], int(q.Partition))
			if err != nil || want.Totals != l.Range.Totals {
				t.Fatalf("totals %+v, want %+v (%v)", l.Range.Totals, want.Totals, err)
			}
		}
	}
	if len(got.Sections) != n {
		t.Fatalf("%d sections for %d runs", len(got.Sections), n)
	}
	if q.Memory.Used() > 0 && q.Memory.Peak() > 0 {
		got.release()
	}
	if q.Memory.Used() != 0 {
		t.Fatalf("%d bytes not given back", q.Memory.Used())
	}
}

func TestFetch(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 1))
		a := start(t, "a", r, []uint32{0, 3, 4}, 4, 1+r.IntN(200_000))
		b := start(t, "b", r, []uint32{1, 5, 6, 7, 8}, 4, 3000)
		own := start(t, "c", r, []uint32{2, 9}, 4, 3000)
		c := client(t, own, Config{Streams: 1 + r.IntN(3)})
		for part := range uint32(4) {
			memory := []int64{1, 20_000, 1 << 30}[r.IntN(3)]
			q := request(t, part, memory, a, b, own)
			got, err := c.Fetch(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if peak := q.Memory.Peak(); peak > memory {
				t.Fatalf("landed %d bytes in memory of %d", peak, memory)
			}
			if memory == 1 && got.Bytes != got.Spilled {
				t.Fatalf("%d bytes came, %d went to scratch", got.Bytes, got.Spilled)
			}
			same(t, got, q, a, b, own)
		}
	}
}

// flip changes a bit of a body on its way.
func flip(msg *frame.Loose, at int) {
	b := msg.Body.Materialize()
	b[at] ^= 4
	msg.Free()
	msg.Body = append(msg.Body, mem.SliceBuffer(b))
}

// TestResume breaks streams at random frames, in each of the ways they break.
func TestResume(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 2))
		w := start(t, "a", r, []uint32{0, 1, 2, 3}, 2, 400_000)
		var mu sync.Mutex
		var sent, breaks int
		flipped := false
		tamper := func(m *shufflev1.FetchResponse, msg *frame.Loose) error {
			mu.Lock()
			defer mu.Unlock()
			sent += msg.Body.Len()
			if r.IntN(4) > 0 {
				return nil
			}
			breaks++
			switch r.IntN(4) {
			case 0:
				return status.Error(codes.Unavailable, "broken off")
			case 1: // damage on the way
				if !flipped && msg.Body.Len() > 0 { // a run that is damaged twice is so at its producer
					flip(msg, r.IntN(msg.Body.Len()))
					flipped = true
				}
			case 2: // a frame that is not due
				m.Run += 2
			case 3: // the end, too early
				m.End = true
				msg.Free()
			}
			return nil
		}
		w.tamper.Store(&tamper)
		c := client(t, nil, Config{Tries: 100})
		q := request(t, uint32(r.IntN(2)), []int64{1, 1 << 30}[r.IntN(2)], w)
		got, err := c.Fetch(t.Context(), q)
		if err != nil {
			t.Fatalf("seed %d after %d breaks: %v", seed, breaks, err)
		}
		same(t, got, q, w)
	}
}

// TestConnectionLost closes sockets in the middle of frames.
func TestConnectionLost(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	w := start(t, "a", r, []uint32{0, 1, 2}, 1, 800_000)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	var cuts atomic.Int32
	wg.Go(func() { // a proxy that cuts after some megabytes
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", w.addr)
			if err != nil {
				in.Close()
				return
			}
			room := int64(2 << 20)
			if cuts.Add(1) > 5 {
				room = 1 << 40
			}
			wg.Go(func() { copyN(in, out, room); in.Close(); out.Close() })
			wg.Go(func() { copyN(out, in, 1<<40); in.Close(); out.Close() })
		}
	})
	c := client(t, nil, Config{Tries: 100})
	q := request(t, 0, 1<<30, w)
	q.Sources[0].Addr = l.Addr().String()
	got, err := c.Fetch(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if cuts.Load() < 2 {
		t.Fatal("the connection was never cut")
	}
	same(t, got, q, w)
}

func copyN(dst, src net.Conn, n int64) {
	buf := make([]byte, 32<<10)
	for n > 0 {
		k, err := src.Read(buf)
		if err != nil {
			return
		}
		if _, err := dst.Write(buf[:k]); err != nil {
			return
		}
		n -= int64(k)
	}
}

func missing(t *testing.T, err error) (tasks []uint32) {
	t.Helper()
	var m *MissingError
	if !errors.As(err, &m) || !errs.Is(err, errs.Unavailable) {
		t.Fatalf("not a MissingError: %v", err)
	}
	for _, r := range m.Runs {
		if r.Attempt != r.Task+1 || r.Worker == "" || r.Why == "" {
			t.Fatalf("missing %+v", r)
		}
		tasks = append(tasks, r.Task)
	}
	slices.Sort(tasks)
	return tasks
}

func TestMissing(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	a := start(t, "a", r, []uint32{0, 1, 2, 3, 4}, 1, 50_000)
	b := start(t, "b", r, []uint32{5}, 1, 5000)
	dead := start(t, "dead", r, []uint32{6, 7}, 1, 5000)
	own := start(t, "own", r, []uint32{8, 9}, 1, 5000)
	q := request(t, 0, 1<<30, a, b, dead, own)
	dead.server.Stop()
	delete(a.paths, 1)                                               // released
	os.Remove(a.paths[2])                                            // lost from disk
	damage(t, a.paths[3], func(b []byte) { b[len(b)/3] ^= 1 })       // bad disk, in a block
	damage(t, b.paths[5], func(b []byte) { b[len(b)-1] ^= 1 })       // bad disk, in the footer
	delete(own.paths, 8)                                             // of the reader itself
	damage(t, own.paths[9], func(b []byte) { copy(b, "MRRUN\x00") }) // no damage at all
	c := client(t, own, Config{Tries: 2})
	_, err := c.Fetch(t.Context(), q)
	if got := missing(t, err); !slices.Equal(got, []uint32{1, 2, 3, 5, 6, 7, 8}) {
		t.Fatalf("missing %v: %v", got, err)
	}
	if q.Memory.Used() != 0 {
		t.Fatalf("%d bytes not given back", q.Memory.Used())
	}
}

func damage(t *testing.T, path string, f func([]byte)) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f(b)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestStalledProducer(t *testing.T) {
	w := start(t, "a", rand.New(rand.NewPCG(5, 5)), []uint32{0}, 1, 5000)
	release := make(chan struct{})
	tamper := func(*shufflev1.FetchResponse, *frame.Loose) error { <-release; return nil }
	w.tamper.Store(&tamper)
	c := client(t, nil, Config{Tries: 2, Stall: 20 * time.Millisecond})
	_, err := c.Fetch(t.Context(), request(t, 0, 1<<30, w))
	close(release)
	if got := missing(t, err); len(got) != 1 || !strings.Contains(err.Error(), "nothing came for 20ms") {
		t.Fatal(err)
	}
}

func TestScratchFull(t *testing.T) {
	w := start(t, "a", rand.New(rand.NewPCG(6, 6)), []uint32{0, 1, 2, 3}, 1, 5000)
	q := request(t, 0, 1, w)
	if err := os.WriteFile(q.Scratch, nil, 0o600); err != nil { // a file where the folder should be
		t.Fatal(err)
	}
	_, err := client(t, nil, Config{}).Fetch(t.Context(), q)
	var m *MissingError
	if !errs.Is(err, errs.Unavailable) || errors.As(err, &m) || !strings.Contains(err.Error(), q.Scratch) {
		t.Fatalf("the reader's own disk is at fault, not %v", err)
	}
}

func TestCancel(t *testing.T) {
	w := start(t, "a", rand.New(rand.NewPCG(7, 7)), []uint32{0, 1}, 1, 500_000)
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	tamper := func(*shufflev1.FetchResponse, *frame.Loose) error { cancel(stop); return nil }
	w.tamper.Store(&tamper)
	q := request(t, 0, 1<<30, w)
	q.Progress = func(int64) { <-ctx.Done() }
	if _, err := client(t, nil, Config{}).Fetch(ctx, q); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	if q.Memory.Used() != 0 {
		t.Fatalf("%d bytes not given back", q.Memory.Used())
	}
}

func BenchmarkFetch(b *testing.B) {
	w := start(b, "a", rand.New(rand.NewPCG(8, 8)), []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, 1, 2_000_000)
	c := client(b, nil, Config{})
	var n int64
	for b.Loop() {
		got, err := c.Fetch(b.Context(), request(b, 0, 1<<40, w))
		if err != nil {
			b.Fatal(err)
		}
		n = got.Bytes
		got.release()
	}
	b.SetBytes(n)
}
