package coordinator

import (
	"context"

	"go.uber.org/zap"

	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/cuts"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/stages"
)

// This file is about jobs whose parts are ordered overall. Each map tells with its report how its keys are spread; when all are
// done the leader chooses where the parts are cut, and records it before any reduce starts. A leader that dies before leaves
// the samples to those that hold the runs: they bring them along. One that dies after leaves the record, which stands.

// ordered reports whether the parts of a stage are ranges of keys: those of the last one. One part is in order as it is.
func ordered(rec ledger.Job, parts int) bool {
	return rec.Spec.Sorted && rec.Stage+1 == stages.Count(rec.Spec) && parts > 1
}

// isCut reports whether it is recorded where a job's parts are cut.
func (l *leader) isCut(ctx context.Context, rec ledger.Job) (bool, error) {
	if !ordered(rec, rec.Reduces) {
		return false, nil
	}
	_, err := ledger.ReadCuts(ctx, l.srv.cfg.Store, rec.ID, rec.Stage)
	if errs.Is(err, errs.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// keepSample remembers how the keys of a map are spread. Owned by the loop.
func (j *job) keepSample(id sched.AttemptID, sample []byte) {
	if len(sample) > 0 && !j.cut && !j.over && id.Phase == sched.Map && id.Stage == j.stage() {
		j.samples[id.Index] = sample
	}
}

// cut chooses where the parts of a job are cut, and records it. Called in the loop only.
func (l *leader) cut(j *job) {
	var samples []cuts.Sample
	for i := range j.maps() {
		s, err := cuts.Decode(j.samples[int32(i)])
		if err != nil { // any cuts are right; these will be less even
			l.log.Warn("a sample of keys is left out", zap.String("job", string(j.id)), zap.Int("map", i), zap.Error(err))
			continue
		}
		samples = append(samples, s)
	}
	rec, parts := j.chain.Job(), j.head.Partitions
	l.spawn(j, "record where its parts are cut", func(ctx context.Context) error {
		keys := cuts.Choose(samples, parts)
		there, err := ledger.CreateCuts(ctx, l.srv.cfg.Store, ledger.Cuts{Job: rec.ID, Stage: rec.Stage, Keys: keys})
		if err == nil && len(there.Keys) != len(keys) {
			err = errs.New(errs.Corrupt, "%s cuts %d parts, and there are %d", ledger.CutsKey(rec.ID, rec.Stage), len(there.Keys)+1, parts)
		}
		if err != nil {
			return err
		}
		l.post(func() {
			j.cut, j.samples = true, map[int32][]byte{}
			l.step(sched.CutDone{Job: j.id})
		})
		return nil
	})
}
