// Package plan turns a job's inputs into its tasks: it resolves them, decides how large the splits are and how many
// partitions there are, and writes the plan to the store, from where workers read it with storage/dataset.
package plan

import (
	"context"
	"fmt"
	"slices"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/dataset"
)

// Head is the plan in short.
type Head = dataset.Head

// Hints is what the planner knows of the cluster and the plugin.
type Hints struct {
	Slots  int   // of all workers; 0 counts as 1
	Memory int64 // of the smallest worker, in bytes; 0: not known
	Share  int64 // of a slot in the memory of its worker, where that is least; 0: not known
	Stage  *pluginv1.Stage
}

// Sizes the planner aims at, in bytes.
const (
	minSplit      = 4 << 20  // a smaller task is mostly overhead
	partitionSize = 64 << 20 // of input, for one reduce task
)

// MaxMaps bounds the map tasks of a job.
const MaxMaps = 1 << 20

// maxWarnings bounds the warnings kept; of the others there is only the number.
const maxWarnings = 20

// Build plans a job, or finds the plan that is there: who planned first wins, and a plan that was begun by a leader now
// dead is simply left behind. What is wrong with the inputs is errs.Invalid or errs.NotFound and names them.
//
// There is always at least one map task, if only with nothing to read.
func Build(ctx context.Context, store storage.Store, src dataset.Sources, jobID string, job spec.Job, h Hints) (Head, error) {
	head, err := dataset.ReadHead(ctx, store, jobID)
	if err == nil || !errs.Is(err, errs.NotFound) {
		return head, err
	}
	d, err := Draw(ctx, src, job, h)
	if err != nil {
		return Head{}, err
	}
	pw := dataset.NewPlanWriter(store, jobID)
	for s, err := range d.Splits() {
		if err == nil {
			err = pw.Add(ctx, s)
		}
		if err != nil {
			return Head{}, err
		}
	}
	return pw.Finish(ctx, d.Head)
}

// maxRecord is the largest record a worker will take, in bytes, as spec.Job.MaxRecord says.
func maxRecord(job spec.Job, h Hints) int64 {
	switch {
	case job.MaxRecord > 0:
		return job.MaxRecord
	case h.Memory > 0:
		return min(h.Memory/4, dataset.DefaultMaxRecord)
	}
	return dataset.DefaultMaxRecord
}

// oneMachine is how many slots are taken for one machine, whose slots are equally fast: one wave of tasks then ends at one
// time, and fewer tasks mean fewer runs to sort and merge. Among more there will be slow ones.
const oneMachine = 8

// splitSize chooses the bytes of a split: as large as combining pays, small enough that every slot has work and the
// last tasks are not long ones.
func splitSize(job spec.Job, total int64, h Hints) int64 {
	if job.SplitSize > 0 {
		return job.SplitSize
	}
	slots := int64(max(1, h.Slots))
	waves := int64(1)
	if slots > oneMachine {
		waves = 2
	}
	fair := total / (waves * slots)
	fair += fair/128 + 1 // objects do not end where splits should: without some room the last rest is a split of its own
	if h.Stage.GetIdentity() && h.Share > 0 {
		fair = sortedAtOnce(total, fair, slots, h.Share/sortShare)
	}
	return min(max(fair, minSplit), spec.DefaultSplitSize)
}

// sortShare is the part of a slot's memory that a task's records may have to be sorted there at once, with neither spill
// nor merge before they are shuffled: 7/16 is one sorter's, where records of 100 bytes take 1.35 times their size and
// those of 40 bytes 1.85 times. Others are sorted in two goes.
const sortShare = 4

// sortedAtOnce makes a split of a sort so small that a task sorts it in memory: each byte is then written once before it
// is reduced. All slots are to end at one time, so there are as many tasks as fill them.
func sortedAtOnce(total, fair, slots, most int64) int64 {
	if most = max(most, minSplit); fair <= most {
		return fair
	}
	tasks := (total + most - 1) / most
	tasks = (tasks + slots - 1) / slots * slots
	return total/tasks + 1
}

// partitions chooses the number of reduce tasks: none for a stage of maps only.
func partitions(job spec.Job, total int64, h Hints) int {
	slots := h.Slots
	if h.Stage.GetMapOnly() {
		return 0
	}
	if job.Partitions > 0 {
		return job.Partitions
	}
	bySize := (total + partitionSize - 1) / partitionSize
	return int(min(max(1, bySize), int64(2*max(1, slots)), spec.MaxPartitions))
}

// warnings collects what the user should know, up to a bound.
type warnings struct {
	kept []string
	more int
}

func (w *warnings) add(text string) {
	if len(w.kept) < maxWarnings {
		w.kept = append(w.kept, text)
	} else {
		w.more++
	}
}

func (w *warnings) list() []string {
	if w.more == 0 {
		return w.kept
	}
	return append(slices.Clip(w.kept), fmt.Sprintf("and %d more warnings about the inputs", w.more))
}
