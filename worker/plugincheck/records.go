package plugincheck

import (
	"bytes"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/rows"
)

// many is how many records the larger checks have.
const many = 2000

// madeUp are lines for a plugin of which nothing is known.
func madeUp() (lines [][]byte) {
	words := []string{"to", "be", "or", "not", "that", "is", "the", "question", "naïve", "\x00", "a\x00b"}
	for i := range many {
		lines = append(lines, fmt.Appendf(nil, "%s %s %d %s", words[i%len(words)], words[i/7%len(words)], i%100, words[i/31%len(words)]))
	}
	return append(lines, nil, []byte("  "))
}

// repeated makes a list of at least many records of those given.
func repeated(lines [][]byte) [][]byte {
	var out [][]byte
	for len(out) < many {
		out = append(out, lines...)
	}
	return out
}

// emptyRows are encoded rows of an input of rows: empty ones, for any schema has those.
func emptyRows(in *pluginv1.Input) ([][]byte, error) {
	schema, err := codec.UnmarshalSchema(in.GetInputSchema())
	if err != nil {
		return nil, err
	}
	enc, err := codec.NewEncoder(schema.Fields())
	if err != nil {
		return nil, err
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, f := range b.Fields() {
		f.AppendEmptyValue()
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	data, _, err := enc.Encode(1, rec.Columns())
	return [][]byte{bytes.Clone(data)}, err
}

// batches cuts records into batches of some each.
func batches(in *pluginv1.Input, lines [][]byte, some int) (out []*rows.Records) {
	for len(lines) > 0 {
		n := min(some, len(lines))
		b := &rows.Records{Off: []int32{0}, Terminated: in.GetRawLines()}
		for _, l := range lines[:n] {
			b.Data = append(b.Data, l...)
			if b.Terminated {
				b.Data = append(b.Data, '\n')
			}
			b.Off = append(b.Off, int32(len(b.Data)))
		}
		out, lines = append(out, b), lines[n:]
	}
	return out
}
