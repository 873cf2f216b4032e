package codec

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// What a Builder makes of encoded columns are those columns, batch after batch in the same memory.
func TestBuilderIsInverseOfEncoder(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		fields := make([]arrow.Field, 1+r.IntN(4))
		for i := range fields {
			fields[i] = arrow.Field{Name: "f", Type: flat[r.IntN(len(flat))], Nullable: r.IntN(2) == 0}
		}
		e, err := NewEncoder(fields)
		if err != nil {
			t.Fatal(err)
		}
		d, err := NewDecoder(fields)
		if err != nil {
			t.Fatal(err)
		}
		b := d.NewBuilder()
		for range 4 {
			n := r.IntN(40)
			want := make([]arrow.Array, len(fields))
			for i, f := range fields {
				want[i] = randomColumn(r, f, n)
			}
			data, off, err := e.Encode(n, want)
			if err != nil {
				t.Fatal(err)
			}
			for row := range n {
				if err := b.Append(data[off[row]:off[row+1]]); err != nil {
					t.Fatal(err)
				}
			}
			if b.Len() != n {
				t.Fatalf("%d rows, want %d", b.Len(), n)
			}
			for i, got := range b.Take(nil) {
				if fields[i].Type.ID() == arrow.FIXED_SIZE_BINARY {
					if got.String() != want[i].String() && texts(got) != texts(want[i]) {
						t.Fatalf("seed %d, column %d of %v:\n got %v\nwant %v", seed, i, fields, got, want[i])
					}
				} else if !array.Equal(got, want[i]) {
					t.Fatalf("seed %d, column %d of %v:\n got %v\nwant %v", seed, i, fields, got, want[i])
				}
			}
		}
	}
}

func texts(a arrow.Array) string {
	var s strings.Builder
	for i := range a.Len() {
		s.WriteString(a.ValueStr(i) + "\n")
	}
	return s.String()
}

// A batch of unusual size leaves no unusual memory behind.
func TestBuilderLetsGoOfHugeBuffers(t *testing.T) {
	d, err := NewDecoder([]arrow.Field{{Name: "f", Type: arrow.BinaryTypes.String}})
	if err != nil {
		t.Fatal(err)
	}
	b := d.NewBuilder()
	if err := b.Append(make([]byte, keepAtMost+1)); err != nil {
		t.Fatal(err)
	}
	if b.Take(nil); cap(b.columns[0].data) != 0 {
		t.Errorf("%d bytes are kept", cap(b.columns[0].data))
	}
}

// BenchmarkBuilder is the cost of a row of (string), (int64) into columns, and by Arrow's own builders.
func BenchmarkBuilder(b *testing.B) {
	const rows = 8 << 10
	key, val := []byte("a-usual-key"), []byte{0x80, 0, 0, 0, 0, 0, 0, 7}
	builder := func(t arrow.DataType) *Builder {
		d, err := NewDecoder([]arrow.Field{{Name: "f", Type: t}})
		if err != nil {
			b.Fatal(err)
		}
		return d.NewBuilder()
	}
	perRow := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
	}
	b.Run("ours", func(b *testing.B) {
		keys, vals := builder(arrow.BinaryTypes.String), builder(arrow.PrimitiveTypes.Int64)
		b.ReportAllocs()
		for b.Loop() {
			for range rows {
				if keys.Append(key) != nil || vals.Append(val) != nil {
					b.Fatal("an error")
				}
			}
			vals.Take(keys.Take(nil))
		}
		perRow(b)
	})
	b.Run("arrow", func(b *testing.B) {
		keys := array.NewBuilder(memory.DefaultAllocator, arrow.BinaryTypes.String)
		vals := array.NewBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Int64)
		b.ReportAllocs()
		for b.Loop() {
			for range rows {
				keys.(*array.StringBuilder).BinaryBuilder.Append(key)
				vals.(*array.Int64Builder).Append(int64(be.Uint64(val) ^ 1<<63))
			}
			keys.NewArray().Release()
			vals.NewArray().Release()
		}
		perRow(b)
	})
}
