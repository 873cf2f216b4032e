package dataset

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sort"

	"github.com/klauspost/compress/zstd"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/internal/once"
)

// Head is the plan of a job: what its tasks are, in short, and where their splits lie. It is created once, last, at
// jobs/<id>/plan/head. The splits lie in chunks at jobs/<id>/plan/<nonce>-<chunk>: JSON, compressed with zstd. The
// nonce is the writer's own, so that a plan which a dead leader left half written is never mixed with a later one; gc
// removes chunks that no head names.
type Head struct {
	V          int    `json:"v"`
	Job        string `json:"job"`
	Nonce      string `json:"nonce"`
	Maps       int    `json:"maps"` // splits
	Partitions int    `json:"partitions"`
	Objects    int    `json:"objects"`
	Bytes      int64  `json:"bytes"` // of input, as stored
	SplitSize  int64  `json:"split_size"`
	// First is the number of the first split in each chunk, ascending from 0.
	First    []int    `json:"first"`
	Warnings []string `json:"warnings,omitempty"`
	// Sides are the files that the plugin reads besides its input.
	Sides []Side `json:"sides,omitempty"`
	// Stage is the described stage (a plugin.v1.Stage), in protobuf.
	Stage []byte `json:"stage,omitempty"`
}

// headVersion is the V of the heads written here; readers refuse higher ones.
const headVersion = 1

// A chunk is written when it holds this many splits or bytes, whichever comes first. A split of many pieces has a chunk to
// itself, so that the tasks that begin together read their plans beside each other. The bounds of a split keep even one
// that does not compress within a record.
const (
	chunkSplits = 256
	chunkBytes  = 1 << 20
)

// PlanHeadKey is where the head of a job's plan lies.
func PlanHeadKey(job string) string { return "jobs/" + job + "/plan/head" }

// PlanChunkKey is where a chunk of a job's plan lies.
func PlanChunkKey(job, nonce string, chunk int) string {
	return fmt.Sprintf("jobs/%s/plan/%s-%08d", job, nonce, chunk)
}

// PlanWriter writes the plan of one job. Nothing counts until Finish has created the head.
type PlanWriter struct {
	store storage.Store
	head  Head
	chunk []byte // the splits of the open chunk, a JSON array but for its last bracket
	count int    // how many it has
}

// NewPlanWriter starts a plan with a nonce of its own.
func NewPlanWriter(store storage.Store, job string) *PlanWriter {
	return &PlanWriter{store: store, head: Head{V: headVersion, Job: job, Nonce: rand.Text()}}
}

// Add appends a split.
func (w *PlanWriter) Add(ctx context.Context, s Split) error {
	b, err := json.Marshal(s)
	if err != nil {
		return errs.E(errs.Invalid, "plan", w.head.Job, err)
	}
	if w.count == chunkSplits || w.count > 0 && len(w.chunk)+len(b) > chunkBytes {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	between := byte(',')
	if w.count == 0 {
		between = '['
	}
	w.chunk = append(append(w.chunk, between), b...)
	w.count++
	w.head.Maps++
	w.head.Bytes += s.Bytes
	return nil
}

func (w *PlanWriter) flush(ctx context.Context) error {
	if w.count == 0 {
		return nil
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return errs.E(errs.Other, "plan", w.head.Job, err)
	}
	key := PlanChunkKey(w.head.Job, w.head.Nonce, len(w.head.First))
	if _, err := once.Create(ctx, w.store, key, enc.EncodeAll(append(w.chunk, ']'), nil)); err != nil {
		return err
	}
	w.head.First = append(w.head.First, w.head.Maps-w.count)
	w.chunk, w.count = w.chunk[:0], 0
	return nil
}

// Finish writes what is left and creates the head, from the fields of h that the writer does not fill in itself. The
// head that comes back is the plan: the one just written, or the one that another writer finished first.
func (w *PlanWriter) Finish(ctx context.Context, h Head) (Head, error) {
	if err := w.flush(ctx); err != nil {
		return Head{}, err
	}
	h.V, h.Job, h.Nonce, h.Maps, h.Bytes, h.First = w.head.V, w.head.Job, w.head.Nonce, w.head.Maps, w.head.Bytes, w.head.First
	b, err := json.Marshal(h)
	if err != nil {
		return Head{}, errs.E(errs.Invalid, "plan", h.Job, err)
	}
	other, err := once.Create(ctx, w.store, PlanHeadKey(h.Job), b)
	if err != nil {
		return Head{}, err
	}
	if other != nil {
		return ReadHead(ctx, w.store, h.Job)
	}
	return h, nil
}

// ReadHead reads the head of a job's plan. Before the job is planned it is an errs.NotFound.
func ReadHead(ctx context.Context, store storage.Store, job string) (Head, error) {
	b, _, err := store.Get(ctx, PlanHeadKey(job))
	if err != nil {
		return Head{}, err
	}
	var h Head
	if err := json.Unmarshal(b, &h); err != nil {
		return Head{}, errs.E(errs.Corrupt, "plan", job, err)
	}
	if h.V > headVersion {
		return Head{}, errs.E(errs.Invalid, "plan", job, fmt.Errorf("its version %d is newer than this program", h.V))
	}
	if !h.ordered() {
		return Head{}, errs.E(errs.Corrupt, "plan", job, errors.New("its chunks are not in order"))
	}
	return h, nil
}

func (h Head) ordered() bool {
	for i, n := range h.First {
		if i == 0 && n != 0 || i > 0 && n <= h.First[i-1] || n >= h.Maps {
			return false
		}
	}
	return h.Maps >= 0 && (len(h.First) > 0) == (h.Maps > 0)
}

// chunkOf finds the chunk of a task and how many splits the chunk has.
func (h Head) chunkOf(task int) (chunk, n int) {
	chunk = sort.SearchInts(h.First, task+1) - 1
	if chunk+1 < len(h.First) {
		return chunk, h.First[chunk+1] - h.First[chunk]
	}
	return chunk, h.Maps - h.First[chunk]
}

// ReadSplit reads the split of one task. Who reads many uses Plans.
func ReadSplit(ctx context.Context, store storage.Store, job string, task int) (Split, error) {
	return NewPlans(store).Split(ctx, job, task)
}

func readChunk(ctx context.Context, store storage.Store, h Head, chunk, n int) ([]Split, error) {
	key := PlanChunkKey(h.Job, h.Nonce, chunk)
	b, _, err := store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(storage.MaxRecord))
	if err != nil {
		return nil, errs.E(errs.Other, "plan chunk", key, err)
	}
	defer dec.Close()
	if b, err = dec.DecodeAll(b, nil); err != nil {
		return nil, errs.E(errs.Corrupt, "plan chunk", key, err)
	}
	splits, err := parseSplits(b)
	if err != nil {
		return nil, errs.E(errs.Corrupt, "plan chunk", key, err)
	}
	if len(splits) != n {
		return nil, errs.E(errs.Corrupt, "plan chunk", key, fmt.Errorf("%d splits where the head says %d", len(splits), n))
	}
	for i, s := range splits {
		if err := s.Check(); err != nil {
			return nil, errs.E(errs.Corrupt, "plan chunk", fmt.Sprintf("%s split %d", key, i), err)
		}
	}
	return splits, nil
}
