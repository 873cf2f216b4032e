package reduceside

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	shufflev1 "github.com/mrctl/mrctl/api/shuffle/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/budget"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/worker/mapside"
	"github.com/mrctl/mrctl/worker/runs"
	"github.com/mrctl/mrctl/worker/shuffle"
	"github.com/mrctl/mrctl/worker/table"
)

// mapper emits pairs that a test has made, whatever it is sent.
type mapper struct {
	table.NamedSource // of no outputs
	ctx               context.Context
	pairs             []row
	size              int
}

func (m *mapper) Buffer(n int) *rows.Records                  { return &rows.Records{Data: make([]byte, 0, n)} }
func (m *mapper) Send(context.Context, *rows.Records) error   { return nil }
func (m *mapper) CloseSend() error                            { return nil }
func (m *mapper) Next(context.Context) (*rows.Records, error) { return nil, io.EOF }
func (m *mapper) Read() int64                                 { return 0 }
func (m *mapper) Close() error                                { return nil }
func (m *mapper) Counters() *pluginv1.Counters {
	return &pluginv1.Counters{PairsOut: uint64(len(m.pairs))}
}
func (m *mapper) Recv() (*boundary.Pairs, error) {
	if len(m.pairs) == 0 {
		return nil, io.EOF
	}
	n := min(m.size, len(m.pairs))
	b := &boundary.Pairs{}
	for _, p := range m.pairs[:n] {
		b.Append([]byte(p.word), number.Append(nil, p.count))
	}
	m.pairs = m.pairs[n:]
	return b, nil
}

// flaky breaks streams now and then.
type flaky struct {
	grpc.ServerStream
	broken func() bool
}

func (f flaky) SendMsg(m any) error {
	if f.broken() {
		return status.Error(codes.Unavailable, "broken off")
	}
	return f.ServerStream.SendMsg(m)
}

// tell adds sources in some order, a few at a time, some twice.
func tell(t *testing.T, r *rand.Rand, to *Sources, all []*sessionv1.Source) {
	var one []*sessionv1.Source
	for _, s := range all {
		for i, task := range s.Tasks {
			one = append(one, &sessionv1.Source{Worker: s.Worker, Addr: s.Addr, Tasks: []uint32{task}, Attempts: s.Attempts[i : i+1], Digests: s.Digests[i : i+1]})
		}
	}
	r.Shuffle(len(one), func(i, j int) { one[i], one[j] = one[j], one[i] })
	for len(one) > 0 {
		n := 1 + r.IntN(len(one))
		if err := to.Add(one[:n], nil); err != nil {
			t.Error(err)
		}
		one = one[max(n-r.IntN(2), 1):]
	}
}

// TestJobs runs whole jobs, maps and reduces on several workers with small and large budgets, over streams that break,
// and compares them with a map.
func TestJobs(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 9))
		memory := []int64{64 << 10, 300 << 10, 64 << 20}[r.IntN(3)]
		workers, maps, parts := 1+r.IntN(3), 1+r.IntN(12), 1+r.IntN(6)
		st := stage([]pluginv1.Stage_Fold{pluginv1.Stage_FOLD_UNSPECIFIED, pluginv1.Stage_FOLD_SUM}[r.IntN(2)], r.IntN(2) == 0)
		plain := st.Fold == pluginv1.Stage_FOLD_UNSPECIFIED && !st.HasReduce

		var mu sync.Mutex
		held := map[string]string{} // worker/task -> run
		lookup := func(w int) shuffle.Lookup {
			return func(_ string, _, task, _ uint32) (string, bool) {
				mu.Lock()
				defer mu.Unlock()
				path, ok := held[fmt.Sprint(w, "/", task)]
				return path, ok
			}
		}
		dice := rand.New(rand.NewPCG(seed, 10))
		broken := func() bool { mu.Lock(); defer mu.Unlock(); return dice.IntN(8) == 0 }
		var sources []*sessionv1.Source
		var stop []func()
		for w := range workers {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			s := grpc.NewServer(append(shuffle.ServerOptions(), grpc.StreamInterceptor(
				func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, h grpc.StreamHandler) error {
					return h(srv, flaky{ss, broken})
				}))...)
			shufflev1.RegisterShuffleServiceServer(s, shuffle.NewServer(lookup(w)))
			done := make(chan struct{})
			go func() { s.Serve(l); close(done) }()
			stop = append(stop, func() { s.Stop(); <-done })
			sources = append(sources, &sessionv1.Source{Worker: fmt.Sprint("w", w), Addr: l.Addr().String()})
		}

		var all []row
		for m := range maps {
			in := random(r, r.IntN(4000), 1+r.IntN(3000))
			if r.IntN(6) == 0 {
				in = append(in, row{strings.Repeat("huge", r.IntN(20_000)), 1})
			}
			all = append(all, in...)
			w := r.IntN(workers)
			ctx := t.Context()
			mp := &mapper{ctx: ctx, pairs: in, size: 1 + r.IntN(500)}
			res, err := mapside.Run(ctx, mapside.Task{
				ID: &sessionv1.AttemptID{Job: "j", Task: uint32(m)}, Stage: st, Partitions: parts, Memory: memory,
				Scratch: filepath.Join(t.TempDir(), "map"), FanIn: r.IntN(10), Codec: runs.Codec(r.IntN(3)),
			}, mapside.Deps{
				Open: func(context.Context, func(int) *rows.Records, func(string, int64, []byte, error)) (mapside.Records, error) {
					return mp, nil
				},
				Map: func(context.Context, *pluginv1.MapStart) (mapside.Mapper, error) { return mp, nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			held[fmt.Sprint(w, "/", m)] = res.RunPath
			mu.Unlock()
			sources[w].Tasks, sources[w].Attempts = append(sources[w].Tasks, uint32(m)), append(sources[w].Attempts, 1)
			sources[w].Digests = append(sources[w].Digests, res.Digest[:])
		}

		var got []row
		for p := range parts {
			w := r.IntN(workers)
			conns := shuffle.NewConns(grpc.WithTransportCredentials(insecure.NewCredentials()))
			out := &part{}
			bud := budget.New(0)
			src := NewSources(maps)
			var told sync.WaitGroup
			told.Go(func() { tell(t, rand.New(rand.NewPCG(seed, uint64(p))), src, sources) })
			_, err := Run(t.Context(), Task{
				ID: &sessionv1.AttemptID{Job: "j", Task: uint32(p)}, Stage: st, Sources: src, Partitions: parts,
				Memory: memory, Scratch: filepath.Join(t.TempDir(), "reduce"), FanIn: r.IntN(10), Budget: bud,
			}, Deps{
				Fetch: shuffle.NewClient(shuffle.Config{
					Worker: fmt.Sprint("w", w), Lookup: lookup(w), Routes: conns.Routes, Tries: 100, Backoff: time.Millisecond,
				}),
				Reduce: func(ctx context.Context, _ *pluginv1.ReduceStart) (Reducer, error) { return newReducer(ctx, t), nil },
				Part:   func(context.Context, *arrow.Schema) (table.PartWriter, error) { return out, nil },
			})
			if err != nil {
				t.Fatalf("seed %d, partition %d: %v", seed, p, err)
			}
			if bud.Used() != 0 {
				t.Fatalf("%d bytes counted to the end", bud.Used())
			}
			got = append(got, out.rows...)
			conns.Close()
			told.Wait()
		}
		for _, s := range stop {
			s()
		}
		want := sums(all)
		if plain {
			want = slices.Clone(all)
			slices.SortFunc(want, byRow)
		}
		slices.SortFunc(got, byRow)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %d rows, want %d, or others", seed, len(got), len(want))
		}
	}
}
