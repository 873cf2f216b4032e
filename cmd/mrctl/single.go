package main

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/locate"
	"github.com/mrctl/mrctl/storage/output"
)

// A result in one piece (--single) is that of one reduce task. Parts put together afterwards would be in the order of no
// key, could not be Parquet or Arrow, and would take the leader, which moves records only, or each store a way of its own.
const flagSingle = "single"

// partitionsOf reads --partitions and --single.
func partitionsOf(c *cli.Context) (int, error) {
	n := c.Int("partitions")
	if !c.Bool(flagSingle) {
		return n, nil
	}
	if n > 1 {
		return 0, errs.New(errs.Invalid, "--single and --partitions %d: a single part is one partition", n)
	}
	return 1, nil
}

// formatOf reads --output-format and --output-compression; of a single file, its name decides what they leave open. usual is
// the format where nothing says one.
func formatOf(c *cli.Context, usual output.Format) (output.Format, error) {
	asked, named := output.Format(c.String("output-format")), fileFormat(c)
	if asked == "" && named == "" {
		asked = usual
	}
	given, err := output.Compressed(asked, c.String("output-compression"))
	if err != nil {
		return "", err
	}
	if named == "" {
		return given, nil
	}
	if given != "" && given != named {
		return "", next(errs.New(errs.Invalid, "output %s: its name is that of %s, and %s was asked for", c.String("o"), named, given), "leave the format to the name")
	}
	return named, nil
}

// fileFormat is the format that the name of a single file ends in; "" where the output is no file.
func fileFormat(c *cli.Context) output.Format {
	if !c.Bool(flagSingle) {
		return ""
	}
	return output.FormatOf(c.String("o"))
}

// file is a result that is one file in a folder, or one object, which the client puts there when the job is done.
type file struct {
	uri, name string
	store     storage.Store
}

// fileOf gives the file that a job's result is to be, and leaves the job to keep its part; nil: it has a folder. A file that
// is there already is refused.
func fileOf(c *cli.Context, r *locate.Resolver, job *spec.Job) (*file, error) {
	if fileFormat(c) == "" {
		return nil, nil
	}
	uri := job.Output
	folder, name := folderOf(uri)
	f := &file{uri: uri, name: name}
	var err error
	if f.store, err = r.Output(folder); err != nil {
		return nil, err
	}
	switch _, err := f.store.Stat(c.Context, f.name); {
	case err == nil:
		return nil, next(errs.New(errs.Invalid, "output %s: it is there already", uri), "name another file, or remove it")
	case !errors.Is(err, storage.ErrNotExist):
		return nil, errs.E(errs.Invalid, "output", uri, err)
	}
	job.Output = ""
	return f, nil
}

// folderOf cuts the URI of a file, made absolute, behind its folder.
func folderOf(uri string) (folder, name string) {
	at := strings.LastIndexByte(uri, '/')
	return uri[:max(at, 1)], uri[at+1:]
}

// take copies the part that a job has kept. The file appears whole or not at all.
func (f *file) take(ctx context.Context, cl *cluster, id string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", f.uri, err)
		}
	}()
	job, err := ledger.ReadJob(ctx, cl.store, id)
	if err != nil {
		return err
	}
	if len(job.Parts) != 1 {
		return errs.New(errs.Corrupt, "the job has %d parts, where one was asked for", len(job.Parts))
	}
	w, err := f.store.Create(ctx, f.name, nil)
	if err != nil {
		return err
	}
	if err := copyPart(ctx, w, cl, id, job.Parts[0]); err != nil {
		return errors.Join(err, w.Abort())
	}
	token, err := w.Stage(ctx)
	if err != nil {
		return err
	}
	_, err = f.store.Publish(ctx, token)
	if errors.Is(err, storage.ErrPrecondition) {
		return errs.New(errs.Conflict, "something else has been put there meanwhile")
	}
	return err
}

// copyPart writes a part that a job keeps, held against its record.
func copyPart(ctx context.Context, w io.Writer, cl *cluster, id string, part ledger.Part) error {
	key := keptPartKey(id, part.Key)
	body, _, err := cl.store.Open(ctx, key, 0, -1)
	if err != nil {
		return err
	}
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	n, err := io.Copy(io.MultiWriter(w, sum), body)
	_ = body.Close() // it was only read
	if err != nil {
		return fmt.Errorf("copy %s: %w", key, err)
	}
	if n != part.Bytes || sum.Sum32() != part.CRC {
		return errs.New(errs.Corrupt, "copy %s: its %d bytes are not those that were written, and what was copied last is wrong", key, n)
	}
	return nil
}
