package streaming

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"go.uber.org/goleak"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/rows"
)

func TestMain(m *testing.M) {
	if line := os.Getenv(orphanCommand); line != "" {
		orphan(line)
	}
	goleak.VerifyTestMain(m)
}

// log is what attempts write to.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// result is what a run gave.
type result struct {
	text    string // the rows: the cells of each with | between them
	log     string
	mapped  *pluginv1.Counters
	reduced *pluginv1.Counters
	pairs   int // that left the map

}

// batches cuts text into lines, n at a time, as a worker would send them.
func batches(text string, n int) func() (*boundary.Input, error) {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	number := uint64(0)
	return func() (*boundary.Input, error) {
		if len(lines) == 0 {
			return nil, io.EOF
		}
		in := &boundary.Input{Number: number, Records: rows.Records{Off: []int32{0}, Terminated: true}}
		for _, l := range lines[:min(n, len(lines))] {
			in.Data = append(in.Data, l...)
			in.Off = append(in.Off, int32(len(in.Data)))
		}
		lines = lines[min(n, len(lines)):]
		number++
		return in, nil
	}
}

// run runs a job in this process: one map attempt, one reduce attempt if there are reduces.
func run(ctx context.Context, t *testing.T, c Config, next func() (*boundary.Input, error), memory uint64) (res result, err error) {
	t.Helper()
	p, err := c.compile()
	if err != nil {
		t.Fatal(err)
	}
	l := &log{}
	p.log = l
	defer func() { res.log = l.b.String() }()
	var all rows.Batch
	res.mapped, err = p.Map(ctx, &pluginv1.MapStart{Id: &pluginv1.TaskID{Job: "j", Task: 3}, Partitions: 1, Memory: memory}, boundary.LocalMap{
		Next: next,
		Out: func(b *boundary.Pairs) error {
			for i := range b.Len() {
				all.Append(b.Key(i), b.Val(i))
			}
			return nil
		},
	})
	if err != nil {
		return res, err
	}
	res.pairs = all.Len()
	if p.Describe().GetMapOnly() {
		for i := range all.Len() {
			if len(all.Key(i)) > 0 {
				t.Errorf("a row with the key %q", all.Key(i))
			}
			res.text += string(all.Val(i))
		}
		res.reduced = &pluginv1.Counters{RowsOut: uint64(all.Len())}
		return res, nil
	}
	var order []int
	for i := range all.Len() {
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(x, y int) int { return bytes.Compare(all.Key(x), all.Key(y)) })
	const perBatch = 1000
	var text strings.Builder
	res.reduced, err = p.Reduce(ctx, &pluginv1.ReduceStart{Id: &pluginv1.TaskID{Job: "j"}, Partitions: 1}, boundary.LocalReduce{
		Next: func() (*boundary.Group, error) {
			if len(order) == 0 {
				return nil, io.EOF
			}
			g := &boundary.Group{}
			for _, i := range order[:min(perBatch, len(order))] {
				g.Append(all.Key(i), all.Val(i))
			}
			order = order[min(perBatch, len(order)):]
			return g, nil
		},
		Out: func(rec arrow.RecordBatch) error {
			for i := range int(rec.NumRows()) {
				for j, col := range rec.Columns() {
					if j > 0 {
						text.WriteByte('|')
					}
					if b, ok := col.(*array.Binary); ok {
						text.Write(b.Value(i))
					} else {
						text.WriteString(col.ValueStr(i))
					}
				}
			}
			return nil
		},
	})
	res.text = text.String()
	return res, err
}

// failed is the failure that an attempt is to have ended with.
func failed(t *testing.T, err error) string {
	t.Helper()
	var f *boundary.Failure
	if !errors.As(err, &f) {
		t.Fatalf("%v is no failure of the user's", err)
	}
	return f.Text
}
