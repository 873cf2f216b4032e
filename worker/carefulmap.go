package worker

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/storage/dataset"
	"github.com/mrctl/mrctl/worker/intake"
	"github.com/mrctl/mrctl/worker/mapside"
	"github.com/mrctl/mrctl/worker/pluginhost"
	"github.com/mrctl/mrctl/worker/suspect"
)

// mapAttempt is a map attempt that outlives its plugin. All attempts of a job share a process, so when that dies nobody
// knows by whose record:
//
//	with the others -> the process died  -> again, in a process of its own
//	               \-> a panic, or hung  \-> it died there too: a record of this attempt is the cause
//	                                      -> hunt: which? -> not allowed: the attempt fails and names it
//	                                                      -> allowed: again, without it
//
// All that is one attempt to the leader, and costs it one failure at most. A task reads its split once for each of these
// steps, and no more than mostHunts times in vain: each hunt must find something.
type mapAttempt struct {
	a     *Agent
	at    *attempt
	j     *job
	split dataset.Split

	alone  *ownPlugin          // nil: it runs with the others
	stream *boundary.MapStream // of the last try
	skip   []suspect.Found
	hunts  int
	before int64 // records of the tries and hunts before
}

// progress tells how far the try or hunt under way is. Records only grow, so that the leader sees that the attempt moves.
func (m *mapAttempt) progress(records, bytes int64) { m.at.progress(m.before+records, bytes) }

// again begins the count of the next try or hunt.
func (m *mapAttempt) again() { m.before = m.at.records.Load() }

// mostHunts bounds how often the records of a split are searched: what kills must not move from one to the next.
const mostHunts = 8

// runMap runs a map attempt. Its run stays in the job's scratch until the job is released.
func (a *Agent) runMap(ctx context.Context, at *attempt, j *job) (outcome, error) {
	split, err := a.extent(ctx, at.order)
	if err != nil {
		return outcome{}, err
	}
	at.total.Store(split.Bytes)
	m := &mapAttempt{a: a, at: at, j: j, split: split}
	defer m.close()
	for {
		out, err := m.try(ctx)
		if err == nil {
			return out, nil
		}
		if err := m.learn(ctx, err); err != nil {
			return out, err
		}
	}
}

// learn makes of a failed try what the next must know. The error is that there is no next: the one given, or what was
// found behind it.
func (m *mapAttempt) learn(ctx context.Context, err error) error {
	blame := suspect.Of(err)
	allowed := m.j.spec.MaxBadRecords
	log := m.a.log.With(zap.String("attempt", name(m.at.id)), zap.Error(err))
	switch {
	case blame == suspect.Nobody, m.a.cfg.InProcess != nil, m.a.base.Err() != nil, errors.Is(context.Cause(ctx), errStopped):
		return err
	case blame == suspect.Somebody && m.alone == nil:
		log.Info("the plugin died; tried again in a process of its own")
		return m.startAlone(ctx)
	case allowed <= 0 && errors.As(err, new(*boundary.Failure)):
		return err // it names its record
	case m.hunts == mostHunts:
		return fmt.Errorf("%w; it was %d records so far, and now another", err, len(m.skip))
	}
	m.hunts++
	log.Info("the record that kills the plugin is searched")
	hung := errors.As(err, new(*suspect.HungError))
	if hung && m.alone == nil {
		m.endShared()
	}
	found, unsure, huntErr := m.hunt(ctx, max(1, int(min(allowed, 1<<30))+1-len(m.skip)), m.stream.Done())
	if huntErr != nil {
		return huntErr
	}
	if len(found) == 0 {
		if unsure > 0 {
			return fmt.Errorf("%w; %d records do that together, but none of them alone", err, unsure)
		}
		return fmt.Errorf("%w; none of its records does that when it is tried alone", err)
	}
	if allowed <= 0 {
		err := found[0].Alone()
		if found[0].Hung { // perhaps it is this machine that is slow
			return err
		}
		return &finalError{err}
	}
	m.skip = suspect.Merge(m.skip, found)
	if b := m.skip[0].Bad; int64(len(m.skip)) > allowed {
		return errs.New(errs.Invalid, "%d bad records, %d are allowed (--max-bad-records); one is %s at byte %d: %s",
			len(m.skip), allowed, b.Object, b.Offset, b.Error)
	}
	return m.startAlone(ctx)
}

// hunt searches the records that kill, from the one that the plugin said last that it was done with.
func (m *mapAttempt) hunt(ctx context.Context, most int, from uint64) ([]suspect.Found, int, error) {
	r, err := m.open(ctx, dataset.Options{Batch: boundary.BatchSize, OnBad: func(string, int64, []byte, error) {}})
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = r.Close() }() // read only
	m.again()
	records := 0
	next := func(ctx context.Context) (*rows.Records, error) {
		m.progress(int64(records), r.Read())
		b, err := r.Next(ctx)
		if err == nil {
			records += b.Len()
		}
		return b, err
	}
	return suspect.Hunt{
		Next: next, From: from, Skip: m.skip, Most: most, Limit: m.j.spec.RecordTimeout,
		Open: func(ctx context.Context) (suspect.Stream, error) {
			if err := m.startAlone(ctx); err != nil {
				return nil, err
			}
			sides, err := m.a.sides(ctx, m.j)
			if err != nil {
				return nil, err
			}
			return m.alone.process.Map(ctx, &pluginv1.MapStart{Id: mapside.TaskID(m.at.id), Partitions: uint32(m.j.head.Partitions),
				Memory: uint64(m.a.share() / 2), AckBatches: true, Input: uint32(m.split.Input), Sides: sides})
		},
		Kill: func() error { return m.alone.process.Kill() },
	}.Run(ctx)
}

// open starts reading the split, as the job wants it read.
func (m *mapAttempt) open(ctx context.Context, o dataset.Options) (mapside.Records, error) {
	o.MaxRecord = m.a.maxRecord(m.j)
	o.ReadAhead = min(dataset.DefaultReadAhead, m.a.share()/8)
	return intake.Open(ctx, m.a.sources, m.j.spec, m.j.stage, m.split, o)
}

// startAlone makes sure that the attempt has a living process of its own.
func (m *mapAttempt) startAlone(ctx context.Context) error {
	if m.alone == nil {
		m.alone = &ownPlugin{a: m.a, j: m.j, name: fmt.Sprintf("plugin-map-%d.%d", m.at.id.Task, m.at.id.Attempt)}
	}
	return m.alone.start(ctx)
}

// plugin gives the process that the attempt runs in.
func (m *mapAttempt) plugin(ctx context.Context) (*pluginhost.Process, error) {
	if m.alone == nil {
		return m.a.plugin(ctx, m.j)
	}
	err := m.alone.start(ctx)
	return m.alone.process, err
}

func (m *mapAttempt) close() {
	m.stream.Close()
	m.alone.close()
}

// endShared kills the process that the attempt shared and that does not come back from its record. The others go on in
// processes of their own.
func (m *mapAttempt) endShared() {
	m.j.mu.Lock()
	defer m.j.mu.Unlock()
	if p := m.j.process; p != nil {
		if err := p.Kill(); err != nil {
			m.a.log.Warn("a plugin that hangs is not killed", zap.Error(err))
		}
	}
}
