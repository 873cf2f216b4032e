// Package tsv is how rows of a result are shown as text: one line each, cells with tabs between, no header.
//
//	integers       decimal
//	floats         shortest that reads back as the same; NaN, +Inf, -Inf
//	bool           true, false
//	timestamp      RFC 3339 in UTC, with as many digits of the second, up to 9, as there are
//	utf8, binary   the bytes, tab, newline, carriage return and backslash written \t \n \r \\
//	null           \N
//
// Nested values come as utf8 columns that hold their JSON already (package codec).
package tsv

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/errs"
)

// Check says, as an errs.Invalid that names it, which column cannot be written.
func Check(schema *arrow.Schema) error {
	for _, f := range schema.Fields() {
		switch f.Type.ID() {
		case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64,
			arrow.FLOAT32, arrow.FLOAT64, arrow.BOOL, arrow.TIMESTAMP, arrow.STRING, arrow.BINARY:
		default:
			return errs.E(errs.Invalid, "output column", f.Name, fmt.Errorf("its type %s cannot be written as tsv", f.Type))
		}
	}
	return nil
}

// Append appends all rows of a batch that Check has passed.
func Append(dst []byte, rec arrow.RecordBatch) []byte {
	rows := NewRows(rec)
	for from := 0; from < rows.Len(); {
		dst, from = rows.Append(dst, from, 1<<20)
	}
	return dst
}
