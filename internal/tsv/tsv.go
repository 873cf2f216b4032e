// Package tsv is how rows of a result are shown as text: one line each, cells with tabs between, no header.
//
//	integers decimal; floats shortest that reads back; true, false; times RFC 3339 with their nanoseconds, UTC
//	nil \N; string and []byte raw, with tab, newline, return and backslash as \t \n \r \\
package tsv

import (
	"bytes"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// AppendRow appends row i of a batch and a newline.
func AppendRow(dst []byte, rec arrow.RecordBatch, i int) []byte {
	for c, col := range rec.Columns() {
		if c > 0 {
			dst = append(dst, '\t')
		}
		dst = appendCell(dst, col, i)
	}
	return append(dst, '\n')
}

func appendCell(dst []byte, col arrow.Array, i int) []byte {
	if col.IsNull(i) {
		return append(dst, '\\', 'N')
	}
	switch c := col.(type) {
	case *array.String:
		return appendEscaped(dst, []byte(c.Value(i)))
	case *array.Binary:
		return appendEscaped(dst, c.Value(i))
	case *array.Timestamp:
		return time.Unix(0, int64(c.Value(i))).UTC().AppendFormat(dst, time.RFC3339Nano)
	case *array.Float64:
		return strconv.AppendFloat(dst, c.Value(i), 'g', -1, 64)
	case *array.Float32:
		return strconv.AppendFloat(dst, float64(c.Value(i)), 'g', -1, 32)
	case *array.Int64:
		return strconv.AppendInt(dst, c.Value(i), 10)
	}
	return append(dst, col.ValueStr(i)...) // the other integers, and bools
}

func appendEscaped(dst, b []byte) []byte {
	for {
		i := bytes.IndexAny(b, "\t\n\r\\")
		if i < 0 {
			return append(dst, b...)
		}
		dst = append(dst, b[:i]...)
		switch b[i] {
		case '\t':
			dst = append(dst, `\t`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		default:
			dst = append(dst, `\\`...)
		}
		b = b[i+1:]
	}
}
