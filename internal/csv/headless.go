package csv

import "io"

// Headless leaves out the first line of what is written, the header, and hands on the rest.
type Headless struct {
	W              io.Writer
	quoted, passed bool
}

// Write takes the next bytes.
func (h *Headless) Write(s []byte) (int, error) {
	if h.passed {
		return h.W.Write(s)
	}
	for i, c := range s {
		if c == '"' {
			h.quoted = !h.quoted
		}
		if h.passed = c == '\n' && !h.quoted; h.passed {
			n, err := h.W.Write(s[i+1:])
			return i + 1 + n, err
		}
	}
	return len(s), nil
}
