package runs

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestAhead lets ranges arrive one by one and merges as Ahead says: in the end one merge reads what is left, none was made
// where one would have done anyway, and where one pass over everything is enough, not much more than that is written.
func TestAhead(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 5))
		m := &Merger{FanIn: 2 + r.IntN(30)}
		if r.IntN(2) == 0 {
			m.Limit = 100 * int64(2+r.IntN(30))
		}
		all := r.IntN(400)
		var have []Range
		var total, written int64
		passes := 0
		for n := range all {
			size := int64(1 + r.IntN(1000))
			total += size
			have = append(have, Range{Len: size, Totals: Totals{Window: 100}})
			for {
				slices.SortFunc(have, func(a, b Range) int { return cmp.Compare(a.Len, b.Len) })
				k := m.Ahead(have, all-n-1)
				if k == 0 {
					break
				}
				if k < 2 || k > len(have) || k > m.FanIn {
					t.Fatalf("seed %d: merge %d of %d, at most %d", seed, k, len(have), m.FanIn)
				}
				out := Range{Totals: Totals{Window: 100}}
				for _, x := range have[:k] {
					out.Len += x.Len
				}
				have = append(have[k:], out)
				written += out.Len
				passes++
			}
		}
		if m.Limit > 0 { // how many one merge reads is not known before
			continue
		}
		if len(have) > m.FanIn {
			t.Fatalf("seed %d: %d of %d ranges are left, one merge reads %d", seed, len(have), all, m.FanIn)
		}
		if all <= m.FanIn && passes > 0 {
			t.Fatalf("seed %d: %d passes over %d ranges", seed, passes, all)
		}
		if all <= m.FanIn*m.FanIn && written > total+total/2 {
			t.Fatalf("seed %d: %d bytes written of %d, %d ranges, %d at a time", seed, written, total, all, m.FanIn)
		}
	}
}
