// Package jsonl is how rows of a result are written as lines of JSON: an object each, whose keys are the columns' names in
// the columns' order, nothing between the tokens.
//
//	integers    all their digits: readers that know floats only lose those beyond 2^53
//	floats      shortest that reads back as the same; "NaN", "Infinity" and "-Infinity", which JSON has no numbers for
//	timestamp   a string, as package cells has it
//	binary      a string of base64
//	utf8        a string; what is not UTF-8 cannot be written, and is an error
//	nested      JSON, where the column holds the JSON of such values (cells.JSONKey)
//	null        null
//
// Infinities, NaN and bytes are what they are in the JSON of protocol buffers.
package jsonl

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/cells"
	"github.com/mrctl/mrctl/internal/errs"
)

// Writer writes the rows of batches of one schema.
type Writer struct {
	names []string // for errors
	keys  [][]byte // what stands before the values: {"name": or ,"name":
	json  []bool   // the column's text is JSON
}

// New makes a writer. A column that cannot be written is an errs.Invalid that names it.
func New(schema *arrow.Schema) (*Writer, error) {
	if err := cells.Check(schema, "jsonl"); err != nil {
		return nil, err
	}
	w := &Writer{}
	for i, f := range schema.Fields() {
		if !utf8.ValidString(f.Name) {
			return nil, errs.E(errs.Invalid, "output column", fmt.Sprintf("%q", f.Name), fmt.Errorf("its name is not UTF-8"))
		}
		key := append([]byte(nil), "{,"[min(i, 1)])
		key = append(AppendString(key, []byte(f.Name)), ':')
		_, json := f.Metadata.GetValue(cells.JSONKey)
		w.names, w.keys, w.json = append(w.names, f.Name), append(w.keys, key), append(w.json, json)
	}
	return w, nil
}

// AppendRow appends the line of a row. A text that is not UTF-8 is an errs.Invalid that shows it.
func (w *Writer) AppendRow(dst []byte, columns []cells.Column, row int) ([]byte, error) {
	for i := range columns {
		c := &columns[i]
		dst = append(dst, w.keys[i]...)
		if c.Null(row) {
			dst = append(dst, "null"...)
			continue
		}
		switch c.Kind {
		case cells.Text:
			s := c.Bytes(row)
			if !utf8.Valid(s) {
				return dst, NotUTF8(w.names[i], s, "JSON")
			}
			if w.json[i] {
				dst = append(dst, s...)
			} else {
				dst = AppendString(dst, s)
			}
		case cells.Bytes:
			dst = append(dst, '"')
			dst = base64.StdEncoding.AppendEncode(dst, c.Bytes(row))
			dst = append(dst, '"')
		case cells.Time:
			dst = append(dst, '"')
			dst = c.Append(dst, row)
			dst = append(dst, '"')
		case cells.Float:
			dst = appendFloat(dst, c, row)
		default:
			dst = c.Append(dst, row)
		}
	}
	return append(dst, '}', '\n'), nil
}

// NotUTF8 is the error of a text that a format cannot hold.
func NotUTF8(column string, s []byte, format string) error {
	return errs.E(errs.Invalid, "output column", column,
		fmt.Errorf("the text %.40q is not UTF-8, and %s has no other; make it a []byte in the job, or use --output-format tsv", s, format))
}

func appendFloat(dst []byte, c *cells.Column, row int) []byte {
	at := len(dst)
	dst = c.Append(dst, row)
	switch text := dst[at:]; {
	case bytes.Equal(text, []byte("NaN")):
		return append(dst[:at], `"NaN"`...)
	case bytes.Equal(text, []byte("+Inf")):
		return append(dst[:at], `"Infinity"`...)
	case bytes.Equal(text, []byte("-Inf")):
		return append(dst[:at], `"-Infinity"`...)
	}
	return dst
}

const hex = "0123456789abcdef"

// AppendString appends a text that is UTF-8 as a JSON string. Nothing is escaped that need not be.
func AppendString(dst, s []byte) []byte {
	dst = append(dst, '"')
	from := 0
	for i, c := range s {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(dst, s[from:]...), '"')
}
