// Package groups counts rows "key value" by key, with the bytes of their values: the answer to the benchmark's jobs over
// skewed and uniform keys. It is not meant to be fast.
package groups

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// Sums are added up for a key. Bytes are those of the values, without blank and newline.
type Sums struct {
	Rows, Bytes int64
}

// Count reads rows.
func Count(r io.Reader) (map[string]Sums, error) {
	all := map[string]*Sums{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20) // a row may have half a million bytes
	for lines.Scan() {
		key, value, ok := bytes.Cut(lines.Bytes(), []byte(" "))
		if !ok {
			return nil, fmt.Errorf("row %q has no value", lines.Text())
		}
		s := all[string(key)]
		if s == nil {
			s = &Sums{}
			all[string(key)] = s
		}
		s.Rows++
		s.Bytes += int64(len(value))
	}
	sums := make(map[string]Sums, len(all))
	for k, s := range all {
		sums[k] = *s
	}
	return sums, lines.Err()
}
