package ledger

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/dataset"
)

// JobV is the format of the job record that this program reads and writes.
const JobV = 1

// Job is a link of a job's chain: how the job stands, and who may say so. The first group belongs to package
// coordinator/records, which alone writes chains; the rest is the leader's.
type Job struct {
	V      int      `json:"v"`
	ID     string   `json:"id"`
	Epoch  uint64   `json:"epoch"`  // of the leader that wrote this link; never goes down
	Nonce  string   `json:"nonce"`  // of this link alone
	Seq    uint64   `json:"seq"`    // counts links, from 1
	Claims int      `json:"claims"` // leaders that have taken the job, the first included
	Spec   spec.Job `json:"spec"`   // as submitted; never changes

	// Handling says that a leader is about to plan the job or to take it up, and has not come through. A claim that finds it
	// counts a crash: the leader before ended amid it, perhaps of it. Whoever comes through clears both.
	Handling bool `json:"handling,omitempty"`
	Crashes  int  `json:"crashes,omitempty"`
	// Crash is what the first leader said that knew that it broke down over the job; it is not cleared.
	Crash string `json:"crash,omitempty"`

	Phase        Phase            `json:"phase"`
	Stage        int              `json:"stage,omitempty"` // under way, counted from 0; the fields down to Reduces are of it
	Gen          int32            `json:"gen"`             // task records of this generation count, others do not; only grows
	Maps         int              `json:"maps,omitempty"`  // as planned
	Tails        []dataset.Tail   `json:"tails,omitempty"` // map tasks that were cut from others since; it only grows
	Reduces      int              `json:"reduces,omitempty"`
	Holders      []string         `json:"holders,omitempty"` // workers that hold runs of the job
	Counters     map[string]int64 `json:"counters,omitempty"`
	Before       []StageEnd       `json:"before,omitempty"` // the stages that are done
	Parts        []Part           `json:"parts,omitempty"`  // of the output, once it is done
	Warnings     []string         `json:"warnings,omitempty"`
	Redone       int              `json:"redone,omitempty"`    // generations begun because outputs of one map differed
	Published    bool             `json:"published,omitempty"` // parts of an earlier generation are visible
	Error        string           `json:"error,omitempty"`     // why it failed
	ErrorKind    errs.Kind        `json:"error_kind,omitempty"`
	Cause        string           `json:"cause,omitempty"` // the attempt that was the first cause of a failure
	CancelReason string           `json:"cancel_reason,omitempty"`
	// What the leader that ended the job saw of attempts, and how many tasks it found done when it took over.
	AttemptsFailed int `json:"attempts_failed,omitempty"`
	AttemptsLost   int `json:"attempts_lost,omitempty"`
	TasksKept      int `json:"tasks_kept,omitempty"`

	Started time.Time `json:"started,omitzero"` // the leaders' clocks; for people
	Ended   time.Time `json:"ended,omitzero"`

	// rest are the fields of a later version of this program, spec the submitted bytes with theirs. Both survive what an
	// older leader writes.
	rest map[string]json.RawMessage
	spec json.RawMessage
}

// StageEnd is what is left to say of a stage that is done.
type StageEnd struct {
	Maps     int              `json:"maps"`
	Tails    int              `json:"tails,omitempty"`
	Reduces  int              `json:"reduces"`
	Gen      int32            `json:"gen,omitempty"`
	Counters map[string]int64 `json:"counters,omitempty"`
	Rows     int64            `json:"rows"`
	Bytes    int64            `json:"bytes"`
	Ended    time.Time        `json:"ended,omitzero"`
}

// Part is a finished piece of output.
type Part struct {
	Key   string        `json:"key"`
	Token storage.Token `json:"token,omitempty"` // while it is staged
	Rows  int64         `json:"rows"`
	Bytes int64         `json:"bytes"`
	CRC   uint32        `json:"crc"` // CRC-32C of the bytes
}

// Clone copies a job so that neither copy sees changes of the other. The spec, which never changes, is shared.
func (j Job) Clone() Job {
	j.Holders = slices.Clone(j.Holders)
	j.Tails = slices.Clone(j.Tails)
	j.Counters = maps.Clone(j.Counters)
	j.Parts = slices.Clone(j.Parts)
	j.Warnings = slices.Clone(j.Warnings)
	j.Before = slices.Clone(j.Before)
	return j
}

// LastPhase is the phase whose winners are the result of the stage under way: the maps, where a stage has no reduces.
func (j Job) LastPhase() TaskPhase {
	if j.Reduces == 0 && j.Maps > 0 {
		return Map
	}
	return Reduce
}

// Results is how many winners the stage under way ends with: a part each.
func (j Job) Results() int {
	if j.LastPhase() == Map {
		return j.Maps
	}
	return j.Reduces
}

// MapTasks is how many map tasks the job has, tails included.
func (j Job) MapTasks() int { return j.Maps + len(j.Tails) }
