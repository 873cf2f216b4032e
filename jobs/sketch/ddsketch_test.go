package sketch_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mrctl/mrctl/jobs/sketch"
)

// numbers is a sketch of n numbers from a seed.
func numbers(n int, seed uint64) (s sketch.DDSketch) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for range n {
		s = s.Add(rng.NormFloat64() * 100)
	}
	return s
}

func TestQuantilesWithinTheirBound(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() float64{
		"normal":      rng.NormFloat64,
		"exponential": rng.ExpFloat64,
		"log-normal":  func() float64 { return math.Exp(3 * rng.NormFloat64()) },
		"whole":       func() float64 { return float64(rng.IntN(50) - 10) },
		"constant":    func() float64 { return 42 },
		"huge":        func() float64 { return math.MaxFloat64 * (1 - rng.Float64()/1e6) },
	} {
		var s sketch.DDSketch
		all := make([]float64, 5000)
		for i := range all {
			all[i] = draw()
			s = s.Add(all[i])
		}
		slices.Sort(all)
		if s.Count() != 5000 {
			t.Errorf("%s: %d numbers", name, s.Count())
		}
		for _, q := range []float64{0, 0.001, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1} {
			want := all[int(q*float64(len(all)-1))]
			if got := s.Quantile(q); math.Abs(got-want) > math.Abs(want)/129*(1+1e-12) {
				t.Errorf("%s: quantile %v is %v, want %v", name, q, got, want)
			}
		}
	}
}

// TestDDSketchIsAFunctionOfTheNumbers holds the bytes to be equal in whatever order numbers were added and merged, also
// where there are more ranges than are kept.
func TestDDSketchIsAFunctionOfTheNumbers(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, spread := range []float64{1, 10, 60, 300} {
		all := make([]float64, 3000)
		for i := range all {
			all[i] = math.Exp(spread * rng.NormFloat64())
			if i%3 == 0 {
				all[i] = -all[i]
			}
			if i%100 == 0 {
				all[i] = 0
			}
		}
		var want sketch.DDSketch
		for i := range 5 {
			rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			var whole sketch.DDSketch
			parts := make([]sketch.DDSketch, 3)
			for j, x := range all {
				whole, parts[j%3] = whole.Add(x), parts[j%3].Add(x)
			}
			if i == 0 {
				want = whole
			}
			left := sketch.DDSketch(nil).Merge(parts[0]).Merge(parts[1]).Merge(parts[2])
			right := parts[2].Merge(parts[0].Merge(parts[1]))
			if !bytes.Equal(whole, want) || !bytes.Equal(left, want) || !bytes.Equal(right, want) {
				t.Fatalf("spread %v: the bytes depend on the order", spread)
			}
		}
		if _, err := sketch.ParseDDSketch(want); err != nil {
			t.Errorf("spread %v: %v", spread, err)
		}
		if len(want) > 1+12*(2*4096+1) {
			t.Errorf("spread %v: %d bytes", spread, len(want))
		}
	}
}

func TestWhatIsNoNumberIsLeftOut(t *testing.T) {
	s := sketch.DDSketch(nil).Add(math.NaN()).Add(math.Inf(1)).Add(math.Inf(-1)).AddN(3, 0)
	if s != nil || s.Count() != 0 || !math.IsNaN(s.Quantile(0.5)) {
		t.Errorf("%x counts %d", s, s.Count())
	}
	s = s.Add(math.SmallestNonzeroFloat64).Add(math.Copysign(0, -1)).AddN(-7, 2)
	if s.Count() != 4 || s.Quantile(1) != 0 || math.Abs(s.Quantile(0)+7) > 7.0/129 || !math.IsNaN(s.Quantile(1.1)) {
		t.Errorf("%d numbers from %v to %v", s.Count(), s.Quantile(0), s.Quantile(1))
	}
}

func FuzzParseDDSketch(f *testing.F) {
	f.Add([]byte(numbers(5, 1)))
	f.Add([]byte(sketch.DDSketch(nil).Add(1e-300).Add(1e300).Add(-1).Add(0)))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := sketch.ParseDDSketch(b)
		if err != nil {
			return
		}
		was := slices.Clone(s)
		if !bytes.Equal(sketch.DDSketch(nil).Merge(s), was) {
			t.Errorf("merging %x to nothing changes it", was)
		}
		for _, q := range []float64{0, 0.5, 1} {
			if v := s.Quantile(q); len(s) > 0 && s.Count() > 0 && (math.IsNaN(v) || math.IsInf(v, 0)) {
				t.Errorf("quantile %v is %v", q, v)
			}
		}
		ab, ba := slices.Clone(s).Add(1e300).Merge(numbers(3, 1)), numbers(3, 1).Merge(s).Add(1e300)
		if !bytes.Equal(ab, ba) {
			t.Errorf("%x and %x", ab, ba)
		}
	})
}

func BenchmarkDDSketch(b *testing.B) {
	b.Run("add", func(b *testing.B) {
		s := numbers(1000, 1)
		for i := range b.N {
			s = s.Add(float64(i & 1023))
		}
	})
	b.Run("merge", func(b *testing.B) {
		s, t := numbers(10_000, 1), numbers(10_000, 2)
		for range b.N {
			s = s.Merge(t)
		}
	})
}

// Counts beyond 2^64-1 stay there, and the greatest number is the last quantile however many lie below it.
func TestDDSketchManyNumbers(t *testing.T) {
	half := sketch.DDSketch(nil).AddN(1, 1<<63)
	for what, s := range map[string]sketch.DDSketch{
		"added":  half.AddN(1, 1<<63),
		"merged": half.AddN(2, 1).Merge(half.AddN(3, 1)),
		"folded": sketch.DDSketch(nil).AddN(1e-300, 1<<63).AddN(2e-300, 1<<63).Add(1e300),
	} {
		if _, err := sketch.ParseDDSketch(s); err != nil || s.Count() != math.MaxUint64 {
			t.Errorf("%s: it counts %d, %v", what, s.Count(), err)
		}
	}
	s := sketch.DDSketch(nil).AddN(1, 1<<60).Add(1000)
	if q := s.Quantile(1); math.Abs(q-1000) > 1000./129 {
		t.Errorf("the greatest is %v", q)
	}
	if q := s.Quantile(0.99); math.Abs(q-1) > 1./128 {
		t.Errorf("0.99 of them are below %v", q)
	}
	if q := half.AddN(1, 1<<63).AddN(1000, 1<<63).Quantile(0.5); q > 1001 || q < 0.99 {
		t.Errorf("the median of a full one is %v", q)
	}
}
