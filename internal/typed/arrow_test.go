package typed

import (
	"bytes"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

const twoDocs = `{"s":"a\u0000b","n":-5,"u":7,"f":1.5,"b":true,"p":"x","t":"2024-02-29T01:02:03.5Z","raw":"AAE=","l":["y",""],"in":{"x":1,"l":[1,2]},"many":[{"x":2,"l":[3]}],"more":[1.5,null]}
{"s":"","n":9,"u":0,"f":-2,"b":false,"p":null,"t":"1969-12-31T23:59:59Z","raw":"","l":[],"in":{"x":-1,"l":[]},"many":[],"more":[]}
`

// TestTableIsJSON: the same rows come of a table as of the same values in JSON, of the columns' own types and of such as are
// read as those.
func TestTableIsJSON(t *testing.T) {
	cols, c := compiled[doc](t)
	var want [][]byte
	for p, text := cols.JSON(), twoDocs; text != ""; {
		row, n, ok, err := p.Next(nil, []byte(text), true)
		if err != nil || !ok {
			t.Fatal(err)
		}
		want, text = append(want, row), text[n:]
	}
	item := arrow.StructOf(arrow.Field{Name: "l", Type: arrow.LargeListOf(arrow.PrimitiveTypes.Uint8)}, arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int64})
	others := map[string]arrow.DataType{"s": arrow.BinaryTypes.LargeString, "n": arrow.PrimitiveTypes.Int8, "u": arrow.PrimitiveTypes.Uint64,
		"f": arrow.PrimitiveTypes.Float32, "t": arrow.FixedWidthTypes.Timestamp_ms, "l": arrow.ListOf(arrow.BinaryTypes.StringView), "in": item, "many": arrow.ListOf(item)}
	for name, change := range map[string]map[string]arrow.DataType{"own types": nil, "others": others} {
		fields := []arrow.Field{{Name: "nobody's", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}
		for _, f := range c.Fields() {
			if dt := change[f.Name]; dt != nil {
				f.Type = dt
			}
			fields = append(fields, f)
		}
		schema := arrow.NewSchema(fields, nil)
		reader := array.NewJSONReader(strings.NewReader(twoDocs), schema, array.WithChunk(2))
		if !reader.Next() {
			t.Fatal(name, reader.Err())
		}
		table, err := cols.Table(schema)
		if err != nil {
			t.Fatal(name, err)
		}
		table.Bind(reader.RecordBatch())
		for i := range want {
			if got, err := table.Append(nil, i); err != nil || !bytes.Equal(got, want[i]) {
				t.Errorf("%s, row %d: %v\n%q\nwant\n%q", name, i, err, got, want[i])
			}
		}
	}
}

// TestValuesThatDoNotFit: of a type that may be read, some values may not.
func TestValuesThatDoNotFit(t *testing.T) {
	type small struct {
		U uint8
		S int8
	}
	cols, c := compiled[small](t)
	schema := arrow.NewSchema([]arrow.Field{{Name: "u", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "s", Type: arrow.PrimitiveTypes.Uint64}}, nil)
	table, err := cols.Table(schema)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ doc, want string }{
		{`{"u":255,"s":127}`, ""}, {`{"u":256,"s":0}`, "column u: 256 is no uint8"}, {`{"u":-1,"s":0}`, "column u: -1 is no uint8"},
		{`{"u":0,"s":128}`, "column s: 128 is no int8"}, {`{"u":0,"s":18446744073709551615}`, "column s: 18446744073709551615 is no int8"},
		{`{"u":null,"s":0}`, "column u: it is null"},
	} {
		b, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader("["+x.doc+"]"))
		if err != nil {
			t.Fatal(err)
		}
		table.Bind(b)
		row, err := table.Append(nil, 0)
		if x.want == "" {
			if v, derr := c.Decode(row); err != nil || derr != nil || v != (small{255, 127}) {
				t.Errorf("%s: %v, %v", x.doc, v, err)
			}
		} else if err == nil || err.Error() != x.want {
			t.Errorf("%s: %v, want %s", x.doc, err, x.want)
		}
	}
}
