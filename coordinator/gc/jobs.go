package gc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/output"
)

// jobs looks at all that lies below jobs/, a job at a time.
func (f *finder) jobs() bool {
	for after := ""; ; {
		id := ""
		for info, err := range f.Store.List(f.ctx, ledger.JobPrefix, after) {
			if err != nil {
				return f.failed(err) && false
			}
			id, _, _ = strings.Cut(strings.TrimPrefix(info.Key, ledger.JobPrefix), "/")
			break
		}
		if id == "" {
			return true
		}
		after = ledger.JobPrefix + id + "0" // the byte after "/": past all of this job's keys
		f.seen[id] = true
		if err := rest(f.ctx, f.Pause); err != nil {
			return f.failed(err)
		}
		if !ledger.ValidJobID(id) {
			continue // put there by hand
		}
		if !f.job(id) {
			return false
		}
	}
}

// job looks at one.
func (f *finder) job(id string) bool {
	rec, err := ledger.ReadJob(f.ctx, f.Store, id)
	if errs.Is(err, errs.NotFound) {
		return f.orphan(id)
	}
	if err != nil {
		f.blind = true
		return f.failed(err)
	}
	keep, err := f.keeps(rec)
	if err != nil {
		return f.failed(err)
	}
	if keep.all {
		f.names(rec)
		return true
	}
	// The record says when by the clock of a coordinator; the store, when that was written.
	info, err := f.Store.Stat(f.ctx, ledger.JobKey(id))
	if err != nil {
		f.blind = true
		return f.failed(err)
	}
	rec.Ended = info.ModTime
	f.over[id] = true
	if !f.old(rec.Ended, f.Limits.History) {
		f.names(rec)
		return f.part(rec, Runs, f.Limits.Runs, "runs/", ledger.StagePrefix) && f.staged(rec) && f.part(rec, Work, f.Limits.Work, "plan/", "t/")
	}
	return f.staged(rec) && f.history(rec, keep.result)
}

func (f *finder) names(rec ledger.Job) {
	for _, digest := range rec.Spec.Plugins {
		f.named[digest] = true
	}
}

// kept says what of a job must stay.
type kept struct {
	all    bool // it is live
	result bool // its result lies with it
}

func (f *finder) keeps(rec ledger.Job) (kept, error) {
	if !rec.Phase.Ended() {
		return kept{all: true}, nil
	}
	live, err := f.exists(ledger.InboxKey(rec.ID)) // the leader has not done with it
	if err != nil || live {
		return kept{all: true}, err
	}
	result, err := f.exists(ledger.OutputFolder(rec.ID) + "/" + output.SuccessKey)
	return kept{result: result}, err
}

func (f *finder) exists(key string) (bool, error) {
	_, err := f.Store.Stat(f.ctx, key)
	if errors.Is(err, storage.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// part offers some folders of an ended job.
func (f *finder) part(rec ledger.Job, kind Kind, limit time.Duration, folders ...string) bool {
	if !f.old(rec.Ended, limit) {
		return true
	}
	item := Item{Kind: kind, Job: rec.ID, Where: ledger.JobPrefix + rec.ID + "/" + strings.Join(folders, ",")}
	item.Why = fmt.Sprintf("the job is %s since %s", rec.Phase, rec.Ended.Format(time.DateTime))
	for _, folder := range folders {
		if err := f.take(&item, ledger.JobPrefix+rec.ID+"/"+folder, nil); err != nil {
			return f.failed(err)
		}
	}
	return f.give(item)
}

// history offers all of an ended job. Where its result lies with it, that and the record stay, which leads to it.
func (f *finder) history(rec ledger.Job, result bool) bool {
	base := ledger.JobPrefix + rec.ID + "/"
	item := Item{Kind: History, Job: rec.ID, Where: base, Why: fmt.Sprintf("the job is %s since %s", rec.Phase, rec.Ended.Format(time.DateTime))}
	err := f.take(&item, base, func(info storage.Info) bool {
		switch {
		case info.Key == ledger.JobKey(rec.ID), info.Key == ledger.SweptKey(rec.ID):
			return false
		case result:
			return !strings.HasPrefix(info.Key, ledger.OutputFolder(rec.ID)+"/")
		}
		return true
	})
	if err != nil {
		return f.failed(err)
	}
	if result {
		return f.give(item)
	}
	// What leads to the rest goes last, one after the other.
	item.add(0, func(ctx context.Context) error {
		for _, key := range []string{ledger.SweptKey(rec.ID), ledger.JobKey(rec.ID), ledger.EndedKey(rec.ID)} {
			if err := f.Store.Delete(ctx, key); err != nil {
				return err
			}
		}
		return nil
	})
	return f.give(item)
}

// orphan offers what lies where no job is: left by a leader that was paused, or by a removal that was cut short. A job
// that is being submitted has its inbox entry first.
func (f *finder) orphan(id string) bool {
	fresh := false
	item := Item{Kind: Orphan, Job: id, Where: ledger.JobPrefix + id + "/", Why: "no job of this id is in the store"}
	err := f.take(&item, ledger.JobPrefix+id+"/", func(info storage.Info) bool {
		fresh = fresh || !f.old(info.ModTime, f.Limits.Orphans)
		return true
	})
	if err != nil {
		return f.failed(err)
	}
	manifest, err := f.exists(ledger.OutputFolder(id) + "/" + output.SuccessKey)
	if err != nil {
		return f.failed(err)
	}
	if fresh || manifest {
		return true
	}
	f.over[id] = true
	item.add(0, f.deletion(ledger.EndedKey(id)))
	return f.give(item)
}

// ended offers what the index says of jobs of which nothing else is left.
func (f *finder) ended() bool {
	item := Item{Kind: Orphan, Where: ledger.EndedPrefix, Why: "nothing else is left of these jobs"}
	for info, err := range f.Store.List(f.ctx, ledger.EndedPrefix, "") {
		if err != nil {
			return f.failed(err)
		}
		id := strings.TrimPrefix(info.Key, ledger.EndedPrefix)
		if !ledger.ValidJobID(id) || f.seen[id] || !f.old(info.ModTime, f.Limits.Orphans) {
			continue
		}
		item.add(info.Size, f.deletion(info.Key))
	}
	return f.give(item)
}
