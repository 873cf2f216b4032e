package mapside

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/worker/runs"
)

func identityStage() *pluginv1.Stage {
	return &pluginv1.Stage{
		KeySchema: schema(arrow.Field{Name: "key", Type: arrow.BinaryTypes.Binary}), ValueSchema: schema(), Identity: true,
	}
}

// batches gives records in batches, into the buffers it is given, as a reader of splits does.
type batches struct {
	in     [][][]byte
	buffer func(int) *rows.Records
	end    string // of each record, as lines have them
	object string
	at     int64
}

func (b *batches) Next(context.Context) (*rows.Records, error) {
	if len(b.in) == 0 {
		return nil, io.EOF
	}
	n := 0
	for _, rec := range b.in[0] {
		n += len(rec) + len(b.end)
	}
	out := b.buffer(n)
	out.Off, out.Terminated = append(out.Off, 0), b.end != ""
	out.Origins = []rows.Origin{{Object: b.object, Offset: b.at}}
	for _, rec := range b.in[0] {
		out.Data = append(append(out.Data, rec...), b.end...)
		out.Off = append(out.Off, int32(len(out.Data)))
	}
	b.at += int64(n)
	b.in = b.in[1:]
	return out, nil
}
func (b *batches) Read() int64  { return b.at }
func (b *batches) Close() error { return nil }

// echo is the plugin that an identity map does without: it sends each record back as a pair.
type echo struct{ *plugin }

func (e echo) Send(ctx context.Context, b *rows.Records) error {
	out := &boundary.Pairs{}
	for i := range b.Len() {
		rec := b.Data[b.Off[i]:b.Off[i+1]]
		if b.Terminated {
			rec = withoutEnd(rec)
		}
		out.Append(rec, nil)
		e.pairs++
	}
	select {
	case e.out <- out:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func runIdentity(t *testing.T, tk Task, in *batches, through bool) (Result, error) {
	t.Helper()
	if through {
		st := identityStage()
		st.Identity = false
		tk.Stage = st
	}
	return Run(t.Context(), tk, Deps{
		Open: func(_ context.Context, buffer func(int) *rows.Records, _ func(string, int64, []byte, error)) (Records, error) {
			in.buffer = buffer
			return in, nil
		},
		Map: func(ctx context.Context, _ *pluginv1.MapStart) (Mapper, error) {
			if !through {
				t.Error("the plugin was called")
			}
			return echo{newPlugin(ctx, tk.Partitions)}, nil
		},
	})
}

// pairs reads a run back.
func pairs(t *testing.T, path string) (out []runs.Pair) {
	t.Helper()
	f, err := runs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for part := range f.Partitions() {
		s, err := f.Section(part)
		if err != nil {
			t.Fatal(err)
		}
		m := runs.NewMerge([]runs.Range{s}, nil)
		for {
			p, err := m.Next()
			if err != nil {
				t.Fatal(err)
			}
			if p == nil {
				break
			}
			out = append(out, runs.Pair{Part: p.Part, Key: bytes.Clone(p.Key), Val: bytes.Clone(p.Val)})
		}
		m.Close()
	}
	return out
}

func someRecords(r *rand.Rand, size func() int) (in [][][]byte, all [][]byte) {
	for range r.IntN(20) {
		var b [][]byte
		for range 1 + r.IntN(500) {
			rec := make([]byte, size())
			for i := range rec {
				rec[i] = "ab\x00\xff"[r.IntN(4)]
			}
			b = append(b, rec)
		}
		in, all = append(in, b), append(all, b...)
	}
	return in, all
}

// What goes around the plugin is what would have come back from it: the same pairs, and the same digest.
func TestIdentityEqualsPlugin(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 21))
		fixed := 1 + r.IntN(120)
		size, end := func() int { return fixed }, ""
		if seed%2 == 0 { // lines, empty ones and long ones too
			size, end = func() int { return r.IntN(1 + r.IntN(300)) }, []string{"\n", "\r\n"}[r.IntN(2)]
		}
		in, all := someRecords(r, size)
		for _, memory := range []int64{64 << 10, 1 << 20, 64 << 20} {
			tk := task(t, 1+int(seed), memory, pluginv1.Stage_FOLD_UNSPECIFIED)
			tk.Stage = identityStage()
			around, err := runIdentity(t, tk, &batches{in: in, end: end}, false)
			if err != nil {
				t.Fatal(err)
			}
			if used, peak := tk.Budget.Used(), tk.Budget.Peak(); used != 0 || peak > memory {
				t.Fatalf("%d bytes counted to the end, %d of %d at most", used, peak, memory)
			}
			tk2 := task(t, 1+int(seed), memory, pluginv1.Stage_FOLD_UNSPECIFIED)
			through, err := runIdentity(t, tk2, &batches{in: in, end: end}, true)
			if err != nil {
				t.Fatal(err)
			}
			got, want := pairs(t, around.RunPath), pairs(t, through.RunPath)
			if !slices.EqualFunc(got, want, func(a, b runs.Pair) bool {
				return a.Part == b.Part && bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Val, b.Val)
			}) || len(got) != len(all) {
				t.Fatalf("seed %d, %d bytes: %d pairs of %d records, %d through the plugin, or others", seed, memory, len(got), len(all), len(want))
			}
			if around.Digest != through.Digest {
				t.Fatal("digests differ")
			}
			a, b := around.Tally, through.Tally
			if a.RecordsIn != b.RecordsIn || a.BytesIn != b.BytesIn || a.PairsOut != b.PairsOut || a.RowsOut != b.RowsOut {
				t.Fatalf("counted %v, through the plugin %v", a, b)
			}
		}
	}
}

// With key bytes the run has every record once, cut, by the partition of its key and in its order.
func TestKeyBytesEqualsNaiveSort(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 22))
		off, n := r.IntN(3)*r.IntN(20), 1+r.IntN(12)
		fixed := off + n + r.IntN(60)
		in, all := someRecords(r, func() int { return fixed })
		parts := 1 + r.IntN(6)
		slices.SortStableFunc(all, func(a, b []byte) int {
			ka, kb := a[off:off+n], b[off:off+n]
			return cmp.Or(cmp.Compare(codec.Partition(ka, parts), codec.Partition(kb, parts)), bytes.Compare(ka, kb))
		})
		for _, memory := range []int64{64 << 10, 64 << 20} {
			tk := task(t, parts, memory, pluginv1.Stage_FOLD_UNSPECIFIED)
			tk.Stage, tk.Job.Keys = identityStage(), fmt.Sprintf("%d:%d", off, n)
			res, err := runIdentity(t, tk, &batches{in: in}, false)
			if err != nil {
				t.Fatal(err)
			}
			var got [][]byte
			for i, p := range pairs(t, res.RunPath) {
				if len(p.Key) != n || i < len(all) && !bytes.Equal(p.Key, all[i][off:off+n]) || p.Part != codec.Partition(p.Key, parts) {
					t.Fatalf("seed %d: pair %d has key %q in partition %d", seed, i, p.Key, p.Part)
				}
				got = append(got, rows.AppendUncut(nil, p.Key, p.Val, off))
			}
			want := slices.Clone(all)
			slices.SortFunc(got, bytes.Compare)
			slices.SortFunc(want, bytes.Compare)
			if !slices.EqualFunc(got, want, bytes.Equal) {
				t.Fatalf("seed %d: %d records of %d, or others", seed, len(got), len(want))
			}
		}
	}
}

// again gives the same batch some times.
type again struct {
	b     *rows.Records
	times int
	read  int64
}

func (a *again) Next(context.Context) (*rows.Records, error) {
	if a.times--; a.times < 0 {
		return nil, io.EOF
	}
	a.read += int64(len(a.b.Data))
	return a.b, nil
}
func (a *again) Read() int64  { return a.read }
func (a *again) Close() error { return nil }

func TestNoAllocationPerRecord(t *testing.T) {
	const size, n, times = 100, 5000, 40
	b := &rows.Records{Data: bytes.Repeat([]byte("0123456789"), size*n/10)}
	for i := range n + 1 {
		b.Off = append(b.Off, int32(i*size))
	}
	tk := task(t, 4, 8<<20, pluginv1.Stage_FOLD_UNSPECIFIED) // spills several times
	tk.Stage, tk.Job.Keys = identityStage(), "3:7"
	got := testing.AllocsPerRun(1, func() {
		_, err := Run(t.Context(), tk, Deps{
			Open: func(context.Context, func(int) *rows.Records, func(string, int64, []byte, error)) (Records, error) {
				return &again{b: b, times: times}, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	if got > n*times/100 {
		t.Errorf("%.0f allocations for %d records", got, n*times)
	}
}

// A spill that fails behind the back of the reader fails the attempt, and nothing of it stays.
func TestSpillBesideFails(t *testing.T) {
	for _, spill := range []string{"spill-1", "spill-3"} {
		in, _ := someRecords(rand.New(rand.NewPCG(2, 23)), func() int { return 60 })
		tk := task(t, 2, 64<<10, pluginv1.Stage_FOLD_UNSPECIFIED)
		tk.Stage = identityStage()
		if err := os.MkdirAll(filepath.Join(tk.Scratch, spill), 0o700); err != nil { // no file can be made there
			t.Fatal(err)
		}
		if _, err := runIdentity(t, tk, &batches{in: in}, false); !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), spill) {
			t.Fatalf("%s is in the way: %v", spill, err)
		}
		if _, err := os.Stat(tk.Scratch); !os.IsNotExist(err) || tk.Budget.Used() != 0 {
			t.Fatalf("%d bytes counted to the end, and scratch: %v", tk.Budget.Used(), err)
		}
	}
}

func TestRecordsWithoutKey(t *testing.T) {
	in := func() *batches {
		return &batches{in: [][][]byte{{[]byte("abcdef"), []byte("abc"), []byte("ghijkl")}}, end: "\n", object: "/data/in.txt"}
	}
	tk := task(t, 2, 1<<20, pluginv1.Stage_FOLD_UNSPECIFIED)
	tk.Stage, tk.Job.Keys = identityStage(), "2:3"
	if _, err := runIdentity(t, tk, in(), false); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "/data/in.txt at byte 7") ||
		!strings.Contains(err.Error(), "it has 3 bytes") {
		t.Errorf("none is allowed, and the error is %v", err)
	}
	if _, err := os.Stat(tk.Scratch); !os.IsNotExist(err) {
		t.Errorf("scratch is left behind: %v", err)
	}
	tk.Job.MaxBadRecords = 1
	res, err := runIdentity(t, tk, in(), false)
	if err != nil {
		t.Fatal(err)
	}
	if c := res.Tally; c.RecordsIn != 3 || c.BadRecords != 1 || c.PairsOut != 2 || len(pairs(t, res.RunPath)) != 2 {
		t.Errorf("counted %v", c)
	}
	tk.Stage = stage(pluginv1.Stage_FOLD_SUM)
	if _, err := Run(t.Context(), tk, Deps{}); !errs.Is(err, errs.Invalid) {
		t.Errorf("key bytes of a job with a map of its own: %v", err)
	}
}
