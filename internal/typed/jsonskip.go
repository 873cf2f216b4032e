package typed

import (
	"bytes"
	"fmt"
)

// maxDepth bounds how deep JSON may be nested: what reads it recurses.
const maxDepth = 1000

// skip checks the JSON value that begins at v[i], and gives its end.
func skip(v []byte, i, depth int) (int, error) {
	if i == len(v) {
		return 0, errEnds
	}
	if depth > maxDepth {
		return 0, fmt.Errorf("JSON that is nested deeper than %d", maxDepth)
	}
	switch c := v[i]; {
	case c == '"':
		return skipString(v, i)
	case c == '{':
		return skipList(v, i, depth, '}')
	case c == '[':
		return skipList(v, i, depth, ']')
	case c == '-' || c >= '0' && c <= '9':
		return skipNumber(v, i)
	}
	for _, word := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(v[i:], []byte(word)) {
			return i + len(word), nil
		}
	}
	return 0, wrong(v, i)
}

var errEnds = fmt.Errorf("JSON that breaks off")

func wrong(v []byte, i int) error {
	if i >= len(v) || v[i] == '\n' && i == len(v)-1 {
		return errEnds
	}
	return fmt.Errorf("no JSON: %q at byte %d of the line", v[i], i)
}

// skipList is skip for an object or array, which end ends.
func skipList(v []byte, i, depth int, end byte) (_ int, err error) {
	i = space(v, i+1)
	if i < len(v) && v[i] == end {
		return i + 1, nil
	}
	for {
		if end == '}' {
			if i >= len(v) || v[i] != '"' {
				return 0, wrong(v, i)
			}
			if i, err = skipString(v, i); err != nil {
				return 0, err
			}
			if i = space(v, i); i >= len(v) || v[i] != ':' {
				return 0, wrong(v, i)
			}
			i = space(v, i+1)
		}
		if i, err = skip(v, i, depth+1); err != nil {
			return 0, err
		}
		i = space(v, i)
		switch {
		case i < len(v) && v[i] == end:
			return i + 1, nil
		case i < len(v) && v[i] == ',':
			i = space(v, i+1)
		default:
			return 0, wrong(v, i)
		}
	}
}

func skipString(v []byte, i int) (int, error) {
	for i++; i < len(v); i++ {
		switch c := v[i]; {
		case c == '"':
			return i + 1, nil
		case c < ' ':
			return 0, wrong(v, i)
		case c == '\\':
			i++
			if i == len(v) || bytes.IndexByte([]byte(`"\/bfnrtu`), v[i]) < 0 {
				return 0, wrong(v, i)
			}
			if v[i] != 'u' {
				continue
			}
			for range 4 {
				if i++; i == len(v) || !isHex(v[i]) {
					return 0, wrong(v, i)
				}
			}
		}
	}
	return 0, errEnds
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

func skipNumber(v []byte, i int) (int, error) {
	digits := func() bool {
		from := i
		for i < len(v) && v[i] >= '0' && v[i] <= '9' {
			i++
		}
		return i > from
	}
	if v[i] == '-' {
		i++
	}
	if i < len(v) && v[i] == '0' {
		i++
	} else if !digits() {
		return 0, wrong(v, i)
	}
	if i < len(v) && v[i] == '.' {
		if i++; !digits() {
			return 0, wrong(v, i)
		}
	}
	if i < len(v) && v[i]|0x20 == 'e' {
		if i++; i < len(v) && (v[i] == '+' || v[i] == '-') {
			i++
		}
		if !digits() {
			return 0, wrong(v, i)
		}
	}
	return i, nil
}

// space is the place of the first byte from i on that is no white space.
func space(v []byte, i int) int {
	for i < len(v) && (v[i] == ' ' || v[i] == '\t' || v[i] == '\r' || v[i] == '\n') {
		i++
	}
	return i
}

// The ends of values that skip has seen to be right.

func stringEnd(v []byte, i int) int {
	for i++; ; i++ {
		switch v[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
}

func valueEnd(v []byte, i int) int {
	switch v[i] {
	case '"':
		return stringEnd(v, i)
	case '{', '[':
		for depth := 0; ; {
			switch v[i] {
			case '"':
				i = stringEnd(v, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
	}
	for v[i] != ',' && v[i] != '}' && v[i] != ']' && v[i] > ' ' {
		i++
	}
	return i
}
