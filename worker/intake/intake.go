// Package intake opens what a map attempt reads, as its job wants it read: the records of a split, and the files besides.
//
//	split + spec + stage -> Open -> batches of lines, records or rows
//	side of the plan     -> Side -> a file, unpacked
//
// Attempts of workers and attempts that are replayed read alike because both read through here.
package intake

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage/dataset"
	"github.com/mrctl/mrctl/worker/mapside"
)

// Open starts reading a split of a stage of a job. Of o it sets the format, and whether records keep their ends; the rest is
// the caller's.
func Open(ctx context.Context, src dataset.Sources, job spec.Job, stage *pluginv1.Stage, split dataset.Split, o dataset.Options) (mapside.Records, error) {
	in := boundary.InputOf(stage, split.Input)
	_, o.Format = job.InputOf(in.GetName())
	o.Terminated = in.GetRawLines() || stage.GetIdentity()
	if in.GetInputKind() == pluginv1.Stage_INPUT_KIND_ROW {
		schema, err := codec.UnmarshalSchema(in.GetInputSchema())
		if err != nil {
			return nil, err
		}
		if o.Format, err = dataset.FormatFor(o.Format, true); err != nil {
			return nil, err
		}
		return dataset.OpenRows(ctx, src, split, o, schema.Fields())
	}
	return dataset.Open(ctx, src, split, o)
}

// maxSide is the most bytes that a side file may have once it is unpacked.
const maxSide = 16 << 30

// Side writes a side file into the folder dir, which is emptied first, under its own name, and gives its path and how many
// bytes it has.
func Side(ctx context.Context, src dataset.Sources, s dataset.Side, dir string) (path string, bytes int64, err error) {
	if err := os.RemoveAll(dir); err != nil { // of a try before
		return "", 0, errs.E(errs.Unavailable, "", "", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", 0, errs.E(errs.Unavailable, "", "", err)
	}
	path = filepath.Join(dir, s.Base())
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o400)
	if err != nil {
		return "", 0, errs.E(errs.Unavailable, "", "", err)
	}
	bytes, err = dataset.CopySide(ctx, src, s, f, maxSide)
	return path, bytes, errors.Join(err, f.Close())
}
