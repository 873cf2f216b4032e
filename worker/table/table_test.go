package table

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
)

type part struct {
	sizes []int64
	rows  []string
	fail  error
}

func (p *part) Write(b arrow.RecordBatch) error {
	p.sizes = append(p.sizes, b.NumRows())
	for i := range int(b.NumRows()) {
		var cells []string
		for _, c := range b.Columns() {
			cells = append(cells, c.ValueStr(i))
		}
		p.rows = append(p.rows, strings.Join(cells, " "))
	}
	return p.fail
}
func (p *part) Stage(context.Context) error { return nil }
func (p *part) Abort()                      {}

type visit struct {
	Status int32
	Path   string
}

func stage(t testing.TB) (*pluginv1.Stage, func(visit, float64) (key, val []byte)) {
	t.Helper()
	key, err := codec.For[visit]()
	if err != nil {
		t.Fatal(err)
	}
	val, err := codec.For[float64]()
	if err != nil {
		t.Fatal(err)
	}
	marshal := func(f []arrow.Field) []byte {
		b, err := codec.MarshalSchema(arrow.NewSchema(f, nil))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	s := &pluginv1.Stage{KeySchema: marshal(key.Fields()), ValueSchema: marshal(val.Fields())}
	return s, func(k visit, v float64) ([]byte, []byte) { return key.Append(nil, k), val.Append(nil, v) }
}

func TestColumns(t *testing.T) {
	s, pair := stage(t)
	for _, c := range []struct {
		limit, n int
		sizes    []int64
	}{
		{1 << 20, MaxRows + 1, []int64{MaxRows, 1}}, // by rows
		{1, 3, []int64{1, 1, 1}},                    // by bytes
		{1 << 20, 0, nil},
	} {
		p := &part{}
		cols, err := NewColumns(s, p, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for i := range c.n {
			want = append(want, fmt.Sprintf("%d /%d %d.5", i-2, i, i))
			if err := cols.Append(pair(visit{int32(i - 2), fmt.Sprint("/", i)}, float64(i)+0.5)); err != nil {
				t.Fatal(err)
			}
		}
		if err := cols.Flush(); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(p.sizes, c.sizes) || !slices.Equal(p.rows, want) || cols.Rows() != int64(c.n) {
			t.Fatalf("batches of %v rows, %d in all, want %v", p.sizes, cols.Rows(), c.sizes)
		}
	}
}

func TestSchema(t *testing.T) {
	s, _ := stage(t)
	got, err := Schema(s)
	if err != nil || got.NumFields() != 3 || got.Field(0).Name != "status" || got.Field(1).Name != "path" {
		t.Fatalf("%v %v", got, err)
	}
	if _, err := Schema(&pluginv1.Stage{KeySchema: []byte("no schema")}); !errs.Is(err, errs.UserCode) {
		t.Fatalf("a schema that is none: %v", err)
	}
}

func TestErrors(t *testing.T) {
	s, pair := stage(t)
	full := errors.New("full")
	p := &part{fail: full}
	cols, err := NewColumns(s, p, 1)
	if err != nil {
		t.Fatal(err)
	}
	key, val := pair(visit{1, "/a"}, 2)
	if err := cols.Append(key, val); !errors.Is(err, full) {
		t.Fatal(err)
	}
	for what, pair := range map[string][2][]byte{"decode key": {key[:3], val}, "decode value of key": {key, val[1:]}} {
		cols, err := NewColumns(s, &part{}, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := cols.Append(pair[0], pair[1]); !errs.Is(err, errs.UserCode) || !strings.Contains(err.Error(), what) {
			t.Fatal(err)
		}
	}
}

// BenchmarkColumns is what a row of (int32, string) and float64 costs from its encoding to a batch.
func BenchmarkColumns(b *testing.B) {
	s, pair := stage(b)
	key, val := pair(visit{200, "/a/usual/path"}, 1.5)
	cols, err := NewColumns(s, &nowhere{}, 1<<20)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := cols.Append(key, val); err != nil {
			b.Fatal(err)
		}
	}
}

// nowhere is a part that takes anything.
type nowhere struct{ part }

func (*nowhere) Write(arrow.RecordBatch) error { return nil }
