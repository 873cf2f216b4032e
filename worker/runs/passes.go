package runs

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/mrctl/mrctl/internal/budget"
)

// DefaultFanIn is how many ranges one merge reads at most, where nothing else is asked. Measured: 256 ranges need no
// second level and cost 1.7 times what 16 do a pair.
const DefaultFanIn = 256

// Merger merges any number of ranges in bounded memory: where they are too many for one merge, the smallest are first
// merged into runs in Dir.
type Merger struct {
	Dir        string // scratch; made when needed
	Partitions int
	FanIn      int   // ranges in one merge; below 2: DefaultFanIn
	Limit      int64 // bytes the readers of one merge may hold. Two ranges are always merged, whatever they take
	Fold       FoldFunc
	Write      Options // of the runs between; Digest is left out
	Memory     *budget.Budget

	// Spilled is the bytes written in passes so far.
	Spilled int64

	made int
}

// Open merges ranges down to what one merge may read and gives that merge, folded if Fold is set. It owns the ranges
// from here on, after an error too. close must be called.
func (m *Merger) Open(ctx context.Context, ranges []Range) (s Stream, close func(), err error) {
	ranges = slices.Clone(ranges)
	if ranges, err = m.Reduce(ctx, ranges, m.fanIn()); err != nil {
		return nil, nil, err
	}
	merge := NewMerge(ranges, m.Memory)
	return m.folded(merge), merge.Close, nil
}

// Reduce merges the smallest ranges until at most n are left and one merge may read them all. After an error every range
// is done with.
func (m *Merger) Reduce(ctx context.Context, ranges []Range, n int) ([]Range, error) {
	n = max(n, 1)
	for len(ranges) > n || m.fits(ranges) < len(ranges) {
		slices.SortStableFunc(ranges, func(a, b Range) int { return cmp.Compare(a.Len, b.Len) })
		k := m.fits(ranges)
		if m.fits(ranges[k-1:]) == len(ranges)-k+1 {
			// One pass is enough: merge no more than leaves n.
			k = min(k, max(len(ranges)-n+1, 2))
		}
		out, err := m.pass(ctx, ranges[:k])
		if err != nil {
			for _, r := range ranges[k:] {
				r.done()
			}
			return nil, err
		}
		ranges = append(ranges[k:], out)
	}
	return ranges, nil
}

// Ahead says how many of the smallest of the ranges to merge into one while others are still to come, so that in the end
// one merge reads all that is left: 0 while one merge would do, or few ranges are there yet. The ranges are in order of
// their lengths. Only the smaller half or so is merged: what a pass has written is large, and is not to be written again.
func (m *Merger) Ahead(ranges []Range, coming int) int {
	most := m.fits(ranges)
	if most == len(ranges) {
		most = m.fanIn() // as far as one can tell
	}
	k := min(len(ranges)+coming-most+1, most)
	if k < 2 || len(ranges) < 2*(k-1) {
		return 0
	}
	return k
}

func (m *Merger) fanIn() int {
	if m.FanIn < 2 {
		return DefaultFanIn
	}
	return m.FanIn
}

// fits is how many of the first ranges one merge may read: all of them, or at least 2.
func (m *Merger) fits(ranges []Range) int {
	var need int64
	for i, r := range ranges {
		need += r.Need()
		if i >= m.fanIn() || i >= 2 && m.Limit > 0 && need > m.Limit {
			return i
		}
	}
	return len(ranges)
}

func (m *Merger) folded(s Stream) Stream {
	if m.Fold == nil {
		return s
	}
	return Fold(s, m.Fold, m.Memory)
}

// pass merges ranges into one run.
func (m *Merger) pass(ctx context.Context, ranges []Range) (Range, error) {
	merge := NewMerge(ranges, m.Memory)
	defer merge.Close()
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return Range{}, DiskError("make scratch", m.Dir, err)
	}
	path := filepath.Join(m.Dir, fmt.Sprintf("pass-%d", m.made))
	m.made++
	o := m.Write
	o.Digest, o.Memory = SumNothing, m.Memory
	info, err := WriteRun(ctx, path, m.Partitions, o, m.folded(merge))
	if err != nil {
		return Range{}, err
	}
	m.Spilled += info.Size
	r := info.Range()
	r.Done = func() { os.Remove(path) } // what stays behind goes with the scratch
	return r, nil
}

// WriteRun writes a stream to a run. After an error nothing is left of it.
func WriteRun(ctx context.Context, path string, partitions int, o Options, s Stream) (Info, error) {
	w, err := Create(path, partitions, o)
	if err != nil {
		return Info{}, err
	}
	for n := 0; ; n++ {
		if n&0xfff == 0 && ctx.Err() != nil {
			w.Abort()
			return Info{}, context.Cause(ctx)
		}
		p, err := s.Next()
		if err == nil && p != nil {
			err = w.Append(p)
		}
		if err != nil {
			w.Abort()
			return Info{}, err
		}
		if p == nil {
			return w.Finish()
		}
	}
}
