package plan

import (
	"context"
	"errors"
	"fmt"
	"iter"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage/dataset"
)

// source is one of the inputs of a job, resolved.
type source struct {
	format  string
	objects []dataset.Object
}

// resolve finds the objects of all inputs, in the stage's order, and adds up their number and bytes.
func resolve(ctx context.Context, src dataset.Sources, job spec.Job, h Hints, w *warnings) (inputs []source, objects int, total int64, err error) {
	var names []string
	for _, in := range h.Stage.GetInputs() {
		names = append(names, in.GetName())
	}
	if err := job.MatchInputs(names); err != nil {
		return nil, 0, 0, err
	}
	for i := range max(1, len(names)) {
		about := boundary.InputOf(h.Stage, i)
		in, err := resolveInput(ctx, src, job, about, maxRecord(job, h), w)
		if err != nil && about.GetName() != "" {
			err = fmt.Errorf("input %s: %w", about.GetName(), err)
		}
		if err != nil {
			return nil, 0, 0, err
		}
		for _, o := range in.objects {
			total += o.Size
		}
		inputs, objects = append(inputs, in), objects+len(in.objects)
	}
	return inputs, objects, total, nil
}

// resolveInput finds the objects of one input, and what they do not have of what the job maps.
func resolveInput(ctx context.Context, src dataset.Sources, job spec.Job, about *pluginv1.Input, limit int64, w *warnings) (in source, err error) {
	uris, format := job.InputOf(about.GetName())
	if len(uris) == 0 {
		return in, errs.E(errs.Invalid, "job spec", "inputs", errors.New("there are none"))
	}
	ofRows := about.GetInputKind() == pluginv1.Stage_INPUT_KIND_ROW
	if in.format, err = dataset.FormatFor(format, ofRows); err != nil {
		return in, err
	}
	for o, err := range dataset.Expand(ctx, src, uris, w.add) {
		if err != nil {
			return in, err
		}
		if (in.format == "files" || in.format == "whole") && o.Size > limit {
			text := fmt.Sprintf("its %d bytes are more than the largest record, %d bytes", o.Size, limit)
			if job.MaxBadRecords == 0 {
				return in, errs.E(errs.Invalid, "input", o.URI, errors.New(text+"; raise max_record or the workers' memory"))
			}
			w.add(fmt.Sprintf("input %s: %s; it will be a bad record", o.URI, text))
		}
		in.objects = append(in.objects, o)
	}
	if !ofRows {
		return in, nil
	}
	schema, err := codec.UnmarshalSchema(about.GetInputSchema())
	if err != nil {
		return in, err
	}
	return in, dataset.CheckColumns(ctx, src, in.objects, in.format, job.Decompress, schema.Fields())
}

// splits cuts the inputs, one after the other: a split belongs to one of them.
func splits(inputs []source, job spec.Job, size int64, warn func(string)) iter.Seq2[dataset.Split, error] {
	return func(yield func(dataset.Split, error) bool) {
		for i, in := range inputs {
			objects := func(yield func(dataset.Object, error) bool) {
				for _, o := range in.objects {
					if !yield(o, nil) {
						return
					}
				}
			}
			opt := dataset.PlanOptions{Format: in.format, Decompress: job.Decompress, SplitSize: size, Warn: warn}
			for s, err := range dataset.Plan(objects, opt) {
				s.Input = i
				if !yield(s, err) || err != nil {
					return
				}
			}
		}
	}
}
