package worker

import (
	"context"

	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/worker/runs"
)

// This file is about jobs whose parts are ordered overall: maps tell how their keys are spread, the leader records where they
// are cut, and each reduce takes its range of keys from that record.

// ordered is how many parts there are to order overall: 0 where that was not asked for, or one part is all.
func (j *job) ordered() int {
	if !j.spec.Sorted || j.head.Partitions < 2 {
		return 0
	}
	return j.head.Partitions
}

// A leader holds a sample of each map until it has cut the keys: mostSamples bytes about, of all of a job, where no map has
// less than leastSample. A sample of a map takes mostSample at most.
const (
	mostSamples = 4 << 20
	mostSample  = 32 << 10
	leastSample = 256
)

// sampleRoom is the bytes that a sample may take where so many maps send one.
func sampleRoom(maps int) int { return min(max(mostSamples/max(maps, 1), leastSample), mostSample) }

// span is the range of keys of a reduce; nil where its partition is one of hashes. The leader starts no reduce before the
// record is there.
func (a *Agent) span(ctx context.Context, at *attempt, j *job) (*runs.Span, error) {
	if j.ordered() == 0 {
		return nil, nil
	}
	j.mu.Lock()
	known := j.cuts
	j.mu.Unlock()
	if known == nil { // two that miss at once read it twice
		c, err := ledger.ReadCuts(ctx, a.cfg.Store, j.id, int(at.id.Stage))
		if err != nil {
			return nil, err
		}
		known = &c
		j.mu.Lock()
		j.cuts = known
		j.mu.Unlock()
	}
	low, high, err := known.Bounds(int(at.id.Task))
	return &runs.Span{Part: int(at.id.Task), Low: low, High: high}, err
}
