// Package cells gives the values of a batch's columns as the text that formats of text have in common:
//
//	integers       decimal
//	floats         shortest that reads back as the same; NaN, +Inf, -Inf
//	bool           true, false
//	timestamp      RFC 3339 in UTC, with as many digits of the second, up to 9, as there are
//	utf8, binary   the bytes
//
// What encloses or escapes them is each format's own. Package tsv, whose rows are most often written, has a faster room of
// its own for the same texts.
package cells

import (
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/mrctl/mrctl/internal/errs"
)

// JSONKey marks, in a field's metadata, a utf8 column whose text is JSON.
const JSONKey = "mrctl.json"

// Kind is what a column holds, as far as formats tell values apart.
type Kind uint8

// The kinds.
const (
	Number Kind = iota // an integer
	Float
	Bool
	Time
	Text  // utf8
	Bytes // binary
)

// Check says, as an errs.Invalid that names it, which column cannot be written in a format whose columns have names: one of a
// type that is not known here, or one of the name of another.
func Check(schema *arrow.Schema, format string) error {
	if schema.NumFields() == 0 {
		return errs.New(errs.Invalid, "a result without columns cannot be written as %s", format)
	}
	seen := make(map[string]bool, schema.NumFields())
	for _, f := range schema.Fields() {
		if seen[f.Name] {
			return errs.E(errs.Invalid, "output column", f.Name, fmt.Errorf("two columns have this name, and %s tells columns apart by it; rename a field", format))
		}
		seen[f.Name] = true
		if _, known := kindOf(f.Type); !known {
			return errs.E(errs.Invalid, "output column", f.Name, fmt.Errorf("its type %s cannot be written as %s", f.Type, format))
		}
	}
	return nil
}

func kindOf(t arrow.DataType) (k Kind, known bool) {
	switch t.ID() {
	case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64:
		return Number, true
	case arrow.FLOAT32, arrow.FLOAT64:
		return Float, true
	case arrow.BOOL:
		return Bool, true
	case arrow.TIMESTAMP:
		return Time, true
	case arrow.STRING:
		return Text, true
	case arrow.BINARY:
		return Bytes, true
	}
	return 0, false
}

// Column is a column by its values. It is valid as long as the array it was made of.
type Column struct {
	Kind   Kind
	nulls  arrow.Array // the column, if it has any
	append func(dst []byte, row int) []byte
	rows   int
	off    []int32 // of text i: data[off[i]:off[i+1]]
	data   []byte
}

// Columns are those of a batch that Check has passed.
func Columns(rec arrow.RecordBatch) []Column {
	out := make([]Column, rec.NumCols())
	for i, col := range rec.Columns() {
		out[i] = columnOf(col)
		if col.NullN() > 0 {
			out[i].nulls = col
		}
	}
	return out
}

// Null reports whether a value is null.
func (c *Column) Null(row int) bool { return c.nulls != nil && c.nulls.IsNull(row) }

// Bytes is a value of the kind Text or Bytes that is not null, in place.
func (c *Column) Bytes(row int) []byte { return c.data[c.off[row]:c.off[row+1]] }

// NotUTF8 is the first row of a column of Text that is not UTF-8, -1 if there is none.
func (c *Column) NotUTF8() int {
	if c.Kind != Text || len(c.off) == 1 {
		return -1
	}
	end := int(c.off[len(c.off)-1])
	cut := func(at int32) bool { return int(at) < end && !utf8.RuneStart(c.data[at]) }
	if utf8.Valid(c.data[c.off[0]:end]) && !slices.ContainsFunc(c.off, cut) {
		return -1 // all of it is, and no row begins within a character
	}
	for row := range len(c.off) - 1 {
		if !c.Null(row) && !utf8.Valid(c.Bytes(row)) {
			return row
		}
	}
	return -1
}

// Size is the bytes of a column's values, with 8 for each that is not Text or Bytes, or has to say where it ends.
func (c *Column) Size() int64 {
	n := int64(8 * c.rows)
	if len(c.off) > 0 {
		n += int64(c.off[len(c.off)-1] - c.off[0])
	}
	return n
}

// Append appends a value of another kind, not null.
func (c *Column) Append(dst []byte, row int) []byte { return c.append(dst, row) }

func columnOf(col arrow.Array) Column {
	c := Column{rows: col.Len()}
	c.Kind, _ = kindOf(col.DataType())
	switch a := col.(type) {
	case *array.Int8:
		c.append = signed(a.Int8Values())
	case *array.Int16:
		c.append = signed(a.Int16Values())
	case *array.Int32:
		c.append = signed(a.Int32Values())
	case *array.Int64:
		c.append = signed(a.Int64Values())
	case *array.Uint8:
		c.append = unsigned(a.Uint8Values())
	case *array.Uint16:
		c.append = unsigned(a.Uint16Values())
	case *array.Uint32:
		c.append = unsigned(a.Uint32Values())
	case *array.Uint64:
		c.append = unsigned(a.Uint64Values())
	case *array.Float32:
		c.append = floating(a.Float32Values(), 32)
	case *array.Float64:
		c.append = floating(a.Float64Values(), 64)
	case *array.Boolean:
		c.append = func(dst []byte, row int) []byte { return strconv.AppendBool(dst, a.Value(row)) }
	case *array.Timestamp:
		v, unit := a.TimestampValues(), a.DataType().(*arrow.TimestampType).Unit
		c.append = func(dst []byte, row int) []byte { return v[row].ToTime(unit).UTC().AppendFormat(dst, time.RFC3339Nano) }
	case *array.String, *array.Binary:
		c.off = []int32{0}
		if d := col.Data(); d.Len() > 0 {
			c.off = arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())[d.Offset() : d.Offset()+d.Len()+1]
			if b := d.Buffers()[2]; b != nil {
				c.data = b.Bytes()
			}
		}
	}
	return c
}

func signed[T int8 | int16 | int32 | int64](v []T) func([]byte, int) []byte {
	return func(dst []byte, row int) []byte { return strconv.AppendInt(dst, int64(v[row]), 10) }
}

func unsigned[T uint8 | uint16 | uint32 | uint64](v []T) func([]byte, int) []byte {
	return func(dst []byte, row int) []byte { return strconv.AppendUint(dst, uint64(v[row]), 10) }
}

func floating[T float32 | float64](v []T, size int) func([]byte, int) []byte {
	return func(dst []byte, row int) []byte { return strconv.AppendFloat(dst, float64(v[row]), 'g', -1, size) }
}
