package worker

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage/dataset"
	"github.com/mrctl/mrctl/worker/mapside"
	"github.com/mrctl/mrctl/worker/pluginhost"
	"github.com/mrctl/mrctl/worker/reduceside"
)

// share is the memory of one attempt: the worker's, by slots.
func (a *Agent) share() int64 { return a.cfg.Memory / int64(a.cfg.Slots) }

// maxRecord is the largest record of a job on this worker, in bytes.
func (a *Agent) maxRecord(j *job) int64 {
	if j.spec.MaxRecord > 0 {
		return j.spec.MaxRecord
	}
	return min(a.cfg.Memory/4, dataset.DefaultMaxRecord)
}

func (a *Agent) scratch(at *attempt, j *job) string {
	return filepath.Join(j.scratch, fmt.Sprintf("%s-%d.%d", phaseName(at.id), at.id.Task, at.id.Attempt))
}

// try runs the map attempt once, as far as it comes.
func (m *mapAttempt) try(ctx context.Context) (outcome, error) {
	a, at, j := m.a, m.at, m.j
	m.stream.Close() // of the try before
	m.stream = nil
	m.again()
	deps := mapside.Deps{
		Open: func(ctx context.Context, buffer func(n int) *rows.Records, bad func(string, int64, []byte, error)) (mapside.Records, error) {
			return m.open(ctx, dataset.Options{Buffer: buffer, OnBad: bad, Batch: m.stream.Batch()})
		},
		Map: func(ctx context.Context, start *pluginv1.MapStart) (mapside.Mapper, error) {
			p, err := m.plugin(ctx) // not before: the identity needs no plugin
			if err == nil {
				start.Sides, err = a.sides(ctx, j)
			}
			if err != nil {
				return nil, err
			}
			if m.stream, err = p.Map(ctx, start); err == nil {
				through := m.stream.Done
				at.through.Store(&through)
			}
			return m.stream, err
		},
		Log: a.log, Progress: m.progress, Yield: at.yield.Load,
	}
	put := &parts{at: at, j: j}
	if j.stage.GetMapOnly() {
		deps.Part, deps.Named, deps.Yield = put.open, put.openNamed, nil // the parts are of the whole split
	}
	var letters *deadLetters
	if j.spec.MaxBadRecords > 0 {
		letters = &deadLetters{ctx: ctx, store: a.cfg.Store, key: ledger.BadKey(ledger.StageID(j.id, j.stageNo), int(at.id.Task), int32(at.id.Attempt))}
		deps.Bad = letters.add
		defer letters.drop()
	}
	res, err := mapside.Run(ctx, mapside.Task{
		ID: at.id, Job: j.spec, Stage: j.stage, Partitions: j.head.Partitions, Ordered: j.ordered(), Maps: j.head.Maps, Memory: a.share(), Scratch: a.scratch(at, j),
		Codec: a.codec, Skip: m.skip, Input: m.split.Input,
	}, deps)
	if err == nil {
		err = letters.keep(ctx)
	}
	if err != nil {
		return outcome{tally: res.Tally}, err
	}
	if j.stage.GetMapOnly() {
		mine, err := put.win(ctx, a, ledger.TaskRecord{Phase: ledger.Map}, res.Tally)
		return outcome{tally: res.Tally, lostRace: !mine}, err
	}
	out := outcome{tally: res.Tally, digest: res.Digest[:], run: res.RunPath, end: m.end(res.End)}
	if j.ordered() > 0 {
		out.sample = res.Sample.Thin(sampleRoom(j.head.Maps)).Encode()
	}
	if j.spec.Shuffle == spec.ShuffleStore && res.RunPath != "" {
		if err := a.storeRun(ctx, &sessionv1.Held{Id: at.id, Digest: out.digest, Tally: out.tally, End: out.end, Sample: out.sample}, out.run); err != nil {
			return outcome{tally: res.Tally}, err
		}
		out.stored = true
	}
	return out, nil
}

// runReduce runs a reduce attempt, stages its part and creates the record of the task, or learns that another attempt's
// record stands already: then its own part is given up.
func (a *Agent) runReduce(ctx context.Context, at *attempt, j *job) (outcome, error) {
	put := &parts{at: at, j: j}
	var stream *boundary.ReduceStream
	own := &ownPlugin{a: a, j: j, name: fmt.Sprintf("plugin-reduce-%d.%d", at.id.Task, at.id.Attempt)}
	defer own.close()
	defer func() { stream.Close() }()
	deps := reduceside.Deps{
		Fetch: a.fetch,
		Part:  put.open, Named: put.openNamed,
		Reduce: func(ctx context.Context, start *pluginv1.ReduceStart) (_ reduceside.Reducer, err error) {
			p, err := a.reducePlugin(ctx, at, j, own) // not before: a reduce that the engine does needs no plugin
			if err == nil {
				start.Sides, err = a.sides(ctx, j)
			}
			if err != nil {
				return nil, err
			}
			stream, err = p.Reduce(ctx, start)
			return stream, err
		},
		Log: a.log, Progress: at.progress, Total: at.rows.Store,
	}
	span, err := a.span(ctx, at, j)
	if err != nil {
		return outcome{}, err
	}
	res, err := reduceside.Run(ctx, reduceside.Task{
		ID: at.id, Job: j.spec, Stage: j.stage, Sources: at.sources, Span: span, Partitions: j.head.Partitions,
		Memory: a.share(), Scratch: a.scratch(at, j),
	}, deps)
	if err != nil {
		if errors.Is(err, pluginhost.ErrDied) && own.process == nil {
			err = fmt.Errorf("%w: %w", errDiedInCompany, err)
		}
		return outcome{tally: res.Tally}, err
	}
	rec := ledger.TaskRecord{Phase: ledger.Reduce, Inputs: make(ledger.Inputs, len(res.Inputs))}
	for i, in := range res.Inputs {
		rec.Inputs[i] = ledger.Input{Attempt: int32(in.Attempt), Digest: hex.EncodeToString(in.Output)}
	}
	mine, err := put.win(ctx, a, rec, res.Tally)
	return outcome{tally: res.Tally, lostRace: !mine}, err
}
