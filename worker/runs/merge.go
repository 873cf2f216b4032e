package runs

import (
	"bytes"
	"cmp"
	"math"
	"math/bits"

	"github.com/mrctl/mrctl/internal/budget"
)

// Merge gives the pairs of several ranges in order, from one tree of losers. Equal keys come in the order of their
// ranges. It holds what the ranges need, all at once; Merger bounds that.
type Merge struct {
	cursors []*cursor
	// tree[0] is the least pair; tree[i] is the loser of the match at node i. The children of node i are nodes 2i and
	// 2i+1, and node k+j is the leaf of cursor j.
	tree   []player
	begun  bool
	unpack unpacker
	err    error
}

// player is the pair at which a cursor stands, as far as most matches need it: a match then reads the tree alone, not
// cursors all over memory.
type player struct {
	prefix uint64 // of the key
	place  uint64 // partition<<32 | cursor; over<<32 | cursor when the cursor has ended
}

// over is above any partition.
const over = math.MaxUint32

func (p *player) part() uint64   { return p.place >> 32 }
func (p *player) cursor() uint32 { return uint32(p.place) }

// NewMerge makes a merge of ranges; nothing is opened before the first Next. Close must be called.
func NewMerge(ranges []Range, memory *budget.Budget) *Merge {
	m := &Merge{tree: make([]player, max(len(ranges), 1))}
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
	if m.begun {
		m.replay(m.advance(m.tree[0].cursor()))
	} else {
		m.begun = true
		m.tree[0] = m.build(1)
	}
	if m.err != nil || m.tree[0].part() == over {
		return nil, m.err
	}
	return &m.cursors[m.tree[0].cursor()].pair, nil
}

// replay plays the matches from a cursor's leaf up, for the player that has come there. Who wins is as good as random,
// so a branch on it would be foreseen wrongly every other time: loser and winner trade places by arithmetic instead. See
// BenchmarkMerge.
func (m *Merge) replay(w player) {
	for i := (uint32(len(m.cursors)) + w.cursor()) / 2; i > 0; i /= 2 {
		l := &m.tree[i]
		_, less := bits.Sub64(l.prefix, w.prefix, 0)
		_, less = bits.Sub64(l.part(), w.part(), less) // 1: l is before w
		if l.prefix == w.prefix && l.part() == w.part() {
			less = m.tied(l, &w)
		}
		swap := -less
		prefix, place := (l.prefix^w.prefix)&swap, (l.place^w.place)&swap
		w.prefix ^= prefix
		w.place ^= place
		l.prefix ^= prefix
		l.place ^= place
	}
	m.tree[0] = w
}

// build plays all matches below node i and gives the winner.
func (m *Merge) build(i int) player {
	k := len(m.cursors)
	if i >= k {
		return m.advance(uint32(i - k))
	}
	a, b := m.build(2*i), m.build(2*i+1)
	if m.less(&b, &a) {
		a, b = b, a
	}
	m.tree[i] = b
	return a
}

// advance moves a cursor on. One that has ended is closed at once: its memory may be wanted. After an error, which is
// kept, no match has a meaning.
func (m *Merge) advance(i uint32) player {
	c := m.cursors[i]
	live, err := c.next()
	if !live {
		if err == nil {
			c.close()
		} else if m.err == nil {
			m.err = err
		}
		return player{place: over<<32 | uint64(i)}
	}
	return player{prefix: prefix(c.pair.Key), place: uint64(c.as)<<32 | uint64(i)}
}

// less is a match as replay plays it.
func (m *Merge) less(a, b *player) bool {
	if c := cmp.Or(cmp.Compare(a.part(), b.part()), cmp.Compare(a.prefix, b.prefix)); c != 0 {
		return c < 0
	}
	return m.tied(a, b) == 1
}

// tied decides between equal prefixes: 1 if a is before b, else 0.
func (m *Merge) tied(a, b *player) uint64 {
	c := 0
	if a.part() != over {
		c = bytes.Compare(m.cursors[a.cursor()].pair.Key, m.cursors[b.cursor()].pair.Key)
	}
	if c < 0 || c == 0 && a.cursor() < b.cursor() {
		return 1
	}
	return 0
}

// Close gives up what is left. Idempotent.
func (m *Merge) Close() {
	for _, c := range m.cursors {
		c.close()
	}
	m.unpack.close()
}
