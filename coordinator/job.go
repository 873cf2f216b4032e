package coordinator

import (
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/coordinator/events"
	"github.com/mrctl/mrctl/coordinator/records"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage/dataset"
)

// job is what the leader knows of a live job, and of one that has ended under it. chain and log have locks of their
// own; the rest is owned by the loop.
type job struct {
	id       sched.JobID
	chain    *records.Chain
	log      events.Log
	head     dataset.Head
	extents  []dataset.Extent // of the map tasks, tails included: as the record has them
	cutting  *int32           // the map task of which a tail is being recorded
	admitted bool
	over     bool
	// tallies are the counts of each finished map attempt, by task and attempt; only the attempt that a reduce consumed
	// counts in the end.
	tallies map[sched.AttemptID]*sessionv1.Tally
	winners map[int32]ledger.TaskRecord // reduce task -> its winning record
	done    map[sched.TaskID]uint64     // bytes of input of finished map tasks
	running map[sched.AttemptID]progress
	holders holders
	settled chan struct{}    // closed when the job has been taken up by this leader, or is over
	counted bool             // the counters of the maps are recorded
	cut     bool             // it is recorded where the parts are cut, if they are ordered overall
	samples map[int32][]byte // of the keys of finished map tasks, until that is
	// awaitUntil is how long workers that hold something of the job are waited for, from its admission on.
	awaitUntil time.Time
	// blocked are the steps that have to be tried again, and why.
	blocked map[string]string
	keeping keeping
	// cancelled is why the job is to end before it was admitted; empty: it is not.
	cancelled string
}

// progress is how far an attempt has come, as its worker said last.
type progress struct {
	worker         sched.WorkerID
	records, bytes uint64
	runs           uint32 // of a reduce: map tasks whose runs have landed
}

// stage is the stage under way, counted from 0.
func (j *job) stage() int32 { return int32(j.chain.Job().Stage) }

func newJob(chain *records.Chain) *job {
	rec := chain.Job()
	return &job{
		id: sched.JobID(rec.ID), chain: chain,
		samples: map[int32][]byte{}, tallies: map[sched.AttemptID]*sessionv1.Tally{}, winners: map[int32]ledger.TaskRecord{},
		done: map[sched.TaskID]uint64{}, running: map[sched.AttemptID]progress{},
		holders: newHolders(rec), settled: make(chan struct{}), extents: dataset.Extents(rec.Maps, rec.Tails),
	}
}

// note adds a decision of the scheduler to the job's history.
func (l *leader) note(n sched.Note) {
	j := l.jobs[n.Job]
	if j == nil {
		return
	}
	e := events.Event{Time: time.Now(), Kind: n.Kind, Attempt: n.Attempt, Worker: string(n.Worker), Text: n.Text}
	if n.Task != nil {
		e.Task = taskName(*n.Task)
	}
	j.log.Add(e)
	l.log.Debug(n.Kind, zap.String("job", string(n.Job)), zap.String("task", e.Task), zap.Int32("attempt", n.Attempt),
		zap.String("worker", string(n.Worker)), zap.String("text", n.Text))
}

// taskName names a task to people: map/17, and 2:map/17 in the second stage of a job.
func taskName(t sched.TaskID) string {
	stage := ""
	if t.Stage > 0 {
		stage = fmt.Sprintf("%d:", t.Stage+1)
	}
	if t.Phase == sched.Map {
		return fmt.Sprintf("%smap/%d", stage, t.Index)
	}
	return fmt.Sprintf("%sreduce/%d", stage, t.Index)
}

var phases = map[ledger.Phase]controlv1.JobStatus_Phase{
	ledger.Planning: controlv1.JobStatus_PHASE_PLANNING, ledger.Running: controlv1.JobStatus_PHASE_RUNNING,
	ledger.Committing: controlv1.JobStatus_PHASE_COMMITTING, ledger.Done: controlv1.JobStatus_PHASE_DONE,
	ledger.Failed: controlv1.JobStatus_PHASE_FAILED, ledger.Cancelled: controlv1.JobStatus_PHASE_CANCELLED,
}

// status is a snapshot for people. Called in the loop only.
func (l *leader) status(j *job) *controlv1.JobStatus {
	st := recordStatus(j.chain.Job())
	if st.Phase < controlv1.JobStatus_PHASE_DONE {
		st.Blocked = j.blockedText()
	}
	view, ok := l.sched.View(j.id)
	if !ok {
		return st
	}
	if st.Phase < controlv1.JobStatus_PHASE_DONE { // else the record has them
		st.AttemptsFailed, st.AttemptsLost, st.TasksKept = st.AttemptsFailed+uint64(view.AttemptsFailed), st.AttemptsLost+uint64(view.AttemptsLost), st.TasksKept+uint64(view.Kept)
	}
	stage := int(j.stage())
	m, r := stageStatus(ledger.StepName(stage, ledger.Map), view.Map), stageStatus(ledger.StepName(stage, ledger.Reduce), view.Reduce)
	m.Bytes = uint64(j.head.Bytes)
	for _, n := range j.done {
		m.BytesDone += n
	}
	furthest := map[sched.TaskID]uint64{} // of the attempts of a map, where a slow one has a rival
	for id, p := range j.running {
		if id.Phase == sched.Map {
			if _, finished := j.done[id.TaskID]; !finished && p.bytes > furthest[id.TaskID] {
				m.BytesDone += p.bytes - furthest[id.TaskID]
				furthest[id.TaskID] = p.bytes
			}
			m.RecordsDone += p.records
		} else {
			r.RecordsDone += p.records
			if int(p.runs) < j.maps() { // it still fetches
				r.RunsFetched += uint64(p.runs)
				r.RunsWanted += uint64(j.maps())
			}
		}
	}
	m.BytesDone = min(m.BytesDone, m.Bytes)
	for _, live := range []*controlv1.StageStatus{m, r} { // in the place of what the record says of them
		if i := slices.IndexFunc(st.Stages, func(s *controlv1.StageStatus) bool { return s.Name == live.Name }); i >= 0 {
			st.Stages[i] = live
		}
	}
	return st
}

func stageStatus(name string, c sched.TaskCounts) *controlv1.StageStatus {
	return &controlv1.StageStatus{Name: name, Tasks: uint32(c.Total), Done: uint32(c.Done), Running: uint32(c.Running), Waiting: uint32(c.Waiting)}
}
