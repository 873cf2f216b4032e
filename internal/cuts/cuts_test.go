package cuts_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mrctl/mrctl/internal/cuts"
)

// pieces are sorted keys of one byte each, so to say: where a key lies is all that counts.
func pieces(r *rand.Rand) [][][]byte {
	all := make([][][]byte, 1+r.IntN(6))
	distinct := 1 + r.IntN(1<<(1+r.IntN(14)))
	for i := range all {
		for range r.IntN(3000) {
			k := r.IntN(distinct)
			if r.IntN(3) == 0 {
				k = distinct / 2 // one key has a third
			}
			all[i] = append(all[i], fmt.Appendf(nil, "%06d", k))
		}
		slices.SortFunc(all[i], bytes.Compare)
	}
	return all
}

// sampled takes a step of every so many pairs, each a byte.
func sampled(keys [][]byte, step int) (s cuts.Sample) {
	for i, k := range keys {
		if i%step == 0 {
			s.Keys, s.Bytes = append(s.Keys, k), append(s.Bytes, 0)
		}
		s.Bytes[len(s.Bytes)-1]++
	}
	return s
}

// The bound of the package comment, whatever is sampled.
func TestChooseBalances(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		all, parts := pieces(r), 1+r.IntN(20)
		var samples []cuts.Sample
		count := map[string]int{}
		total, steps := 0, 0
		for _, keys := range all {
			s := sampled(keys, 1+r.IntN(200))
			if r.IntN(2) == 0 {
				s = s.Thin(r.IntN(2000))
			}
			if len(s.Bytes) > 0 {
				steps += int(slices.Max(s.Bytes))
			}
			samples = append(samples, s)
			total += len(keys)
			for _, k := range keys {
				count[string(k)]++
			}
		}
		heaviest := 0
		for _, n := range count {
			heaviest = max(heaviest, n)
		}
		list := cuts.Choose(samples, parts)
		if len(list) != parts-1 || !slices.IsSortedFunc(list, bytes.Compare) {
			t.Fatalf("seed %d: %d cuts of %d parts, or out of order: %q", seed, len(list), parts, list)
		}
		sizes := make([]int, parts)
		for k, n := range count {
			part, _ := slices.BinarySearchFunc(list, []byte(k), func(cut, key []byte) int {
				if bytes.Compare(cut, key) <= 0 {
					return -1
				}
				return 1
			})
			sizes[part] += n
		}
		if most := total/parts + 1 + 2*steps + heaviest; slices.Max(sizes) > most {
			t.Errorf("seed %d: parts of %v, at most %d was promised (%d in all, steps %d, heaviest %d)", seed, sizes, most, total, steps, heaviest)
		}
	}
}

func TestChooseOfNothing(t *testing.T) {
	if d := cmp.Diff([][]byte{{}, {}}, cuts.Choose(nil, 3)); d != "" {
		t.Error(d)
	}
	if got := cuts.Choose([]cuts.Sample{{Keys: [][]byte{{}}, Bytes: []int64{5}}}, 3); len(got) != 2 || len(got[0])+len(got[1]) != 0 {
		t.Errorf("one key, which is empty: %q", got)
	}
	if got := cuts.Choose(nil, 1); len(got) != 0 {
		t.Errorf("one part: %q", got)
	}
}

func TestThin(t *testing.T) {
	var keys [][]byte
	for i := range 10_000 {
		keys = append(keys, fmt.Appendf(nil, "%06d", i))
	}
	s := sampled(keys, 10)
	thin := s.Thin(1000)
	if n := len(thin.Keys); n < 90 || n > 100 {
		t.Errorf("%d steps of 10 bytes in 1000", n)
	}
	var sum int64
	for _, n := range thin.Bytes {
		sum += n
	}
	if sum != 10_000 || slices.Max(thin.Bytes) > 2*10_000/90 || !bytes.Equal(thin.Keys[0], keys[0]) {
		t.Errorf("%d bytes in all, the largest step has %d, the first key is %s", sum, slices.Max(thin.Bytes), thin.Keys[0])
	}
	if got := s.Thin(0); len(got.Keys) != 1 || got.Bytes[0] != 10_000 {
		t.Errorf("no room: %d steps", len(got.Keys))
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(cuts.Sample{Keys: [][]byte{nil, []byte("a")}, Bytes: []int64{1, 1 << 40}}.Encode())
	f.Add([]byte{200, 1})
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := cuts.Decode(b)
		if err != nil {
			return
		}
		again, err := cuts.Decode(s.Encode())
		if err != nil || len(again.Keys) != len(s.Keys) || !slices.Equal(again.Bytes, s.Bytes) || !slices.EqualFunc(again.Keys, s.Keys, bytes.Equal) {
			t.Errorf("%v comes back as %v (%v)", s, again, err)
		}
	})
}
