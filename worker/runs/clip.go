package runs

import (
	"bytes"

	"github.com/mrctl/mrctl/internal/rows"
)

// This file is about ranges of which a Span is read. Only blocks at the two ends hold pairs that are not of it: these are cut
// off as a block is opened, so that reading a pair knows nothing of spans.

// clip leaves out of an open block what is not of the range's span.
func (c *cursor) clip() error {
	s := c.r.Span
	for !c.inSpan && c.left > 0 {
		key, n, err := c.look(c.rest)
		if err != nil {
			return err
		}
		if bytes.Compare(key, s.Low) >= 0 {
			if !c.below && c.part > 0 {
				return c.corrupt("its first section begins within the keys that were asked for, and is not the first of all")
			}
			c.inSpan = true
			break
		}
		c.below = true
		c.rest = c.rest[n:]
		c.left--
	}
	if int(c.part) != c.r.Last || s.High == nil {
		return nil // the section that follows begins below High
	}
	at := 0
	for i := range c.left {
		key, n, err := c.look(c.rest[at:])
		if err != nil {
			return err
		}
		if bytes.Compare(key, s.High) >= 0 {
			c.rest, c.left = c.rest[:at], i
			c.window, c.at, c.open = nil, c.r.Len, false // what follows is beyond, too
			break
		}
		at += n
	}
	return nil
}

// look gives the key of the first of packed pairs, and how long that pair is.
func (c *cursor) look(pairs []byte) (key []byte, n int, err error) {
	if key, _, n = rows.CutPacked(pairs); n == 0 {
		err = c.corrupt("pairs do not fill the block")
	}
	return key, n, err
}
