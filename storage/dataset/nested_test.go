package dataset

import (
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/mrctl/mrctl/internal/codec"
)

// nested is a row with a struct and a list of structs.
type nested struct {
	In   nestedIn
	List []nestedIn
}

type nestedIn struct {
	X int64
	S string
}

// nests are batches of nested rows.
func nests(t testing.TB, batches int) (*arrow.Schema, []arrow.RecordBatch) {
	t.Helper()
	in := arrow.StructOf(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int64}, arrow.Field{Name: "s", Type: arrow.BinaryTypes.String})
	schema := arrow.NewSchema([]arrow.Field{{Name: "in", Type: in}, {Name: "list", Type: arrow.ListOf(in)}}, nil)
	var list []arrow.RecordBatch
	for range batches {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		if err := b.UnmarshalJSON([]byte(`{"in": {"x": 1, "s": "a"}, "list": [{"x": 2, "s": "b"}, {"x": 3, "s": "c"}]}` + "\n" +
			`{"in": {"x": 4, "s": "d"}, "list": []}`)); err != nil {
			t.Fatal(err)
		}
		list = append(list, b.NewRecordBatch())
	}
	return schema, list
}

// The library reads the children of a struct in goroutines of its own, where nobody could contain a panic.
func TestDamagedNestedTables(t *testing.T) {
	c, err := codec.For[nested]()
	if err != nil {
		t.Fatal(err)
	}
	schema, batches := nests(t, 3)
	for key, body := range tables(t, schema, batches) {
		damage(t, key, body, c.Fields(), rand.New(rand.NewPCG(9, uint64(len(body)))), 100)
	}
}
