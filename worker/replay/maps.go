package replay

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/storage/dataset"
	"github.com/mrctl/mrctl/worker/intake"
	"github.com/mrctl/mrctl/worker/mapside"
	"github.com/mrctl/mrctl/worker/pluginhost"
	"github.com/mrctl/mrctl/worker/suspect"
)

// oneMap is a map attempt that is run again.
type oneMap struct {
	*replay
	index   int
	split   dataset.Split
	process *pluginhost.Process
	stream  *boundary.MapStream                 // of the last try
	skip    []suspect.Found                     // records that kill the plugin, which the job allows
	keep    func(b *boundary.Pairs, i int) bool // which pairs are kept; nil: all are
}

// replayMap runs a map attempt and prints its pairs.
func (r *replay) replayMap(ctx context.Context, out *printed) (_ Result, err error) {
	split, err := r.split(ctx, dataset.NewPlans(r.cfg.Store), r.task.Index)
	if err != nil {
		return Result{}, err
	}
	if r.stage.GetIdentity() {
		// Of records that workers sort by themselves the pairs are the records: the plugin is asked all the same.
		if !r.stage.GetHasMap() {
			return Result{}, errs.New(errs.Invalid, "replay %s: workers map by themselves in this job, there is nothing of the plugin to run", r.task)
		}
		r.stage = proto.CloneOf(r.stage)
		r.stage.Identity, r.spec.Keys = false, ""
	}
	m := &oneMap{replay: r, index: r.task.Index, split: split}
	if m.process, err = r.start(ctx, true); err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	r.tellSplit(split)
	began := time.Now()
	res, err := m.run(ctx, out)
	if err != nil {
		return Result{}, err
	}
	if res.RunPath == "" {
		r.say("rows: as Map emitted them; the job has no reduce")
	} else {
		r.tellPairs()
		err = out.pairs(ctx, r.stage, res.RunPath)
	}
	return Result{res.Tally, time.Since(began)}, err
}

// tellSplit says what is read.
func (r *replay) tellSplit(s dataset.Split) {
	const most = 5
	for i, p := range s.Pieces[:min(len(s.Pieces), most)] {
		r.say("reads %s from byte %d to %d (version %s)", p.URI, p.Off, p.Off+p.Len, p.Version)
		if i+1 == most && len(s.Pieces) > most {
			r.say("and %d more pieces", len(s.Pieces)-most)
		}
	}
}

// tellPairs says what the pairs are.
func (r *replay) tellPairs() {
	how := "as Map emitted them"
	if r.stage.GetFold() != pluginv1.Stage_FOLD_UNSPECIFIED {
		how = "combined, as they go to the reduce"
	}
	r.say("pairs: %s, by partition and in order of their keys", how)
}

// run runs the attempt, and again without records that kill the plugin where the job allows some.
func (m *oneMap) run(ctx context.Context, out *printed) (mapside.Result, error) {
	for {
		res, err := m.try(ctx, out)
		if err == nil {
			return res, nil
		}
		if err := m.learn(ctx, err); err != nil {
			m.showRecord(ctx, err)
			return mapside.Result{}, err
		}
	}
}

func (m *oneMap) try(ctx context.Context, out *printed) (mapside.Result, error) {
	m.stream.Close() // of the try before
	m.stream = nil
	job := m.spec
	if m.cfg.Debug != nil {
		job.RecordTimeout = 0
	}
	ordered := m.ordered()
	if m.task.Phase == ledger.Map {
		ordered = 0 // a run with partitions is easier to print
	}
	return mapside.Run(ctx, mapside.Task{
		ID: m.attemptID(sessionv1.AttemptID_PHASE_MAP, m.index), Job: job, Stage: m.stage, Input: m.split.Input,
		Partitions: m.head.Partitions, Ordered: ordered, Maps: len(m.extents), Memory: m.share(), Scratch: m.scratch(), Skip: m.skip,
	}, mapside.Deps{
		Open: func(ctx context.Context, buffer func(int) *rows.Records, bad func(string, int64, []byte, error)) (mapside.Records, error) {
			return m.open(ctx, dataset.Options{Buffer: buffer, OnBad: bad, Batch: m.stream.Batch()})
		},
		Map: func(ctx context.Context, start *pluginv1.MapStart) (mapside.Mapper, error) {
			var err error
			if start.Sides, err = m.bringSides(ctx); err != nil {
				return nil, err
			}
			if m.stream, err = m.process.Map(ctx, start); err != nil || m.keep == nil {
				return m.stream, err
			}
			return &filtered{MapStream: m.stream, keep: m.keep}, nil
		},
		Part: out.result, Named: out.output(m.stage),
	})
}

// ordered is how many parts there are to order overall: 0 where that was not asked for, or one part is all.
func (r *replay) ordered() int {
	if !r.spec.Sorted || r.head.Partitions < 2 {
		return 0
	}
	return r.head.Partitions
}

// open starts reading the split.
func (m *oneMap) open(ctx context.Context, o dataset.Options) (mapside.Records, error) {
	o.MaxRecord, o.ReadAhead = m.spec.MaxRecord, min(dataset.DefaultReadAhead, m.share()/8)
	return intake.Open(ctx, m.sources, m.spec, m.stage, m.split, o)
}

// mostHunts bounds how often the records of a split are searched, as for attempts of a worker.
const mostHunts = 8

// learn finds the record behind a plugin's death, as a worker does. The error is that there is no next try.
func (m *oneMap) learn(ctx context.Context, err error) error {
	allowed := m.spec.MaxBadRecords
	switch {
	case suspect.Of(err) == suspect.Nobody, ctx.Err() != nil, m.cfg.Debug != nil, m.stream == nil:
		return err
	case allowed <= 0 && errors.As(err, new(*boundary.Failure)):
		return err // it names its record
	case len(m.skip) >= mostHunts:
		return err
	}
	m.say("the plugin died; the record that kills it is searched")
	found, huntErr := m.hunt(ctx, max(1, int(min(allowed, 1<<30))+1-len(m.skip)))
	if huntErr != nil {
		return huntErr
	}
	if len(found) == 0 {
		return err
	}
	for _, f := range found {
		m.say("record: %s", quoted(f.Bad.Record))
	}
	if allowed <= 0 {
		return found[0].Alone()
	}
	if m.skip = suspect.Merge(m.skip, found); int64(len(m.skip)) > allowed {
		return errs.New(errs.Invalid, "%d bad records, %d are allowed (--max-bad-records); one is %s at byte %d: %s",
			len(m.skip), allowed, m.skip[0].Bad.Object, m.skip[0].Bad.Offset, m.skip[0].Bad.Error)
	}
	return m.alive(ctx)
}

func (m *oneMap) hunt(ctx context.Context, most int) ([]suspect.Found, error) {
	r, err := m.open(ctx, dataset.Options{Batch: boundary.BatchSize, OnBad: func(string, int64, []byte, error) {}})
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // read only
	found, _, err := suspect.Hunt{
		Next: r.Next, From: m.stream.Done(), Skip: m.skip, Most: most, Limit: m.spec.RecordTimeout,
		Open: func(ctx context.Context) (suspect.Stream, error) {
			if err := m.alive(ctx); err != nil {
				return nil, err
			}
			id := mapside.TaskID(m.attemptID(sessionv1.AttemptID_PHASE_MAP, m.index))
			return m.process.Map(ctx, &pluginv1.MapStart{Id: id, Partitions: uint32(m.head.Partitions),
				Memory: uint64(m.share() / 2), AckBatches: true, Input: uint32(m.split.Input), Sides: m.sides})
		},
		Kill: func() error { return m.process.Kill() },
	}.Run(ctx)
	return found, err
}

// alive makes sure that the process lives.
func (m *oneMap) alive(ctx context.Context) error {
	if dead, _ := m.process.Exited(); !dead {
		return nil
	}
	err := m.process.Close()
	if err != nil {
		return err
	}
	p, err := m.start(ctx, false)
	if err == nil {
		m.process = p
	}
	return err
}

// close ends the stream and the process.
func (m *oneMap) close() error {
	m.stream.Close()
	return m.process.Close()
}

func (m *oneMap) scratch() string {
	return filepath.Join(m.cfg.Scratch, fmt.Sprintf("map-%d", m.index))
}
