package output

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/mem"
)

// WriteRecords is Write of the same rows as a batch of Arrow.
func TestRecordsEqualWrite(t *testing.T) {
	for _, f := range []Format{"", TSV, Records} {
		for seed := range uint64(4) {
			r := rand.New(rand.NewPCG(seed, 5))
			schema := arrow.NewSchema([]arrow.Field{{Name: "key", Type: arrow.BinaryTypes.Binary}}, nil)
			stores := [2]storage.Store{mem.New(), mem.New()}
			var parts [2]*Part
			for i := range parts {
				var err error
				if parts[i], err = NewPart(t.Context(), stores[i], "part", f, schema, nil); err != nil {
					t.Fatal(err)
				}
			}
			for range r.IntN(12) {
				in, build := some(r)
				if err := parts[0].WriteRecords(in); err != nil {
					t.Fatal(err)
				}
				if err := parts[1].Write(array.NewRecordBatch(schema, []arrow.Array{build}, int64(in.Len()))); err != nil {
					t.Fatal(err)
				}
				clear(in.Data) // nothing of it may be needed any more
			}
			var texts [2]string
			var staged [2]Staged
			for i, p := range parts {
				var err error
				if staged[i], err = p.Stage(t.Context()); err != nil {
					t.Fatal(err)
				}
				texts[i] = published(t, stores[i], staged[i])
			}
			a, b := staged[0], staged[1]
			if texts[0] != texts[1] || a.Rows != b.Rows || a.Bytes != b.Bytes || a.CRC != b.CRC {
				t.Fatalf("%s, seed %d: %+v and %+v differ", f, seed, a, b)
			}
		}
	}
}

// published makes a staged part visible and reads it.
func published(t *testing.T, store storage.Store, s Staged) string {
	t.Helper()
	if err := Publish(t.Context(), store, []Staged{s}); err != nil {
		t.Fatal(err)
	}
	r, _, err := store.Open(t.Context(), s.Key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// some gives a batch of records with a few bytes in them that tsv escapes, and the same as a column.
func some(r *rand.Rand) (*rows.Records, arrow.Array) {
	b := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
	defer b.Release()
	rec := &rows.Records{Off: []int32{0}}
	escapes := r.IntN(2) == 0
	for range r.IntN(300) {
		row := bytes.Repeat([]byte{'x', byte('a' + r.IntN(26))}, r.IntN(r.IntN(3000)+1))
		if escapes && r.IntN(3) == 0 {
			row = append(row, "\t\n\r\\"[r.IntN(4)], 0)
		}
		b.Append(row)
		rec.Data = append(rec.Data, row...)
		rec.Off = append(rec.Off, int32(len(rec.Data)))
	}
	return rec, b.NewArray()
}

func TestRecordsOfColumns(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	p, err := NewPart(t.Context(), mem.New(), "part", TSV, schema, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.WriteRecords(&rows.Records{Off: []int32{0, 1}, Data: []byte("x")}); !errs.Is(err, errs.Invalid) {
		t.Errorf("bytes in a column of numbers: %v", err)
	}
	if err := p.Abort(); err != nil {
		t.Error(err)
	}
}
