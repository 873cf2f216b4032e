package jobs

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
)

// spoiling is a port whose lent batches are written over as soon as they may be.
type spoiling struct {
	boundary.LocalMap
	lent  *boundary.Input
	loans int
}

func (p *spoiling) spoil() {
	if p.lent != nil {
		for i := range p.lent.Data {
			p.lent.Data[i] = '!'
		}
		p.lent = nil
	}
}

func (p *spoiling) Recv() (*boundary.Input, error) {
	p.spoil()
	return p.LocalMap.Recv()
}

func (p *spoiling) Lend() (in *boundary.Input, err error) {
	p.spoil()
	p.loans++
	p.lent, err = p.LocalMap.Lend()
	return p.lent, err
}

// Bytes and Arrow data are lent for the call, and nothing of them is needed later; strings are never lent.
func TestLentBatches(t *testing.T) {
	texts := []string{"a\nb\na\n", "b\nc\n", "a long key, which lies outside the slots of a table\na\n"}
	words := map[string]int64{}
	for _, text := range texts {
		for _, w := range strings.Fields(text) {
			words[w]++
		}
	}
	lines := map[string]int64{"a": 3, "b": 2, "c": 1, "a long key, which lies outside the slots of a table": 1}
	bytesJob := func(combine Combiner[int64]) Stage {
		return Job[[]byte, string, int64, Pair[string, int64]]{
			Name: "bytes", Combine: combine,
			Map: func(_ context.Context, line []byte, emit func(string, int64)) error {
				emit(textOf(line), 1)
				return nil
			},
		}
	}
	batchJob := func(combine Combiner[int64]) Stage {
		return Job[string, string, int64, Pair[string, int64]]{
			Name: "batch", Combine: combine,
			MapBatch: func(_ context.Context, in arrow.RecordBatch, emit *BatchEmitter) error {
				ones := array.NewInt64Builder(memory.DefaultAllocator)
				for range in.NumRows() {
					ones.Append(1)
				}
				return emit.Emit(in.Column(0), ones.NewArray())
			},
		}
	}
	stringJob := func(combine Combiner[int64]) Stage {
		return wordJob{Name: "string", Combine: combine, Map: func(_ context.Context, line string, emit func(string, int64)) error {
			emit(line, 1)
			return nil
		}}
	}
	for name, c := range map[string]struct {
		job  func(Combiner[int64]) Stage
		lent bool
		want map[string]int64
	}{
		"bytes": {bytesJob, true, lines}, "batch": {batchJob, true, lines}, "string": {stringJob, false, lines},
		"ready-made": {func(Combiner[int64]) Stage { return WordCounts("words") }, true, words},
	} {
		for _, combine := range []Combiner[int64]{{}, Sum[int64](), Fold(func(a, b int64) int64 { return a + b })} {
			p, err := c.job(combine).Program()
			if err != nil {
				t.Fatal(name, err)
			}
			var out []*boundary.Pairs
			port := &spoiling{LocalMap: boundary.LocalMap{
				Next: input(texts...), Out: func(b *boundary.Pairs) error { out = append(out, b); return nil },
			}}
			if _, err := p.Map(t.Context(), &pluginv1.MapStart{}, port); err != nil {
				t.Fatal(name, err)
			}
			got := sums(t, out)
			if !maps.Equal(got, c.want) {
				t.Errorf("%s: %v, want %v", name, got, c.want)
			}
			if c.lent != (port.loans > 0) {
				t.Errorf("%s: %d batches were lent", name, port.loans)
			}
		}
	}
}
