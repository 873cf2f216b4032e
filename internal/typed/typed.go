// Package typed makes encoded rows (see internal/codec) of records of text: CSV (RFC 4180) and JSON objects, one a line.
// Values are matched to the columns of a struct by name: what has no column is ignored, a column without a value is an
// error unless it may be left out.
//
//	New (columns) -> CSV or JSON (a Parser for one object) -> Next, again and again
//
// A Parser looks at the bytes of an object in order, and says how many of them the record took, so that whoever reads
// them decides how much there is at a time. It does not know where a split begins: see storage/dataset for that.
package typed

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/codec/wire"
)

// Columns are the columns of a row, compiled. They hold no state and are safe for concurrent use.
type Columns struct {
	list   []column
	raw    bool // rows are the bytes of the one column
	nested string
	most   int // bytes of the largest row; maxRow but in tests
}

// maxRow is the most bytes a row may have: offsets of rows are 32 bits. A short text may stand for a long row, as what a
// list's structs leave out has its zero value.
const maxRow = 1 << 30

func (c *Columns) errLong() error {
	return fmt.Errorf("encoded it is longer than the largest row, %d bytes", c.most)
}

// New compiles columns, as Fields of internal/codec gives them. The error names the column whose type no text has a value of.
func New(fields []arrow.Field) (*Columns, error) {
	c := &Columns{most: maxRow, raw: len(fields) == 1 && !fields[0].Nullable && isText(fields[0].Type)}
	for _, f := range fields {
		col, err := newColumn(f)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
		if col.text == nil && c.nested == "" {
			c.nested = f.Name
		}
		c.list = append(c.list, col)
	}
	if len(fields) == 0 {
		return nil, fmt.Errorf("it has no columns to read")
	}
	return c, nil
}

func isText(t arrow.DataType) bool { return t.ID() == arrow.STRING || t.ID() == arrow.BINARY }

// column is how the values of a column are made.
type column struct {
	name     string
	typ      arrow.DataType
	nullable bool
	optional bool
	source   string // the field of a struct it is for, or ""
	// text encodes a scalar, given as it stands in a CSV field or within a JSON value; nil: the column is nested.
	text   func(dst, text []byte) ([]byte, error)
	zero   []byte   // the encoding of what is left out
	elem   *column  // of a list
	fields []column // of a struct
}

func newColumn(f arrow.Field) (column, error) {
	c := column{name: f.Name, typ: f.Type, nullable: f.Nullable, optional: f.Metadata.FindKey(wire.Optional) >= 0}
	if i := f.Metadata.FindKey(wire.Source); i >= 0 {
		c.source = f.Metadata.Values()[i]
	}
	switch t := f.Type.(type) {
	case *arrow.ListType:
		elem, err := newColumn(t.ElemField())
		if err != nil {
			return c, err
		}
		c.elem, c.zero = &elem, []byte{0}
	case *arrow.StructType:
		for _, g := range t.Fields() {
			sub, err := newColumn(g)
			if err != nil {
				return c, fmt.Errorf("%s: %w", g.Name, err)
			}
			c.fields, c.zero = append(c.fields, sub), append(c.zero, sub.zero...)
		}
	default:
		if c.text, c.zero = scalar(f.Type); c.text == nil {
			return c, fmt.Errorf("rows of input have no values of type %v", f.Type)
		}
	}
	if c.nullable {
		c.zero = []byte{0}
	}
	return c, nil
}

// wanted says who wants the column, and how to do without.
func (c *column) wanted() string {
	if c.source == "" {
		return ""
	}
	return ", which " + c.source + " is read from (mr:\",optional\" lets it be missing)"
}

// Parser makes rows of the bytes of one object. It is not safe for concurrent use.
type Parser interface {
	// Next appends the row of the record that data begins with to dst. It took n bytes of data, its line end with them; 0:
	// the record does not end in data, and more is needed. With final set data is all there is, and n is 0 only if it is
	// empty. ok is false where the bytes hold no row: a header, a blank line. An error that is a *Fatal is of the object;
	// any other is of this one record.
	Next(dst, data []byte, final bool) (row []byte, n int, ok bool, err error)
}

// Fatal is an error after which nothing can be made of the rest of an object.
type Fatal struct{ Err error }

// Error implements error.
func (f *Fatal) Error() string { return f.Err.Error() }

// Unwrap gives what is wrong.
func (f *Fatal) Unwrap() error { return f.Err }

func fatalf(format string, args ...any) error { return &Fatal{fmt.Errorf(format, args...)} }

// shown is how much of a value an error shows, in bytes.
const shown = 60

func clip(b []byte) []byte { return b[:min(len(b), shown)] }
