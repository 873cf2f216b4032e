package codec

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// Text appends the JSON text of the encoded value at the start of b to dst, and gives what follows it in b.
type Text func(dst, b []byte) (text, rest []byte, err error)

// TextFor compiles the JSON text of an encoded value of type t: compact, keys sorted, bytes in base64, times in RFC
// 3339, and the floats that JSON does not know as strings.
func TextFor(t arrow.DataType) (Text, error) {
	switch t := t.(type) {
	case *arrow.StructType:
		return structText(t)
	case *arrow.MapType:
		return mapText(t)
	case *arrow.ListType:
		item, err := fieldText(t.ElemField())
		if err != nil {
			return nil, err
		}
		return listText(item, -1), nil
	case *arrow.FixedSizeListType:
		item, err := fieldText(t.ElemField())
		if err != nil {
			return nil, err
		}
		return listText(item, int(t.Len())), nil
	}
	return scalarText(t)
}

func scalarText(t arrow.DataType) (Text, error) {
	number := func(width int, put func(dst []byte, u uint64) []byte) Text {
		return func(dst, b []byte) ([]byte, []byte, error) {
			u, rest, err := takeUint(b, width)
			if err != nil {
				return nil, nil, err
			}
			return put(dst, u), rest, nil
		}
	}
	signed := func(width int) Text {
		flip := uint64(1) << (8*width - 1)
		return number(width, func(dst []byte, u uint64) []byte {
			// The flipped sign bit, taken off again, extends the sign by itself.
			return strconv.AppendInt(dst, int64(u-flip), 10)
		})
	}
	unsigned := func(width int) Text {
		return number(width, func(dst []byte, u uint64) []byte { return strconv.AppendUint(dst, u, 10) })
	}
	switch t.ID() {
	case arrow.BOOL:
		return func(dst, b []byte) ([]byte, []byte, error) {
			v, rest, err := takeBool(b)
			return strconv.AppendBool(dst, v), rest, err
		}, nil
	case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64:
		return signed(t.(arrow.FixedWidthDataType).BitWidth() / 8), nil
	case arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64:
		return unsigned(t.(arrow.FixedWidthDataType).BitWidth() / 8), nil
	case arrow.FLOAT32:
		return number(4, func(dst []byte, u uint64) []byte {
			return appendFloat(dst, float64(unorderFloat32(uint32(u))), 32)
		}), nil
	case arrow.FLOAT64:
		return number(8, func(dst []byte, u uint64) []byte { return appendFloat(dst, unorderFloat64(u), 64) }), nil
	case arrow.TIMESTAMP:
		return number(8, func(dst []byte, u uint64) []byte {
			return append(timeOf(int64(u^1<<63)).AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
		}), nil
	case arrow.STRING:
		return func(dst, b []byte) ([]byte, []byte, error) {
			v, rest, err := takeEscaped(b)
			return appendString(dst, string(v)), rest, err
		}, nil
	case arrow.BINARY:
		return func(dst, b []byte) ([]byte, []byte, error) {
			v, rest, err := takeEscaped(b)
			return append(base64.StdEncoding.AppendEncode(append(dst, '"'), v), '"'), rest, err
		}, nil
	case arrow.FIXED_SIZE_BINARY:
		width := t.(*arrow.FixedSizeBinaryType).ByteWidth
		return func(dst, b []byte) ([]byte, []byte, error) {
			if len(b) < width {
				return nil, nil, errShort
			}
			return append(base64.StdEncoding.AppendEncode(append(dst, '"'), b[:width]), '"'), b[width:], nil
		}, nil
	}
	return nil, fmt.Errorf("no value is encoded as %v", t)
}

// appendFloat is the shortest text that reads back as f.
func appendFloat(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(strconv.AppendFloat(append(dst, '"'), f, 'g', -1, bits), '"')
	}
	return strconv.AppendFloat(dst, f, 'g', -1, bits)
}

// appendString is s as a JSON string, with < > and & as they are.
func appendString(dst []byte, s string) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return append(dst, `""`...) // a string always encodes
	}
	return append(dst, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}

// fieldText is the text of a field, null included.
func fieldText(f arrow.Field) (Text, error) {
	text, err := TextFor(f.Type)
	if err != nil || !f.Nullable {
		return text, err
	}
	return func(dst, b []byte) ([]byte, []byte, error) {
		some, b, err := takeBool(b)
		if err != nil {
			return nil, nil, err
		}
		if !some {
			return append(dst, "null"...), b, nil
		}
		return text(dst, b)
	}, nil
}

// listText is an array of count items, or of as many as are marked when count is negative.
func listText(item Text, count int) Text {
	return func(dst, b []byte) (_, _ []byte, err error) {
		dst = append(dst, '[')
		for i := 0; i != count; i++ {
			if count < 0 {
				more, rest, err := takeBool(b)
				if err != nil {
					return nil, nil, err
				}
				if b = rest; !more {
					break
				}
			}
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, b, err = item(dst, b); err != nil {
				return nil, nil, err
			}
		}
		return append(dst, ']'), b, nil
	}
}

// entry is a key of a JSON object, in quotes, and its value.
type entry struct{ key, value []byte }

func appendObject(dst []byte, entries []entry) []byte {
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
	dst = append(dst, '{')
	for i, e := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, e.key...), ':'), e.value...)
	}
	return append(dst, '}')
}

func structText(t *arrow.StructType) (Text, error) {
	texts, keys := make([]Text, t.NumFields()), make([][]byte, t.NumFields())
	for i, f := range t.Fields() {
		text, err := fieldText(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		texts[i], keys[i] = text, appendString(nil, f.Name)
	}
	return func(dst, b []byte) (_, _ []byte, err error) {
		entries := make([]entry, len(texts))
		for i, text := range texts {
			entries[i].key = keys[i]
			if entries[i].value, b, err = text(nil, b); err != nil {
				return nil, nil, err
			}
		}
		return appendObject(dst, entries), b, nil
	}, nil
}

func mapText(t *arrow.MapType) (Text, error) {
	key, err := fieldText(t.KeyField())
	if err != nil {
		return nil, err
	}
	value, err := fieldText(t.ItemField())
	if err != nil {
		return nil, err
	}
	return func(dst, b []byte) (_, _ []byte, err error) {
		var entries []entry
		for {
			more, rest, err := takeBool(b)
			if err != nil {
				return nil, nil, err
			}
			if b = rest; !more {
				return appendObject(dst, entries), b, nil
			}
			var e entry
			if e.key, b, err = key(nil, b); err != nil {
				return nil, nil, err
			}
			if e.key[0] != '"' { // JSON's keys are strings
				e.key = appendString(nil, string(e.key))
			}
			if e.value, b, err = value(nil, b); err != nil {
				return nil, nil, err
			}
			entries = append(entries, e)
		}
	}, nil
}
