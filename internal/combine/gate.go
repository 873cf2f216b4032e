package combine

// Gate decides whether combining pays. A table that absorbs few pairs costs a cache miss for each and saves nothing,
// so the gate shuts it out for a while and then gives it another trial, a longer one each time: keys that repeat only
// over long stretches need it. The zero Gate is open.
type Gate struct {
	Shut    int // pairs that are still to pass the table by
	trial   int // keys that a table must hold before it is judged
	through uint64
}

const (
	firstTrial = 1 << 15
	maxTrial   = 1 << 24
)

// Judge is told, when the table is Full, how many pairs there were in all and how many keys it holds, and says whether
// it may grow. When it says no, the table is to be emptied.
func (g *Gate) Judge(pairs uint64, keys int) bool {
	if g.trial == 0 {
		g.trial = firstTrial
	}
	if keys < g.trial || g.pays(pairs, keys) {
		return true
	}
	g.trial = min(2*g.trial, maxTrial)
	g.Shut = 8 * keys
	return false
}

// Emptied is told that a table with this many keys was emptied because its memory was used up.
func (g *Gate) Emptied(pairs uint64, keys int) {
	if keys >= firstTrial && !g.pays(pairs, keys) {
		g.Shut = 8 * keys
	}
	g.Restart(pairs)
}

// Restart begins a new measurement.
func (g *Gate) Restart(pairs uint64) { g.through = pairs + uint64(g.Shut) }

// pays: a quarter more pairs than keys since the last start.
func (g *Gate) pays(pairs uint64, keys int) bool { return pairs-g.through >= uint64(keys)*5/4 }
