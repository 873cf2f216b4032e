package dataset

// Place is a position in a split as planned: a byte of the object of one of its pieces. The zero Place stands for none.
type Place struct {
	Piece  int   `json:"piece,omitempty"`
	Offset int64 `json:"offset"` // in the object, in bytes
}

// Tail says that the rest of a map task's extent, from a place on, is a task of its own. Tail i of a job whose plan has M
// map tasks is task M+i.
type Tail struct {
	Of int   `json:"of"` // the task that it was cut from; a tail, perhaps
	At Place `json:"at"`
}

// Extent is what a map task reads: of the split of a planned task, the bytes from From (zero: its beginning) to To (zero:
// its end).
type Extent struct {
	Task     int
	From, To Place
}

// Holds reports whether a place is in an extent, and not its beginning.
func (e Extent) Holds(at Place) bool {
	return at != (Place{}) && (e.From == (Place{}) || e.From.before(at)) && (e.To == (Place{}) || at.before(e.To))
}

// Extents gives the extents of all map tasks of a job, whose plan has so many, after some tails were cut. nil: a tail is of
// no task before it, or at no place.
func Extents(maps int, tails []Tail) []Extent {
	all := make([]Extent, maps, maps+len(tails))
	for i := range all {
		all[i].Task = i
	}
	for _, t := range tails {
		if t.Of < 0 || t.Of >= len(all) || t.At == (Place{}) {
			return nil
		}
		of := &all[t.Of]
		all = append(all, Extent{Task: of.Task, From: t.At, To: of.To})
		all[t.Of].To = t.At
	}
	return all
}

// Between is the part of a split between two places of it. Its first piece is piece from.Piece of the split. Any byte will
// do for lines: each belongs to the part with its first byte. Whole objects, and compressed ones, are not cut: a place in
// one is its beginning.
func (s Split) Between(from, to Place) Split {
	part := Split{Input: s.Input}
	for i, p := range s.Pieces {
		if i < from.Piece || to != (Place{}) && (i > to.Piece || i == to.Piece && (p.Codec != "" || to.Offset <= p.Off)) {
			continue
		}
		end := p.Off + p.Len
		if to != (Place{}) && i == to.Piece {
			end = min(end, to.Offset)
		}
		if i == from.Piece && p.Codec == "" {
			p.Off = max(p.Off, min(from.Offset, end))
		}
		p.Len = end - p.Off
		part.Pieces = append(part.Pieces, p)
		part.Bytes += p.Len
	}
	return part
}

// Shares gives up to n-1 places, in order, that divide the part of a split between two places into about equal shares,
// each with something in it.
func (s Split) Shares(from, to Place, format string, n int) (places []Place) {
	f, err := parseFormat(format)
	part := s.Between(from, to)
	if err != nil || len(part.Pieces) == 0 {
		return nil
	}
	last := Place{Piece: from.Piece, Offset: part.Pieces[0].Off}
	before, next := int64(0), 1
	for i, p := range part.Pieces {
		for ; next < n; next++ {
			into := part.Bytes*int64(next)/int64(n) - before
			if into >= p.Len {
				break
			}
			at := Place{Piece: from.Piece + i, Offset: p.Off}
			if p.Codec == "" && f.kind != files {
				at.Offset += into - into%max(1, f.size)
			}
			if last.before(at) {
				places, last = append(places, at), at
			}
		}
		before += p.Len
	}
	return places
}

func (p Place) before(q Place) bool {
	return p.Piece < q.Piece || p.Piece == q.Piece && p.Offset < q.Offset
}

// Place is where the records that Next has not given begin, and how many bytes of the split lie before. ok is false where
// there are none, and in the middle of what cannot be cut. It is for who calls Next, between two calls.
func (r *Reader) Place() (at Place, read int64, ok bool) {
	i, off := r.index, int64(0)
	if c := r.cur; c != nil {
		i--
		switch {
		case r.form.kind == files:
			off = c.piece.Off
		case c.piece.Codec != "":
			return Place{}, 0, false
		default:
			off = max(c.piece.Off, c.at-int64(len(r.carry)))
		}
		if off >= c.piece.Off+c.piece.Len && r.form.kind != files {
			i, off = i+1, 0
		}
	}
	if r.err != nil || i >= len(r.pieces) {
		return Place{}, 0, false
	}
	p := r.pieces[i]
	off = max(off, p.Off)
	for _, q := range r.pieces[:i] {
		read += q.Len
	}
	return Place{Piece: i, Offset: off}, read + off - p.Off, true
}
