package reduceside

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/budget"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/worker/runs"
	"github.com/mrctl/mrctl/worker/shuffle"
)

// mostCalls is how many fetches are under way at once. Each reads from other workers than the rest.
const mostCalls = 4

// errMoved ends a fetch none of whose runs is waited for any more.
var errMoved = errors.New("the runs have gone or lie elsewhere")

// gathering lands the runs of a reduce attempt as their places become known. What lands while others are still waited for
// is merged ahead where it will be too much for the last merge (ahead.go).
type gathering struct {
	r      *reduction
	src    *Sources
	memory *budget.Budget // for landed sections
	merger *runs.Merger
	more   chan struct{} // capacity 1: something has landed

	mu     sync.Mutex
	names  []shuffle.Landed  // guarded by mu; of all that landed, for blame; their bytes are in pieces
	pieces []piece           // guarded by mu; landed and not merged yet
	lost   []shuffle.Missing // guarded by mu; cannot be had
	bytes  int64             // guarded by mu; over the wire so far
}

// piece is a landed section, or several merged.
type piece struct {
	task  uint32 // the lowest
	bytes runs.Range
}

func newGathering(r *reduction) *gathering {
	return &gathering{r: r, src: r.t.Sources, memory: r.t.Budget.Part(max(r.memory/2, 1)), merger: r.merger(), more: make(chan struct{}, 1)}
}

// run gathers until the runs of all map tasks are here, and gives them in order of their tasks. Runs that cannot be had
// are reported in one *shuffle.MissingError. After an error nothing is held.
func (g *gathering) run(ctx context.Context) ([]runs.Range, error) {
	group, gctx := errgroup.WithContext(ctx)
	fed := make(chan struct{})
	group.Go(func() error { defer close(fed); return g.fetch(gctx) })
	group.Go(func() error { return g.mergeAhead(gctx, fed) })
	if err := group.Wait(); err != nil {
		g.drop()
		return nil, err
	}
	slices.SortFunc(g.pieces, func(a, b piece) int { return cmp.Compare(a.task, b.task) })
	return ranges(g.pieces), nil
}

// drop gives up what has landed.
func (g *gathering) drop() {
	for _, p := range g.pieces {
		if p.bytes.Done != nil {
			p.bytes.Done()
		}
	}
	g.pieces = nil
}

// call is one fetch under way.
type call struct {
	list []*sessionv1.Source
	stop context.CancelCauseFunc
}

// fetch asks for runs whenever there are some to ask for, until all have landed or some cannot be had.
func (g *gathering) fetch(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	calls := map[*call]bool{}
	ended := make(chan *call, mostCalls)
	made := 0
	begin := func(list []*sessionv1.Source) {
		ctx, stop := context.WithCancelCause(ctx)
		c := &call{list, stop}
		calls[c] = true
		scratch := filepath.Join(g.r.t.Scratch, fmt.Sprintf("fetch-%d", made))
		made++
		group.Go(func() error {
			defer func() { stop(nil); ended <- c }()
			return g.ask(ctx, list, scratch)
		})
	}
	for {
		for c := range calls {
			if g.src.moved(c.list) {
				c.stop(errMoved)
			}
		}
		if err := g.src.err(); err != nil {
			group.Go(func() error { return err }) // ends ctx, and is what Wait gives
			break
		}
		if ctx.Err() != nil || g.src.Whole() || g.hasLost() {
			break
		}
		for len(calls) < mostCalls {
			list := g.src.ask()
			if len(list) == 0 {
				break
			}
			begin(list)
		}
		select {
		case <-g.src.changed:
		case c := <-ended:
			delete(calls, c)
		case <-ctx.Done():
		}
	}
	cause := context.Cause(ctx)
	if err := group.Wait(); err != nil {
		return err
	}
	if g.hasLost() {
		return &shuffle.MissingError{Runs: g.lost}
	}
	return cause
}

func (g *gathering) hasLost() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.lost) > 0
}

// ask fetches runs and notes those that cannot be had.
func (g *gathering) ask(ctx context.Context, list []*sessionv1.Source, scratch string) error {
	asked := map[uint32]func() bool{} // by task
	for _, src := range list {
		for i, task := range src.GetTasks() {
			asked[task] = func() bool { return g.src.land(src, i) }
		}
	}
	var last int64
	_, err := g.r.d.Fetch.Fetch(ctx, shuffle.Request{
		Job: g.r.t.ID.GetJob(), Stage: g.r.t.ID.GetStage(), Partition: g.r.t.ID.GetTask(), Sources: list, Span: g.r.t.Span,
		Memory: g.memory, Scratch: scratch,
		Landed: func(l shuffle.Landed) {
			use := asked[l.Task]
			g.land(l, use != nil && use())
		},
		Progress: func(bytes int64) { g.progress(bytes - last); last = bytes },
	})
	g.mu.Lock()
	defer g.mu.Unlock()
	why := map[uint32]string{}
	var gone *shuffle.MissingError
	switch {
	case errors.As(err, &gone):
		for _, m := range gone.Runs {
			why[m.Task] = m.Why
		}
	case err != nil && context.Cause(ctx) == errMoved:
	case err != nil:
		return err
	}
	g.lost = append(g.lost, g.src.missing(list, func(task uint32) string { return cmp.Or(why[task], "the fetch ended without it") })...)
	return nil
}

// land takes a section over, or gives it up if it is of no use.
func (g *gathering) land(l shuffle.Landed, use bool) {
	if !use || l.Range.Len == 0 {
		if l.Range.Done != nil {
			l.Range.Done()
		}
	}
	if !use {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.r.tally.BytesIn += uint64(l.Range.Len)
	if l.Range.Mem == nil && !l.Local {
		g.r.tally.SpilledBytes += uint64(l.Range.Len)
	}
	if l.Range.Len > 0 {
		g.pieces = append(g.pieces, piece{l.Task, l.Range})
	}
	l.Range.Mem, l.Range.Done = nil, nil
	g.names = append(g.names, l)
	select {
	case g.more <- struct{}{}:
	default:
	}
}

// progress counts bytes off the wire.
func (g *gathering) progress(n int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bytes += n
	g.r.tally.ShuffledBytes = uint64(g.bytes)
	if g.r.d.Progress != nil {
		g.r.d.Progress(0, g.bytes)
	}
}

// inputs is what was consumed, by task, with the digests that came with the runs.
func (g *gathering) inputs() ([]Input, error) {
	all, err := g.src.consumed()
	if err != nil {
		return nil, err
	}
	if len(g.names) != len(all) {
		return nil, errs.New(errs.Corrupt, "%d runs have landed of %d map tasks", len(g.names), len(all))
	}
	for _, l := range g.names {
		all[l.Task].Digest = l.Range.Digest
	}
	return all, nil
}
