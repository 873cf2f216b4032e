package reduceside

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/worker/runs"
	"github.com/mrctl/mrctl/worker/shuffle"
	"github.com/mrctl/mrctl/worker/table"
)

func identityStage() *pluginv1.Stage {
	return &pluginv1.Stage{
		KeySchema: schema(arrow.Field{Name: "key", Type: arrow.BinaryTypes.Binary}), ValueSchema: schema(), Identity: true,
	}
}

// arrowPart keeps records that come as columns, bytesPart those that come as bytes.
type arrowPart struct {
	recs   [][]byte
	staged bool
	fail   error
}

func (p *arrowPart) Write(b arrow.RecordBatch) error {
	for i := range int(b.NumRows()) {
		p.recs = append(p.recs, bytes.Clone(b.Column(0).(*array.Binary).Value(i)))
	}
	return p.fail
}
func (p *arrowPart) Stage(context.Context) error { p.staged = true; return nil }
func (p *arrowPart) Abort()                      {}

type bytesPart struct{ arrowPart }

func (p *bytesPart) WriteRecords(b *rows.Records) error {
	for i := range b.Len() {
		p.recs = append(p.recs, bytes.Clone(b.Data[b.Off[i]:b.Off[i+1]]))
	}
	return p.fail
}

// landRecords makes runs of records cut at their keys, those of one map task after the other.
func landRecords(t *testing.T, recs [][]byte, maps, off, end int) *sections {
	t.Helper()
	s := &sections{}
	for task := range maps {
		mine := slices.Clone(recs[len(recs)*task/maps : len(recs)*(task+1)/maps])
		slices.SortStableFunc(mine, func(a, b []byte) int { return bytes.Compare(a[off:end], b[off:end]) })
		path := filepath.Join(t.TempDir(), fmt.Sprint("run-", task))
		w, err := runs.Create(path, 1, runs.Options{Block: 3000, Digest: runs.SumPairs})
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range mine {
			packed := rows.AppendCut(nil, rec, off, end)
			key, val, _ := rows.CutPacked(packed)
			if err := w.Append(&runs.Pair{Key: key, Val: val, Packed: packed}); err != nil {
				t.Fatal(err)
			}
		}
		info, err := w.Finish()
		if err != nil {
			t.Fatal(err)
		}
		s.got = append(s.got, shuffle.Landed{Worker: "w", Task: uint32(task), Local: true, Range: info.Range()})
	}
	return s
}

// Records cut by map tasks come whole out of the reduce, in order of their keys, whether the part takes bytes or columns.
func TestRecordsEqualNaiveSort(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 31))
		off := r.IntN(3) * r.IntN(9)
		end := off + 1 + r.IntN(4)
		var recs [][]byte
		for range r.IntN(5000) {
			rec := make([]byte, end+r.IntN(1+r.IntN(100)))
			for i := range rec {
				rec[i] = "abc"[r.IntN(3)]
			}
			recs = append(recs, rec)
		}
		if r.IntN(2) == 0 {
			recs = append(recs, bytes.Repeat([]byte("huge"), 50_000))
		}
		want := slices.Clone(recs)
		slices.SortFunc(want, bytes.Compare)
		maps := 1 + r.IntN(6)
		for _, memory := range []int64{64 << 10, 64 << 20} {
			ps := [2]table.PartWriter{&arrowPart{}, &bytesPart{}}
			for i, p := range ps {
				tk := task(t, maps, 1, 0, memory, identityStage())
				tk.Job.Keys = fmt.Sprintf("%d:%d", off, end-off)
				d, _ := deps(t, landRecords(t, recs, maps, off, end), &part{})
				d.Part = func(context.Context, *arrow.Schema) (table.PartWriter, error) { return p, nil }
				res, err := Run(t.Context(), tk, d)
				if err != nil {
					t.Fatal(err)
				}
				got := &ps[0].(*arrowPart).recs
				if i == 1 {
					got = &ps[1].(*bytesPart).recs
				}
				if !slices.IsSortedFunc(*got, func(a, b []byte) int { return bytes.Compare(a[off:end], b[off:end]) }) {
					t.Fatalf("seed %d: not in order of keys", seed)
				}
				slices.SortFunc(*got, bytes.Compare)
				if !slices.EqualFunc(*got, want, bytes.Equal) || res.Tally.RowsOut != uint64(len(want)) || tk.Budget.Used() != 0 {
					t.Fatalf("seed %d: %d records of %d, or others; counted %v", seed, len(*got), len(want), res.Tally)
				}
			}
		}
	}
}

func TestRecordsFail(t *testing.T) {
	recs := [][]byte{[]byte("b"), []byte("a")}
	tk := task(t, 1, 1, 0, 64<<10, identityStage())
	d, _ := deps(t, landRecords(t, recs, 1, 0, 1), &part{})
	p := &bytesPart{arrowPart{fail: errs.New(errs.Unavailable, "the disk is full")}}
	d.Part = func(context.Context, *arrow.Schema) (table.PartWriter, error) { return p, nil }
	if _, err := Run(t.Context(), tk, d); !errs.Is(err, errs.Unavailable) || p.staged || tk.Budget.Used() != 0 {
		t.Fatalf("%v; staged is %v", err, p.staged)
	}
}
