package runs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/mrctl/mrctl/internal/budget"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

type row struct {
	part     int
	key, val string
}

// list is a stream over rows.
type list struct {
	rows []row
	p    Pair
}

func (l *list) Next() (*Pair, error) {
	if len(l.rows) == 0 {
		return nil, nil
	}
	r := l.rows[0]
	l.rows = l.rows[1:]
	l.p = Pair{Part: r.part, Key: []byte(r.key), Val: []byte(r.val)}
	return &l.p, nil
}

func order(a, b row) int {
	return cmp.Or(cmp.Compare(a.part, b.part), strings.Compare(a.key, b.key))
}

func exact(a, b row) int { return cmp.Or(order(a, b), strings.Compare(a.val, b.val)) }

func readAll(t *testing.T, s Stream) (out []row) {
	t.Helper()
	for {
		p, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if p == nil {
			return out
		}
		out = append(out, row{p.Part, string(p.Key), string(p.Val)})
	}
}

func write(t testing.TB, parts int, o Options, in []row) Info {
	t.Helper()
	info, err := WriteRun(t.Context(), filepath.Join(t.TempDir(), "run"), parts, o, &list{rows: in})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// some makes sorted rows.
func some(r *rand.Rand, n, parts int) []row {
	out := make([]row, n)
	for i := range out {
		key := make([]byte, r.IntN(6))
		for j := range key {
			key[j] = byte(r.IntN(4)) * 0x55
		}
		out[i] = row{r.IntN(parts), string(key), strings.Repeat("v", r.IntN(20)) + fmt.Sprint(i)}
		if r.IntN(200) == 0 {
			out[i].val = strings.Repeat("large", r.IntN(2000))
		}
	}
	slices.SortStableFunc(out, order)
	return out
}

func options(r *rand.Rand) Options {
	return Options{Block: 1 + r.IntN(3000), Codec: Codec(r.IntN(3)), Digest: Summing(r.IntN(3))}
}

func TestRoundTrip(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		parts := 1 + r.IntN(9)
		in := some(r, r.IntN(2000), parts)
		info := write(t, parts, options(r), in)
		m := NewMerge([]Range{info.Range()}, nil)
		if got := readAll(t, m); !slices.Equal(got, in) {
			t.Fatalf("seed %d: %d rows came back of %d, or others", seed, len(got), len(in))
		}
		m.Close()

		f, err := Open(info.Path)
		if err != nil {
			t.Fatal(err)
		}
		if f.Partitions() != parts || f.Totals() != info.Totals || f.Totals().Rows != int64(len(in)) {
			t.Fatalf("footer says %+v, the writer %+v", f.Totals(), info.Totals)
		}
		for part := range parts {
			s, err := f.Section(part)
			if err != nil {
				t.Fatal(err)
			}
			var want []row
			for _, x := range in {
				if x.part == part {
					want = append(want, x)
				}
			}
			mem := make([]byte, s.Len)
			if _, err := f.ReadAt(mem, s.Off); err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			landed := s
			landed.Mem = mem
			for _, s := range []Range{s, landed} {
				m := NewMerge([]Range{s}, nil)
				if got := readAll(t, m); !slices.Equal(got, want) {
					t.Fatalf("seed %d, partition %d: other rows", seed, part)
				}
				m.Close()
			}
			if len(want) == 0 {
				continue
			}
			v := NewVerifier("x", part)
			for len(mem) > 0 {
				n := min(1+r.IntN(100), len(mem))
				if _, err := v.Write(mem[:n]); err != nil {
					t.Fatal(err)
				}
				mem = mem[n:]
			}
			if got, err := v.Close(); err != nil || got != s.Totals {
				t.Fatalf("the verifier read %+v (%v), the index says %+v", got, err, s.Totals)
			}
		}
		f.Close()
	}
}

// TestDigest compares with the sum written out: any order, any blocks, the key-value boundary counts.
func TestDigest(t *testing.T) {
	in := []row{{0, "a", "bc"}, {0, "ab", "c"}, {1, "", ""}, {1, "z", "1"}}
	var lo, hi uint64
	for _, x := range in {
		h := xxh3.Hash128(append(append([]byte{byte(len(x.key)), byte(len(x.val))}, x.key...), x.val...))
		was := lo
		lo += h.Lo
		hi += h.Hi
		if lo < was {
			hi++
		}
	}
	var want Digest
	binary.LittleEndian.PutUint64(want[:], lo)
	binary.LittleEndian.PutUint64(want[8:], hi)
	for _, o := range []Options{{Digest: SumPairs}, {Digest: SumPairs, Block: 1}, {Digest: SumPairs, Codec: Zstd}} {
		if got := write(t, 2, o, in).Digest; got != want {
			t.Fatalf("digest %x, want %x", got, want)
		}
	}
	other := []row{{0, "a", "bc"}, {0, "a", "bc"}, {1, "", ""}, {1, "z", "1"}}
	if write(t, 2, Options{Digest: SumPairs}, other).Digest == want {
		t.Fatal("the boundary of key and value does not count")
	}
	keys := write(t, 2, Options{Digest: SumKeys}, in).Digest
	in[3].val = "22"
	in = append(in, row{1, "z", "more"})
	if write(t, 2, Options{Digest: SumKeys}, in).Digest != keys || keys == want {
		t.Fatal("SumKeys looks at more than the distinct keys")
	}
}

func TestMergeEqualsSort(t *testing.T) {
	for seed := range uint64(80) {
		r := rand.New(rand.NewPCG(seed, 2))
		parts := 1 + r.IntN(4)
		var all []row
		var ranges []Range
		done := 0
		for range r.IntN(20) {
			in := some(r, r.IntN(300), parts)
			all = append(all, in...)
			rg := write(t, parts, options(r), in).Range()
			rg.Done = func() { done++ }
			ranges = append(ranges, rg)
		}
		slices.SortStableFunc(all, exact)
		mem := budget.New(0)
		m := Merger{Dir: t.TempDir(), Partitions: parts, FanIn: r.IntN(6), Limit: int64(r.IntN(20000)), Write: Options{Block: 1 + r.IntN(900)}, Memory: mem}
		s, closeAll, err := m.Open(t.Context(), ranges)
		if err != nil {
			t.Fatal(err)
		}
		got := readAll(t, s)
		if !slices.IsSortedFunc(got, order) {
			t.Fatalf("seed %d: not in order", seed)
		}
		slices.SortStableFunc(got, exact)
		if !slices.Equal(got, all) {
			t.Fatalf("seed %d: %d rows, want %d, or others", seed, len(got), len(all))
		}
		closeAll()
		if done != len(ranges) || mem.Used() != 0 {
			t.Fatalf("seed %d: %d of %d ranges done with, %d bytes still counted", seed, done, len(ranges), mem.Used())
		}
		if left, _ := os.ReadDir(m.Dir); len(left) != 0 {
			t.Fatalf("seed %d: %d runs left behind", seed, len(left))
		}
	}
}

func TestMergeStaysInMemory(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	var ranges []Range
	for range 100 {
		ranges = append(ranges, write(t, 1, Options{Block: 1 << 10}, some(r, 400, 1)).Range())
	}
	const limit = 64 << 10
	mem := budget.New(limit)
	o := Options{Block: 1 << 10}
	m := Merger{Dir: t.TempDir(), Partitions: 1, Limit: limit - 20<<10, Write: o, Memory: mem}
	s, closeAll, err := m.Open(t.Context(), ranges)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll()
	if got := readAll(t, s); len(got) != 100*400 {
		t.Fatalf("%d rows", len(got))
	}
	if m.Spilled == 0 || mem.Peak() > limit {
		t.Fatalf("held %d bytes of %d; %d bytes written between", mem.Peak(), limit, m.Spilled)
	}
}

func add(acc, v []byte) []byte {
	binary.BigEndian.PutUint64(acc, binary.BigEndian.Uint64(acc)+binary.BigEndian.Uint64(v))
	return acc
}

func TestFoldEqualsMap(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 5))
		want := map[string]uint64{}
		var ranges []Range
		for range 1 + r.IntN(12) {
			var in []row
			for range r.IntN(300) {
				n := r.Uint64()
				x := row{r.IntN(2), fmt.Sprint(r.IntN(60)), string(binary.BigEndian.AppendUint64(nil, n))}
				want[fmt.Sprint(x.part, "/", x.key)] += n
				in = append(in, x)
			}
			slices.SortStableFunc(in, order)
			ranges = append(ranges, write(t, 2, options(r), in).Range())
		}
		mem := budget.New(0)
		m := Merger{Dir: t.TempDir(), Partitions: 2, FanIn: 2 + r.IntN(5), Fold: add, Memory: mem}
		s, closeAll, err := m.Open(t.Context(), ranges)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]uint64{}
		for _, x := range readAll(t, s) {
			k := fmt.Sprint(x.part, "/", x.key)
			if _, twice := got[k]; twice {
				t.Fatalf("key %s comes twice", k)
			}
			got[k] = binary.BigEndian.Uint64([]byte(x.val))
		}
		closeAll()
		if len(got) != len(want) || mem.Used() != 0 {
			t.Fatalf("%d keys, want %d; %d bytes counted", len(got), len(want), mem.Used())
		}
		for k, n := range want {
			if got[k] != n {
				t.Fatalf("key %s: %d, want %d", k, got[k], n)
			}
		}
	}
}

// TestGolden pins the format. A change of these bytes is a new version.
func TestGolden(t *testing.T) {
	var in []row
	for i := range 40 {
		in = append(in, row{i / 20 * 2, fmt.Sprintf("key-%02d", i/2), fmt.Sprintf("value %d", i)})
	}
	for name, o := range map[string]Options{"plain": {Block: 200, Digest: SumPairs}, "lz4": {Codec: LZ4, Digest: SumPairs}} {
		got, err := os.ReadFile(write(t, 4, o, in).Path)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name+".run")
		if *rewrite {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if name == "plain" && !bytes.Equal(got, want) { // what lz4 makes of bytes is its own affair
			t.Fatalf("%s: the bytes of a run have changed", name)
		}
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		var back []row
		for part := range f.Partitions() {
			s, err := f.Section(part)
			if err != nil {
				t.Fatal(err)
			}
			back = append(back, readAll(t, NewMerge([]Range{s}, nil))...)
		}
		f.Close()
		if !slices.Equal(back, in) {
			t.Fatalf("%s: reads as other rows", name)
		}
	}
}

// consume reads a run by all ways there are and gives the first error.
func consume(path string, parts int) error {
	f, err := Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for part := range parts {
		s, err := f.Section(part)
		if err != nil {
			return err
		}
		m := NewMerge([]Range{s}, nil)
		defer m.Close()
		for {
			p, err := m.Next()
			if err != nil {
				return err
			}
			if p == nil {
				break
			}
		}
		if s.Len == 0 {
			continue
		}
		b := make([]byte, s.Len)
		f.ReadAt(b, s.Off)
		v := NewVerifier(path, part)
		if _, err := v.Write(b); err != nil {
			return err
		}
		if _, err := v.Close(); err != nil {
			return err
		}
	}
	return nil
}

func TestEveryByteIsGuarded(t *testing.T) {
	var in []row
	for i := range 60 {
		in = append(in, row{i / 25, fmt.Sprintf("k%03d", i), strings.Repeat("x", i%17)})
	}
	for _, codec := range []Codec{None, LZ4, Zstd} {
		info := write(t, 3, Options{Block: 300, Codec: codec, Digest: SumPairs}, in)
		good, err := os.ReadFile(info.Path)
		if err != nil {
			t.Fatal(err)
		}
		if err := consume(info.Path, 3); err != nil {
			t.Fatal(err)
		}
		check := func(what string, bad []byte) {
			t.Helper()
			if err := os.WriteFile(info.Path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			err := consume(info.Path, 3)
			if !errs.Is(err, errs.Corrupt) || !strings.Contains(err.Error(), info.Path) {
				t.Fatalf("codec %d, %s: %v", codec, what, err)
			}
		}
		for i := range good {
			bad := slices.Clone(good)
			bad[i] ^= 1 << (i % 8)
			check(fmt.Sprintf("byte %d of %d flipped", i, len(good)), bad)
		}
		for n := range good {
			check(fmt.Sprintf("cut to %d", n), good[:n])
		}
	}
}

func TestCorruptNamesTheBlock(t *testing.T) {
	info := write(t, 3, Options{Block: 10}, []row{{2, "aaaa", "bbbb"}, {2, "cccc", "dddd"}})
	b, _ := os.ReadFile(info.Path)
	b[bytes.Index(b, []byte("cccc"))]++
	if err := os.WriteFile(info.Path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	err := consume(info.Path, 3)
	var c *CorruptError
	if !errors.As(err, &c) || c.Partition != 2 || c.Block != 1 || c.Name != info.Path {
		t.Fatalf("%v (%+v)", err, c)
	}
}

// full is a disk that takes n bytes.
type full struct{ n int }

func (f *full) Write(b []byte) (int, error) {
	if f.n -= len(b); f.n < 0 {
		return 0, &os.PathError{Op: "write", Path: "somewhere", Err: syscall.ENOSPC}
	}
	return len(b), nil
}
func (f *full) Close() error { return nil }

func TestDiskFull(t *testing.T) {
	in := some(rand.New(rand.NewPCG(6, 6)), 500, 3)
	for _, room := range []int{0, 10, 1000, 5000} {
		mem := budget.New(0)
		o := Options{Block: 100, Memory: mem, Create: func(string) (io.WriteCloser, error) { return &full{room}, nil }}
		_, err := WriteRun(t.Context(), "/scratch/run-7", 3, o, &list{rows: in})
		if !errs.Is(err, errs.Unavailable) || !errors.Is(err, syscall.ENOSPC) || strings.Count(err.Error(), "/scratch/run-7") != 1 {
			t.Fatalf("%d bytes of room: %v", room, err)
		}
		if mem.Used() != 0 {
			t.Fatalf("%d bytes still counted", mem.Used())
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !errs.Is(err, errs.Unavailable) || !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("a missing run: %v", err)
	}
}

func TestCancelLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "run")
	if _, err := WriteRun(ctx, path, 1, Options{}, &list{rows: []row{{0, "a", "b"}}}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("a cancelled run is still there")
	}
}

func TestNoAllocationPerPair(t *testing.T) {
	var in []row
	for i := range 40000 {
		in = append(in, row{0, fmt.Sprintf("%08d", i), "12345678"})
	}
	var ranges []Range
	for range 4 {
		ranges = append(ranges, write(t, 1, Options{}, in).Range())
	}
	path := filepath.Join(t.TempDir(), "out")
	n := testing.AllocsPerRun(2, func() {
		m := NewMerge(ranges, nil)
		defer m.Close()
		if _, err := WriteRun(context.Background(), path, 1, Options{Digest: SumPairs}, Fold(m, add, nil)); err != nil {
			t.Fatal(err)
		}
	})
	if n > 200 {
		t.Fatalf("%.0f allocations for %d pairs", n, 4*len(in))
	}
}

func FuzzSection(f *testing.F) {
	info := write(f, 1, Options{Block: 60, Codec: LZ4}, []row{{0, "a", strings.Repeat("1", 90)}, {0, "b", "2"}})
	b, _ := os.ReadFile(info.Path)
	r := info.Range()
	f.Add(b[r.Off : r.Off+r.Len])
	f.Fuzz(func(t *testing.T, b []byte) {
		// Hostile bytes may be refused, and nothing else. What the verifier takes, a cursor must read.
		v := NewVerifier("fuzz", 0)
		v.Write(b)
		totals, err := v.Close()
		if err != nil || totals.Raw > 1<<20 {
			totals = Totals{Window: 1 << 16, Raw: 1 << 16}
		}
		m := NewMerge([]Range{{Name: "fuzz", Mem: b, Len: int64(len(b)), Totals: totals}}, nil)
		defer m.Close()
		for {
			p, err := m.Next()
			if p == nil || err != nil {
				return
			}
		}
	})
}

// chain is k interleaved runs of n pairs each, with 10-byte keys.
func chain(b *testing.B, k, n int) []Range {
	r := rand.New(rand.NewPCG(8, 8))
	var out []Range
	for range k {
		keys := make([][]byte, n)
		for i := range keys {
			keys[i] = binary.BigEndian.AppendUint64(make([]byte, 0, 10), r.Uint64())
			keys[i] = append(keys[i], 'x', 'y')
		}
		slices.SortFunc(keys, bytes.Compare)
		w, err := Create(filepath.Join(b.TempDir(), "run"), 1, Options{})
		if err != nil {
			b.Fatal(err)
		}
		for _, key := range keys {
			if err := w.Append(&Pair{Key: key, Val: key[:8]}); err != nil {
				b.Fatal(err)
			}
		}
		info, err := w.Finish()
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, info.Range())
	}
	return out
}

func BenchmarkWrite(b *testing.B) {
	key, val := []byte("0123456789"), []byte("12345678")
	packed := rows.AppendPacked(nil, key, val)
	for _, o := range []Options{{}, {Digest: SumPairs}, {Digest: SumPairs, Codec: LZ4}} {
		b.Run(fmt.Sprintf("codec%d-digest%d", o.Codec, o.Digest), func(b *testing.B) {
			w, err := Create(filepath.Join(b.TempDir(), "run"), 1, o)
			if err != nil {
				b.Fatal(err)
			}
			p := &Pair{Key: key, Val: val, Packed: packed}
			for b.Loop() {
				if err := w.Append(p); err != nil {
					b.Fatal(err)
				}
			}
			w.Abort()
		})
	}
}

func BenchmarkMerge(b *testing.B) {
	for _, k := range []int{4, 16, 256} {
		b.Run(fmt.Sprint(k), func(b *testing.B) {
			n := (1 << 20) / k
			ranges := chain(b, k, n)
			for b.Loop() {
				m := NewMerge(ranges, nil)
				for {
					p, err := m.Next()
					if err != nil {
						b.Fatal(err)
					}
					if p == nil {
						break
					}
				}
				m.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(k*n), "ns/record")
		})
	}
}
