package sketch_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mrctl/mrctl/jobs/sketch"
)

// TestTopKWithinItsBound draws skewed items, adds them to several sketches and merges these in a random tree.
func TestTopKWithinItsBound(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 1))
		zipf := rand.NewZipf(rng, 1.1, 1, 500)
		names := items("item", 501)
		room := uint64(1 + rng.IntN(60))
		parts := make([]sketch.TopK, 1+rng.IntN(6))
		for i := range parts {
			parts[i].Room = uint32(room)
		}
		truth, n := map[string]uint64{}, uint64(0)
		for range 5000 {
			it, times := names[zipf.Uint64()], uint64(1+rng.IntN(3))
			p := rng.IntN(len(parts))
			parts[p] = parts[p].Add(it, times)
			truth[it] += times
			n += times
		}
		for len(parts) > 1 {
			i := rng.IntN(len(parts) - 1)
			parts[i] = parts[i].Merge(parts[i+1])
			parts = slices.Delete(parts, i+1, i+2)
		}
		s := parts[0]
		seen := map[string]bool{}
		for _, e := range s.Items {
			seen[e.Name] = true
			if e.Count < truth[e.Name] || e.Count-e.Over > truth[e.Name] || e.Over > n/room {
				t.Errorf("seed %d: %+v came %d times of %d, with room for %d", seed, e, truth[e.Name], n, room)
			}
		}
		for it, times := range truth {
			if !seen[it] && (times > n/room || times > s.Missed()) {
				t.Errorf("seed %d: %s came %d times and is not in the sketch, which misses %d at most", seed, it, times, s.Missed())
			}
		}
		if uint64(len(s.Items)) > room || !slices.IsSortedFunc(s.Top(1000), func(a, b sketch.Item) int { return int(b.Count) - int(a.Count) }) {
			t.Errorf("seed %d: %d items", seed, len(s.Items))
		}
	}
}

func TestTopKIsExactWithRoomForAll(t *testing.T) {
	a := sketch.TopK{}.Add("x", 3).Add("y", 1).Add("z", 0)
	b := sketch.TopK{}.Add("y", 4).Add("w", 3)
	want := []sketch.Item{{Name: "y", Count: 5}, {Name: "w", Count: 3}, {Name: "x", Count: 3}}
	for _, s := range []sketch.TopK{a.Merge(b), b.Merge(a), sketch.TopK{}.Merge(a).Merge(b)} {
		if !slices.Equal(s.Top(9), want) || !slices.Equal(s.Top(1), want[:1]) || len(s.Top(-1)) != 0 || s.Missed() != 0 {
			t.Errorf("%+v, want %+v", s, want)
		}
	}
	if s := a.Merge(sketch.TopK{Room: 2}.Add("q", 9)); s.Room != 2 || len(s.Items) != 2 || s.Top(1)[0] != (sketch.Item{Name: "q", Count: 9}) {
		t.Errorf("with the lesser room it is %+v", s)
	}
}

// TestMergeOfOneItem holds the short way of a merge against the long one.
func TestMergeOfOneItem(t *testing.T) {
	s := sketch.TopK{Room: 2}.Add("a", 1).Add("b", 1)
	short := sketch.TopK{Room: 2, Items: slices.Clone(s.Items)}.Merge(sketch.TopK{Room: 2}.Add("c", 1))
	long := sketch.TopK{Room: 2}.Add("c", 1).Merge(s)
	if !slices.Equal(short.Items, long.Items) {
		t.Errorf("%+v and %+v", short, long)
	}
}

func BenchmarkTopK(b *testing.B) {
	names := items("item", 5000)
	zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 1)), 1.1, 1, 4999)
	var s sketch.TopK
	for range b.N {
		s = s.Add(names[zipf.Uint64()], 1)
	}
}
