package streaming

import (
	"bytes"

	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
)

// What the key of a line is: its first fields, up to a tab. With SortValues the whole line is what the engine sorts by, so that
// the lines of a key are in order, and the key alone says where they go. All lines that begin with a key and a tab stand together then, in the
// order of `LC_ALL=C sort`; one that is the key alone comes before them, and before what sorts below a tab.

// keyed is the framing of lines whose keys have several fields, or whose values are sorted.
type keyed struct {
	lines
	fields int  // of the key, at least 1
	sorted bool // the whole line is what is sorted by
}

func (k keyed) split(line []byte) (key, val []byte) {
	if k.sorted {
		return line, nil
	}
	return k.cutKey(line)
}

// cutKey cuts a line into its key and the rest, which begins with the tab.
func (k keyed) cutKey(line []byte) (key, rest []byte) {
	n := 0
	for range k.fields {
		i := bytes.IndexByte(line[n:], '\t')
		if i < 0 {
			return line, nil
		}
		n += i + 1
	}
	return line[:n-1], line[n-1:]
}

// maxKeyFields bounds KeyFields: more are a mistake.
const maxKeyFields = 1000

// checkKeys says what is wrong with KeyFields and SortValues.
func (c Config) checkKeys() error {
	if c.KeyFields == 0 && !c.SortValues {
		return nil
	}
	what := "--key-fields"
	if c.SortValues {
		what = "--sort-values"
	}
	switch {
	case c.KeyFields < 0 || c.KeyFields > maxKeyFields:
		return errs.New(errs.Invalid, "--key-fields %d: it is a number from 1 to %d", c.KeyFields, maxKeyFields)
	case c.Framing == Binary:
		return errs.New(errs.Invalid, "%s is about lines and their tabs: leave --framing binary out", what)
	case c.MapOnly:
		return errs.New(errs.Invalid, "%s: with --map-only nothing has a key, nor is it sorted", what)
	case c.SortValues && c.Fold != "":
		return errs.New(errs.Invalid, "--sort-values: --fold %s leaves one value of a key", c.Fold)
	case c.Fold == Count:
		return errs.New(errs.Invalid, "--key-fields: --fold count counts whole lines; have the map command write the key alone")
	}
	return nil
}

// cutKey cuts the key that the engine knows into that of the author and the rest of his line.
func (c Config) cutKey(key, val []byte) (own, rest []byte) {
	if k, ok := c.framing().(keyed); ok && k.sorted {
		return k.cutKey(key)
	}
	return key, val
}

// partition is where a pair goes, by the author's key.
func (c Config) partition(key []byte, n int) int {
	own, _ := c.cutKey(key, nil)
	return codec.Partition(own, n)
}
