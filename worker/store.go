package worker

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"time"

	"go.uber.org/zap"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/worker/runs"
	"github.com/mrctl/mrctl/worker/shuffle"
)

// This file is how runs get into the store and out of it: those of jobs that want it so before they count as finished, and
// those that a draining worker leaves behind.

// routes gives the ways to a source's runs.
func (a *Agent) routes(addr string) ([]shuffle.Route, error) {
	if addr == ledger.InStore {
		return []shuffle.Route{a.vault}, nil
	}
	return a.conns.Routes(addr)
}

// partitions is how many a stage of a job has that this worker works for; 0 if it does not.
func (a *Agent) partitions(id string, stage int) int {
	a.mu.Lock()
	j := a.jobs[stageKey{id, stage}]
	a.mu.Unlock()
	if j == nil {
		return 0
	}
	<-j.ready
	return j.head.Partitions
}

// storeRun copies a finished run to the store, checked as it is read, and then records that it lies there. It may be
// repeated.
func (a *Agent) storeRun(ctx context.Context, h *sessionv1.Held, path string) error {
	id := h.Id
	key := ledger.RunKey(id.Job, int(id.Stage), int(id.Task), int32(id.Attempt))
	file, err := runs.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() // only read
	if d := file.Totals().Digest; string(d[:]) != string(h.Digest) {
		return errs.New(errs.Corrupt, "run %s has digest %x, its attempt made %x", path, d, h.Digest)
	}
	size, err := a.publishRun(ctx, key, file)
	if err != nil {
		return errs.E(errs.KindOf(err), "store run", key, err)
	}
	tally, err := protojson.Marshal(h.Tally)
	if err != nil {
		return err
	}
	return ledger.CreateStored(ctx, a.cfg.Store, ledger.StoredRun{Job: id.Job, Stage: int(id.Stage), Task: int(id.Task), Attempt: int32(id.Attempt),
		Worker: a.id, Digest: hex.EncodeToString(h.Digest), Bytes: size, Tally: tally, End: placeFrom(h.End), Sample: h.Sample})
}

// publishRun makes a run visible in the store, and gives its size. One that lies there already is of an earlier try: nobody
// else makes the runs of this attempt.
func (a *Agent) publishRun(ctx context.Context, key string, file *runs.File) (int64, error) {
	s, err := a.cfg.Store.Create(ctx, key, map[string]string{"worker": a.id})
	if err != nil {
		return 0, err
	}
	// In pieces worth a call: the section of each of many partitions may be a few bytes.
	b := bufio.NewWriterSize(s, runs.BlockSize)
	err = file.CopyTo(b)
	if err == nil {
		err = b.Flush()
	}
	if err != nil {
		return 0, errors.Join(err, s.Abort())
	}
	token, err := s.Stage(ctx)
	if err != nil {
		return 0, err
	}
	for try := 0; ; try++ {
		info, err := a.cfg.Store.Publish(ctx, token)
		switch {
		case err == nil:
			return info.Size, nil
		case errors.Is(err, storage.ErrPrecondition):
			info, err := a.cfg.Store.Stat(ctx, key)
			return info.Size, errors.Join(err, a.cfg.Store.Discard(ctx, token))
		case !errors.Is(err, storage.ErrUnknown) && !errs.Is(err, errs.Unavailable):
			return 0, err
		}
		if ended := ledger.Pause(ctx, key, try); ended != nil {
			return 0, errors.Join(ended, err)
		}
	}
}

// dropUpload gives up what a copy that was cut off may have begun in the store.
func (a *Agent) dropUpload(ctx context.Context, id *sessionv1.AttemptID) {
	sweeper, ok := a.cfg.Store.(storage.Sweeper)
	if !ok {
		return
	}
	const patience = 5 * time.Second // then gc finds it
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	begun, err := sweeper.PendingOf(ctx, ledger.RunKey(id.Job, int(id.Stage), int(id.Task), int32(id.Attempt)))
	for _, p := range begun {
		err = errors.Join(err, a.cfg.Store.Discard(ctx, p.Token))
	}
	if err != nil {
		a.log.Debug("an upload may be left", zap.String("attempt", name(id)), zap.Error(err))
	}
}

const (
	// handovers is how many runs a draining worker copies at once.
	handovers = 4
	// handoverPause is how long one that failed waits for its next try.
	handoverPause = time.Second
)

// handOver copies runs to the store that lie nowhere else, as many at once as may be, and reports each that has arrived:
// the report of its attempt once more. It returns at once; the copies end with ctx or with the job.
func (a *Agent) handOver(ctx context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	under := 0
	for _, h := range a.held {
		if h.storing {
			under++
		}
	}
	for k, h := range a.held {
		j := a.jobs[stageKey{k.job, int(k.stage)}]
		if h.stored || h.storing || j == nil || a.reports[k] != nil {
			continue
		}
		if a.base.Err() != nil {
			return
		}
		if under++; under > handovers {
			return
		}
		h.storing = true
		a.work.Go(func() { a.handOverOne(ctx, k, h) })
	}
}

func (a *Agent) handOverOne(ctx context.Context, k attemptKey, h *heldRun) {
	err := a.storeRun(ctx, h.wire, h.path)
	if err != nil && ctx.Err() != nil {
		a.dropUpload(context.WithoutCancel(ctx), h.wire.Id)
	}
	if err != nil {
		a.log.Warn("run not handed over", zap.String("attempt", name(h.wire.Id)), zap.Error(err))
		select {
		case <-time.After(handoverPause):
		case <-ctx.Done():
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	h.storing = false
	if err != nil || a.held[k] != h { // released meanwhile: what has arrived goes with the job
		return
	}
	h.stored = true
	a.reports[k] = &sessionv1.Report{Id: h.wire.Id, Outcome: sessionv1.Report_OUTCOME_DONE, Stored: true,
		Digest: h.wire.Digest, Tally: proto.CloneOf(h.wire.Tally), End: h.wire.End, Sample: h.wire.Sample}
	a.wake()
}
