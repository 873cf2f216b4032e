package sketch_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mrctl/mrctl/jobs/sketch"
)

// items are n different ones.
func items(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s-%d", prefix, i)
	}
	return out
}

// hllOf adds items one by one.
func hllOf(items ...string) (s sketch.HLL) {
	for _, it := range items {
		s = s.Add(it)
	}
	return s
}

func TestHLLCountsWithinItsError(t *testing.T) {
	for _, n := range []int{0, 1, 2, 10, 100, 1000, 3000, 10_000, 40_000, 200_000} {
		const tries = 8
		sum := 0.0
		for try := range tries {
			got := float64(hllOf(items(fmt.Sprint(try), n)...).Count())
			sum += got - float64(n)
			if math.Abs(got-float64(n)) > 4*0.0082*float64(n)+0.5 { // four standard deviations
				t.Errorf("%d items are counted as %v", n, got)
			}
		}
		if bias := sum / tries; math.Abs(bias) > 4*0.0082*float64(n)/math.Sqrt(tries)+0.5 {
			t.Errorf("%d items are counted as %+.1f of that on average", n, bias)
		}
	}
}

// TestHLLIsAFunctionOfTheSet holds the bytes to be equal however a set was added and merged, in either form and across them.
func TestHLLIsAFunctionOfTheSet(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{1, 5, 1000, 1365, 1420, 1500, 20_000} {
		all := items("x", n)
		want := hllOf(all...)
		for range 5 {
			rng.Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
			parts := make([]sketch.HLL, 3)
			for i, it := range all {
				parts[i%3] = parts[i%3].Add(it)
				if i%7 == 0 { // in two of them
					parts[(i+1)%3] = parts[(i+1)%3].Add(it)
				}
			}
			left := sketch.HLL(nil).Merge(parts[0]).Merge(parts[1]).Merge(parts[2])
			right := parts[2].Merge(parts[0].Merge(parts[1]))
			if !bytes.Equal(left, want) || !bytes.Equal(right, want) {
				t.Fatalf("%d items: the bytes depend on the order", n)
			}
		}
		if _, err := sketch.ParseHLL(want); err != nil {
			t.Errorf("%d items: %v", n, err)
		}
	}
}

// TestMergeLeavesItsArgument holds sketches to be changed only where they are added or merged to.
func TestMergeLeavesItsArgument(t *testing.T) {
	for _, n := range []int{1, 50, 5000} {
		s := hllOf(items("x", n)...)
		was := slices.Clone(s)
		lent := slices.Clip(s) // as what a job is handed
		hllOf(items("y", 10)...).Merge(s).Add("z")
		sketch.HLL(nil).Merge(s).Add("z")
		lent.Add("w").Merge(hllOf(items("z", 9000)...))
		if !bytes.Equal(s, was) {
			t.Errorf("an HLL of %d was changed by merging it to others", n)
		}
		d := numbers(n, 1)
		dwas := slices.Clone(d)
		numbers(1, 2).Merge(d).Add(77)
		sketch.DDSketch(nil).Merge(d).Add(0)
		slices.Clip(d).Add(5).Add(0.001)
		if !bytes.Equal(d, dwas) {
			t.Errorf("a DDSketch of %d was changed by merging it to others", n)
		}
	}
}

// TestHLLOfAllVersions binds the bytes that are stored.
func TestHLLOfAllVersions(t *testing.T) {
	if got, want := fmt.Sprintf("%x", hllOf("to", "be", "or", "not")), "0106068207724109ccc10fac01"; got != want {
		t.Errorf("the bytes are now %s, were %s", got, want)
	}
}

func FuzzParseHLL(f *testing.F) {
	f.Add([]byte(hllOf("a", "b")))
	f.Add([]byte(hllOf(items("x", 3000)...)))
	f.Add([]byte{1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := sketch.ParseHLL(b)
		if err != nil {
			return
		}
		was := slices.Clone(s)
		if !bytes.Equal(sketch.HLL(nil).Merge(s), was) || !bytes.Equal(s.Merge(slices.Clone(s)), was) {
			t.Errorf("merging %x with itself changes it", was)
		}
		_ = s.Count()
		if _, err := sketch.ParseHLL(s.Add("x").Merge(hllOf("y"))); err != nil {
			t.Errorf("after an addition: %v", err)
		}
	})
}

func BenchmarkHLL(b *testing.B) {
	words := items("word", 1<<16)
	b.Run("add", func(b *testing.B) {
		var s sketch.HLL
		for i := range b.N {
			s = s.Add(words[i%len(words)])
		}
	})
	b.Run("merge of one", func(b *testing.B) {
		s := hllOf(words...)
		one := hllOf("x")
		for range b.N {
			s = s.Merge(one)
		}
	})
	b.Run("merge of dense", func(b *testing.B) {
		s, t := hllOf(words...), hllOf(items("other", 1<<16)...)
		for range b.N {
			s = s.Merge(t)
		}
	})
	b.Run("count", func(b *testing.B) {
		s := hllOf(words...)
		for range b.N {
			_ = s.Count()
		}
	})
}
