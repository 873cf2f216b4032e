package gc

import (
	"context"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/stages"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/output"
	"github.com/mrctl/mrctl/storage/prefix"
)

// staged offers what attempts of an ended job staged and nobody published, once for each job: a marker says that it has
// been done.
func (f *finder) staged(rec ledger.Job) bool {
	if !f.old(rec.Ended, f.Limits.Staged) {
		return true
	}
	swept, err := f.exists(ledger.SweptKey(rec.ID))
	if err != nil || swept {
		return err == nil || f.failed(err)
	}
	out, err := f.output(rec)
	if err != nil {
		return f.failed(fmt.Errorf("output of job %s: %w", rec.ID, err))
	}
	item := Item{Kind: Staged, Job: rec.ID, Where: rec.Spec.Output, Why: "written for the job and never published"}
	if item.Where == "" {
		item.Where = ledger.OutputFolder(rec.ID)
	}
	if sweeper, ok := out.(storage.Sweeper); ok {
		wait, err := f.pending(&item, rec, out, sweeper)
		if err != nil {
			return f.failed(fmt.Errorf("what job %s staged: %w", rec.ID, err))
		}
		if wait {
			return true
		}
	}
	if !f.old(rec.Ended, DefaultStaged) {
		return f.give(item) // an attempt that does not know yet may go on staging
	}
	item.after = func(ctx context.Context) error { return f.swept(ctx, rec.ID) }
	return f.yield(item, nil) // even if it is empty: the marker saves the next search the same questions
}

// pending adds what lies staged in the output of a job, unless that must wait. The next job may be writing to the same output by now. It claims
// the output before it does, so it is asked for the claim after what is there has been listed.
func (f *finder) pending(item *Item, rec ledger.Job, out storage.Store, sweeper storage.Sweeper) (wait bool, err error) {
	outputs, err := outputsOf(rec)
	if err != nil {
		return false, err
	}
	var found []storage.Pending
	for key := range keysOf(rec, outputs) {
		list, err := sweeper.PendingOf(f.ctx, key)
		if err != nil {
			return false, err
		}
		for _, p := range list {
			if f.old(p.Started, f.Limits.Staged) {
				found = append(found, p)
			}
		}
	}
	if len(found) == 0 {
		return false, nil
	}
	if live, err := f.claimed(out, rec.ID); err != nil || live {
		return live, err
	}
	for _, p := range found {
		item.add(0, func(ctx context.Context) error { return out.Discard(ctx, p.Token) })
	}
	return false, nil
}

// keysOf are all that a job may write in the folder of its output.
func keysOf(rec ledger.Job, outputs []string) iter.Seq[string] {
	format := output.Format(rec.Spec.WithDefaults().OutputFormat)
	return func(yield func(string) bool) {
		for i := range rec.Results() {
			for _, name := range outputs {
				if !yield(output.NamedPart(name, i, format)) {
					return
				}
			}
		}
		for i := range rec.MapTasks() {
			if rec.Spec.MaxBadRecords > 0 && !yield(output.BadName(i)) {
				return
			}
		}
		_ = yield(output.ClaimKey) && yield(output.SuccessKey)
	}
}

// outputsOf are the names of a job's outputs, of which the result has none.
func outputsOf(rec ledger.Job) ([]string, error) {
	last, err := stages.Describe(rec.Spec, len(rec.Spec.Then))
	if err != nil {
		return nil, err
	}
	names := []string{""}
	for _, o := range last.GetOutputs() {
		names = append(names, o.GetName())
	}
	return names, nil
}

// claimed reports whether an output belongs to another job that is live, or may be: one that this store knows nothing of.
func (f *finder) claimed(out storage.Store, id string) (bool, error) {
	owner, err := output.Owner(f.ctx, out)
	if err != nil || owner == "" || owner == id {
		return false, err
	}
	rec, err := ledger.ReadJob(f.ctx, f.Store, owner)
	if errs.Is(err, errs.NotFound) {
		return true, nil // of another cluster, perhaps
	}
	return err != nil || !rec.Phase.Ended(), err
}

func (f *finder) output(rec ledger.Job) (storage.Store, error) {
	if rec.Spec.Output == "" {
		return prefix.New(f.Store, ledger.OutputFolder(rec.ID)), nil
	}
	return f.Places.Output(rec.Spec.Output)
}

// swept notes that nothing staged is left of a job.
func (f *finder) swept(ctx context.Context, id string) error {
	_, _, _, err := ledger.CreateOnce(ctx, f.Store, ledger.SweptKey(id), []byte(id))
	return err
}

// plugins offers binaries that no job names. A job that is being submitted stores its plugin first and looks once more
// whether it is there when it has been accepted.
func (f *finder) plugins() bool {
	for id, err := range ledger.JobIDs(f.ctx, f.Store, "") { // those that came meanwhile
		if err != nil {
			return f.failed(err)
		}
		if f.seen[id] {
			continue
		}
		rec, err := ledger.ReadJob(f.ctx, f.Store, id)
		if err != nil && !errs.Is(err, errs.NotFound) {
			f.blind = true
		}
		f.names(rec)
	}
	if f.blind {
		return true // a job that cannot be read may name any
	}
	for info, err := range f.Store.List(f.ctx, ledger.PluginPrefix, "") {
		if err != nil {
			return f.failed(err)
		}
		digest := info.Key[len(ledger.PluginPrefix):]
		if f.named[digest] || !f.old(info.ModTime, f.Limits.Plugins) {
			continue
		}
		item := Item{Kind: Plugin, Where: info.Key, Why: "no job names it since " + info.ModTime.UTC().Format(time.DateOnly) + " or longer"}
		item.add(info.Size, f.deletion(info.Key))
		if !f.give(item) {
			return false
		}
	}
	return true
}

// probes offers what a coordinator left that died while it tested the store.
func (f *finder) probes() bool {
	item := Item{Kind: Probe, Where: "probe/", Why: "left by a test of the store"}
	err := f.take(&item, "probe/", func(info storage.Info) bool { return f.old(info.ModTime, f.Limits.Orphans) })
	if err != nil {
		return f.failed(err)
	}
	return f.give(item)
}

// leftovers offers the temporary files of a folder, or the uploads of a bucket, of whatever was being written when a process
// was killed.
func (f *finder) leftovers() bool {
	litter, ok := f.Store.(storage.Litter)
	if !ok {
		return true
	}
	item := Item{Kind: Leftover, Where: "temporary files, unfinished uploads", Why: "their writers were killed"}
	for p, err := range litter.Temporary(f.ctx) {
		if err != nil {
			return f.failed(err)
		}
		if f.old(p.Started, f.patience(p.Key)) {
			item.add(p.Size, func(ctx context.Context) error { return f.Store.Discard(ctx, p.Token) })
		}
	}
	return f.give(item)
}

// patience is how old one must be to go: any age where its job has ended, none where it may be live.
func (f *finder) patience(key string) time.Duration {
	rest, ok := strings.CutPrefix(key, ledger.JobPrefix)
	if !ok {
		return f.Limits.Orphans
	}
	if id, _, _ := strings.Cut(rest, "/"); f.over[id] {
		return f.Limits.Staged
	}
	return math.MaxInt64
}
