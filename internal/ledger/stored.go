package ledger

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/dataset"
)

// StoredRun says that the run of a finished map attempt lies in the store, whole. There may be several of one task, of
// different attempts, as there may be on workers; a leader chooses among all of them. So they are not records of winners,
// and hold for every generation of the job.
type StoredRun struct {
	V       int             `json:"v"`
	Job     string          `json:"job"`
	Stage   int             `json:"stage"`
	Task    int             `json:"task"`
	Attempt int32           `json:"attempt"`
	Worker  string          `json:"worker"`       // who made it
	Digest  string          `json:"digest"`       // of the whole attempt, in hex
	Bytes   int64           `json:"bytes"`        // of the run
	End     dataset.Place   `json:"end,omitzero"` // where the extent ends that it is of; zero: where its split does
	Tally   json.RawMessage `json:"tally,omitempty"`
	Sample  []byte          `json:"sample,omitempty"` // of the keys, see internal/cuts
}

// Key is where the record lies.
func (r StoredRun) Key() string { return StoredKey(r.Job, r.Stage, r.Task, r.Attempt) }

// CreateStored makes the record, once its run has been published. An attempt has one run and one worker, so a record that
// is there already is its own. It tries until it knows or ctx ends.
func CreateStored(ctx context.Context, store storage.Store, rec StoredRun) error {
	rec.V = taskV
	body, err := json.Marshal(rec)
	if err != nil {
		return errs.E(errs.Invalid, "record run", rec.Key(), err)
	}
	there, _, _, err := CreateOnce(ctx, store, rec.Key(), body)
	if err != nil {
		return errs.E(errs.KindOf(err), "record run", rec.Key(), err)
	}
	if old, err := decodeStored(rec.Key(), there); err != nil || old.Digest != rec.Digest {
		return errs.E(errs.Conflict, "record run", rec.Key(), errors.Join(errs.New(errs.Conflict, "another run is recorded, of digest %s", old.Digest), err))
	}
	return nil
}

func decodeStored(key string, body []byte) (StoredRun, error) {
	var r StoredRun
	if err := decode(body, &r, func() int { return r.V }, taskV); err != nil {
		return StoredRun{}, errs.E(errs.KindOf(err), "read", key, err)
	}
	if r.Key() != key {
		return StoredRun{}, errs.E(errs.Corrupt, "read", key, errs.New(errs.Corrupt, "it is the record of %s", r.Key()))
	}
	return r, nil
}

// StoredRuns reads which runs of a stage lie in the store, in order of their tasks.
func StoredRuns(ctx context.Context, store storage.Store, job string, stage int) ([]StoredRun, error) {
	var keys []string
	for info, err := range store.List(ctx, storedPrefix(job, stage), "") {
		if err != nil {
			return nil, err
		}
		keys = append(keys, info.Key)
	}
	return readAll(ctx, store, keys, decodeStored)
}

// DropStored removes the runs of a stage that has ended, and first their records. Those of the stage after it may be there
// already, and stay. Idempotent.
func DropStored(ctx context.Context, store storage.Store, job string, stage int) error {
	for _, prefix := range []string{storedPrefix(job, stage), stageRunPrefix(job, stage)} {
		for info, err := range store.List(ctx, prefix, "") {
			if err == nil {
				err = store.Delete(ctx, info.Key)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
