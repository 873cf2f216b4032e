package replay

import (
	"context"
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/local"
	"github.com/mrctl/mrctl/storage/output"
	"github.com/mrctl/mrctl/worker/runs"
	"github.com/mrctl/mrctl/worker/table"
)

// printed is what an attempt puts out: a part in a folder of the replay's own, which is printed once the attempt has come to
// its end.
type printed struct {
	dir    string
	format output.Format
	named  string // the named output that is printed; "": the result
	w      io.Writer

	store  storage.Store // nil: no part was begun
	staged output.Staged
}

// pairsAtOnce is about how many bytes of pairs are made rows at once.
const pairsAtOnce = 1 << 20

// part begins the part.
func (p *printed) part(ctx context.Context, schema *arrow.Schema) (table.PartWriter, error) {
	store, err := local.New(p.dir, local.Options{NoSync: true})
	if err != nil {
		return nil, err
	}
	part, err := output.NewPart(ctx, store, "part", p.format, schema, nil)
	if err != nil {
		return nil, err
	}
	p.store = store
	return &stagedPart{part, p}, nil
}

// pairs puts the pairs of a run into the part.
func (p *printed) pairs(ctx context.Context, stage *pluginv1.Stage, path string) (err error) {
	schema, err := table.Schema(stage)
	if err != nil {
		return err
	}
	part, err := p.part(ctx, schema)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			part.Abort()
		}
	}()
	cols, err := table.NewColumns(stage, part, pairsAtOnce)
	if err != nil {
		return err
	}
	file, err := runs.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	for n := range file.Partitions() {
		section, err := file.Section(n)
		if err != nil {
			return err
		}
		if err := copyPairs(ctx, cols, section); err != nil {
			return err
		}
	}
	if err := cols.Flush(); err != nil {
		return err
	}
	return part.Stage(ctx)
}

func copyPairs(ctx context.Context, cols *table.Columns, section runs.Range) error {
	if section.Len == 0 {
		return nil
	}
	m := runs.NewMerge([]runs.Range{section}, nil)
	defer m.Close()
	for {
		pair, err := m.Next()
		if err != nil {
			return err
		}
		if pair == nil {
			return context.Cause(ctx)
		}
		if err := cols.Append(pair.Key, pair.Val); err != nil {
			return err
		}
	}
}

// print writes the part to where it is wanted.
func (p *printed) print(ctx context.Context) error {
	if p.store == nil {
		return nil
	}
	if _, err := p.store.Publish(ctx, p.staged.Token); err != nil {
		return err
	}
	body, _, err := p.store.Open(ctx, p.staged.Key, 0, -1)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // read only
	_, err = io.Copy(p.w, body)
	return errs.E(errs.Other, "print", "", err)
}

// stagedPart remembers what was staged.
type stagedPart struct {
	*output.Part
	of *printed
}

// Stage implements table.PartWriter.
func (s *stagedPart) Stage(ctx context.Context) (err error) {
	s.of.staged, err = s.Part.Stage(ctx)
	return err
}

// Abort implements table.PartWriter. What stays goes with the replay's folder.
func (s *stagedPart) Abort() { _ = s.Part.Abort() }
