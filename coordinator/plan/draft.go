package plan

import (
	"context"
	"fmt"
	"iter"

	"google.golang.org/protobuf/proto"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage/dataset"
)

// Draft is a plan that is written nowhere.
type Draft struct {
	// Head says what there is to say of the plan; Maps and Bytes too, which a writer would count himself.
	Head Head

	inputs []source
	job    spec.Job
	empty  bool
}

// Draw plans a job without leaving anything in any store. What is wrong with the job or its inputs is errs.Invalid or
// errs.NotFound and names it.
func Draw(ctx context.Context, src dataset.Sources, job spec.Job, h Hints) (*Draft, error) {
	job = job.WithDefaults()
	if job.Keys != "" && h.Stage != nil && !h.Stage.GetIdentity() {
		return nil, spec.ErrKeysOfIdentity
	}
	if job.Sorted {
		if err := spec.CheckSorted(h.Stage.GetHasPartition(), h.Stage.GetMapOnly()); err != nil {
			return nil, err
		}
	}
	most := MaxMaps
	if h.Stage.GetMapOnly() {
		most = spec.MaxPartitions
		if err := spec.CheckMapOnly(job.Partitions); err != nil {
			return nil, err
		}
	}
	w := &warnings{}
	sides, err := resolveSides(ctx, src, job, h)
	if err != nil {
		return nil, err
	}
	inputs, objects, total, err := resolve(ctx, src, job, h, w)
	if err != nil {
		return nil, err
	}
	d := &Draft{inputs: inputs, job: job,
		Head: Head{Sides: sides, Objects: objects, SplitSize: splitSize(job, total, h), Partitions: partitions(job, total, h)}}
	if h.Stage != nil {
		if d.Head.Stage, err = proto.Marshal(h.Stage); err != nil {
			return nil, errs.E(errs.Invalid, "plan", "stage", err)
		}
	}
	for _, in := range inputs {
		probe := dataset.PlanOptions{Format: in.format, Decompress: job.Decompress, SplitSize: d.Head.SplitSize}
		if err := dataset.Probe(ctx, src, in.objects, probe); err != nil {
			return nil, err
		}
	}
	// Counted before any is written, so that a plan which is refused leaves nothing behind.
	for s, err := range splits(inputs, job, d.Head.SplitSize, w.add) {
		if err != nil {
			return nil, err
		}
		d.Head.Bytes += s.Bytes
		if d.Head.Maps++; d.Head.Maps > most {
			return nil, errs.E(errs.Invalid, "job spec", "split_size",
				fmt.Errorf("%d bytes make more than %d map tasks of this input", d.Head.SplitSize, most))
		}
	}
	if d.empty = d.Head.Maps == 0; d.empty {
		d.Head.Maps = 1
	}
	d.Head.Warnings = w.list()
	return d, nil
}

// Splits gives the splits, one for each map task: at least one, if only with nothing to read.
func (d *Draft) Splits() iter.Seq2[dataset.Split, error] {
	if d.empty {
		return func(yield func(dataset.Split, error) bool) { yield(dataset.Split{}, nil) }
	}
	return splits(d.inputs, d.job, d.Head.SplitSize, nil)
}

// Formats are the formats of the inputs, in the stage's order.
func (d *Draft) Formats() (list []string) {
	for _, in := range d.inputs {
		list = append(list, in.format)
	}
	return list
}
