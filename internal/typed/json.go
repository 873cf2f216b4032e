package typed

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
)

// jsonLines is a Parser of JSON objects, one a line.
type jsonLines struct {
	columns *Columns
	top     *object
	scratch []byte
}

// object is how the members of an object find their columns.
type object struct {
	list   []column
	index  map[string]int
	values [][]byte // of each column, as it stands; nil: it has none
	sub    []*object
}

func newObject(list []column) *object {
	o := &object{list: list, index: map[string]int{}, values: make([][]byte, len(list)), sub: make([]*object, len(list))}
	for i, c := range list {
		o.index[c.name] = i
		elem := &list[i]
		for elem.elem != nil {
			elem = elem.elem
		}
		if elem.fields != nil {
			o.sub[i] = newObject(elem.fields)
		}
	}
	return o
}

// JSON is a Parser of JSON lines, from the beginning of any of them on. Names are matched as they are; of one that comes
// twice the last counts. Bytes that are no UTF-8 are kept; a byte order mark before a line is left out.
func (c *Columns) JSON() Parser { return &jsonLines{columns: c, top: newObject(c.list)} }

// Next implements Parser.
func (p *jsonLines) Next(dst, data []byte, final bool) (row []byte, n int, ok bool, err error) {
	n = bytes.IndexByte(data, '\n') + 1
	if n == 0 {
		if !final {
			return dst, 0, false, nil
		}
		n = len(data)
	}
	line := data[:n]
	at := 0
	if bytes.HasPrefix(line, bom) {
		at = len(bom)
	}
	at = space(line, at)
	if at == len(line) {
		return dst, n, false, nil
	}
	if line[at] != '{' {
		return dst, n, false, fmt.Errorf("a line that begins with %q is no JSON object", clip(line[at:at+1]))
	}
	end, err := skip(line, at, 0)
	if err == nil && space(line, end) < len(line) {
		err = fmt.Errorf("there is more after the object, at byte %d of the line", end)
	}
	if err != nil {
		return dst, n, false, err
	}
	if row, err = p.row(dst, p.top, line[at:end], p.columns.raw); err != nil {
		return dst, n, false, err
	}
	return row, n, true, nil
}

// row encodes an object that skip has seen to be right.
func (p *jsonLines) row(dst []byte, o *object, v []byte, raw bool) (_ []byte, err error) {
	clear(o.values)
	for i := space(v, 1); v[i] != '}'; {
		end := stringEnd(v, i)
		key := v[i+1 : end-1]
		if bytes.IndexByte(key, '\\') >= 0 {
			key = unquote(nil, key)
		}
		from := space(v, space(v, end)+1) // after the colon
		i = valueEnd(v, from)
		if k, known := o.index[string(key)]; known {
			o.values[k] = v[from:i]
		}
		if i = space(v, i); v[i] == ',' {
			i = space(v, i+1)
		}
	}
	for i := range o.list {
		c := &o.list[i]
		if dst, err = p.value(dst, c, o.sub[i], o.values[i], raw); err != nil {
			return nil, fmt.Errorf("column %s: %w", c.name, err)
		}
	}
	if len(dst) > p.columns.most {
		return nil, p.columns.errLong()
	}
	return dst, nil
}

// value encodes one value; nil is one that is not there.
func (p *jsonLines) value(dst []byte, c *column, sub *object, v []byte, raw bool) ([]byte, error) {
	if v == nil || v[0] == 'n' {
		switch {
		case c.nullable || c.optional:
			if raw {
				return dst, nil
			}
			return append(dst, c.zero...), nil
		case v == nil:
			return nil, fmt.Errorf("it is missing%s", c.wanted())
		}
		return nil, errors.New("it is null")
	}
	if c.nullable {
		dst = append(dst, 1)
	}
	want := c.opens()
	if got := opener(v[0]); got != want {
		if got == '"' && c.isFloat() && noNumber(v) {
			return c.text(dst, v[1:len(v)-1])
		}
		return nil, fmt.Errorf("%s is no %v", clip(v), c.typ)
	}
	switch {
	case c.elem != nil:
		return p.items(dst, c.elem, sub, v)
	case c.fields != nil:
		return p.row(dst, sub, v, false)
	case want != '"':
		return c.text(dst, v)
	}
	text := v[1 : len(v)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		p.scratch = unquote(p.scratch[:0], text)
		text = p.scratch
	}
	if c.typ.ID() == arrow.BINARY {
		b := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
		n, err := base64.StdEncoding.Decode(b, text)
		if err != nil {
			return nil, fmt.Errorf("%q is no base64", clip(text))
		}
		text = b[:n]
	}
	if raw {
		return append(dst, text...), nil
	}
	return c.text(dst, text)
}

func (p *jsonLines) items(dst []byte, elem *column, sub *object, v []byte) (_ []byte, err error) {
	for i := space(v, 1); v[i] != ']'; {
		end := valueEnd(v, i)
		if dst, err = p.value(append(dst, 1), elem, sub, v[i:end], false); err != nil {
			return nil, err
		}
		if len(dst) > p.columns.most {
			return nil, p.columns.errLong()
		}
		if i = space(v, end); v[i] == ',' {
			i = space(v, i+1)
		}
	}
	return append(dst, 0), nil
}

// opens is what a column's values begin with, as opener has it.
func (c *column) opens() byte {
	switch c.typ.ID() {
	case arrow.BOOL:
		return 't'
	case arrow.STRING, arrow.BINARY, arrow.TIMESTAMP:
		return '"'
	case arrow.LIST:
		return '['
	case arrow.STRUCT:
		return '{'
	}
	return '0'
}

func (c *column) isFloat() bool { return c.typ.ID() == arrow.FLOAT64 || c.typ.ID() == arrow.FLOAT32 }

// noNumber says that a string stands for a float that JSON has no number for, as package jsonl writes them.
func noNumber(v []byte) bool {
	switch string(v) {
	case `"NaN"`, `"Infinity"`, `"-Infinity"`:
		return true
	}
	return false
}

// opener tells what a value is by its first byte.
func opener(b byte) byte {
	switch b {
	case 't', 'f':
		return 't'
	case '"', '[', '{':
		return b
	}
	return '0'
}

// unquote appends the content of a string whose escapes are known to be right.
func unquote(dst, s []byte) []byte {
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		c := s[i+1]
		s = s[i+2:]
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r := hex4(s)
			s = s[4:]
			if utf16.IsSurrogate(r) {
				pair := rune(utf8.RuneError)
				if len(s) >= 6 && s[0] == '\\' && s[1] == 'u' {
					pair = utf16.DecodeRune(r, hex4(s[2:]))
				}
				if r = pair; pair != utf8.RuneError {
					s = s[6:]
				}
			}
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = append(dst, c)
	}
}

func hex4(s []byte) (r rune) {
	for _, c := range s[:4] {
		switch {
		case c <= '9':
			c -= '0'
		default:
			c = c&^0x20 - 'A' + 10
		}
		r = r<<4 | rune(c)
	}
	return r
}
