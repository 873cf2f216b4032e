// Package gc finds what a cluster's store holds that nobody owns any more, and removes it.
//
// Ages are by the store's clock alone: that of a coordinator may be weeks off, and what is removed is gone.
//
// Everything temporary has an owner that removes it when all goes well, and a time after which it is removed here when
// its owner died:
//
//	what                          owner                          removed here
//	inbox/<id> of an ended job    the leader that ended it       never: the next leader settles it (package records)
//	staged parts, losers', stale  the attempt; the leader        Limits.Staged after the job's end
//	jobs/<id>/runs/               the leader, when it releases   Limits.Runs after the job's end
//	jobs/<id>/plan/, t/           the job                        Limits.Work after its end, chunks of dead planners with the rest
//	logs, history, the record     whoever looks back             Limits.History after its end
//	jobs/<id>/ without a record   nobody                         Limits.Orphans after the last write
//	plugins/<sha256>              jobs that name it              Limits.Plugins after it was stored, when none is left
//	probe/                        the coordinator that tested    Limits.Orphans
//	temporary files, uploads      the process that wrote         Limits.Orphans, Limits.Staged after their job's end
//
// What lies on a worker's disk is removed by the worker: when a job is released, and at its start what one that was killed
// has left, also in the system's temporary folder (package tempdir).
//
// It is safe to run at any time, by several at once, and with a leader that has lost its lease: what is found is garbage
// for ever. A job is live until its record says that it has ended and its inbox entry is gone; nothing of a live job is
// touched. A result that lies with its job (no output was named) stays for ever, with the job's record, once it has a
// manifest. Leases and markers of epochs stay too.
package gc

import (
	"context"
	"iter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// Limits are the ages at which things are removed. A zero field is its default.
type Limits struct {
	Runs    time.Duration // default 1 h
	Staged  time.Duration // default DefaultStaged
	Orphans time.Duration // default DefaultOrphans
	Work    time.Duration // default DefaultWork
	History time.Duration // default 30 days
	Plugins time.Duration // default 30 days
}

// DefaultStaged is how long after a job's end its attempts may still be staging. Servers purge uploads then too.
const DefaultStaged = 24 * time.Hour

// DefaultOrphans is how old what belongs to no job must be: a process that was suspended may yet go on with it.
const DefaultOrphans = 24 * time.Hour

// DefaultWork is how long what a job worked with is kept after its end.
const DefaultWork = 7 * 24 * time.Hour

func (l Limits) withDefaults() Limits {
	const day = 24 * time.Hour
	for _, f := range []struct {
		at  *time.Duration
		def time.Duration
	}{{&l.Runs, time.Hour}, {&l.Staged, DefaultStaged}, {&l.Orphans, DefaultOrphans}, {&l.Work, DefaultWork}, {&l.History, 30 * day}, {&l.Plugins, 30 * day}} {
		if *f.at == 0 {
			*f.at = f.def
		}
	}
	return l
}

// Config says where to look.
type Config struct {
	Store  storage.Store  // the cluster's root
	Places storage.Places // outputs of jobs
	Limits Limits
	// ReadOnly writes nothing to the store to learn its time, and goes by this machine's: for those who remove nothing.
	ReadOnly bool
	// Pause is waited before each job that is looked at, and for each object that is removed: a leader has time.
	Pause time.Duration
}

// Kind is what an Item is, for people.
type Kind string

// The kinds.
const (
	Staged   Kind = "staged"   // written, never published
	Runs     Kind = "runs"     // of a job that has ended
	Work     Kind = "work"     // its plan and the records of its tasks
	History  Kind = "history"  // the rest of it
	Orphan   Kind = "orphan"   // of no job
	Plugin   Kind = "plugin"   // no job names it
	Probe    Kind = "probe"    // left by a test of the store
	Leftover Kind = "leftover" // a temporary file or an upload of a process that was killed
)

// Item is a group of objects that may go, for one reason.
type Item struct {
	Kind    Kind   `json:"kind"`
	Job     string `json:"job,omitempty"`
	Where   string `json:"where"`   // a key, the folder of several, or an output
	Objects int    `json:"objects"` // 0: there is nothing to tell, and Remove only notes that
	Bytes   int64  `json:"bytes"`   // as far as it is known: a staged part has no size here
	Why     string `json:"why"`

	remove []func(context.Context) error // one for each object, in the order in which they must go
	after  func(context.Context) error   // when all are gone
}

// add makes an object part of the item.
func (i *Item) add(size int64, remove func(context.Context) error) {
	i.Objects++
	i.Bytes += size
	i.remove = append(i.remove, remove)
}

// Remove removes the objects, pausing for each. What could not be removed is found again the next time.
func (i Item) Remove(ctx context.Context, pause time.Duration) error {
	var g errgroup.Group
	g.SetLimit(8)
	last := len(i.remove) - 1 // of a job that is its record's index, which names the rest until it is gone
	for n, remove := range i.remove {
		if n == last {
			if err := g.Wait(); err != nil {
				return errs.E(errs.KindOf(err), "remove", i.Where, err)
			}
		}
		if err := rest(ctx, pause); err != nil {
			return err
		}
		g.Go(func() error { return remove(ctx) })
	}
	err := g.Wait()
	if err == nil && i.after != nil {
		err = i.after(ctx)
	}
	return errs.E(errs.KindOf(err), "remove", i.Where, err)
}

// rest waits a little, if anything.
func rest(ctx context.Context, pause time.Duration) error {
	if pause <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Find yields what may go. An error that belongs to one job does not keep the others from being looked at; the store's own
// ends it.
func Find(ctx context.Context, cfg Config) iter.Seq2[Item, error] {
	cfg.Limits = cfg.Limits.withDefaults()
	return func(yield func(Item, error) bool) {
		f := &finder{Config: cfg, ctx: ctx, yield: yield, seen: map[string]bool{}, over: map[string]bool{}, named: map[string]bool{}}
		_ = f.time() && f.jobs() && f.ended() && f.plugins() && f.probes() && f.leftovers()
	}
}

// finder is one search. Its steps report whether to go on.
type finder struct {
	Config
	ctx   context.Context
	now   time.Time // by the store's clock
	yield func(Item, error) bool
	seen  map[string]bool // ids below jobs/
	over  map[string]bool // of these, jobs that have ended, or are none
	named map[string]bool // digests of plugins that jobs name
	blind bool            // some job could not be read: it may name any plugin
}

// give yields an item that holds anything.
func (f *finder) give(i Item) bool { return i.Objects == 0 || f.yield(i, nil) }

// failed yields an error, and goes on if it concerned but one thing.
func (f *finder) failed(err error) bool { return f.yield(Item{}, err) && f.ctx.Err() == nil }

// old reports whether something from a moment has outlived a limit. What has no moment has not.
func (f *finder) old(from time.Time, limit time.Duration) bool {
	return !from.IsZero() && f.now.Sub(from) >= limit
}

// take makes an item of the keys with a prefix that want takes; a nil want takes all.
func (f *finder) take(i *Item, prefix string, want func(storage.Info) bool) error {
	for info, err := range f.Store.List(f.ctx, prefix, "") {
		if err != nil {
			return err
		}
		if want == nil || want(info) {
			i.add(info.Size, f.deletion(info.Key))
		}
	}
	return nil
}

func (f *finder) deletion(key string) func(context.Context) error {
	return func(ctx context.Context) error { return f.Store.Delete(ctx, key) }
}
