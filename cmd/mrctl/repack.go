package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/dataset"
	"github.com/mrctl/mrctl/storage/locate"
	"github.com/mrctl/mrctl/storage/repack"
)

func (p *program) repackCommand() *cli.Command {
	return &cli.Command{
		Name:      "repack",
		Usage:     "compress text so that a job reads a large file in many tasks",
		ArgsUsage: "INPUT... -o DIR|URI|FILE.zst",
		Description: `Makes zstd of text that is compressed (.gz, .bz2, .lz4, .xz, .zst) or not, in frames of up to 8 MiB that end with lines, and a table
of them at the end. Any zstd program reads it; mrctl cuts it where frames begin. An INPUT is a file, a folder, a glob or an s3:// URI.
Each file appears whole or not at all, under its name and folder below those of all inputs; none that is there is replaced.

  mrctl repack access.log.gz -o access.log.zst
  mrctl repack 's3://logs/2026/**/*.gz' -o s3://logs-zst/2026
  mrctl repack logs -o packed --json`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "o", Aliases: []string{"output"}, Usage: "`DIR|URI` for the files or, for one input, a name that ends in .zst"},
			&cli.IntFlag{Name: "jobs", Aliases: []string{"j"}, Usage: "`N` threads, each of which holds up to 30 MiB", DefaultText: "the number of cores"},
		},
		Action: p.repack,
	}
}

// packing is a file on its way.
type packing struct {
	from dataset.Object
	to   string // its URI
	key  string // of it, in the store
	repack.Result
}

func (p *program) repack(c *cli.Context) error {
	if err := needArgs(c, 1, -1); err != nil {
		return err
	}
	threads := c.Int("jobs")
	if !c.IsSet("jobs") {
		threads = defaultSlots()
	}
	if threads < 1 {
		return errs.New(errs.Invalid, "repack: --jobs %d: it needs one at least", threads)
	}
	if c.String("o") == "" {
		return next(errs.New(errs.Invalid, "repack: no output was given"), "name a folder or a file with -o")
	}
	r, err := resolverOf(c, 0)
	if err != nil {
		return err
	}
	list, store, err := p.packings(c, r)
	if err != nil {
		return err
	}
	show := p.packingProgress(c, list)
	err = packAll(c.Context, r, store, list, threads, show)
	show.stop()
	if err != nil {
		return causeOf(c.Context, err)
	}
	return p.packed(c, list)
}

// packings says what is to become of which file, and refuses what cannot be done before anything is.
func (p *program) packings(c *cli.Context, r *locate.Resolver) ([]*packing, storage.Store, error) {
	var inputs []string
	for _, arg := range c.Args().Slice() {
		uri, err := absolute(arg)
		if err != nil {
			return nil, nil, err
		}
		if uri == stdin {
			return nil, nil, next(errs.New(errs.Invalid, "repack: standard input has no name"), "put it into a file")
		}
		inputs = append(inputs, uri)
	}
	warn := func(text string) { fmt.Fprintf(p.stderr, "warning: %s\n", text) }
	var list []*packing
	for o, err := range dataset.Expand(c.Context, r, inputs, warn) {
		if err != nil {
			return nil, nil, err
		}
		list = append(list, &packing{from: o})
	}
	folder, err := absolute(c.String("o"))
	if err != nil {
		return nil, nil, err
	}
	folder = strings.TrimSuffix(folder, "/")
	common := commonFolder(list)
	for _, k := range list {
		if k.key, err = dataset.Packed(k.from.URI[len(common):]); err != nil {
			return nil, nil, err
		}
	}
	if strings.HasSuffix(folder, ".zst") {
		if len(list) != 1 {
			return nil, nil, next(errs.New(errs.Invalid, "repack: -o %s is one file, and there are %d inputs", folder, len(list)), "name a folder with -o")
		}
		folder, list[0].key = folderOf(folder)
		folder = strings.TrimSuffix(folder, "/")
	}
	store, err := r.Output(folder + "/")
	if err != nil {
		return nil, nil, err
	}
	return list, store, checkPackings(c.Context, store, folder, list)
}

// commonFolder is what the names of all files begin with, up to and with a slash.
func commonFolder(list []*packing) string {
	upTo := func(uri string) string { return uri[:strings.LastIndexByte(uri, '/')+1] }
	common := upTo(list[0].from.URI)
	for _, k := range list {
		for !strings.HasPrefix(k.from.URI, common) {
			common = upTo(strings.TrimSuffix(common, "/"))
		}
	}
	return common
}

// checkPackings refuses names that a store cannot have, that two files would have, and that are taken.
func checkPackings(ctx context.Context, store storage.Store, folder string, list []*packing) error {
	from := map[string]string{}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, k := range list {
		k.to = folder + "/" + k.key
		if other, twice := from[k.key]; twice {
			return errors.Join(next(errs.New(errs.Invalid, "repack: %s and %s would both become %s", other, k.from.URI, k.to), "repack them into different folders"), g.Wait())
		}
		from[k.key] = k.from.URI
		if err := storage.CheckKey(k.key); err != nil {
			return errors.Join(next(errs.E(errs.Invalid, "repack", k.from.URI, err), "give the file another name"), g.Wait())
		}
		g.Go(func() error {
			switch _, err := store.Stat(ctx, k.key); {
			case err == nil:
				return next(errs.New(errs.Invalid, "repack: %s is there already", k.to), "name another folder, or remove it")
			case !errors.Is(err, storage.ErrNotExist):
				return errs.E(errs.Invalid, "repack", k.to, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// packAll packs several files at once where there are several, and one with several threads where there are few.
func packAll(ctx context.Context, r *locate.Resolver, store storage.Store, list []*packing, threads int, show *packingProgress) error {
	g, ctx := errgroup.WithContext(ctx)
	files := min(threads, len(list))
	g.SetLimit(files)
	for _, k := range list {
		g.Go(func() (err error) {
			text, err := dataset.OpenText(ctx, r, k.from, show.read)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, text.Close()) }()
			if k.Result, err = repack.Write(ctx, store, k.key, text, threads/files); err != nil {
				return fmt.Errorf("repack %s: %w", k.from.URI, err)
			}
			show.done.Add(1)
			return nil
		})
	}
	return g.Wait()
}

// packed says what was done.
func (p *program) packed(c *cli.Context, list []*packing) error {
	var in, out uint64
	frames := 0
	for _, k := range list {
		if c.Bool(flagJSON) {
			line := map[string]any{"input": k.from.URI, "output": k.to, "bytes_in": k.from.Size, "bytes_out": k.Bytes, "text": k.Text, "frames": k.Frames}
			if err := printJSON(p.stdout, line); err != nil {
				return err
			}
		}
		in, out, frames = in+uint64(k.from.Size), out+uint64(k.Bytes), frames+k.Frames
	}
	if !c.Bool(flagQuiet) && !c.Bool(flagJSON) {
		fmt.Fprintf(p.stderr, "%s, %s: now %s in %s\n", count(uint64(len(list)), "file"), showSize(in), showSize(out), count(uint64(frames), "frame"))
	}
	return nil
}

// packingProgress shows how far the packing is, as that of a job is shown: bars on a terminal, lines elsewhere.
type packingProgress struct {
	bytes, done atomic.Int64
	end         chan struct{}
	over        sync.WaitGroup
}

func (s *packingProgress) read(n int) { s.bytes.Add(int64(n)) }

func (s *packingProgress) stop() {
	close(s.end)
	s.over.Wait()
}

func (p *program) packingProgress(c *cli.Context, list []*packing) *packingProgress {
	s := &packingProgress{end: make(chan struct{})}
	if c.Bool(flagQuiet) || c.Bool(flagJSON) {
		return s
	}
	total := uint64(0)
	for _, k := range list {
		total += uint64(k.from.Size)
	}
	status := func() *controlv1.JobStatus {
		return &controlv1.JobStatus{Phase: controlv1.JobStatus_PHASE_RUNNING, Stages: []*controlv1.StageStatus{{
			Name: "repack", Tasks: uint32(len(list)), Done: uint32(s.done.Load()), Bytes: total, BytesDone: uint64(s.bytes.Load())}}}
	}
	every, show, finish := 10*time.Second, func() { fmt.Fprintln(p.stderr, progressText(status())) }, func() {}
	if p.draws {
		b := newBars(p.stderr)
		every, show, finish = time.Second/5, func() { b.see(status(), nil) }, b.end
	}
	s.over.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				show()
			case <-s.end:
				finish()
				return
			}
		}
	})
	return s
}
