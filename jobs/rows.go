package jobs

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
)

// table is the shape of the result: its columns, and how a row gets into them.
type table[Out any] struct {
	layout
	rows    *codec.Codec[Out]
	columns *codec.Decoder
}

// pairTable is the shape of a result that is keys and values.
type pairTable struct {
	layout
	keys, vals *codec.Decoder
}

// layout is the columns a row has, and those of them that are shown.
type layout struct {
	all    *arrow.Schema
	schema *arrow.Schema // what is shown
	pick   []int         // column i shown is pick[i] of all; nil: all of them
}

func newTable[Out any](columns func() []string) (*table[Out], error) {
	rows, err := codec.For[Out]()
	if err != nil {
		return nil, err
	}
	dec, err := codec.NewDecoder(rows.Fields())
	if err != nil {
		return nil, err
	}
	l, err := newLayout(codec.OutputFields(rows.Fields()), columns)
	return &table[Out]{l, rows, dec}, err
}

// newPairTable checks that Out is pair, which is a Pair of K and V, or a struct that names the same columns.
func newPairTable[Out any](keys, vals []arrow.Field, pair reflect.Type, columns func() []string) (*pairTable, error) {
	fields := codec.OutputFields(slices.Concat(keys, vals))
	if reflect.TypeFor[Out]() != pair {
		out, err := codec.For[Out]()
		if err != nil {
			return nil, err
		}
		given := codec.OutputFields(out.Fields())
		if !slices.EqualFunc(fields, given, func(a, b arrow.Field) bool {
			return a.Nullable == b.Nullable && arrow.TypeEqual(a.Type, b.Type)
		}) {
			return nil, fmt.Errorf("with no Reduce it must be jobs.Pair[K, V] or have the columns of K, then those of V (%s); it has %s",
				typesOf(fields), typesOf(given))
		}
		fields = given
	}
	for i, f := range fields {
		if slices.ContainsFunc(fields[:i], func(g arrow.Field) bool { return g.Name == f.Name }) {
			return nil, fmt.Errorf("K and V both have a column %s: name an Out with columns of its own", f.Name)
		}
	}
	l, err := newLayout(fields, columns)
	if err != nil {
		return nil, err
	}
	t := &pairTable{layout: l}
	if t.keys, err = codec.NewDecoder(keys); err != nil {
		return nil, err
	}
	t.vals, err = codec.NewDecoder(vals)
	return t, err
}

func typesOf(fields []arrow.Field) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Type.String()
		if f.Nullable {
			names[i] += "?"
		}
	}
	return strings.Join(names, ", ")
}

func newLayout(fields []arrow.Field, columns func() []string) (layout, error) {
	l := layout{all: arrow.NewSchema(fields, nil)}
	l.schema = l.all
	if columns == nil {
		return l, nil
	}
	var shown []arrow.Field
	for _, name := range columns() {
		i := slices.IndexFunc(fields, func(f arrow.Field) bool { return f.Name == name })
		if i < 0 {
			return l, fmt.Errorf("Columns names %q, and there is no such column", name)
		}
		if slices.Contains(l.pick, i) {
			return l, fmt.Errorf("Columns names %q twice", name)
		}
		l.pick, shown = append(l.pick, i), append(shown, fields[i])
	}
	if len(shown) == 0 {
		return l, fmt.Errorf("Columns names no column")
	}
	l.schema = arrow.NewSchema(shown, nil)
	return l, nil
}

// rowWriter gathers rows in one attempt and sends them in batches, all in the same memory.
type rowWriter struct {
	layout
	put   func(arrow.RecordBatch) error
	parts []*codec.Builder // of the columns, left to right
	bytes int              // encoded, since the last batch
	size  int              // of a batch, in bytes
	rows  uint64           // in all
	err   error            // the first that befell; rows are discarded from then on
}

// newRowWriter makes a writer of rows that come in encoded parts, one for each decoder. put takes batches of size bytes,
// and keeps nothing of them.
func newRowWriter(l layout, size int, put func(arrow.RecordBatch) error, parts ...*codec.Decoder) *rowWriter {
	w := &rowWriter{layout: l, put: put, size: size}
	for _, d := range parts {
		w.parts = append(w.parts, d.NewBuilder())
	}
	return w
}

// add adds an encoded part of a row.
func (w *rowWriter) add(part int, enc []byte) {
	if w.err != nil {
		return
	}
	w.bytes += len(enc)
	w.err = w.parts[part].Append(enc)
}

// end ends a row.
func (w *rowWriter) end() {
	w.rows++
	const perRow = 16 // about what the columns of a row take beyond its bytes
	if w.bytes += perRow; w.bytes >= w.size {
		w.send()
	}
}

func (w *rowWriter) send() {
	if w.bytes == 0 || w.err != nil {
		return
	}
	w.bytes = 0
	n, cols := w.parts[0].Len(), make([]arrow.Array, 0, w.all.NumFields())
	for _, p := range w.parts {
		cols = p.Take(cols)
	}
	if w.pick != nil {
		all := cols
		cols = make([]arrow.Array, len(w.pick))
		for i, at := range w.pick {
			cols[i] = all[at]
		}
	}
	w.err = errs.E(errs.Other, "send rows", "", w.put(array.NewRecordBatch(w.schema, cols, int64(n))))
}
