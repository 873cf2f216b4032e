package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/worker/pluginhost"
)

// order is a job on its way from flags to the inbox of a cluster.
type order struct {
	id     string
	job    spec.Job
	plugin *plugin
	// ready is given where the only worker is this process: it runs the plugin from where it lies, and goes on with the
	// process that was asked what the plugin is.
	ready  *pluginhost.Ready
	how    pluginhost.Spec // of that process: what it needs for work
	placed bool            // the job is in the store, or may be
}

// checkPlaces finds what is wrong with the inputs and the output of a job before anything is started or stored. local says
// that the job runs in this process.
func (p *program) checkPlaces(c *cli.Context, cl *cluster, o *order, local bool) error {
	for _, uris := range o.job.InputLists() {
		for _, uri := range uris {
			if err := checkInput(uri); err != nil {
				return err
			}
		}
	}
	for name, uri := range o.job.Sides {
		if err := checkInput(uri); err != nil {
			return fmt.Errorf("--side %s: %w", name, err)
		}
	}
	return checkOutput(c.Context, cl.resolver, o.job.Output, local)
}

// describe asks the plugin of a job what it is, and finds what is wrong with its flags before anything is stored. The
// plugin's process is left to be closed.
func (p *program) describe(ctx context.Context, cl *cluster, o *order) error {
	var sums errgroup.Group // beside the plugin's start: both take their time
	inPlace := o.ready != nil && o.plugin.digest == ""
	var digest string
	if inPlace {
		sums.Go(func() (err error) { digest, err = o.plugin.sum(); return err })
	}
	how := o.how
	how.Args, how.Scratch = p.plugin, filepath.Join(o.plugin.scratch, "plugin")
	about, err := o.plugin.check(ctx, cl.store, how)
	if sumErr := sums.Wait(); err == nil {
		err = sumErr
	}
	if err != nil {
		return err
	}
	last := about.Stages[len(about.Stages)-1]
	given, err := boundary.GivenInputs(about.Stages)
	if err != nil {
		return fmt.Errorf("plugin %s: %w", o.plugin.arg, err)
	}
	if o.job.Keys != "" && (!about.Stages[0].GetIdentity() || len(about.Stages) > 1) {
		return fmt.Errorf("plugin %s: %w", o.plugin.arg, spec.ErrKeysOfIdentity)
	}
	if o.job.Sorted {
		if err := spec.CheckSorted(last.GetHasPartition(), last.GetMapOnly()); err != nil {
			return fmt.Errorf("plugin %s: --%w", o.plugin.arg, err)
		}
	}
	if last.GetMapOnly() {
		if err := spec.CheckMapOnly(o.job.Partitions); err != nil {
			return fmt.Errorf("plugin %s: %w", o.plugin.arg, err)
		}
	}
	if err := o.job.CheckSides(given.GetSides()); err != nil {
		return fmt.Errorf("plugin %s: %w", o.plugin.arg, err)
	}
	if err := matchInputs(&o.job, given); err != nil {
		return fmt.Errorf("plugin %s: %w", o.plugin.arg, err)
	}
	if inPlace {
		o.job.Plugins = map[string]string{here: digest}
		o.ready.Put(digest, o.plugin.binaries[here], o.plugin.process)
	}
	o.job.Name, o.job.Args = o.plugin.name, p.plugin
	if o.job.Stage, err = proto.Marshal(about.Stages[0]); err != nil {
		return err
	}
	for _, s := range about.Stages[1:] {
		b, err := proto.Marshal(s)
		if err != nil {
			return err
		}
		o.job.Then = append(o.job.Then, b)
	}
	return nil
}

// place stores the plugin for the platforms that need it and puts the job into the inbox.
func (p *program) place(ctx context.Context, cl *cluster, o *order, platforms []string) error {
	if o.job.Plugins == nil {
		var err error
		if o.job.Plugins, err = o.plugin.upload(ctx, cl.store, platforms, p.stderr); err != nil {
			return err
		}
	}
	o.placed = true
	o.job.Submitted = time.Now().UTC()
	if err := o.job.Check(); err != nil {
		return err
	}
	if err := ledger.SubmitInbox(ctx, cl.store, o.id, o.job); err != nil || o.plugin == nil || o.ready != nil {
		return err
	}
	// A binary that was there already may have been old enough to be removed until the job was seen to name it.
	_, err := o.plugin.upload(ctx, cl.store, platforms, p.stderr)
	return err
}

// asksForHelp says that the plugin's own flags ask for its help.
func (p *program) asksForHelp() bool {
	return slices.ContainsFunc(p.plugin, func(a string) bool { return a == "-h" || a == "-help" || a == "--help" })
}

// printPluginHelp lists the flags of a plugin.
func (p *program) printPluginHelp(ctx context.Context, arg, scratch string) error {
	pl, err := resolvePlugin(ctx, arg, scratch, p.stderr)
	if err != nil {
		return err
	}
	if pl.digest != "" {
		return errs.New(errs.Invalid, "plugin %s: its flags are known when it is given as a binary or a folder", arg)
	}
	desc, err := pluginhost.DescribeBinary(ctx, pl.binaries[here], nil)
	if err != nil {
		return errs.E(errs.Invalid, "plugin", arg, err)
	}
	t := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	if len(desc.Flags) == 0 {
		fmt.Fprintf(t, "%s has no flags\n", arg)
	} else {
		fmt.Fprintf(t, "Flags of %s, given after --:\n", arg)
	}
	for _, f := range desc.Flags {
		usage := strings.ReplaceAll(f.Usage, "\n", " ")
		if f.DefaultValue != "" && !(f.IsBool && f.DefaultValue == "false") {
			usage += fmt.Sprintf(" (default %s)", f.DefaultValue)
		}
		fmt.Fprintf(t, "  -%s\t%s\n", f.Name, usage)
	}
	return t.Flush()
}
