package combine

import "testing"

func TestGate(t *testing.T) {
	var g Gate
	if !g.Judge(10, 10) || g.Judges(firstTrial-1) || !g.Judges(firstTrial) {
		t.Error("a small table is judged at once")
	}
	if !g.Judge(2*firstTrial, firstTrial) {
		t.Error("a table that halves the pairs does not pay")
	}
	if g.Judges(firstTrial + 1) {
		t.Error("a table that pays is judged again at once")
	}
	if g.Judge(2*firstTrial+1, 2*firstTrial) || g.Shut != pause {
		t.Errorf("distinct keys are combined on; shut for %d", g.Shut)
	}
	g.Restart(2*firstTrial + 1)
	at := uint64(2*firstTrial + 1 + pause)
	if g.Judge(at+firstTrial, firstTrial) {
		t.Error("pairs that passed by are counted as absorbed")
	}
}

// simulate runs pairs through a table that any number of keys fit into, judged as tables are, and gives how many went
// through it and how many rows left it or passed it by.
func simulate(pairs int, key func(i int) int) (through, rows int) {
	var g Gate
	table := map[int]bool{}
	for i := range pairs {
		if g.Shut > 0 {
			g.Shut--
			rows++
			continue
		}
		through++
		table[key(i)] = true
		if g.Judges(len(table)) && !g.Judge(uint64(i+1), len(table)) {
			rows += len(table)
			clear(table)
			g.Restart(uint64(i + 1))
		}
	}
	return through, rows + len(table)
}

func TestGateBoundsWhatIsInVain(t *testing.T) {
	for _, pairs := range []int{1 << 18, 1 << 20, 1 << 22} {
		through, rows := simulate(pairs, func(i int) int { return i })
		if most := pairs/8 + firstTrial; through > most || rows != pairs {
			t.Errorf("of %d distinct keys %d went through the table, want at most %d", pairs, through, most)
		}
	}
}

// Keys that repeat from some point on are combined after one pause, whenever that is.
func TestGateNoticesRepetition(t *testing.T) {
	for half := 100_000; half < 1_500_000; half = half * 8 / 5 {
		_, rows := simulate(half+1_000_000, func(i int) int {
			if i < half {
				return i
			}
			return -1 - i%1000
		})
		_, alone := simulate(half, func(i int) int { return i })
		if most := alone + pause + 2000; rows > most {
			t.Errorf("after %d distinct keys, %d rows of a million pairs were left", half, rows-alone)
		}
	}
}

// Keys that repeat over long stretches are found by the long trials.
func TestGateFindsLongStretches(t *testing.T) {
	const keys = 100_000
	_, rows := simulate(8<<20, func(i int) int { return i % keys })
	if rows > 6<<20 {
		t.Errorf("%d rows are left", rows)
	}
}
