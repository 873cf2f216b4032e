package jobs

import (
	"context"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
)

// zipf is text whose words are distributed as in natural language, about 8 MiB, as batches of lines.
func zipf() (in []*boundary.Input, words int) {
	rng := rand.New(rand.NewPCG(1, 2))
	ranks := rand.NewZipf(rng, 1.07, 1, 1<<18)
	var text strings.Builder
	for text.Len() < 8<<20 {
		for range 15 {
			n := ranks.Uint64()
			text.WriteString(strconv.FormatUint(n*0x9e3779b9+n, 36)) // short words are common, as they are
			text.WriteByte(' ')
			words++
		}
		text.WriteByte('\n')
	}
	l := &lineReader{files: []string{"-"}, stdin: strings.NewReader(text.String())}
	for {
		b, err := l.next()
		if err != nil {
			return in, words
		}
		in = append(in, b)
	}
}

// BenchmarkMap is what a pair costs in a map attempt of a word count, in ns an emit: with emit doing nothing (the words
// and the calls alone), combining, combining a struct by a function, and with nothing combined.
func BenchmarkMap(b *testing.B) {
	in, words := zipf()
	bench := func(name string, s Stage) {
		b.Run(name, func(b *testing.B) {
			p, err := s.Program()
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				_, err := p.Map(b.Context(), &pluginv1.MapStart{Memory: 256 << 20}, boundary.LocalMap{
					Next: func() (*boundary.Input, error) {
						if n++; n > len(in) {
							return nil, io.EOF
						}
						return in[n-1], nil
					},
					Out: func(*boundary.Pairs) error { return nil },
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*words), "ns/emit")
		})
	}
	total := 0
	bench("nop", wordJob{Name: "x", Map: func(_ context.Context, line string, _ func(string, int64)) error {
		for w := range Words(line) {
			total += len(w)
		}
		return nil
	}})
	bench("sum", wordJob{Name: "x", Map: countWords, Combine: Sum[int64]()})
	bench("fold", wordJob{Name: "x", Map: countWords, Combine: Fold(func(a, b int64) int64 { return a + b })})
	bench("direct", wordJob{Name: "x", Map: countWords})
	type key struct{ Word string }
	type load struct{ N, Bytes int64 }
	bench("struct", Job[string, key, load, Pair[key, load]]{Name: "x",
		Map: func(_ context.Context, line string, emit func(key, load)) error {
			for w := range Words(line) {
				emit(key{w}, load{1, int64(len(w))})
			}
			return nil
		},
		Combine: Fold(func(a, b load) load { return load{a.N + b.N, a.Bytes + b.Bytes} })})
}
