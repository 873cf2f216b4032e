package runs

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/cuts"
	"github.com/mrctl/mrctl/internal/rowsort"
)

// slicePairs are pairs as a Stream.
type slicePairs struct{ pairs []Pair }

func (s *slicePairs) Next() (*Pair, error) {
	if len(s.pairs) == 0 {
		return nil, nil
	}
	p := &s.pairs[0]
	s.pairs = s.pairs[1:]
	return p, nil
}

// orderedPairs are sorted pairs, some of whose keys are long, agree in their first bytes, or come often.
func orderedPairs(r *rand.Rand, n int) []Pair {
	var pairs []Pair
	for i := range n {
		key := fmt.Appendf(nil, "%03d", r.IntN(1000))
		switch r.IntN(8) {
		case 0:
			key = []byte("often")
		case 1:
			key = append(bytes.Repeat([]byte("x"), cuts.MaxKey-1+r.IntN(3)), key...)
		case 2:
			key = key[:r.IntN(4)]
		}
		pairs = append(pairs, Pair{Key: key, Val: fmt.Appendf(nil, "%d", i)})
	}
	slices.SortStableFunc(pairs, func(a, b Pair) int { return bytes.Compare(a.Key, b.Key) })
	return pairs
}

// writeBoth writes pairs to an ordered run from a stream or as packed pairs.
func writeBoth(t *testing.T, path string, pairs []Pair, packed bool, parts int, o Options) (Info, cuts.Sample) {
	t.Helper()
	order := Order{Parts: parts, Bytes: int64(len(pairs) * 20)}
	var info Info
	var sample cuts.Sample
	var err error
	if packed {
		s := rowsort.New(4<<20, 1)
		defer s.Close()
		for _, p := range pairs {
			s.Add(0, p.Key, p.Val)
		}
		s.Sort()
		info, sample, err = WriteOrderedPacked(t.Context(), path, order, o, s)
	} else {
		info, sample, err = WriteOrdered(t.Context(), path, order, o, &slicePairs{slices.Clone(pairs)})
	}
	if err != nil {
		t.Fatal(err)
	}
	return info, sample
}

func pairsOf(t *testing.T, ranges ...Range) (got []string) {
	t.Helper()
	m := NewMerge(ranges, nil)
	defer m.Close()
	for {
		p, err := m.Next()
		if err != nil {
			t.Fatal(err)
		}
		if p == nil {
			return got
		}
		got = append(got, fmt.Sprintf("%d %s=%s", p.Part, p.Key, p.Val))
	}
}

// landedRange is what the shuffle makes of a range of a file: bytes in memory, checked.
func landedRange(t *testing.T, r Range) Range {
	t.Helper()
	if r.Len == 0 {
		return r
	}
	b := make([]byte, r.Len)
	f, err := os.Open(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.ReadAt(b, r.Off); err != nil {
		t.Fatal(err)
	}
	v := NewSpanVerifier("landed")
	for piece := range slices.Chunk(b, 100) {
		if _, err := v.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	totals, err := v.Close()
	if err != nil || totals != r.Totals || v.Last() != r.Last {
		t.Fatalf("landed %+v to section %d (%v), the index says %+v to %d", totals, v.Last(), err, r.Totals, r.Last)
	}
	return Range{Name: "landed", Mem: b, Len: r.Len, Totals: totals, Span: r.Span, Last: v.Last()}
}

// Spans that cut the keys anywhere give each pair once, in order, from files, from the store and as they land.
func TestSpansGiveEachPairOnce(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 7))
		pairs := orderedPairs(r, r.IntN(4000))
		path := filepath.Join(t.TempDir(), "run")
		parts := 1 + r.IntN(9)
		info, sample := writeBoth(t, path, pairs, seed%2 == 0, parts, Options{Codec: Codec(seed % 3), Digest: SumPairs, Block: 100 + r.IntN(1000)})
		if info.Rows != int64(len(pairs)) {
			t.Fatalf("seed %d: %d rows of %d", seed, info.Rows, len(pairs))
		}
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		far, err := OpenOrdered(path, info.Size, func(n int64) ([]byte, error) {
			end := make([]byte, n)
			_, err := f.ReadAt(end, info.Size-n)
			return end, err
		})
		if err != nil {
			t.Fatal(err)
		}
		list := cuts.Choose([]cuts.Sample{sample}, parts)
		for range r.IntN(3) { // and some that nobody sampled
			list = append(list, fmt.Appendf(nil, "%d", r.IntN(1000)))
		}
		slices.SortFunc(list, bytes.Compare)
		var want, got, landed []string
		for part := range len(list) + 1 {
			s := &Span{Part: part}
			if part > 0 {
				s.Low = list[part-1]
			}
			if part < len(list) {
				s.High = list[part]
			}
			for _, p := range pairs {
				if bytes.Compare(p.Key, s.Low) >= 0 && (s.High == nil || bytes.Compare(p.Key, s.High) < 0) {
					want = append(want, fmt.Sprintf("%d %s=%s", part, p.Key, p.Val))
				}
			}
			near, err := f.Span(s)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := far.Span(s); err != nil || again.Off != near.Off || again.Len != near.Len || again.Totals != near.Totals {
				t.Fatalf("seed %d: the index alone gives %+v (%v), the file %+v", seed, again, err, near)
			}
			got = append(got, pairsOf(t, near)...)
			landed = append(landed, pairsOf(t, landedRange(t, near))...)
		}
		if len(want) != len(pairs) || !slices.Equal(got, want) || !slices.Equal(landed, want) {
			t.Fatalf("seed %d: %d pairs of files, %d landed, of %d", seed, len(got), len(landed), len(want))
		}
	}
}

// A run's digest is that of its pairs, wherever its sections end: attempts with other memory make equal outputs.
func TestOrderedDigest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	pairs := orderedPairs(r, 5000)
	for _, digest := range []Summing{SumPairs, SumKeys} {
		plain, err := WriteRun(t.Context(), filepath.Join(t.TempDir(), "plain"), 1, Options{Digest: digest}, &slicePairs{slices.Clone(pairs)})
		if err != nil {
			t.Fatal(err)
		}
		for i, parts := range []int{2, 50, 300} {
			info, _ := writeBoth(t, filepath.Join(t.TempDir(), "run"), pairs, i == 1, parts, Options{Digest: digest, Block: 700})
			if info.Digest != plain.Digest || info.Rows != plain.Rows {
				t.Errorf("summing %d, %d parts: %x of %d rows, plain %x of %d", digest, parts, info.Digest, info.Rows, plain.Digest, plain.Rows)
			}
		}
	}
}

// What is copied to the store is the same file, and its damage is found.
func TestOrderedCopyAndDamage(t *testing.T) {
	pairs := orderedPairs(rand.New(rand.NewPCG(2, 2)), 2000)
	path := filepath.Join(t.TempDir(), "run")
	writeBoth(t, path, pairs, false, 4, Options{Digest: SumPairs})
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out bytes.Buffer
	if err := f.CopyTo(&out); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(whole, out.Bytes()) {
		t.Fatalf("the copy is another file: %v", err)
	}
	r, err := f.Span(&Span{Part: 1, Low: []byte("300"), High: []byte("700")})
	if err != nil {
		t.Fatal(err)
	}
	section := whole[r.Off : r.Off+r.Len]
	for at := 0; at < len(section); at += 97 {
		bad := bytes.Clone(section)
		bad[at] ^= 0x40
		if _, err := NewSpanVerifier("bad").Write(bad); err == nil {
			t.Fatalf("byte %d of a span was changed, and nobody noticed", at)
		}
	}
	v := NewSpanVerifier("short")
	if _, err := v.Write(section[:len(section)-1]); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Close(); err == nil {
		t.Error("a span without its last byte was taken for whole")
	}
	late := r
	late.Mem, late.Span, late.Off = section, &Span{Part: 1, Low: []byte("2")}, 0
	m := NewMerge([]Range{late}, nil)
	defer m.Close()
	if _, err := m.Next(); err == nil || !strings.Contains(err.Error(), "begins within the keys") {
		t.Errorf("sections that begin too late: %v", err)
	}
}

func TestOrderedEmptyAndPlain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	info, sample := writeBoth(t, path, nil, false, 4, Options{Digest: SumPairs})
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if r, err := f.Span(&Span{Part: 1, Low: []byte("a")}); err != nil || r.Len != 0 || info.Rows != 0 || len(sample.Keys) != 0 {
		t.Errorf("of nothing: %+v, %v", r, err)
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if _, err := WriteRun(t.Context(), plain, 3, Options{}, &slicePairs{[]Pair{{Key: []byte("a")}, {Part: 2, Key: []byte("b")}}}); err != nil {
		t.Fatal(err)
	}
	p, err := Open(plain)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Span(&Span{}); err == nil || !strings.Contains(err.Error(), "no ordered run") {
		t.Errorf("a run by partitions: %v", err)
	}
	if _, err := OpenOrdered("cut", 10, func(n int64) ([]byte, error) { return make([]byte, n), io.EOF }); err == nil {
		t.Error("a store that ends early is no run")
	}
}
