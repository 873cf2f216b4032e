package mapside

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/budget"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/cuts"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/internal/rowsort"
	"github.com/mrctl/mrctl/worker/runs"
	"github.com/mrctl/mrctl/worker/table"
)

// collector makes one run of an attempt's pairs.
type collector struct {
	t      *Task
	fold   runs.FoldFunc // nil: the engine cannot fold
	digest runs.Summing
	write  runs.Options // of spills
	memory *budget.Budget

	sorter *rowsort.Sorter
	room   int64    // bytes of a sorter
	beside *spiller // writes a second one meanwhile; nil: there is one alone
	held   int64    // of the sorters, counted in memory
	spills []runs.Range
	merger runs.Merger
	made   int // spill files so far
	bytes  int64

	// sorted is the run that batches in order go into as they are, while each continues the last.
	sorted     *runs.Writer
	sortedPath string
	lastPart   int
	lastKey    []byte
}

// newCollector makes a collector; direct says that there is no plugin.
func newCollector(t *Task, direct bool) (*collector, error) {
	fold, digest, err := folding(t.Stage)
	if err != nil {
		return nil, err
	}
	w := t.Memory / 2 // the rest is the plugin's
	c := &collector{t: t, fold: fold, digest: digest, memory: t.Budget, room: w * 3 / 4}
	if direct {
		w = t.Memory
		c.room, c.beside = w*7/16, &spiller{c: c}
	}
	c.write = runs.Options{Block: int(min(max(w/16, 1<<10), runs.BlockSize)), Memory: c.memory}
	c.sorter = c.newSorter()
	c.merger = runs.Merger{Dir: t.Scratch, Partitions: t.Partitions, FanIn: t.FanIn, Limit: w * 3 / 4, Fold: fold, Write: c.write, Memory: c.memory}
	return c, nil
}

func (c *collector) newSorter() *rowsort.Sorter { return rowsort.New(c.room, c.t.Partitions) }

// folding says how the engine folds a stage's values, if it can, and what of the result its digest can rely on.
func folding(stage *pluginv1.Stage) (runs.FoldFunc, runs.Summing, error) {
	kind := stage.GetFold()
	if kind == pluginv1.Stage_FOLD_UNSPECIFIED {
		return nil, runs.SumPairs, nil
	}
	val, err := table.Fields(stage.GetValueSchema())
	if err != nil {
		return nil, 0, err
	}
	fold, exact, _ := codec.FoldFor(kind, val)
	if exact {
		return fold, runs.SumPairs, nil
	}
	return fold, runs.SumKeys, nil
}

func (c *collector) add(ctx context.Context, b *boundary.Pairs) error {
	if b.Sorted {
		return c.addSorted(ctx, b)
	}
	n := c.t.Partitions
	for i := range b.Len() {
		key := b.Key(i)
		var part int
		if b.Parts == nil {
			part = codec.Partition(key, n)
		} else if part = int(b.Parts[i]); part < 0 || part >= n {
			return errs.New(errs.UserCode, "the plugin put key %.40q into partition %d of %d", key, part, n)
		}
		if c.sorter.Add(part, key, b.Val(i)) {
			continue
		}
		if err := c.spill(ctx); err != nil {
			return err
		}
		c.sorter.Add(part, key, b.Val(i)) // an empty sorter takes any pair
	}
	c.count()
	return nil
}

// addSorted appends a batch that the plugin has sorted. A batch that goes back in order begins another run.
func (c *collector) addSorted(ctx context.Context, b *boundary.Pairs) error {
	if b.Len() == 0 {
		return nil
	}
	if b.Partition < 0 || b.Partition >= c.t.Partitions {
		return errs.New(errs.UserCode, "the plugin sent partition %d of %d", b.Partition, c.t.Partitions)
	}
	back := b.Partition < c.lastPart || b.Partition == c.lastPart && bytes.Compare(b.Key(0), c.lastKey) < 0
	if c.sorted != nil && back {
		if err := c.endSorted(ctx); err != nil {
			return err
		}
	}
	if c.sorted == nil {
		path, err := c.path()
		if err != nil {
			return err
		}
		if c.sorted, err = runs.Create(path, c.t.Partitions, c.write); err != nil {
			return err
		}
		c.sortedPath = path
	}
	prev := b.Key(0)
	p := runs.Pair{Part: b.Partition}
	for i := range b.Len() {
		p.Key, p.Val = b.Key(i), b.Val(i)
		if bytes.Compare(p.Key, prev) < 0 {
			return errs.New(errs.UserCode, "the plugin sent key %.40q after %.40q in a sorted batch", p.Key, prev)
		}
		if err := c.sorted.Append(&p); err != nil {
			return err
		}
		prev = p.Key
	}
	c.lastPart, c.lastKey = b.Partition, append(c.lastKey[:0], prev...)
	return nil
}

func (c *collector) endSorted(ctx context.Context) error {
	info, err := c.sorted.Finish()
	c.sorted = nil
	if err != nil {
		return err
	}
	return c.spilled(ctx, info)
}

// spill writes what the sorter holds to a run and empties it.
func (c *collector) spill(ctx context.Context) error {
	if c.beside != nil {
		return c.beside.spill(ctx)
	}
	path, err := c.path()
	if err != nil {
		return err
	}
	c.sorter.Sort()
	c.count()
	info, err := c.writeSorted(ctx, path, c.write)
	if err != nil {
		return err
	}
	c.sorter.Reset()
	return c.spilled(ctx, info)
}

// spilled notes a finished spill. A plugin that sends small sorted batches could make any number of them, so many are
// merged on the way.
func (c *collector) spilled(ctx context.Context, info runs.Info) (err error) {
	c.bytes += info.Size
	r := info.Range()
	r.Done = func() { os.Remove(info.Path) } // what stays behind goes with the scratch
	c.spills = append(c.spills, r)
	if most := 4 * runs.DefaultFanIn; len(c.spills) >= most && c.sorter.Len() == 0 {
		c.drop() // the readers need its memory
		c.spills, err = c.merger.Reduce(ctx, c.spills, most/2)
		c.sorter = c.newSorter()
	}
	return err
}

// finish merges everything into the attempt's run.
func (c *collector) finish(ctx context.Context, res *Result) (err error) {
	if c.sorted != nil {
		if err := c.endSorted(ctx); err != nil {
			return err
		}
	}
	final := c.write
	final.Block = blockFor(c.t.Maps, final.Block)
	final.Digest, final.Codec = c.digest, c.t.Codec
	path := filepath.Join(c.t.Scratch, "run")
	if err := c.scratch(); err != nil {
		return err
	}
	var info runs.Info
	if !c.hasSpilled() {
		c.sorter.Sort()
		c.count()
		if c.t.Ordered > 0 {
			info, res.Sample, err = c.orderedOfSorter(ctx, path, final)
		} else {
			info, err = c.writeSorted(ctx, path, final)
		}
	} else {
		if c.sorter.Len() > 0 {
			if err := c.spill(ctx); err != nil {
				return err
			}
		}
		if c.beside != nil {
			if err := c.beside.wait(ctx); err != nil {
				return err
			}
		}
		c.drop()
		spills := c.spills
		c.spills = nil
		var size int64
		for _, r := range spills {
			size += r.Len
		}
		s, closeAll, mergeErr := c.merger.Open(ctx, spills)
		if mergeErr != nil {
			return mergeErr
		}
		if c.t.Ordered > 0 {
			info, res.Sample, err = runs.WriteOrdered(ctx, path, runs.Order{Parts: c.t.Ordered, Bytes: size}, final, s)
		} else {
			info, err = runs.WriteRun(ctx, path, c.t.Partitions, final, s)
		}
		closeAll()
	}
	if err != nil {
		return err
	}
	c.drop()
	res.RunPath, res.Digest = path, info.Digest
	res.Tally.RowsOut, res.Tally.BytesOut = uint64(info.Rows), uint64(info.Size)
	res.Tally.SpilledBytes = uint64(c.bytes + c.merger.Spilled)
	return nil
}

// A reduce reads a section of every run, a block of each at a time: mergeCache is how many bytes of blocks a core's cache
// holds until they are merged (measured with 1 MiB of it). Blocks below leastBlock cost more to read than that saves.
const (
	mergeCache = 1 << 20
	leastBlock = 16 << 10
)

// blockFor is the size of a run's blocks where so many runs will be merged.
func blockFor(maps, block int) int {
	return min(block, max(mergeCache/max(maps, 1), leastBlock))
}

// abort closes what is open; the files go with the scratch.
func (c *collector) abort() {
	if c.sorted != nil {
		c.sorted.Abort()
		c.sorted = nil
	}
	c.spills = nil
	c.drop()
}

// hasSpilled reports that the sorter has not all there is.
func (c *collector) hasSpilled() bool {
	return len(c.spills) > 0 || c.beside != nil && c.beside.under != nil
}

// drop gives the sorters' memory up.
func (c *collector) drop() {
	if c.beside != nil {
		c.beside.drop()
	}
	if c.sorter != nil {
		c.sorter.Close()
		c.sorter = nil
	}
	c.memory.Give(c.held)
	c.held = 0
}

func (c *collector) count() {
	held := c.sorter.Held()
	if c.beside != nil {
		held += c.beside.held()
	}
	c.memory.Take(held - c.held)
	c.held = held
}

func (c *collector) path() (string, error) {
	c.made++
	return filepath.Join(c.t.Scratch, fmt.Sprintf("spill-%d", c.made)), c.scratch()
}

func (c *collector) scratch() error {
	if err := os.MkdirAll(c.t.Scratch, 0o700); err != nil {
		return runs.DiskError("make scratch", c.t.Scratch, err)
	}
	return nil
}

// writeSorted writes the sorter's pairs, sorted, to a run, folded where the engine can.
func (c *collector) writeSorted(ctx context.Context, path string, o runs.Options) (runs.Info, error) {
	if c.fold == nil {
		return runs.WritePacked(ctx, path, c.t.Partitions, o, c.sorter)
	}
	return runs.WriteRun(ctx, path, c.t.Partitions, o, runs.Fold(&sortedPairs{s: c.sorter}, c.fold, c.memory))
}

// orderedOfSorter is writeSorted to an ordered run.
func (c *collector) orderedOfSorter(ctx context.Context, path string, o runs.Options) (runs.Info, cuts.Sample, error) {
	order := runs.Order{Parts: c.t.Ordered, Bytes: c.sorter.Bytes()}
	if c.fold == nil {
		return runs.WriteOrderedPacked(ctx, path, order, o, c.sorter)
	}
	return runs.WriteOrdered(ctx, path, order, o, runs.Fold(&sortedPairs{s: c.sorter}, c.fold, c.memory))
}

type sortedPairs struct {
	s *rowsort.Sorter
	p runs.Pair
}

func (s *sortedPairs) Next() (*runs.Pair, error) {
	part, packed, ok := s.s.Next()
	if !ok {
		return nil, nil
	}
	s.p.Part, s.p.Packed = part, packed
	s.p.Key, s.p.Val, _ = rows.CutPacked(packed)
	return &s.p, nil
}
