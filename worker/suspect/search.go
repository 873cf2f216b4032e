package suspect

// ways is into how many pieces a stretch that kills is cut to find the piece that does. Each level costs one more dead
// process and at most so many round trips, so a batch of n records costs log(n)/log(ways) processes for each bad one.
const ways = 64

// death is how a plugin ended, or went on without end, over some rows.
type death struct {
	why error
	row int // the row at which the plugin itself says that it was, -1 where it says nothing
	// sure says that the plugin has named the row itself, as a panic does.
	sure bool
}

// search finds rows of [0, n) at which try dies. try maps rows lo to hi-1 in a batch of their own, waits until that is
// done, and gives the death it led to, nil for none; an error is of something else, and ends the search. found is called
// for each row, in order; false ends the search. unsure is how many rows died together, but not one of them alone or in
// smaller company: what kills is not a record, but what many have led to, or chance.
func search(n int, try func(lo, hi int) (*death, error), found func(row int, d *death) bool) (unsure int, err error) {
	for lo := 0; lo < n; {
		d, err := try(lo, n)
		if err != nil || d == nil {
			return unsure, err
		}
		row, d, err := narrow(lo, n, d, try)
		if err != nil {
			return unsure, err
		}
		if d == nil {
			return unsure + n - lo, nil
		}
		if !found(row, d) {
			return unsure, nil
		}
		lo = row + 1
	}
	return unsure, nil
}

// narrow finds the first row of [lo, hi), of which it is known that it dies by d, that does so by itself. A nil death:
// none does.
func narrow(lo, hi int, d *death, try func(lo, hi int) (*death, error)) (int, *death, error) {
	var named *death // of a row that does not die by itself
	for {
		if hi-lo == 1 {
			return lo, d, nil
		}
		if d.sure && d.row > lo && d.row < hi {
			return d.row, d, nil
		}
		if d.sure && d.row == lo && named == nil {
			// A map of batches names the first record of its batch, whichever it was.
			alone, err := try(lo, lo+1)
			if alone != nil || err != nil {
				return lo, alone, err
			}
			named = d
		}
		step := (hi - lo + ways - 1) / ways
		var next *death
		for at := lo; at < hi && next == nil; at += step {
			var err error
			if next, err = try(at, min(at+step, hi)); err != nil {
				return 0, nil, err
			}
			if next != nil {
				lo, hi = at, min(at+step, hi)
			}
		}
		switch {
		case next == nil && named != nil: // it takes what came before, or after: what the job says counts
			return named.row, named, nil
		case next == nil:
			return 0, nil, nil
		}
		d = next
	}
}
