package mapside

import (
	"context"

	"github.com/mrctl/mrctl/internal/rowsort"
	"github.com/mrctl/mrctl/worker/runs"
)

// spiller sorts and writes one sorter's pairs while another is filled. Its methods are called by one goroutine.
//
// Two sorters in the memory of one make twice as many runs, so it is for collectors that are filled faster than they
// spill: those of records that come straight from the input.
type spiller struct {
	c     *collector
	spare *rowsort.Sorter
	under chan spilled // of the sorter that is being written; nil: none is
}

// spilled is a sorter that has been written, and is empty again.
type spilled struct {
	s    *rowsort.Sorter
	info runs.Info
	err  error
}

// spill begins to write the collector's sorter and puts an empty one in its place, as soon as there is one.
func (p *spiller) spill(ctx context.Context) error {
	if err := p.wait(ctx); err != nil {
		return err
	}
	path, err := p.c.path()
	if err != nil {
		return err
	}
	full := p.c.sorter
	if p.c.sorter = p.spare; p.c.sorter == nil {
		p.c.sorter = p.c.newSorter()
	}
	p.spare = nil
	under := make(chan spilled, 1)
	p.under = under
	go func() {
		full.Sort()
		info, err := runs.WritePacked(ctx, path, p.c.t.Partitions, p.c.write, full)
		full.Reset()
		under <- spilled{full, info, err}
	}()
	return nil
}

// wait waits for what is under way and notes its run.
func (p *spiller) wait(ctx context.Context) error {
	if p.under == nil {
		return nil
	}
	got := <-p.under
	p.under, p.spare = nil, got.s
	if got.err != nil {
		return got.err
	}
	return p.c.spilled(ctx, got.info)
}

// held is what the sorter beside the collector's may hold, in bytes.
func (p *spiller) held() int64 {
	if p.under == nil && p.spare == nil {
		return 0
	}
	return p.c.room
}

// drop gives the other sorter's memory up, once nothing is under way.
func (p *spiller) drop() {
	if p.under != nil {
		p.spare = (<-p.under).s
		p.under = nil
	}
	if p.spare != nil {
		p.spare.Close()
		p.spare = nil
	}
}
