package reduceside

import (
	"cmp"
	"context"
	"slices"

	"github.com/mrctl/mrctl/worker/runs"
)

// mergeAhead merges what has landed into fewer runs while the rest is waited for, so that the last merge is one pass. It
// never waits for the wire, and the wire never waits for it. It ends when all has landed: what is then too much for one
// merge is merged on the way to it.
func (g *gathering) mergeAhead(ctx context.Context, fed <-chan struct{}) error {
	for {
		select {
		case <-g.more:
		case <-fed:
			return nil
		case <-ctx.Done():
			return nil // whoever ended it says why
		}
		for ctx.Err() == nil {
			some := g.surplus()
			if len(some) == 0 {
				break
			}
			if err := g.merge(ctx, some); err != nil {
				return err
			}
		}
	}
}

// surplus takes the pieces to be merged next.
func (g *gathering) surplus() []piece {
	coming := g.src.coming()
	if coming == 0 {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.merger.Ahead(ranges(g.pieces), coming) == 0 {
		return nil // in whatever order
	}
	slices.SortStableFunc(g.pieces, func(a, b piece) int { return cmp.Compare(a.bytes.Len, b.bytes.Len) })
	k := g.merger.Ahead(ranges(g.pieces), coming)
	some := slices.Clone(g.pieces[:k])
	g.pieces = slices.Delete(g.pieces, 0, k)
	return some
}

// merge puts one piece in the place of several.
func (g *gathering) merge(ctx context.Context, some []piece) error {
	out, err := g.merger.Reduce(ctx, ranges(some), 1)
	if err != nil {
		return err
	}
	p := piece{task: some[0].task, bytes: out[0]}
	for _, o := range some {
		p.task = min(p.task, o.task)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pieces = append(g.pieces, p)
	return nil
}

func ranges(pieces []piece) []runs.Range {
	all := make([]runs.Range, len(pieces))
	for i, p := range pieces {
		all[i] = p.bytes
	}
	return all
}
