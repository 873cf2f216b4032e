package rows

import "slices"

// Drop takes row i out of a batch, in place. What came after it keeps its place: a new origin says where that begins.
func (r *Records) Drop(i int) {
	n := r.Len()
	if i+1 < n {
		if object, off, ok := r.Where(i + 1); ok {
			r.reorigin(i, object, off)
		}
	} else { // there is nothing after it to name
		r.Origins = slices.DeleteFunc(slices.Clone(r.Origins), func(o Origin) bool { return o.Row >= max(i, 1) })
	}
	if len(r.Starts) > 0 {
		r.Starts = slices.Delete(r.Starts, i, i+1)
	}
	from, to := r.Off[i], r.Off[i+1]
	r.Data = append(r.Data[:from], r.Data[to:]...)
	r.Off = slices.Delete(r.Off, i, i+1)
	for j := i; j < len(r.Off); j++ {
		r.Off[j] -= to - from
	}
}

// reorigin replaces the origins for when row i is gone and the row after it, at off of object, takes its number.
func (r *Records) reorigin(i int, object string, off int64) {
	var out []Origin
	gap := 0
	for _, o := range r.Origins {
		switch {
		case o.Row < i:
			out, gap = append(out, o), o.Gap
		case o.Row <= i+1:
			gap = o.Gap
		}
	}
	out = append(out, Origin{Row: i, Object: object, Offset: off, Gap: gap})
	for _, o := range r.Origins {
		if o.Row > i+1 {
			o.Row--
			out = append(out, o)
		}
	}
	r.Origins = out
}

// Slice copies rows lo to hi-1 into memory of their own. The copy has no origins.
func (r *Records) Slice(lo, hi int) *Records {
	base := r.Off[lo]
	s := &Records{Data: slices.Clone(r.Data[base:r.Off[hi]]), Off: slices.Clone(r.Off[lo : hi+1]), Terminated: r.Terminated}
	for i := range s.Off {
		s.Off[i] -= base
	}
	return s
}
