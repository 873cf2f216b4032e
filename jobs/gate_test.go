package jobs

import (
	"context"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/rows"
)

// numbers is a batch of n records whose only use is to be counted: Map makes keys of their places.
func numbers(n int) *boundary.Input {
	r := rows.Records{Off: make([]int32, n+1)}
	return &boundary.Input{Records: r}
}

// keyed is a job that emits under key(i) for record i, as a word of 12 bytes.
func keyed(c Combiner[int64], key func(i uint64) uint64) Stage {
	return wordJob{Name: "x", Combine: c, Map: keyedMap(key)}
}

func keyedMap(key func(i uint64) uint64) func(context.Context, string, func(string, int64)) error {
	i, buf := uint64(0), []byte("key.00000000")
	return func(_ context.Context, _ string, emit func(string, int64)) error {
		k := key(i) * 0x9e3779b97f4a7c15 // no order that a table could profit from
		for j := range 8 {
			buf[4+j] = 'a' + byte(k>>(60-4*j)&15)
		}
		i++
		emit(textOf(buf), 1)
		return nil
	}
}

// combiners are one for each of the ways that pairs are combined.
var combiners = map[string]Combiner[int64]{"sum": Sum[int64](), "fold": Fold(func(a, b int64) int64 { return a + b }), "queued": queued()}

// queued is a fold that goes through the table for values of any type.
func queued() Combiner[int64] {
	c := Fold(func(a, b int64) int64 { return a + b })
	c.into = func(acc, v *int64, fresh bool) { *acc += *v } // a fresh one is 0
	return c
}

// BenchmarkDistinct says how many times longer a job of keys that never repeat takes with a combiner than without.
func BenchmarkDistinct(b *testing.B) {
	const n = 1 << 22
	in := []*boundary.Input{numbers(n)}
	same := func(i uint64) uint64 { return i }
	for name, c := range combiners {
		b.Run(name, func(b *testing.B) {
			var without time.Duration
			for b.Loop() {
				b.StopTimer()
				began := time.Now()
				feed(b, compiled(b, keyed(Combiner[int64]{}, same)), in)
				without += time.Since(began)
				b.StartTimer()
				feed(b, compiled(b, keyed(c, same)), in)
			}
			b.ReportMetric(float64(b.Elapsed())/float64(without), "x-without")
			b.ReportMetric(float64(b.Elapsed())/float64(b.N*n), "ns/emit")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// Keys that begin to repeat half way are combined again soon after, wherever half way is. Sums are judged when their table
// is full, which takes them longer.
func TestCombiningComesBack(t *testing.T) {
	for _, c := range []struct {
		combiner string
		half     uint64
		most     int // of the pairs in the second half that are left as they are
	}{{"queued", 200_000, 100_000}, {"queued", 460_000, 280_000}, {"sum", 700_000, 550_000}, {"fold", 700_000, 550_000}} {
		t.Run(fmt.Sprint(c.combiner, "/", c.half), func(t *testing.T) {
			key := func(i uint64) uint64 {
				if i < c.half {
					return i
				}
				return i % 1000
			}
			want, got, rows := map[string]int64{}, map[string]int64{}, 0
			count := keyedMap(key)
			for range 2 * c.half {
				_ = count(t.Context(), "", func(k string, v int64) { want[strings.Clone(k)] += v })
			}
			sent := false
			_, err := compiled(t, keyed(combiners[c.combiner], key)).Map(t.Context(), &pluginv1.MapStart{Memory: 64 << 20}, boundary.LocalMap{
				Next: func() (*boundary.Input, error) {
					if sent {
						return nil, io.EOF
					}
					sent = true
					return numbers(int(2 * c.half)), nil
				},
				Out: func(b *boundary.Pairs) error {
					rows += b.Len()
					for k, v := range sums(t, []*boundary.Pairs{b}) {
						got[k] += v
					}
					return nil
				},
			})
			if err != nil || !maps.Equal(got, want) {
				t.Fatalf("%d keys, want %d, or other sums (%v)", len(got), len(want), err)
			}
			if left := rows - int(c.half); left > c.most {
				t.Errorf("of %d pairs whose keys repeat %d were left, want at most %d", c.half, left, c.most)
			}
		})
	}
}
