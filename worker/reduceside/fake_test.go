package reduceside

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/budget"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/worker/runs"
	"github.com/mrctl/mrctl/worker/shuffle"
	"github.com/mrctl/mrctl/worker/table"
)

var number, _ = codec.For[int64]()

func schema(fields ...arrow.Field) []byte {
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(arrow.NewSchema(fields, nil)))
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

var (
	word  = arrow.Field{Name: "word", Type: arrow.BinaryTypes.String}
	count = arrow.Field{Name: "count", Type: arrow.PrimitiveTypes.Int64}
)

func stage(fold pluginv1.Stage_Fold, reduce bool) *pluginv1.Stage {
	return &pluginv1.Stage{KeySchema: schema(word), ValueSchema: schema(count), OutputSchema: schema(word, count), Fold: fold, HasReduce: reduce}
}

// reducer is an in-process plugin that sums the values of each group, and checks what it is sent.
type reducer struct {
	table.NamedSource // of no outputs
	t                 *testing.T
	ctx               context.Context
	out               chan arrow.RecordBatch
	done              chan struct{}
	fail              error // given by Recv once the first batch has come
	came              chan struct{}

	key     []byte
	sum     int64
	any     bool
	groups  uint64
	batches int
	largest int // pairs of one group
	run     int
}

func newReducer(ctx context.Context, t *testing.T) *reducer {
	return &reducer{t: t, ctx: ctx, out: make(chan arrow.RecordBatch), done: make(chan struct{}), came: make(chan struct{})}
}

func (r *reducer) Send(ctx context.Context, b *rows.Batch, continues bool) error {
	if r.fail != nil {
		close(r.came)
		return io.EOF
	}
	r.batches++
	if b.Len() == 0 {
		r.t.Error("an empty batch")
	}
	if same := r.any && bytes.Equal(r.key, b.Key(0)); same != continues {
		r.t.Errorf("batch %d: continues is %v, the key the same is %v", r.batches, continues, same)
	}
	var rec []row
	for i := range b.Len() {
		key := b.Key(i)
		if !r.any || !bytes.Equal(key, r.key) {
			if r.any && bytes.Compare(key, r.key) < 0 {
				r.t.Errorf("key %q after %q", key, r.key)
			}
			rec = r.end(rec)
			r.key, r.sum, r.any, r.run = slices.Clone(key), 0, true, 0
			r.groups++
		}
		n, err := number.Decode(b.Val(i))
		if err != nil {
			r.t.Error(err)
		}
		r.sum += n
		r.run++
		r.largest = max(r.largest, r.run)
	}
	return r.emit(ctx, rec)
}

func (r *reducer) end(rec []row) []row {
	if r.any {
		rec = append(rec, row{string(r.key), r.sum})
	}
	return rec
}

func (r *reducer) emit(ctx context.Context, rec []row) error {
	if len(rec) == 0 {
		return nil
	}
	select {
	case r.out <- record(rec):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *reducer) CloseSend() error {
	err := r.emit(r.ctx, r.end(nil))
	close(r.done)
	return err
}

func (r *reducer) Recv() (arrow.RecordBatch, error) {
	select {
	case b := <-r.out:
		return b, nil
	case <-r.came:
		return nil, r.fail
	case <-r.done:
		return nil, io.EOF
	case <-r.ctx.Done():
		return nil, context.Cause(r.ctx)
	}
}

func (r *reducer) Counters() *pluginv1.Counters {
	return &pluginv1.Counters{GroupsIn: r.groups, RowsOut: r.groups, User: map[string]int64{"groups": int64(r.groups)}}
}

type row struct {
	word  string
	count int64
}

func record(rec []row) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{word, count}, nil))
	defer b.Release()
	for _, r := range rec {
		b.Field(0).(*array.StringBuilder).Append(r.word)
		b.Field(1).(*array.Int64Builder).Append(r.count)
	}
	return b.NewRecordBatch()
}

// part keeps what is written.
type part struct {
	rows            []row
	staged, aborted bool
	fail            error
}

func (p *part) Write(b arrow.RecordBatch) error {
	for i := range int(b.NumRows()) {
		p.rows = append(p.rows, row{strings.Clone(b.Column(0).(*array.String).Value(i)), b.Column(1).(*array.Int64).Value(i)})
	}
	return p.fail
}
func (p *part) Stage(context.Context) error { p.staged = true; return nil }
func (p *part) Abort()                      { p.aborted = true }

// sections is a Fetcher of runs that have landed already.
type sections struct {
	got  []shuffle.Landed
	err  error
	done atomic.Int32 // sections that are done with
}

func (s *sections) Fetch(_ context.Context, req shuffle.Request) (shuffle.Fetched, error) {
	var gone *shuffle.MissingError
	if errors.As(s.err, &gone) != (s.err != nil) {
		return shuffle.Fetched{}, s.err
	}
	for _, l := range s.got {
		if gone != nil && slices.ContainsFunc(gone.Runs, func(m shuffle.Missing) bool { return m.Task == l.Task }) {
			continue
		}
		for _, src := range req.Sources {
			if slices.Contains(src.Tasks, l.Task) {
				l.Range.Done = func() { s.done.Add(1) }
				req.Landed(l)
			}
		}
	}
	return shuffle.Fetched{}, s.err
}

// land makes the runs of map tasks with pairs of words over a few partitions, and gives one partition's sections, each
// in a file or in memory.
func land(t *testing.T, r *rand.Rand, maps, parts, partition int, pairs []row) *sections {
	t.Helper()
	s := &sections{}
	by := make([][]row, maps)
	for _, p := range pairs {
		m := r.IntN(maps)
		by[m] = append(by[m], p)
	}
	for task, rows := range by {
		slices.SortStableFunc(rows, func(a, b row) int { return strings.Compare(a.word, b.word) })
		path := filepath.Join(t.TempDir(), fmt.Sprint("run-", task))
		w, err := runs.Create(path, parts, runs.Options{Block: 1 + r.IntN(2000), Codec: runs.Codec(r.IntN(3)), Digest: runs.SumPairs})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range rows {
			if err := w.Append(&runs.Pair{Part: partition, Key: []byte(x.word), Val: number.Append(nil, x.count)}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Finish(); err != nil {
			t.Fatal(err)
		}
		f, err := runs.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		sec, err := f.Section(partition)
		if err != nil {
			t.Fatal(err)
		}
		local := r.IntN(2) == 0
		if !local && sec.Len > 0 {
			sec.Mem = make([]byte, sec.Len)
			f.ReadAt(sec.Mem, sec.Off)
		}
		f.Close()
		s.got = append(s.got, shuffle.Landed{Worker: "w", Task: uint32(task), Attempt: 7, Local: local, Range: sec})
	}
	r.Shuffle(len(s.got), func(i, j int) { s.got[i], s.got[j] = s.got[j], s.got[i] })
	return s
}

func newBudget() *budget.Budget { return budget.New(0) }
