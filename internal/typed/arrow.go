package typed

import (
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Table makes rows of Arrow record batches of one schema. It is not safe for concurrent use.
//
//	Columns.Table -> Bind, for each batch -> Append, for each of its rows
type Table struct {
	columns *Columns
	at      []int  // of each column, its field in the schema; -1: it has none
	cells   []cell // of each column, in the batch bound last
}

// Table matches the columns to the fields of a schema by name. A field may be of another type than its column where every
// value that fits keeps its meaning: integers of other sizes (each value is looked at), short integers and float32 for a
// float64, a date for a time, whatever holds text for text, a dictionary for what it holds.
func (c *Columns) Table(schema *arrow.Schema) (*Table, error) {
	t := &Table{columns: c, at: make([]int, len(c.list)), cells: make([]cell, len(c.list))}
	for i := range c.list {
		col := &c.list[i]
		found := schema.FieldIndices(col.name)
		switch {
		case len(found) > 1:
			return nil, fmt.Errorf("two columns are named %s", col.name)
		case len(found) == 1:
			t.at[i] = found[0]
			if path, from, to := col.mismatch(schema.Field(found[0]).Type); from != nil {
				return nil, fmt.Errorf("column %s is %v in the file, which the job's %v cannot be read from", path, from, to)
			}
		case col.optional:
			t.at[i] = -1
		default:
			return nil, fmt.Errorf("it has no column %s; it has %s", col.name, clip([]byte(names(schema))))
		}
	}
	return t, nil
}

func names(schema *arrow.Schema) string {
	var list []string
	for _, f := range schema.Fields() {
		list = append(list, f.Name)
	}
	return strings.Join(list, ", ")
}

// Fields are the fields of the schema that are read.
func (t *Table) Fields() (list []int) {
	for _, i := range t.at {
		if i >= 0 {
			list = append(list, i)
		}
	}
	return list
}

// Bind goes on to a batch whose columns are in the order of the schema. It is read until the next Bind.
func (t *Table) Bind(b arrow.RecordBatch) {
	for i, k := range t.at {
		if k >= 0 {
			t.cells[i] = t.columns.list[i].cell(b.Column(k), t.columns.raw)
		}
	}
}

// Append appends the encoding of a row of the batch. After an error, which is of this row alone, it is nil.
func (t *Table) Append(dst []byte, row int) (_ []byte, err error) {
	for i, k := range t.at {
		switch {
		case k >= 0:
			if dst, err = t.cells[i](dst, row); err != nil {
				return nil, fmt.Errorf("column %s: %w", t.columns.list[i].name, err)
			}
		case !t.columns.raw:
			dst = append(dst, t.columns.list[i].zero...)
		}
	}
	return dst, nil
}

// mismatch finds the first place at which values of type t are none of the column's; from is nil where all is well.
func (c *column) mismatch(t arrow.DataType) (path string, from, to arrow.DataType) {
	switch s := t.(type) {
	case *arrow.DictionaryType:
		return c.mismatch(s.ValueType)
	case arrow.ExtensionType:
		return c.mismatch(s.StorageType())
	case *arrow.NullType:
		return "", nil, nil
	case *arrow.StructType:
		if c.fields == nil {
			break
		}
		for i := range c.fields {
			sub := &c.fields[i]
			k := s.FieldIndices(sub.name)
			if len(k) != 1 {
				if len(k) == 0 && sub.optional {
					continue
				}
				return c.name, t, c.typ
			}
			if path, from, to = sub.mismatch(s.Field(k[0]).Type); from != nil {
				return c.name + "." + path, from, to
			}
		}
		return "", nil, nil
	case *arrow.ListType, *arrow.LargeListType, *arrow.FixedSizeListType:
		if c.elem == nil {
			break
		}
		if _, from, _ = c.elem.mismatch(s.(arrow.ListLikeType).Elem()); from != nil {
			return c.name, t, c.typ
		}
		return "", nil, nil
	default:
		if c.elem == nil && c.fields == nil && readable(t, c.typ) {
			return "", nil, nil
		}
	}
	return c.name, t, c.typ
}

// cell appends the encoding of a column's value in one row.
type cell func(dst []byte, row int) ([]byte, error)

var errNull = errors.New("it is null")

// cell binds a column to an array that mismatch has seen the type of. With raw a text is appended as it is.
func (c *column) cell(a arrow.Array, raw bool) cell {
	if e, ok := a.(array.ExtensionArray); ok {
		return c.cell(e.Storage(), raw)
	}
	null := func(dst []byte) ([]byte, error) {
		switch {
		case !c.nullable && !c.optional:
			return nil, errNull
		case raw:
			return dst, nil
		}
		return append(dst, c.zero...), nil
	}
	if d, ok := a.(*array.Dictionary); ok {
		value := c.cell(d.Dictionary(), raw)
		return func(dst []byte, row int) ([]byte, error) {
			if d.IsNull(row) {
				return null(dst)
			}
			return value(dst, d.GetValueIndex(row))
		}
	}
	if a.DataType().ID() == arrow.NULL {
		return func(dst []byte, _ int) ([]byte, error) { return null(dst) }
	}
	value := c.value(a, raw)
	if !c.nullable && a.NullN() == 0 {
		return value
	}
	return func(dst []byte, row int) ([]byte, error) {
		if a.IsNull(row) {
			return null(dst)
		}
		if c.nullable {
			dst = append(dst, 1)
		}
		return value(dst, row)
	}
}

// value is cell for values that are there.
func (c *column) value(a arrow.Array, raw bool) cell {
	switch {
	case c.fields != nil:
		s := a.(*array.Struct)
		t := Table{columns: &Columns{list: c.fields}, at: make([]int, len(c.fields)), cells: make([]cell, len(c.fields))}
		for i := range c.fields {
			k, ok := s.DataType().(*arrow.StructType).FieldIdx(c.fields[i].name)
			if t.at[i] = k; ok {
				t.cells[i] = c.fields[i].cell(s.Field(k), false)
			} else {
				t.at[i] = -1
			}
		}
		return t.Append
	case c.elem != nil:
		l := a.(array.ListLike)
		item := c.elem.cell(l.ListValues(), false)
		return func(dst []byte, row int) (_ []byte, err error) {
			from, to := l.ValueOffsets(row)
			for i := from; i < to; i++ {
				if dst, err = item(append(dst, 1), int(i)); err != nil {
					return nil, err
				}
			}
			return append(dst, 0), nil
		}
	}
	return scalarCell(a, c.typ, raw)
}
