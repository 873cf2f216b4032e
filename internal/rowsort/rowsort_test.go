package rowsort

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/rows"
)

type pair struct {
	part     int
	key, val string
}

// plain is what a sorter must equal: the pairs in a stable sort by partition and key.
func plain(in []pair) []pair {
	out := slices.Clone(in)
	sort.SliceStable(out, func(i, j int) bool {
		if out[i].part != out[j].part {
			return out[i].part < out[j].part
		}
		return out[i].key < out[j].key
	})
	return out
}

func drain(s *Sorter) (out []pair) {
	for {
		part, packed, ok := s.Next()
		if !ok {
			return out
		}
		k, v, n := rows.CutPacked(packed)
		if n != len(packed) {
			panic("packed pair has bytes left over")
		}
		out = append(out, pair{part, string(k), string(v)})
	}
}

// generators of keys that are hard in different ways.
var shapes = map[string]func(r *rand.Rand) []byte{
	"random":  func(r *rand.Rand) []byte { return random(r, r.IntN(20)) },
	"zeros":   func(r *rand.Rand) []byte { return make([]byte, r.IntN(30)) },
	"bits":    func(r *rand.Rand) []byte { return bitsOf(r, r.IntN(24)) },
	"numbers": func(r *rand.Rand) []byte { return binary.BigEndian.AppendUint64(nil, uint64(r.IntN(500))) },
	"shared":  func(r *rand.Rand) []byte { return fmt.Appendf(nil, "https://example.org/a/b/%d", r.IntN(300)) },
	"hot": func(r *rand.Rand) []byte {
		if r.IntN(3) > 0 {
			return []byte("the one key that half of the input has")
		}
		return random(r, 40)
	},
	"empty": func(*rand.Rand) []byte { return nil },
}

func random(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// bitsOf makes keys of 0 and 1 bytes, so that zero padding and real zeros meet.
func bitsOf(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.IntN(2))
	}
	return b
}

func TestEqualsPlain(t *testing.T) {
	for name, key := range shapes {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(12) {
				r := rand.New(rand.NewPCG(seed, 7))
				parts := 1 + r.IntN(20)
				s := New(8<<20, parts)
				defer s.Close()
				for range 2 { // the second fill uses the memory of the first
					var in []pair
					for range r.IntN(6000) {
						p := pair{r.IntN(parts), string(key(r)), fmt.Sprint(r.IntN(5))}
						in = append(in, p)
						if !s.Add(p.part, []byte(p.key), []byte(p.val)) {
							t.Fatal("refused a pair with room left")
						}
					}
					s.Sort()
					if got, want := drain(s), plain(in); !slices.Equal(got, want) {
						t.Fatalf("seed %d: %d pairs differ from the plain sort", seed, len(in))
					}
					s.Reset()
				}
			}
		})
	}
}

func TestBudget(t *testing.T) {
	for _, memory := range []int64{8 << 10, 64 << 10, 1 << 20} {
		for seed := range uint64(8) {
			r := rand.New(rand.NewPCG(seed, uint64(memory)))
			s := New(memory, 5)
			defer s.Close()
			fills := 0
			for range 20000 {
				key, val := random(r, r.IntN(30)), random(r, r.IntN(60))
				if r.IntN(500) == 0 {
					val = make([]byte, r.IntN(int(memory))) // perhaps too large for the rest
				}
				if s.Add(r.IntN(5), key, val) {
					if s.Held() > memory && s.Len() > 1 {
						t.Fatalf("holds %d bytes of %d", s.Held(), memory)
					}
					continue
				}
				n := s.Len()
				s.Sort()
				if n > 1 && s.Held() > memory {
					t.Fatalf("sorting holds %d bytes of %d", s.Held(), memory)
				}
				if got := len(drain(s)); got != n {
					t.Fatalf("%d pairs came back of %d", got, n)
				}
				s.Reset()
				fills++
				if !s.Add(0, key, val) {
					t.Fatal("an empty sorter refused a pair")
				}
			}
			if memory <= 64<<10 && fills == 0 {
				t.Fatal("never filled up")
			}
		}
	}
}

func TestHugePairIntoEmpty(t *testing.T) {
	s := New(8<<10, 1)
	big := bytes.Repeat([]byte("x"), 3<<20)
	if !s.Add(0, []byte("b"), big) {
		t.Fatal("an empty sorter refused a pair")
	}
	if s.Add(0, []byte("a"), nil) {
		t.Fatal("a sorter over its budget took another pair")
	}
	s.Sort()
	if got := drain(s); len(got) != 1 || got[0].val != string(big) {
		t.Fatal("the large pair is not what was added")
	}
	s.Reset()
	if s.Held() > 8<<10 {
		t.Fatalf("%d bytes kept after a large pair", s.Held())
	}
}

// Gather gives what Next gives, in blocks.
func TestGatherEqualsNext(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	s := New(4<<20, 7)
	defer s.Close()
	var in []pair
	for range 5000 {
		p := pair{r.IntN(7), string(random(r, 3)), string(random(r, r.IntN(300)))}
		in = append(in, p)
		s.Add(p.part, []byte(p.key), []byte(p.val))
	}
	s.Sort()
	const limit = 280 // some pairs are larger
	var got []pair
	for {
		part, size, ok := s.Peek()
		if !ok {
			break
		}
		b, n := s.Gather([]byte("before"), limit)
		if n == 0 {
			if size <= limit {
				t.Fatalf("a pair of %d bytes was not gathered", size)
			}
			if b, n = s.Gather([]byte("before"), size); n != 1 {
				t.Fatalf("%d pairs gathered, where one fits", n)
			}
		}
		b = b[len("before"):]
		if len(b) > max(limit, size) {
			t.Fatalf("%d bytes gathered, where %d are the limit", len(b), max(limit, size))
		}
		for range n {
			key, val, k := rows.CutPacked(b)
			got = append(got, pair{part, string(key), string(val)})
			b = b[k:]
		}
		if len(b) > 0 {
			t.Fatal("bytes are left over")
		}
	}
	if _, n := s.Gather(nil, limit); n != 0 || !slices.Equal(got, plain(in)) {
		t.Fatal("gathered blocks differ from the plain sort")
	}
}

// AddCut adds the pair that Add would of a record cut by hand.
func TestAddCut(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	a, b := New(1<<20, 3), New(1<<20, 3)
	defer a.Close()
	defer b.Close()
	for i := range 2000 {
		rec := random(r, 1+r.IntN(300))
		off := r.IntN(len(rec))
		end := off + 1 + r.IntN(len(rec)-off)
		val := slices.Concat(rec[:off], rec[end:])
		if !a.AddCut(i%3, rec, off, end) || !b.Add(i%3, rec[off:end], val) {
			t.Fatal("refused a pair with room left")
		}
		if back := rows.AppendUncut(nil, rec[off:end], val, off); !bytes.Equal(back, rec) {
			t.Fatalf("%q comes together as %q", rec, back)
		}
	}
	a.Sort()
	b.Sort()
	if got, want := drain(a), drain(b); !slices.Equal(got, want) {
		t.Fatal("cut records differ from pairs")
	}
}

func TestNoAllocationPerPair(t *testing.T) {
	s := New(16<<20, 8)
	defer s.Close()
	r := rand.New(rand.NewPCG(5, 5))
	keys := make([][]byte, 50000)
	for i := range keys {
		keys[i] = random(r, 12)
	}
	fill := func() {
		for i, k := range keys {
			s.Add(i&7, k, k[:8])
		}
		s.Sort()
		for {
			if _, _, ok := s.Next(); !ok {
				break
			}
		}
		s.Reset()
	}
	fill()
	if n := testing.AllocsPerRun(3, fill); n > 10 {
		t.Fatalf("%.0f allocations for %d pairs", n, len(keys))
	}
}

func BenchmarkSort(b *testing.B) {
	const n = 1 << 20
	shapes := map[string]func(r *rand.Rand) []byte{
		"random10": func(r *rand.Rand) []byte { return random(r, 10) },
		"words":    func(r *rand.Rand) []byte { return fmt.Appendf(nil, "w%d", r.IntN(200000)) },
		"shared":   shapes["shared"],
		"hot":      shapes["hot"],
	}
	for name, key := range shapes {
		r := rand.New(rand.NewPCG(9, 9))
		keys := make([][]byte, n)
		for i := range keys {
			keys[i] = key(r)
		}
		for _, size := range []int{8, 90} {
			val := make([]byte, size)
			s := New(1<<30, 8)
			var spent [3]time.Duration
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				clear(spent[:])
				out := make([]byte, 0, 256<<10)
				for b.Loop() {
					s.Reset()
					at := time.Now()
					for i, k := range keys {
						s.Add(i&7, k, val)
					}
					spent[0] += time.Since(at)
					at = time.Now()
					s.Sort()
					spent[1] += time.Since(at)
					at = time.Now()
					for {
						if _, k := s.Gather(out, cap(out)); k == 0 {
							break
						}
					}
					spent[2] += time.Since(at)
				}
				for i, step := range []string{"add", "sort", "gather"} {
					b.ReportMetric(float64(spent[i].Nanoseconds())/float64(b.N)/n, step+"-ns/pair")
				}
			})
			s.Close()
		}
	}
}
