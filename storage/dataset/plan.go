package dataset

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/mrctl/mrctl/internal/errs"
)

// PlanOptions says how objects are cut into splits.
type PlanOptions struct {
	Format     string // an input format; "" is "lines"
	Decompress string // "auto" (or "") goes by the name, "none" reads the bytes as they are
	SplitSize  int64  // bytes a split should have; at least 1
	// Warn is told what the user may want to know. It may be nil.
	Warn func(text string)
}

// Bounds of a split that packs small objects: a task should not open files for ever, nor should the plan's chunks grow
// out of their records.
const (
	maxPieces   = 12 << 10
	maxURIBytes = 1 << 20
)

// Plan cuts objects into splits of about SplitSize bytes, in order: a large object into equal ranges, small ones packed
// together (next fit). A compressed object stays whole, but for bzip2 and for zstd and xz whose frames and blocks Probe has found. Empty
// objects have no records, but in the format "files", where an object is a record whatever its size.
func Plan(objects iter.Seq2[Object, error], o PlanOptions) iter.Seq2[Split, error] {
	return func(yield func(Split, error) bool) {
		f, err := parseFormat(o.Format)
		if err == nil && o.SplitSize < 1 {
			err = errs.New(errs.Invalid, "split size %d: it must be at least 1 byte", o.SplitSize)
		}
		if err != nil {
			yield(Split{}, err)
			return
		}
		var open Split
		uris, tables := 0, false // whether the open split is of tables, which text does not go with
		for obj, err := range objects {
			if err != nil {
				yield(Split{}, err)
				return
			}
			n, each, err := cut(obj, f, o)
			if err != nil {
				yield(Split{}, err)
				return
			}
			table := f.columnar(obj.URI)
			for p := range pieces(obj, n, each, o) {
				full := open.Bytes+p.Len > o.SplitSize || len(open.Pieces) == maxPieces || uris+len(p.URI) > maxURIBytes || table != tables
				if full && len(open.Pieces) > 0 {
					if !yield(open, nil) {
						return
					}
					open, uris = Split{}, 0
				}
				tables = table
				open.Pieces = append(open.Pieces, p)
				open.Bytes += p.Len
				uris += len(p.URI)
			}
		}
		if len(open.Pieces) > 0 {
			yield(open, nil)
		}
	}
}

// cut decides into how many pieces an object goes, and what a piece must be a multiple of, in bytes.
func cut(obj Object, f format, o PlanOptions) (n, unit int64, err error) {
	if f, err = f.of(obj.URI); err != nil {
		return 0, 0, err
	}
	codec := codecOf(obj.URI, o.Decompress)
	whole := codec != "" && !(codec == codecBzip2 && f.cuttable())
	switch {
	case f.kind == files:
		return 1, 1, nil
	case f.kind >= parquetFile && whole:
		return 0, 0, errs.E(errs.Invalid, "input", obj.URI, errPacked)
	case obj.Size == 0:
		return 0, 1, nil
	case whole:
		if obj.Size > o.SplitSize && len(obj.frames) == 0 && o.Warn != nil {
			o.Warn(wholeWarning(obj, f, codec))
		}
		return 1, 1, nil
	case f.kind == csv && !f.dialect.Lines:
		// Whether a line break is within quotes shows only from the beginning on.
		if obj.Size > o.SplitSize && o.Warn != nil {
			o.Warn(fmt.Sprintf("input %s is CSV, whose quoted fields may hold line breaks, and is not cut: one task reads all of its %d bytes; "+
				"if no field holds one, --csv-lines has it cut", obj.URI, obj.Size))
		}
		return 1, 1, nil
	case f.kind == fixed:
		if obj.Size%f.size != 0 {
			return 0, 0, errs.E(errs.Invalid, "input", obj.URI,
				fmt.Errorf("its %d bytes are not a multiple of the record size %d", obj.Size, f.size))
		}
		return ceilDiv(obj.Size/f.size, max(1, o.SplitSize/f.size)), f.size, nil
	}
	return ceilDiv(obj.Size, o.SplitSize), 1, nil
}

// pieces yields n ranges of an object, equal but for the rounding to unit.
func pieces(obj Object, n, unit int64, o PlanOptions) iter.Seq[Piece] {
	return func(yield func(Piece) bool) {
		p := Piece{URI: obj.URI, Size: obj.Size, Version: obj.Version, Codec: codecOf(obj.URI, o.Decompress)}
		if n == 0 {
			return
		}
		if len(obj.frames) > 0 {
			if p.Codec == codecXZ {
				p.Codec += "-" + obj.check.String()
			}
			framePieces(obj, p, o.SplitSize, yield)
			return
		}
		units := obj.Size / unit
		for i := range n {
			p.Len = units / n * unit
			if i < units%n {
				p.Len += unit
			}
			if !yield(p) {
				return
			}
			if p.Off += p.Len; p.Codec != "" {
				p.Text = p.Off
			}
		}
	}
}

func ceilDiv(a, b int64) int64 { return (a-1)/b + 1 }

// whole says that a piece is all of its object: what its compression calls for.
func (p Piece) whole() bool {
	return p.Codec != "" && p.Codec != codecZstd && p.Codec != codecBzip2 && !strings.HasPrefix(p.Codec, codecXZ+"-")
}

// Check says what is wrong with a split that came from elsewhere, as an errs.Corrupt: readers rely on it.
func (s Split) Check() error {
	if s.Input < 0 {
		return errs.E(errs.Corrupt, "split", "", fmt.Errorf("of input %d", s.Input))
	}
	var sum int64
	for _, p := range s.Pieces {
		if p.Off < 0 || p.Len < 0 || p.Size < p.Len || p.Off > p.Size-p.Len || p.whole() && p.Len != p.Size || p.Text < 0 {
			return errs.E(errs.Corrupt, "split", p.URI, fmt.Errorf("bytes %d+%d of %d (%s)", p.Off, p.Len, p.Size, p.Codec))
		}
		sum += p.Len
	}
	if sum != s.Bytes {
		return errs.E(errs.Corrupt, "split", "", errors.New("its pieces do not add up"))
	}
	return nil
}
