package combine

// Gate decides whether combining pays. A table that absorbs few pairs costs a cache miss for each and saves nothing, so
// the gate shuts it out for a while and then gives it another trial. Most trials are short, and come soon: they notice
// when keys begin to repeat. A long one is due when there have been pairs enough to pay for it, each twice as long as the
// one before: keys that repeat only over long stretches need it. In all, fewer than one pair in eight goes through a table
// in vain. The zero Gate is open.
type Gate struct {
	Shut    int // pairs that are still to pass the table by
	trial   int // keys that a table must hold before it is judged; 0: firstTrial
	long    int // keys of the next long trial
	through uint64
}

const (
	firstTrial = 1 << 13
	firstLong  = 4 * firstTrial
	pause      = 32 * firstTrial // pairs between trials
	perLong    = 24              // pairs there must have been for each key of a long trial
)

// Judges reports that a table with this many keys is to be judged, whether it is full or not.
func (g *Gate) Judges(keys int) bool { return keys >= max(g.trial, firstTrial) }

// Judge is told, when the table is full, and when the gate Judges it, how many pairs there were in all and how many keys
// the table holds, and says whether it may go on. When it says no, the table is to be emptied.
func (g *Gate) Judge(pairs uint64, keys int) bool {
	if !g.Judges(keys) {
		return true
	}
	trial := max(g.trial, firstTrial)
	if g.pays(pairs, keys) {
		g.trial = 2 * keys
		return true
	}
	g.Shut = pause + 8*(keys-trial) // more keys than it took to judge cost more
	g.trial, g.long = firstTrial, max(g.long, firstLong)
	if pairs >= perLong*uint64(g.long) {
		g.trial, g.long = g.long, 2*g.long
	}
	return false
}

// Emptied is told that a table with this many keys was emptied because its memory was used up.
func (g *Gate) Emptied(pairs uint64, keys int) {
	if keys >= firstTrial && !g.pays(pairs, keys) {
		g.Shut = 8 * keys
	}
	g.trial = firstTrial
	g.Restart(pairs)
}

// Restart begins a new measurement.
func (g *Gate) Restart(pairs uint64) { g.through = pairs + uint64(g.Shut) }

// pays: a quarter more pairs than keys since the last start.
func (g *Gate) pays(pairs uint64, keys int) bool { return pairs-g.through >= uint64(keys)*5/4 }
