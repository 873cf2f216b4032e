package coordinator

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
)

// recordStatus is what a job's record says of it.
func recordStatus(r ledger.Job) *controlv1.JobStatus {
	st := &controlv1.JobStatus{Id: r.ID, Name: r.Spec.Name, Phase: phases[r.Phase], Error: r.Error, ErrorKind: uint32(r.ErrorKind),
		Output: r.Spec.Output, Counters: r.Counters, Epoch: r.Epoch, Warnings: r.Warnings, Gen: uint32(r.Gen),
		AttemptsFailed: uint64(r.AttemptsFailed), AttemptsLost: uint64(r.AttemptsLost), TasksKept: uint64(r.TasksKept),
		SubmittedUnixNanos: nanos(r.Spec.Submitted), StartedUnixNanos: nanos(r.Started), EndedUnixNanos: nanos(r.Ended)}
	for _, p := range r.Parts {
		st.Parts = append(st.Parts, &controlv1.Part{Key: p.Key, Rows: uint64(p.Rows), Bytes: uint64(p.Bytes)})
	}
	for _, s := range r.Steps() {
		st.Stages = append(st.Stages, &controlv1.StageStatus{Name: s.Name, Tasks: uint32(s.Tasks), Done: uint32(s.Done)})
	}
	if b, err := json.Marshal(r.Spec); err == nil {
		st.Spec = b
	}
	return st
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func utoa(n uint64) string { return strconv.FormatUint(n, 10) }

func alreadyThere(err error) bool { return errors.Is(err, storage.ErrPrecondition) }
