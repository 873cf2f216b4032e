package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/tempdir"
	"github.com/mrctl/mrctl/storage/local"
	"github.com/mrctl/mrctl/worker/pluginhost"
)

func (p *program) runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "run a job here and wait for it",
		ArgsUsage: "PLUGIN INPUT... [-- plugin flags]",
		Description: `Runs coordinator and worker within this process. PLUGIN is a folder with a Go program, a binary, or sha256:... of
one in the store. INPUT is a path, a folder (all files below it but those that begin with . or _), a glob, an s3:// URI, or - for
standard input. The result is printed unless -o names a folder; that one has to be empty or not there yet.

  mrctl run ./examples/wordcount README.md
  mrctl run ./examples/wordcount -o counts --partitions 8 --memory 512MiB 'src/**/*.go'
  mrctl run ./examples/loganalysis access.log.gz -- -by status
  find /logs -newer last -name '*.gz' | mrctl run ./examples/loganalysis --inputs-from - -o report
  mrctl run ./examples/loganalysis access.log -o report.csv --single -- -by status
  mrctl run ./examples/loganalysis logs -o report --output-format parquet -- -by status
  mrctl run ./visits --input users=users.csv --input events=s3://logs/2026/ --input-format users=csv
                                                             a job whose inputs have names
  mrctl run ./examples/wordcount --output-format jsonl README.md | head -n 3
  mrctl run ./visits --side countries=countries.csv.gz visits/    a file for a plugin that has a side file "countries"
  mrctl run ./examples/loganalysis access.log -- --help      the plugin's own flags
  mrctl run ./sort -o sorted --input-format records:100 --output-format records --key-bytes 0:10 data.bin
                                                             records in order of their first 10 bytes
  mrctl run ./examples/wordcount -o counts --sorted --partitions 8 README.md
                                                             cat counts/part-* is in order of the words

  mrctl run -f job.yaml --set day=2026-11-22                 what the line says, from a file (docs/job-files.md)

--map, --reduce or --fold run commands instead of a plugin (docs/any-program.md); all arguments are inputs then.

  mrctl run --map 'grep -o "GET /[a-z]*" || [ $? = 1 ]' --fold count s3://logs/2026/
  mrctl run --map 'grep ERROR' --ok-exit 1 --map-only logs/ -o errors
  mrctl run --map 'grep ERROR' --ok-exit 1 --reduce 'uniq -c' logs/`,
		Flags: slices.Concat(jobFlags(), commandFlags(), schedulingFlags(), jobFileFlags(), []cli.Flag{
			&cli.IntFlag{Name: "slots", Usage: "`N` tasks at a time", DefaultText: "the number of cores"},
			&cli.StringFlag{Name: "profile", Usage: "write CPU profiles of mrctl and the plugin into `DIR`, for go tool pprof"},
			&cli.StringFlag{Name: "memory", Usage: "hold at most `BYTES`, such as 256MiB, 1GiB or 25%", DefaultText: defaultMemory + " of this machine's"},
		}),
		Action: p.runJob,
	}
}

func (p *program) runJob(c *cli.Context) (err error) {
	what, err := p.subject(c)
	if err != nil {
		return err
	}
	if p.asksForHelp() {
		return p.withTempDir(func(dir string) error { return p.printPluginHelp(c.Context, what.arg, dir) })
	}
	if what.inputs, err = p.listedInputs(c, what.inputs); err != nil {
		return err
	}
	if len(what.inputs) == 0 && !c.IsSet(flagInput) {
		return next(errs.New(errs.Invalid, "run: no input was given"), "name files or folders after the plugin, or - for standard input")
	}
	p.plugin = what.args
	prints := c.String("o") == "" || c.String("o") == stdout
	if prints && c.Bool(flagJSON) {
		return next(errs.New(errs.Invalid, "run: --json and the rows of the result both want stdout"), "name a folder for the rows with -o")
	}
	memory, slots, err := capacity(c)
	if err != nil {
		return err
	}
	share, err := slowStart(c)
	if err != nil {
		return err
	}
	o := &order{}
	if o.job, err = jobOf(c, what); err != nil {
		return err
	}
	o.id = ledger.JobIDFor(o.job)
	room, err := p.newRoom(c, o.id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, room.leave(!o.placed, p.stderr)) }()
	if err := p.spoolInput(o, room.scratch); err != nil {
		return err
	}
	to, err := fileOf(c, room.cluster.resolver, &o.job)
	if err != nil {
		return err
	}
	if err := p.checkPlaces(c, room.cluster, o, true); err != nil {
		return err
	}
	if o.plugin, err = what.resolve(c.Context, p, room.scratch); err != nil {
		return err
	}
	log, closeLog, err := p.runLog(c, room)
	if err != nil {
		return err
	}
	defer closeLog()
	profiles, endProfile, err := profileInto(c.String("profile"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endProfile()) }()
	defer func() { err = errors.Join(err, o.plugin.close()) }()
	if room.own != nil {
		o.ready, o.how = &pluginhost.Ready{}, pluginhost.Spec{Slots: slots, Memory: memory / int64(slots), Profile: pluginhost.ProfileIn(profiles)}
	} else if err := p.describe(c.Context, room.cluster, o); err != nil { // before a cluster is joined on its behalf
		return err
	}
	// The servers outlive an interrupt: they carry the cancelling out. If one of them ends by itself, so does the watching.
	ctx, fail := context.WithCancelCause(c.Context)
	defer fail(nil)
	stop, err := p.embed(fail, workerConfig{
		coordinatorConfig: coordinatorConfig{Store: room.cluster.store, Resolver: room.cluster.resolver, TLS: room.cluster.tls,
			Stall: c.Duration("stall"), SlowStart: share, Private: room.own != nil, Log: log, Version: versionText()},
		Scratch: filepath.Join(room.scratch, "worker"), Slots: slots, Memory: memory, Profile: profiles, Ready: o.ready,
	})
	if err != nil {
		return err
	}
	defer stop()
	if room.own != nil { // while the servers come up
		if err := p.describe(c.Context, room.cluster, o); err != nil {
			return err
		}
	}
	if err := p.place(ctx, room.cluster, o, nil); err != nil {
		return causeOf(ctx, err)
	}
	room.cluster.nudge(ctx, callTries)
	s, err := p.followIn(ctx, c, room.cluster, o.id)
	if errors.Is(err, errInterrupted) {
		return errors.Join(err, p.cancelNow(c, room.cluster, o.id))
	}
	if err != nil {
		return err
	}
	stop()
	if s.Phase == controlv1.JobStatus_PHASE_FAILED && worked(s) {
		if err := room.keepPlugin(c.Context, o.plugin); err != nil {
			fmt.Fprintf(p.stderr, "warning: the plugin is not kept for mrctl replay: %v\n", err)
		}
	}
	if s.Phase == controlv1.JobStatus_PHASE_DONE && prints {
		if err := printParts(c.Context, p.stdout, room.cluster, o.id); err != nil {
			return err
		}
	}
	if s.Phase == controlv1.JobStatus_PHASE_DONE && to != nil {
		if err := to.take(c.Context, room.cluster, o.id); err != nil {
			return err
		}
		s.Output = to.uri
	}
	return p.conclude(c, room.cluster, s)
}

// capacity reads --memory and --slots.
func capacity(c *cli.Context) (memory int64, slots int, err error) {
	whole := machineMemory()
	text := c.String("memory")
	if text == "" {
		text = defaultMemory
		if whole == 0 {
			text = "1GiB" // the machine does not say what it has
		}
	}
	if memory, err = parseSize(text, whole); err != nil {
		return 0, 0, err
	}
	if slots = c.Int("slots"); !c.IsSet("slots") {
		slots = defaultSlots()
	}
	if slots < 1 {
		return 0, 0, errs.New(errs.Invalid, "--slots %d: a worker needs one at least", slots)
	}
	return memory, slots, nil
}

// room is where a run takes place: a store and a folder for scratch, its own unless --store names a cluster.
type room struct {
	cluster *cluster
	scratch string
	own     *pastRun // nil with --store
	unlock  func()
	trim    errgroup.Group // of old runs, beside everything else
	// replayable says that the plugin stays with the run.
	replayable bool
}

func (p *program) newRoom(c *cli.Context, id string) (*room, error) {
	base, err := home()
	if err != nil {
		return nil, err
	}
	if c.String(flagStore) != "" {
		cl, err := openCluster(c)
		if err != nil {
			return nil, err
		}
		scratch := filepath.Join(base, "scratch", id)
		return &room{cluster: cl, scratch: scratch}, os.MkdirAll(scratch, 0o700)
	}
	own := &pastRun{id: id, dir: filepath.Join(base, "runs", id)}
	r := &room{own: own, scratch: own.scratch()}
	if err := os.MkdirAll(r.scratch, 0o700); err != nil {
		return nil, err
	}
	if r.unlock, err = own.lock(); err != nil {
		return nil, err
	}
	resolver, err := resolverOf(c, serverPatience)
	if err != nil {
		return nil, err
	}
	// A run that is lost with the machine is simply run again, so nothing is forced to the disk.
	store, err := local.New(own.store(), local.Options{NoSync: true})
	if err != nil {
		return nil, err
	}
	r.cluster = &cluster{uri: own.store(), store: store, resolver: resolver}
	r.trim.Go(func() error {
		_, err := trimRuns(keepRuns, time.Now().Add(-keepFor), false)
		return errors.Join(err, trimPlugins(keepPlugins))
	})
	return r, nil
}

// keepPlugin puts the plugin of a job that has failed beside its records, for replays. mrctl itself, which serves jobs of
// commands, is at hand as it is.
func (r *room) keepPlugin(ctx context.Context, pl *plugin) error {
	if r.own == nil || pl.arg == byCommandsArg {
		return nil
	}
	r.replayable = true
	_, err := uploadBinary(ctx, r.cluster.store, pl.binaries[here])
	return err
}

// leave removes what is of no use once the run is over: the scratch folder and the plugin, unless it was kept, or all of it
// if there was no job.
func (r *room) leave(nothing bool, stderr io.Writer) error {
	r.cluster.close()
	err := r.trim.Wait()
	if err != nil {
		fmt.Fprintf(stderr, "warning: old runs were not removed: %v\n", err)
	}
	switch {
	case r.own == nil || !nothing:
		err = os.RemoveAll(r.scratch)
		if r.own != nil && !r.replayable {
			err = errors.Join(err, os.RemoveAll(r.own.plugins()))
		}
	default:
		err = os.RemoveAll(r.own.dir)
	}
	if r.unlock != nil {
		r.unlock()
	}
	return err
}

// spoolInput puts standard input into a file where "-" is an input: it is read more than once.
func (p *program) spoolInput(o *order, scratch string) error {
	path := ""
	for _, uris := range o.job.InputLists() {
		for i, uri := range uris {
			if uri != stdin {
				continue
			}
			if path != "" {
				return errs.New(errs.Invalid, "standard input (-) can be an input once")
			}
			path = filepath.Join(scratch, "stdin")
			f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if err != nil {
				return errs.E(errs.Invalid, "keep standard input", "", err)
			}
			_, err = io.Copy(f, p.stdin)
			if err = errors.Join(err, f.Close()); err != nil {
				return fmt.Errorf("keep standard input: %w", err)
			}
			uris[i] = path
		}
	}
	return nil
}

// cancelNow cancels a job and waits until it has ended, but not for long.
func (p *program) cancelNow(c *cli.Context, cl *cluster, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context), 15*time.Second)
	defer cancel()
	if !c.Bool(flagQuiet) {
		fmt.Fprintf(p.stderr, "cancelling job %s; Ctrl-C again leaves at once\n", id)
	}
	if _, err := cl.cancel(ctx, id, "interrupted by the user"); err != nil {
		return fmt.Errorf("cancel %s: %w", id, err)
	}
	_, err := cl.watch(ctx, id, false, func(*controlv1.JobStatus, []*controlv1.Event) {})
	return err
}

func (p *program) withTempDir(do func(dir string) error) error {
	dir, err := tempdir.Make("", tempdir.Work)
	if err != nil {
		return err
	}
	return errors.Join(do(dir.Path), dir.Remove())
}
