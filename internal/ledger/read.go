package ledger

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// This file is what anybody may ask of the store without a leader.

// ReadJob reads how a job stands. One that waits in the inbox is Queued. No such job: errs.NotFound.
func ReadJob(ctx context.Context, store storage.Store, id string) (Job, error) {
	if !ValidJobID(id) {
		return Job{}, errs.New(errs.NotFound, "%q is not a job id", id)
	}
	j, err := readChain(ctx, store, id)
	if !errs.Is(err, errs.NotFound) {
		return j, err
	}
	s, inboxErr := ReadInbox(ctx, store, id)
	if errs.Is(inboxErr, errs.NotFound) {
		return Job{}, errs.E(errs.NotFound, "read job", id, errors.New("there is no such job"))
	}
	if inboxErr != nil {
		return Job{}, inboxErr
	}
	return Job{V: JobV, ID: id, Phase: Queued, Spec: s}, nil
}

func readChain(ctx context.Context, store storage.Store, id string) (Job, error) {
	body, _, err := Fetch(ctx, store, JobKey(id))
	if err != nil {
		return Job{}, errs.E(notFound(err), "read", JobKey(id), err)
	}
	return DecodeJob(id, body)
}

func notFound(err error) errs.Kind {
	if errors.Is(err, storage.ErrNotExist) {
		return errs.NotFound
	}
	return errs.KindOf(err)
}

// Follow yields a job now and at each change, looking every so often, until it has ended or ctx has, or cannot be read.
func Follow(ctx context.Context, store storage.Store, id string, every time.Duration) iter.Seq2[Job, error] {
	return func(yield func(Job, error) bool) {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for last := (Job{}); ; {
			j, err := ReadJob(ctx, store, id)
			if err != nil {
				yield(Job{}, err)
				return
			}
			if (j.Phase != last.Phase || j.Seq != last.Seq) && !yield(j, nil) || j.Phase.Ended() {
				return
			}
			last = j
			select {
			case <-ctx.Done():
				yield(Job{}, context.Cause(ctx))
				return
			case <-tick.C:
			}
		}
	}
}

// JobIDs yields the ids of all jobs that begin with prefix, in order, each once; "" yields all jobs there are.
func JobIDs(ctx context.Context, store storage.Store, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		// The live ones are few, so they are held and merged into the others. They are listed first: a job that ends in
		// between is found twice, never not at all.
		var live []string
		for info, err := range store.List(ctx, InboxPrefix+prefix, "") {
			if err != nil {
				yield("", err)
				return
			}
			live = append(live, strings.TrimPrefix(info.Key, InboxPrefix))
		}
		for info, err := range store.List(ctx, EndedPrefix+prefix, "") {
			if err != nil {
				yield("", err)
				return
			}
			id := strings.TrimPrefix(info.Key, EndedPrefix)
			for len(live) > 0 && live[0] < id {
				if !yield(live[0], nil) {
					return
				}
				live = live[1:]
			}
			if len(live) > 0 && live[0] == id {
				live = live[1:]
			}
			if !yield(id, nil) {
				return
			}
		}
		for _, id := range live {
			if !yield(id, nil) {
				return
			}
		}
	}
}

// ResolveJobID finds the one job whose id begins with prefix: errs.NotFound if there is none, errs.Invalid if several.
func ResolveJobID(ctx context.Context, store storage.Store, prefix string) (string, error) {
	if ValidJobID(prefix) {
		return prefix, nil
	}
	var found []string
	if prefix != "" && !strings.ContainsFunc(prefix, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef-", r) }) {
		for id, err := range JobIDs(ctx, store, prefix) {
			if err != nil {
				return "", err
			}
			if found = append(found, id); len(found) == 4 {
				break
			}
		}
	}
	switch len(found) {
	case 0:
		return "", errs.E(errs.NotFound, "find job", prefix, errors.New("no id begins like this"))
	case 1:
		return found[0], nil
	}
	return "", errs.E(errs.Invalid, "find job", prefix, errs.New(errs.Invalid, "it could be any of %s", strings.Join(found, ", ")))
}
