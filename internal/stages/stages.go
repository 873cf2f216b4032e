// Package stages knows what a job of several stages asks of each: which stage reads what, where the rows between two
// stages lie, and how that looks to whoever plans and reads one stage as if it were the job.
//
// Stages run one after the other. The rows of each but the last are published under the job's own folder in the cluster's
// store, as Arrow files in blocks with checksums (sealed.go), before the next is planned, and stay until the job has ended.
// They are inputs like others, under URIs of a scheme of their own, so nothing below needs to know of stages.
package stages

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/dataset"
	"github.com/mrctl/mrctl/storage/prefix"
)

// format is how rows lie between stages.
const format = "arrow"

// scheme begins the URIs of those rows: stage://<job>/<stage>/<part>.
const scheme = "stage://"

// Count is how many stages a job has.
func Count(job spec.Job) int { return 1 + len(job.Then) }

// Describe reads what the plugin said of a stage, counted from 0.
func Describe(job spec.Job, stage int) (*pluginv1.Stage, error) {
	b := job.Stage
	if stage > 0 {
		if stage > len(job.Then) {
			return nil, errs.New(errs.Corrupt, "stage %d of a job of %d", stage, Count(job))
		}
		b = job.Then[stage-1]
	}
	s := &pluginv1.Stage{}
	if err := proto.Unmarshal(b, s); err != nil {
		return nil, errs.E(errs.Invalid, "job spec", "stage", err)
	}
	return s, nil
}

// Of is the job as far as one of its stages goes: its own inputs, of which some are rows of earlier stages, and where its
// rows go. Where a job has one stage it is the job.
func Of(job spec.Job, id string, stage int) (spec.Job, error) {
	if Count(job) == 1 && stage == 0 {
		return job, nil
	}
	about, err := Describe(job, stage)
	if err != nil {
		return job, err
	}
	own := job
	own.Stage, own.Then = job.Stage, nil
	if stage > 0 {
		own.Stage = job.Then[stage-1]
	}
	if stage < len(job.Then) {
		own.Output, own.OutputFormat, own.Partitions, own.Sorted = "", format, 0, false
	}
	own.Sides = map[string]string{}
	for _, name := range about.Sides {
		own.Sides[name] = job.Sides[name]
	}
	if len(about.Inputs) == 0 {
		return own, nil
	}
	own.Inputs, own.InputFormat = nil, ""
	own.NamedInputs, own.NamedFormats = map[string][]string{}, map[string]string{}
	for _, in := range about.Inputs {
		if in.After > 0 {
			own.NamedInputs[in.Name] = []string{scheme + id + "/" + strconv.Itoa(int(in.After)-1) + "/"}
			own.NamedFormats[in.Name] = format
			continue
		}
		own.NamedInputs[in.Name] = job.NamedInputs[in.Name]
		if f, ok := job.NamedFormats[in.Name]; ok {
			own.NamedFormats[in.Name] = f
		}
	}
	return own, nil
}

// Output is where the parts of a stage go: a folder of the job's own, unless it is the last.
func Output(store storage.Store, job spec.Job, id string, stage int, last func() (storage.Store, error)) (storage.Store, error) {
	if stage < len(job.Then) {
		return sealing{prefix.New(store, ledger.StageFolder(id, stage))}, nil
	}
	return last()
}

// Sources adds the rows between stages, which lie in store, to other sources.
func Sources(store storage.Store, others dataset.Sources) dataset.Sources {
	return &sources{store, others}
}

type sources struct {
	store  storage.Store
	others dataset.Sources
}

// Source implements dataset.Sources.
func (s *sources) Source(uri string) (storage.Source, string, error) {
	rest, ok := strings.CutPrefix(uri, scheme)
	if !ok {
		return s.others.Source(uri)
	}
	id, rest, _ := strings.Cut(rest, "/")
	stage, _, ok := strings.Cut(rest, "/")
	n, err := strconv.Atoi(stage)
	if err != nil || !ok || n < 0 || !ledger.ValidJobID(id) {
		return nil, "", errs.E(errs.Invalid, "input", uri, fmt.Errorf("want %sJOB/STAGE/", scheme))
	}
	// The key names the stage too, so that a key and what stands before it in the URI make the URI again.
	return rows{prefix.New(s.store, ledger.StageFolder(id, n)), stage + "/"}, rest, nil
}

// rows are the parts of a stage, as a source.
type rows struct {
	*prefix.Store
	stage string // that all keys begin with
}

// List implements storage.Source.
func (r rows) List(ctx context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		for info, err := range r.Store.List(ctx, strings.TrimPrefix(prefix, r.stage), strings.TrimPrefix(after, r.stage)) {
			if !isRecord(info.Key) {
				info.Size = openSize(info.Size)
			}
			info.Key = r.stage + info.Key
			if !yield(info, err) {
				return
			}
		}
	}
}

// Stat implements storage.Source.
func (r rows) Stat(ctx context.Context, key string) (storage.Info, error) {
	info, err := r.Store.Stat(ctx, strings.TrimPrefix(key, r.stage))
	info.Key, info.Size = key, openSize(info.Size)
	return info, err
}

// Open implements storage.Source. What is published never changes, so a version that differs is another object.
func (r rows) Open(ctx context.Context, key string, off, n int64, want storage.Version) (io.ReadCloser, storage.Info, error) {
	body, info, err := openSealed(ctx, r.Store, strings.TrimPrefix(key, r.stage), off, n)
	if err != nil {
		return nil, storage.Info{}, err
	}
	if info.Key = key; want != "" && info.Version != want {
		_ = body.Close() // nothing of it is wanted
		return nil, storage.Info{}, storage.Fail("open", key, fmt.Errorf("changed: %w", storage.ErrPrecondition))
	}
	return body, info, nil
}
