package runs

import (
	"bytes"

	"github.com/mrctl/mrctl/internal/budget"
)

// Merge gives the pairs of several ranges in order, from one tree of losers. Equal keys come in the order of their
// ranges. It holds what the ranges need, all at once; Merger bounds that.
type Merge struct {
	cursors []*cursor
	// tree[0] is the cursor with the least pair; tree[i] is the loser of the match at node i. The children of node i are
	// nodes 2i and 2i+1, and node k+j is the leaf of cursor j.
	tree   []int
	live   []bool // by cursor: it has a pair
	begun  bool
	unpack unpacker
	err    error
}

// NewMerge makes a merge of ranges; nothing is opened before the first Next. Close must be called.
func NewMerge(ranges []Range, memory *budget.Budget) *Merge {
	m := &Merge{tree: make([]int, max(len(ranges), 1)), live: make([]bool, len(ranges))}
	for _, r := range ranges {
		m.cursors = append(m.cursors, &cursor{r: r, memory: memory, unpack: &m.unpack})
	}
	return m
}

// Next gives the next pair, nil at the end. The pair is valid until the next call.
func (m *Merge) Next() (*Pair, error) {
	if m.err != nil || len(m.cursors) == 0 {
		return nil, m.err
	}
	if !m.begun {
		m.begun = true
		for i := range m.cursors {
			if m.advance(i); m.err != nil {
				return nil, m.err
			}
		}
		m.tree[0] = m.build(1)
	} else {
		w := m.tree[0]
		if m.advance(w); m.err != nil {
			return nil, m.err
		}
		for i := (len(m.cursors) + w) / 2; i > 0; i /= 2 {
			if m.less(m.tree[i], w) {
				w, m.tree[i] = m.tree[i], w
			}
		}
		m.tree[0] = w
	}
	w := m.tree[0]
	if !m.live[w] {
		return nil, nil
	}
	return &m.cursors[w].pair, nil
}

// build plays all matches below node i and gives the winner.
func (m *Merge) build(i int) int {
	k := len(m.cursors)
	if i >= k {
		return i - k
	}
	a, b := m.build(2*i), m.build(2*i+1)
	if m.less(b, a) {
		a, b = b, a
	}
	m.tree[i] = b
	return a
}

// advance moves a cursor on. One that has ended is closed at once: its memory may be wanted.
func (m *Merge) advance(i int) {
	m.live[i], m.err = m.cursors[i].next()
	if !m.live[i] && m.err == nil {
		m.cursors[i].close()
	}
}

func (m *Merge) less(i, j int) bool {
	if !m.live[i] || !m.live[j] {
		return m.live[i]
	}
	a, b := m.cursors[i], m.cursors[j]
	if a.part != b.part {
		return a.part < b.part
	}
	if a.prefix != b.prefix {
		return a.prefix < b.prefix
	}
	if c := bytes.Compare(a.pair.Key, b.pair.Key); c != 0 {
		return c < 0
	}
	return i < j
}

// Close gives up what is left. Idempotent.
func (m *Merge) Close() {
	for _, c := range m.cursors {
		c.close()
	}
	m.unpack.close()
}
