package ledger

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

const taskV = 1

// TaskRecord says which attempt of a task has won, and with what. The first record of a task under a generation stands.
type TaskRecord struct {
	V       int             `json:"v"`
	Nonce   string          `json:"nonce"` // of the attempt's claim to have won
	Job     string          `json:"job"`
	Stage   int             `json:"stage"`
	Phase   TaskPhase       `json:"phase"`
	Gen     int32           `json:"gen"`
	Task    int             `json:"task"`
	Attempt int32           `json:"attempt"`
	Worker  string          `json:"worker"`
	Part    *Part           `json:"part,omitempty"`   // what it put out, staged; of a map, where no reduce follows
	Named   []Part          `json:"named,omitempty"`  // of the named outputs, in their order, as Part
	Inputs  Inputs          `json:"inputs,omitempty"` // of a reduce: Inputs[i] is what it consumed of map task i
	Tally   json.RawMessage `json:"tally,omitempty"`  // what it counted
	Staged  time.Time       `json:"staged,omitzero"`  // the worker's clock; staged parts do not keep for ever
}

// Key is where the record lies.
func (r TaskRecord) Key() string { return TaskKey(r.Job, r.Stage, r.Phase, r.Gen, r.Task) }

// Parts are all that it put out: the part of the result, then those of the named outputs.
func (r TaskRecord) Parts() []Part {
	if r.Part == nil {
		return nil
	}
	return append([]Part{*r.Part}, r.Named...)
}

// CreateTask states that an attempt has won its task. won is the record that stands in the end, mine says that it is this one.
// It tries until it knows or ctx ends. An empty Nonce is filled in; an attempt that may call again after an error sets it
// once, with NewNonce, so that it recognises the record of its first call.
func CreateTask(ctx context.Context, store storage.Store, rec TaskRecord) (won TaskRecord, mine bool, err error) {
	rec.V = taskV
	if rec.Nonce == "" {
		rec.Nonce = NewNonce()
	}
	body, err := json.Marshal(rec)
	if err != nil {
		return TaskRecord{}, false, errs.E(errs.Invalid, "record task", rec.Key(), err)
	}
	if len(body) > storage.MaxRecord {
		return TaskRecord{}, false, errs.E(errs.Invalid, "record task", rec.Key(),
			errs.New(errs.Invalid, "%d bytes are more than a record holds (%d)", len(body), storage.MaxRecord))
	}
	there, _, _, err := CreateOnce(ctx, store, rec.Key(), body)
	if err != nil {
		return TaskRecord{}, false, errs.E(errs.KindOf(err), "record task", rec.Key(), err)
	}
	won, err = decodeTask(rec.Key(), there)
	return won, err == nil && won.Nonce == rec.Nonce, err
}

// ReadTask reads the record of a task: errs.NotFound while none has won.
func ReadTask(ctx context.Context, store storage.Store, job string, stage int, phase TaskPhase, gen int32, task int) (TaskRecord, error) {
	key := TaskKey(job, stage, phase, gen, task)
	body, _, err := Fetch(ctx, store, key)
	if err != nil {
		return TaskRecord{}, errs.E(notFound(err), "read", key, err)
	}
	return decodeTask(key, body)
}

func decodeTask(key string, body []byte) (TaskRecord, error) {
	var r TaskRecord
	if err := decode(body, &r, func() int { return r.V }, taskV); err != nil {
		return TaskRecord{}, errs.E(errs.KindOf(err), "read", key, err)
	}
	if r.Key() != key {
		return TaskRecord{}, errs.E(errs.Corrupt, "read", key, errs.New(errs.Corrupt, "it is the record of %s", r.Key()))
	}
	return r, nil
}

// How Tasks reads: so many records are asked for at once, and held until the slowest has come.
const (
	taskBatch   = 256
	taskReaders = 16
)

// Tasks yields the winners of a phase under a generation, in the order of the tasks. It stops at the first error.
func Tasks(ctx context.Context, store storage.Store, job string, stage int, phase TaskPhase, gen int32) iter.Seq2[TaskRecord, error] {
	return func(yield func(TaskRecord, error) bool) {
		var keys []string
		// flush reads what was listed and says whether to go on.
		flush := func() bool {
			recs, err := readAll(ctx, store, keys, decodeTask)
			keys = keys[:0]
			if err != nil {
				yield(TaskRecord{}, err)
				return false
			}
			for _, r := range recs {
				if !yield(r, nil) {
					return false
				}
			}
			return true
		}
		for info, err := range store.List(ctx, taskPrefix(job, stage, phase, gen), "") {
			if err != nil {
				yield(TaskRecord{}, err)
				return
			}
			if keys = append(keys, info.Key); len(keys) == taskBatch && !flush() {
				return
			}
		}
		flush()
	}
}

// readAll reads records side by side.
func readAll[T any](ctx context.Context, store storage.Store, keys []string, decode func(key string, body []byte) (T, error)) ([]T, error) {
	recs := make([]T, len(keys))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(taskReaders)
	for i, key := range keys {
		g.Go(func() error {
			return errs.Contain(func() error {
				body, _, err := Fetch(ctx, store, key)
				if err != nil {
					return errs.E(errs.KindOf(err), "read", key, err)
				}
				recs[i], err = decode(key, body)
				return err
			})
		})
	}
	return recs, g.Wait()
}
