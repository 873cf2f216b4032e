package dataset

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
)

// people are batches of five rows with columns other than a job asks for, and n narrower than in person.
func people(batches int) (schema *arrow.Schema, list []arrow.RecordBatch, want []person) {
	schema = arrow.NewSchema([]arrow.Field{
		{Name: "other", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "n", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		{Name: "name", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int16, ValueType: arrow.BinaryTypes.String}},
	}, nil)
	for i := range batches {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for j := range 5 {
			p := person{Name: fmt.Sprintf("a\x00b%d", j%2), N: int64(i*5 + j)}
			b.Field(0).(*array.StringBuilder).AppendNull()
			b.Field(1).(*array.Int32Builder).Append(int32(p.N))
			if err := b.Field(2).(*array.BinaryDictionaryBuilder).AppendString(p.Name); err != nil {
				panic(err)
			}
			want = append(want, p)
		}
		list = append(list, b.NewRecordBatch())
	}
	return schema, list, want
}

// tables writes the batches in each format, a group of rows each.
func tables(t testing.TB, schema *arrow.Schema, batches []arrow.RecordBatch) map[string]string {
	t.Helper()
	var pq, arrowFile, stream bytes.Buffer
	p, err := pqarrow.NewFileWriter(schema, &pq, parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd)), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		t.Fatal(err)
	}
	f, err := ipc.NewFileWriter(&arrowFile, ipc.WithSchema(schema), ipc.WithLZ4())
	if err != nil {
		t.Fatal(err)
	}
	s := ipc.NewWriter(&stream, ipc.WithSchema(schema), ipc.WithZstd())
	for _, b := range batches {
		for _, err := range []error{p.Write(b), f.Write(b), s.Write(b)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, err := range []error{p.Close(), f.Close(), s.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return map[string]string{"a.parquet": pq.String(), "b.arrow": arrowFile.String(), "c.arrows": stream.String()}
}

// Wherever a file is cut, each row is read once and in order, whatever lies in the same split.
func TestTablesSplitAnywhere(t *testing.T) {
	schema, batches, want := people(4)
	files := tables(t, schema, batches)
	files["d.csv"] = "n,name\n20,x\n"
	b := newBucket(files)
	want = append(slices.Concat(want, want, want), person{"x", 20})
	for size := 1; size < 3000; size += 1 + size/6 {
		var objects []Object
		for _, key := range []string{"a.parquet", "b.arrow", "c.arrows", "d.csv"} {
			objects = append(objects, b.object(t, key))
		}
		splits := planAll(t, PlanOptions{Format: "auto", SplitSize: int64(size)}, objects...)
		got, bad, err := readRows(t, b, splits, Options{Format: "auto"}, 1+size%40)
		if err != nil || len(bad) > 0 || len(got) != len(want) {
			t.Fatalf("split size %d: %d rows, bad %v, %v", size, len(got), bad, err)
		}
		for i := range got {
			if got[i].person != want[i] {
				t.Fatalf("split size %d, row %d: %+v, want %+v", size, i, got[i], want[i])
			}
			if key := got[i].object; strings.HasSuffix(key, "parquet") && got[i].off != want[i].N {
				t.Fatalf("row %d of %s is said to be at %d", i, key, got[i].off)
			}
		}
	}
}

// What a file does not have of what the job wants is said before any work, with its name, the column and both types.
func TestTablesOfOtherTypes(t *testing.T) {
	one := func(name string, dt arrow.DataType) string {
		schema := arrow.NewSchema([]arrow.Field{{Name: "name", Type: arrow.BinaryTypes.LargeString}, {Name: name, Type: dt, Nullable: true}}, nil)
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for i := range 3 {
			b.Field(0).(*array.LargeStringBuilder).Append("x")
			switch f := b.Field(1).(type) {
			case *array.Uint64Builder:
				f.Append(uint64(1)<<63 - 1 + uint64(i%2))
			case *array.Int8Builder:
				if i == 1 {
					f.AppendNull()
				} else {
					f.Append(-7)
				}
			default:
				f.AppendNull()
			}
		}
		return tables(t, schema, []arrow.RecordBatch{b.NewRecordBatch()})["a.parquet"]
	}
	c, err := codec.For[person]()
	if err != nil {
		t.Fatal(err)
	}
	b := newBucket(map[string]string{
		"dec": one("n", &arrow.Decimal128Type{Precision: 10, Scale: 2}), "time": one("n", arrow.FixedWidthTypes.Timestamp_us),
		"text": one("n", arrow.BinaryTypes.String), "none": one("m", arrow.PrimitiveTypes.Int64), "float": one("n", arrow.PrimitiveTypes.Float64),
		"list": one("n", arrow.ListOf(arrow.PrimitiveTypes.Int64)), "big": one("n", arrow.PrimitiveTypes.Uint64), "small": one("n", arrow.PrimitiveTypes.Int8),
		"junk": "not a table at all", "empty": "",
	})
	for _, x := range []struct{ key, want string }{
		{"dec", "column n is decimal(10, 2) in the file, which the job's int64 cannot be read from"},
		{"time", "column n is timestamp[us"}, {"text", "column n is utf8 in the file"}, {"none", "it has no column n; it has name, m"},
		{"float", "column n is float64"}, {"list", "column n is list<"}, {"big", ""}, {"small", ""}, {"empty", ""}, {"junk", "damaged"},
	} {
		err := CheckColumns(t.Context(), b, []Object{b.object(t, x.key)}, "parquet", "auto", c.Fields())
		if (x.want == "") != (err == nil) || err != nil && (!strings.Contains(err.Error(), x.want) || !strings.Contains(err.Error(), "mem://b/"+x.key)) {
			t.Errorf("%s: %v", x.key, err)
		}
	}
	for key, want := range map[string]string{"big": "[{x 9223372036854775807} {x 9223372036854775807}] bad [1]", "small": "[{x -7} {x -7}] bad [1]"} {
		got, bad, err := readRows(t, b, planAll(t, PlanOptions{Format: "parquet", SplitSize: 1 << 20}, b.object(t, key)), Options{Format: "parquet"}, 64)
		var list []person
		for _, g := range got {
			list = append(list, g.person)
		}
		if text := fmt.Sprint(list, " bad ", bad); text != want || err != nil {
			t.Errorf("%s: %s, %v", key, text, err)
		}
	}
}

// Nothing but a table goes into a split with one, and a packed one is refused when the job is planned.
func TestPackedTablesAreRefused(t *testing.T) {
	b := newBucket(map[string]string{"a.parquet.gz": "x"})
	c, err := codec.For[person]()
	if err != nil {
		t.Fatal(err)
	}
	err = CheckColumns(t.Context(), b, []Object{b.object(t, "a.parquet.gz")}, "auto", "auto", c.Fields())
	if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "unpack it") {
		t.Error(err)
	}
}

// A file that was changed anywhere is read or refused by name; it never takes the process with it.
func TestDamagedTables(t *testing.T) {
	c, err := codec.For[person]()
	if err != nil {
		t.Fatal(err)
	}
	schema, batches, _ := people(3)
	for key, body := range tables(t, schema, batches) {
		damage(t, key, body, c.Fields(), rand.New(rand.NewPCG(7, uint64(len(body)))), 40)
	}
}

// damage changes a few bytes, or cuts the file off, and reads what comes of it.
func damage(t testing.TB, key, body string, fields []arrow.Field, rng *rand.Rand, times int) {
	t.Helper()
	for range times {
		bad := []byte(body)
		for range 1 + rng.IntN(3) {
			i := rng.IntN(len(bad))
			if rng.IntN(2) == 0 {
				i = len(bad) - 1 - rng.IntN(min(len(bad), 400)) // in the footer
			}
			copy(bad[i:], [][]byte{{byte(rng.Uint32())}, {0xff, 0xff, 0xff, 0x7f}, {0, 0, 0, 0, 0, 0, 0, 0x80}}[rng.IntN(3)])
		}
		if rng.IntN(5) == 0 {
			bad = bad[:rng.IntN(len(bad))]
		}
		readDamaged(t, key, string(bad), fields)
	}
}

func readDamaged(t testing.TB, key, body string, fields []arrow.Field) {
	b := newBucket(map[string]string{key: body})
	o := b.object(t, key)
	if err := CheckColumns(t.Context(), b, []Object{o}, "auto", "auto", fields); err != nil && !strings.Contains(err.Error(), key) {
		t.Fatalf("an error without the file's name: %v", err)
	}
	p := Piece{URI: o.URI, Size: o.Size, Version: o.Version, Len: o.Size}
	r, err := OpenRows(t.Context(), b, Split{Pieces: []Piece{p}, Bytes: p.Len}, Options{Format: "auto", OnBad: func(string, int64, []byte, error) {}}, fields)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = r.Next(t.Context())
	}
	if err.Error() != "EOF" && !strings.Contains(err.Error(), key) {
		t.Fatalf("an error without the file's name: %v", err)
	}
	_ = r.Close() // of what it could not open
}

// FuzzTables is best run with -fuzzminimizetime 10x: to make an input of some thousand bytes small takes longer than to find many.
func FuzzTables(f *testing.F) {
	keys := []string{"a.parquet", "b.arrow", "c.arrows"}
	schema, batches := nests(f, 2)
	files := tables(f, schema, batches)
	for i, key := range keys {
		f.Add(uint8(i), []byte(files[key]))
	}
	c, err := codec.For[nested]()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) {
		readDamaged(t, keys[int(kind)%len(keys)], string(body), c.Fields())
	})
}
