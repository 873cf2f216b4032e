package jobs

import (
	"context"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
)

// What the SDK costs above the user's own code, per record, emit, group and value of a (string, int64) job. Each
// benchmark runs the user's function from a plain loop too, and reports the difference.

// lines are n records of 64 bytes in batches of about 1 MiB, and the same as strings.
func lines(n int) (in []*boundary.Input, texts []string) {
	var text strings.Builder
	rng := rand.New(rand.NewPCG(1, 2))
	for range n {
		at := text.Len()
		for text.Len()-at < 56 {
			fmt.Fprintf(&text, "%07x ", rng.Uint32N(1<<14))
		}
		text.WriteString("-------\n")
	}
	all := text.String()
	for at := 0; at < len(all); at += 64 {
		texts = append(texts, all[at:at+63])
	}
	l := &lineReader{files: []string{"-"}, stdin: strings.NewReader(all)}
	for {
		b, err := l.next()
		if err != nil {
			return in, texts
		}
		in = append(in, b)
	}
}

// feed is a map attempt over batches, whose output goes nowhere.
func feed(tb testing.TB, p boundary.Program, in []*boundary.Input) *pluginv1.Counters {
	n := 0
	c, err := p.Map(tb.Context(), &pluginv1.MapStart{Memory: 64 << 20}, boundary.LocalMap{
		Next: func() (*boundary.Input, error) {
			if n++; n > len(in) {
				return nil, io.EOF
			}
			return in[n-1], nil
		},
		Out: func(*boundary.Pairs) error { return nil },
	})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func compiled(tb testing.TB, s Stage) boundary.Program {
	p, err := s.Program()
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// above measures what ours takes above theirs, in ns for each of n things.
func above(b *testing.B, unit string, n int, theirs, ours func()) {
	var own time.Duration
	for b.Loop() {
		b.StopTimer()
		began := time.Now()
		theirs()
		own += time.Since(began)
		b.StartTimer()
		ours()
	}
	each := float64(b.N) * float64(n)
	b.ReportMetric(float64(b.Elapsed()-own)/each, "ns/"+unit)
	b.ReportMetric(float64(own)/each, "own-ns/"+unit)
	b.ReportMetric(0, "ns/op")
}

// BenchmarkMapRecord is a Map that looks at its record and emits nothing.
func BenchmarkMapRecord(b *testing.B) {
	in, texts := lines(1 << 17)
	var sum int
	look := func(_ context.Context, line string, _ func(string, int64)) error {
		sum += int(line[0]) + len(line)
		return nil
	}
	p := compiled(b, wordJob{Name: "x", Map: look})
	above(b, "record", len(texts), func() {
		for _, s := range texts {
			_ = look(b.Context(), s, nil)
		}
	}, func() { feed(b, p, in) })
}

// BenchmarkMapEmit is what an emit costs above one that does nothing: seven a record, of keys cut from it.
func BenchmarkMapEmit(b *testing.B) {
	in, texts := lines(1 << 17)
	cut := func(_ context.Context, line string, emit func(string, int64)) error {
		for at := 0; at < 56; at += 8 {
			emit(line[at:at+7], 1)
		}
		return nil
	}
	var sum int64
	nop := func(k string, v int64) { sum += int64(len(k)) + v }
	for _, c := range []struct {
		name string
		c    Combiner[int64]
	}{{"sum", Sum[int64]()}, {"max", Max[int64]()}, {"fold", Fold(func(a, b int64) int64 { return a + b })}, {"none", Combiner[int64]{}}} {
		b.Run(c.name, func(b *testing.B) {
			p := compiled(b, wordJob{Name: "x", Map: cut, Combine: c.c})
			above(b, "emit", 7*len(texts), func() {
				for _, s := range texts {
					_ = cut(b.Context(), s, nop)
				}
			}, func() { feed(b, p, in) })
		})
	}
}

// grouped are pairs in key order: n values under keys of size values each, in batches of about 1 MiB.
func grouped(tb testing.TB, n, size int) (in []*boundary.Group, keys []string) {
	vals, err := codec.For[int64]()
	if err != nil {
		tb.Fatal(err)
	}
	var last, val []byte
	g := &boundary.Group{}
	for i := range n {
		key := fmt.Appendf(nil, "key%09d", i/size)
		if i%size == 0 {
			keys = append(keys, string(key))
		}
		if g.Bytes() > boundary.BatchSize {
			in = append(in, g)
			g = &boundary.Group{Continues: string(key) == string(last)}
		}
		val = vals.Append(val[:0], int64(i))
		g.Append(key, val)
		last = key
	}
	return append(in, g), keys
}

// reduceAll is a reduce attempt over batches, whose rows go nowhere.
func reduceAll(tb testing.TB, p boundary.Program, in []*boundary.Group) *pluginv1.Counters {
	n := 0
	c, err := p.Reduce(tb.Context(), &pluginv1.ReduceStart{}, boundary.LocalReduce{
		Next: func() (*boundary.Group, error) {
			if n++; n > len(in) {
				return nil, io.EOF
			}
			return in[n-1], nil
		},
		Out: func(rec arrow.RecordBatch) error { return nil },
	})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func total(_ context.Context, k string, vs iter.Seq[int64], emit func(Pair[string, int64])) error {
	var sum int64
	for v := range vs {
		sum += v
	}
	emit(Pair[string, int64]{k, sum})
	return nil
}

// BenchmarkReduce is what a value costs, in groups of one, where each has a call of Reduce and a row too, and of many.
func BenchmarkReduce(b *testing.B) {
	const n = 1 << 18
	for _, size := range []int{1, 1000} {
		b.Run(fmt.Sprintf("groups of %d", size), func(b *testing.B) {
			in, keys := grouped(b, n, size)
			p := compiled(b, wordJob{Name: "x", Map: countWords, Reduce: total})
			var sum int64
			nop := func(p Pair[string, int64]) { sum += p.Value }
			at := int64(0)
			values := func(yield func(int64) bool) {
				for range size {
					if at++; !yield(at) {
						return
					}
				}
			}
			above(b, "value", n, func() {
				for _, k := range keys {
					_ = total(b.Context(), k, values, nop)
				}
			}, func() { reduceAll(b, p, in) })
		})
	}
}

// allocations is how often f allocates, on any goroutine.
func allocations(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}
