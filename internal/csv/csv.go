// Package csv is how rows of a result are written as comma-separated values: RFC 4180 with a header line, but for the end of
// a line, which is a newline alone, as the tools of this platform have it and readers of CSV take it.
//
// Values are as package cells has them. A text is quoted where it has to be (comma, quote, line end, space at an end), and
// where it is empty: nothing between two commas is null. Bytes are written as they are, valid UTF-8 or not.
package csv

import (
	"bytes"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/cells"
	"github.com/mrctl/mrctl/internal/errs"
)

// Check says, as an errs.Invalid that names it, which column cannot be written.
func Check(schema *arrow.Schema) error {
	if err := cells.Check(schema, "csv"); err != nil {
		return err
	}
	if f := schema.Field(0); schema.NumFields() == 1 && f.Nullable {
		return errs.E(errs.Invalid, "output column", f.Name,
			fmt.Errorf("it is the only one and may be null, which is an empty line in csv, and those are skipped by readers; use jsonl"))
	}
	return nil
}

// AppendHeader appends the line of the columns' names.
func AppendHeader(dst []byte, schema *arrow.Schema) []byte {
	for i, f := range schema.Fields() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, []byte(f.Name))
	}
	return append(dst, '\n')
}

// AppendRow appends the line of a row.
func AppendRow(dst []byte, columns []cells.Column, row int) []byte {
	for i := range columns {
		c := &columns[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		switch {
		case c.Null(row):
		case c.Kind == cells.Text || c.Kind == cells.Bytes:
			dst = appendText(dst, c.Bytes(row))
		default:
			dst = c.Append(dst, row)
		}
	}
	return append(dst, '\n')
}

// plain has the bytes that need no quotes.
var plain = func() (t [256]bool) {
	for i := range t {
		t[i] = true
	}
	for _, c := range []byte(",\"\n\r") {
		t[c] = false
	}
	return t
}()

func appendText(dst, s []byte) []byte {
	if !quoted(s) {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(s, '"')
		if i < 0 {
			break
		}
		dst = append(append(dst, s[:i+1]...), '"')
		s = s[i+1:]
	}
	return append(append(dst, s...), '"')
}

// quoted says that a text needs quotes. Some readers trim spaces that have none around them.
func quoted(s []byte) bool {
	if len(s) == 0 || s[0] <= ' ' || s[len(s)-1] <= ' ' {
		return true
	}
	for _, c := range s {
		if !plain[c] {
			return true
		}
	}
	return false
}
