package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/internal/cells"
	"github.com/mrctl/mrctl/internal/csv"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/jsonl"
	"github.com/mrctl/mrctl/internal/tsv"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/output"
)

func (p *program) catCommand() *cli.Command {
	return &cli.Command{
		Name:      "cat",
		Usage:     "print the rows of a result",
		ArgsUsage: "OUTPUT",
		Description: `OUTPUT is the folder of a result that is whole (it has _SUCCESS), or one of its named outputs (counts/errors), or one of its
parts, or any file of such a format. Parquet
and Arrow are printed as tsv or, with --json, as lines of JSON; text as it is, decompressed, csv with one header.

  mrctl cat counts
  mrctl cat s3://results/words -n 10
  mrctl cat report.parquet --json | jq .status`,
		Flags:  []cli.Flag{&cli.Int64Flag{Name: "n", Usage: "print the first `N` rows or lines only"}},
		Action: p.cat,
	}
}

// errEnough ends the reading of rows that are not wanted any more.
var errEnough = errors.New("enough")

func (p *program) cat(c *cli.Context) error {
	if err := needArgs(c, 1, 1); err != nil {
		return err
	}
	if c.IsSet("n") && c.Int64("n") < 1 {
		return errs.New(errs.Invalid, "cat: -n %d: it is a number of rows", c.Int64("n"))
	}
	store, keys, err := p.partsOf(c)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(p.stdout, 64<<10)
	pr := &printer{w: out, json: c.Bool(flagJSON), left: -1}
	if c.IsSet("n") {
		pr.left = c.Int64("n")
	}
	for i, key := range keys {
		if err = pr.part(c.Context, store, key, i == 0); err != nil {
			break
		}
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	return errors.Join(err, out.Flush())
}

// partsOf finds what OUTPUT names: a file of a known format, or the parts that the manifest of a folder lists.
func (p *program) partsOf(c *cli.Context) (storage.Store, []string, error) {
	uri, err := absolute(c.Args().First())
	if err != nil {
		return nil, nil, err
	}
	r, err := resolverOf(c, 0)
	if err != nil {
		return nil, nil, err
	}
	if output.FormatOf(uri) != "" {
		folder, name := folderOf(uri)
		store, err := r.Output(folder)
		if err != nil {
			return nil, nil, err
		}
		if _, err := store.Stat(c.Context, name); err == nil {
			return store, []string{name}, nil
		}
	}
	store, err := r.Output(uri)
	if err != nil {
		return nil, nil, err
	}
	m, err := output.ReadManifest(c.Context, store)
	name := ""
	if missing(err) { // perhaps it is a named output of the result above
		var folder string
		folder, name = folderOf(strings.TrimRight(uri, "/"))
		if above, aboveErr := r.Output(folder); aboveErr == nil {
			if of, aboveErr := output.ReadManifest(c.Context, above); aboveErr == nil && len(of.Of(name)) > 0 {
				store, m, err = above, of, nil
			}
		}
	}
	if missing(err) {
		return nil, nil, next(errs.New(errs.NotFound, "cat %s: it is neither a file of a known format nor a result that is whole", uri), "mrctl jobs says whether its job goes on")
	}
	if err != nil {
		return nil, nil, err
	}
	var keys []string
	for _, part := range m.Of(name) {
		keys = append(keys, part.Key)
	}
	return store, keys, nil
}

// missing tells that there is no result.
func missing(err error) bool {
	return errs.Is(err, errs.NotFound) || errors.Is(err, storage.ErrNotExist)
}

// printer prints parts.
type printer struct {
	w    *bufio.Writer
	json bool
	left int64 // rows that are wanted still; negative: all
}

func (p *printer) part(ctx context.Context, store storage.Store, key string, first bool) error {
	f := output.FormatOf(path.Base(key))
	if !f.Text() {
		return p.batches(ctx, store, key, f)
	}
	if p.json && f.Base() != output.JSONL {
		return next(errs.New(errs.Invalid, "cat %s: %s does not say what its columns are", key, f.Base()), "leave --json out, or let the job write jsonl, parquet or arrow")
	}
	r, err := output.ReadText(ctx, store, key, f)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // it was only read
	var to io.Writer = p.w
	if p.left >= 0 {
		to = &firstLines{w: p.w, left: &p.left, free: first && f.Base() == output.CSV}
	}
	if f.Base() == output.CSV && !first {
		to = &csv.Headless{W: to}
	}
	_, err = io.Copy(to, r)
	return err
}

func (p *printer) batches(ctx context.Context, store storage.Store, key string, f output.Format) error {
	var w *jsonl.Writer
	var line []byte
	return output.ReadBatches(ctx, store, key, f, func(b arrow.RecordBatch) (err error) {
		if w == nil {
			if err := tsv.Check(b.Schema()); err != nil {
				return err
			}
			if w, err = jsonl.New(b.Schema()); err != nil && p.json {
				return err
			}
		}
		if p.left >= 0 {
			b = b.NewSlice(0, min(p.left, b.NumRows()))
			defer b.Release()
			p.left -= b.NumRows()
		}
		line = line[:0]
		if p.json {
			columns := cells.Columns(b)
			for row := range int(b.NumRows()) {
				if line, err = w.AppendRow(line[:0], columns, row); err != nil {
					return err
				}
				if _, err := p.w.Write(line); err != nil {
					return err
				}
			}
		} else if _, err := p.w.Write(tsv.Append(line, b)); err != nil {
			return err
		}
		if p.left == 0 {
			return errEnough
		}
		return nil
	})
}

// firstLines hands on as many lines as are left, then ends with errEnough. A first line that is free does not count.
type firstLines struct {
	w    io.Writer
	left *int64
	free bool
}

// Write takes the next bytes.
func (f *firstLines) Write(s []byte) (int, error) {
	for i, c := range s {
		switch {
		case c != '\n':
		case f.free:
			f.free = false
		default:
			if *f.left--; *f.left == 0 {
				if _, err := f.w.Write(s[:i+1]); err != nil {
					return 0, err
				}
				return i + 1, errEnough
			}
		}
	}
	return f.w.Write(s)
}
