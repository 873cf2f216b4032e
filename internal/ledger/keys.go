package ledger

import (
	"fmt"
	"strings"
)

// LeaseKey is the one object that says who leads.
const LeaseKey = "lease"

// Prefixes under which a List finds all of a kind.
const (
	EpochPrefix  = "lease.epochs/"
	InboxPrefix  = "inbox/"
	EndedPrefix  = "ended/"
	JobPrefix    = jobPrefix
	PluginPrefix = "plugins/"
	jobPrefix    = "jobs/"
)

// EpochKey is the marker of an epoch that has been used. Markers sort by number.
func EpochKey(epoch uint64) string { return fmt.Sprintf("%s%020d", EpochPrefix, epoch) }

// EpochOf reads the number back from a marker's key.
func EpochOf(key string) (uint64, bool) {
	digits, ok := strings.CutPrefix(key, EpochPrefix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	var n uint64
	for _, d := range []byte(digits) {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + uint64(d-'0') // 20 digits may overflow; such a marker was never written by EpochKey
	}
	return n, EpochKey(n) == key && n <= maxEpoch
}

// InboxKey is a job as submitted. It stays until the job has ended, so that listing the inbox finds all that is to do.
func InboxKey(id string) string { return InboxPrefix + id }

// EndedKey marks a job that is over.
func EndedKey(id string) string { return EndedPrefix + id }

// JobKey is a job's chain. Its plan lies beside it, at jobs/<id>/plan/; storage/dataset, which writes and reads plans, has
// those keys.
func JobKey(id string) string { return jobPrefix + id + "/job" }

// TaskKey is the record of a task's winning attempt under a generation of the job.
func TaskKey(job string, stage int, phase TaskPhase, gen int32, index int) string {
	return fmt.Sprintf("%s%08d", taskPrefix(job, stage, phase, gen), index)
}

func taskPrefix(job string, stage int, phase TaskPhase, gen int32) string {
	return fmt.Sprintf("%s%s/t/%d-%s/%d/", jobPrefix, job, stage, phase, gen)
}

// InStore is named as the holder of runs that lie in the store. No worker is called so.
const InStore = "store"

// RunKey is the run of a map attempt, where it is kept in the store.
func RunKey(job string, stage, task int, attempt int32) string {
	return fmt.Sprintf("%s%08d.%d", stageRunPrefix(job, stage), task, attempt)
}

func stageRunPrefix(job string, stage int) string { return fmt.Sprintf("%s%d-", runPrefix(job), stage) }

func runPrefix(job string) string { return jobPrefix + job + "/runs/" }

// StoredKey is the record of such a run.
func StoredKey(job string, stage, task int, attempt int32) string {
	return fmt.Sprintf("%s%08d.%d", storedPrefix(job, stage), task, attempt)
}

func storedPrefix(job string, stage int) string {
	return fmt.Sprintf("%s%s/t/%d-%s/stored/", jobPrefix, job, stage, Map)
}

// CutsKey is where the parts of a stage are cut that are ordered overall.
func CutsKey(job string, stage int) string {
	return fmt.Sprintf("%s%s/t/%d-cuts", jobPrefix, job, stage)
}

// LogKey is what an attempt wrote to standard error.
func LogKey(job string, stage int, phase TaskPhase, task int, attempt int32) string {
	return fmt.Sprintf("%s%s/logs/%d-%s-%08d.%d", jobPrefix, job, stage, phase, task, attempt)
}

// HistoryKey is a job's history once it has ended.
func HistoryKey(id string) string { return jobPrefix + id + "/history" }

// SweptKey notes that nothing staged is left of a job that has ended.
func SweptKey(id string) string { return jobPrefix + id + "/swept" }

// PluginKey is a plugin's binary by the sha256 of its bytes, in hex.
func PluginKey(sha string) string { return PluginPrefix + sha }

// StagePrefix begins the folders of a job that belong to one stage: what comes between two stages, and the plans of those
// after the first.
const StagePrefix = "stage-"

// StageID is what the plan of a stage goes by: for the first the job itself.
func StageID(id string, stage int) string {
	if stage == 0 {
		return id
	}
	return fmt.Sprintf("%s/%s%d", id, StagePrefix, stage)
}

// StageFolder is where the rows of a stage lie that later ones read.
func StageFolder(id string, stage int) string {
	return fmt.Sprintf("%s%s/%s%d/out", jobPrefix, id, StagePrefix, stage)
}

// OutputFolder is where the parts of a job lie that names no output of its own.
func OutputFolder(id string) string { return jobPrefix + id + "/out" }
