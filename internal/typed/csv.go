package typed

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Dialect is how CSV is written.
type Dialect struct {
	Comma byte // 0: a comma
	// Lines says that no field holds a line break: each line is a record.
	Lines bool
}

// csv is a Parser of CSV. Of its columns, field i goes to the one at[i].
type csv struct {
	columns *Columns
	comma   byte
	lines   bool
	begin   bool // at the first byte of the object
	head    bool // the next record is the header
	fields  int  // of each record; -1: not known before the first
	at      []int

	spans   []span
	values  [][]byte // of each column; nil: the record has none
	scratch []byte
}

// span is a field as it lies in a record, quotes left out. escaped: it holds doubled quotes.
type span struct {
	from, to int
	escaped  bool
}

// ErrNested says which column no field of CSV can hold, or nil.
func (c *Columns) ErrNested() error {
	if c.nested == "" {
		return nil
	}
	return fmt.Errorf("column %s is a list or a struct, which a field of CSV cannot hold", c.nested)
}

// CSV is a Parser of an object from its first byte on, whose first record names its columns; or, without header, has the
// columns in their order.
func (c *Columns) CSV(d Dialect, header bool) (Parser, error) {
	if err := c.ErrNested(); err != nil {
		return nil, err
	}
	p := &csv{columns: c, comma: d.Comma, lines: d.Lines, begin: true, head: header, fields: -1, values: make([][]byte, len(c.list))}
	if p.comma == 0 {
		p.comma = ','
	}
	if !header {
		p.at = make([]int, len(c.list))
		for i := range p.at {
			p.at[i] = i
		}
		p.fields = len(c.list)
	}
	return p, nil
}

// Within is a Parser of what follows somewhere in an object that begins with the record head, as p read it.
func (c *Columns) Within(d Dialect, head []byte) (Parser, error) {
	p, err := c.CSV(d, true)
	if err != nil {
		return nil, err
	}
	for n := 0; err == nil && p.(*csv).head && len(head) > 0; head = head[n:] {
		_, n, _, err = p.Next(nil, head, true)
	}
	if err == nil && p.(*csv).head {
		err = fatalf("it has no header")
	}
	return p, err
}

var bom = []byte("\xef\xbb\xbf")

// Next implements Parser.
func (p *csv) Next(dst, data []byte, final bool) (row []byte, n int, ok bool, err error) {
	skipped := 0
	if p.begin {
		if len(data) < len(bom) && !final {
			return dst, 0, false, nil
		}
		p.begin = false
		if bytes.HasPrefix(data, bom) {
			skipped, data = len(bom), data[len(bom):]
		}
	}
	n, err = p.split(data, final)
	switch {
	case n == 0 && err == nil:
		p.begin = skipped > 0 // the mark is seen again
		if final {
			p.begin = false
			return dst, skipped, false, nil
		}
		return dst, 0, false, nil
	case err != nil:
	case len(p.spans) == 0: // a blank line
	case p.head:
		p.head = false
		err = p.header(data)
	default:
		row, err = p.row(dst, data)
		ok = err == nil
	}
	if !ok {
		row = dst
	}
	return row, n + skipped, ok, err
}

// split finds the fields of the record that data begins with.
func (p *csv) split(data []byte, final bool) (n int, err error) {
	p.spans = p.spans[:0]
	comma := p.comma
	for i := 0; ; {
		var s span
		if i < len(data) && data[i] == '"' {
			var open bool
			if s, i, open, err = p.quoted(data, i+1, final); err != nil || open {
				return p.lost(data, i, open, final, err)
			}
		} else {
			s.from = i
			for i < len(data) && data[i] != comma && data[i] != '\n' && data[i] != '"' {
				i++
			}
			s.to = i
		}
		switch {
		case i < len(data) && data[i] == comma:
			p.spans = append(p.spans, s)
			i++
			continue
		case i < len(data) && data[i] == '"':
			return p.lost(data, i, false, final, errBare)
		case i == len(data) && !final:
			return 0, nil
		}
		if s.to == i && s.to > s.from && data[i-1] == '\r' { // an unquoted field before the line end
			s.to--
		}
		if len(p.spans) > 0 || s.to > s.from || s.from > 0 && data[s.from-1] == '"' {
			p.spans = append(p.spans, s)
		}
		return min(i+1, len(data)), nil
	}
}

var errBare = fmt.Errorf(`a quote (") within a field that does not begin with one, or after its closing one`)

// quoted finds the end of the quoted field whose content begins at i. next is what follows its closing quote, a "\r"
// before a line end left out; open: the field does not end in data.
func (p *csv) quoted(data []byte, i int, final bool) (s span, next int, open bool, err error) {
	s.from = i
	for {
		k := bytes.IndexByte(data[i:], '"')
		if k < 0 || p.lines && bytes.IndexByte(data[i:i+k], '\n') >= 0 {
			return s, s.from, true, nil
		}
		i += k + 1
		if i == len(data) {
			if !final {
				return s, i, true, nil
			}
			s.to = i - 1
			return s, i, false, nil
		}
		switch data[i] {
		case '"':
			s.escaped = true
			i++
			continue
		case p.comma, '\n':
			s.to = i - 1
			return s, i, false, nil
		case '\r':
			if i+1 == len(data) && !final {
				return s, i, true, nil
			}
			if i+1 == len(data) || data[i+1] == '\n' {
				s.to = i - 1
				return s, i + 1, false, nil
			}
		}
		return s, i, false, errBare
	}
}

// lost ends a record that has no end: open says that a quote is not closed, else err is what is wrong with it, and it
// goes on to the end of its line.
func (p *csv) lost(data []byte, i int, open, final bool, err error) (int, error) {
	if open {
		broken := p.lines && bytes.IndexByte(data[i:], '\n') >= 0
		switch {
		case broken:
			return len(data), fatalf("a quoted field goes on beyond its line: it was promised that none does (--csv-lines)")
		case final:
			return len(data), fatalf(`a quote (") that is not closed before the end of the input`)
		}
		return 0, nil
	}
	if k := bytes.IndexByte(data[i:], '\n'); k >= 0 {
		return i + k + 1, err
	} else if final {
		return len(data), err
	}
	return 0, nil
}

// text is a field's content. It is valid until the next record.
func (p *csv) text(data []byte, s span) []byte {
	b := data[s.from:s.to]
	if !s.escaped {
		return b
	}
	from := len(p.scratch)
	for {
		i := bytes.IndexByte(b, '"')
		if i < 0 {
			p.scratch = append(p.scratch, b...)
			return p.scratch[from:]
		}
		p.scratch = append(p.scratch, b[:i+1]...)
		b = b[i+2:]
	}
}

// header matches the columns to the names of a header.
func (p *csv) header(data []byte) error {
	p.scratch = p.scratch[:0]
	names := make([]string, len(p.spans))
	for i, s := range p.spans {
		names[i] = strings.TrimSpace(string(p.text(data, s)))
	}
	p.at = make([]int, len(names))
	for i := range p.at {
		p.at[i] = -1
	}
	for i, c := range p.columns.list {
		k := slices.Index(names, c.name)
		switch {
		case k >= 0 && slices.Contains(names[k+1:], c.name):
			return fatalf("two columns are named %s", c.name)
		case k >= 0:
			p.at[k] = i
		case !c.optional:
			return fatalf("it has no column %s%s; its header names %s", c.name, c.wanted(), clip([]byte(strings.Join(names, ", "))))
		}
	}
	p.fields = len(names)
	return nil
}

// row encodes the record found last.
func (p *csv) row(dst, data []byte) ([]byte, error) {
	if len(p.spans) != p.fields {
		return nil, fmt.Errorf("it has %d fields, not %d", len(p.spans), p.fields)
	}
	p.scratch = p.scratch[:0]
	clear(p.values)
	for i, s := range p.spans {
		if k := p.at[i]; k >= 0 {
			p.values[k] = p.text(data, s)
		}
	}
	if p.columns.raw {
		return append(dst, p.values[0]...), nil
	}
	var err error
	for i := range p.columns.list {
		c, v := &p.columns.list[i], p.values[i]
		if len(v) == 0 && (v == nil || c.nullable || c.optional) {
			dst = append(dst, c.zero...)
			continue
		}
		if c.nullable {
			dst = append(dst, 1)
		}
		if dst, err = c.text(dst, v); err != nil {
			return nil, fmt.Errorf("column %s: %w", c.name, err)
		}
	}
	if len(dst) > p.columns.most {
		return nil, p.columns.errLong()
	}
	return dst, nil
}
