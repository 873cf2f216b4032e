// Command batch counts words a batch at a time: it reads the column of lines by its buffers and builds the columns of
// pairs by theirs, with no function called for a word. Words are what lies between blanks of ASCII.
package main

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/mrctl/mrctl/jobs"
)

func count(_ context.Context, in arrow.RecordBatch, emit *jobs.BatchEmitter) error {
	lines, ok := in.Column(0).(*array.String)
	if !ok {
		return fmt.Errorf("lines come as %v", in.Column(0).DataType())
	}
	text, ends := lines.ValueBytes(), lines.ValueOffsets()
	words := make([]byte, 0, len(text))
	offsets := make([]int32, 1, len(text)/4+2)
	for i := range lines.Len() {
		start := -1
		line := text[ends[i]-ends[0] : ends[i+1]-ends[0]]
		for at, c := range line {
			blank := c == ' ' || '\t' <= c && c <= '\r'
			switch {
			case !blank && start < 0:
				start = at
			case blank && start >= 0:
				words = append(words, line[start:at]...)
				offsets = append(offsets, int32(len(words)))
				start = -1
			}
		}
		if start >= 0 {
			words = append(words, line[start:]...)
			offsets = append(offsets, int32(len(words)))
		}
	}
	n := len(offsets) - 1
	if n == 0 {
		return nil
	}
	ones := make([]int64, n)
	for i := range ones {
		ones[i] = 1
	}
	return emit.Emit(
		array.NewStringData(array.NewData(arrow.BinaryTypes.String, n, []*memory.Buffer{nil,
			memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets)), memory.NewBufferBytes(words)}, nil, 0, 0)),
		array.NewInt64Data(array.NewData(arrow.PrimitiveTypes.Int64, n, []*memory.Buffer{nil,
			memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(ones))}, nil, 0, 0)),
	)
}

var job = jobs.Job[string, string, int64, jobs.Pair[string, int64]]{Name: "batch", MapBatch: count, Combine: jobs.Sum[int64]()}

func main() { jobs.Main(job) }
