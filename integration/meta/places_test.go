package meta

import (
	"bytes"
	"context"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/faulty"
	"github.com/mrctl/mrctl/storage/local"
)

// bucket is what the names of inputs begin with that are read as from object storage.
const bucket = "mem://bucket/"

// places is where a trial's inputs and its output lie: in memory, but for inputs that are read as files.
type places struct {
	objects map[string][]byte // of the bucket
	plan    faulty.Plan       // for reads of inputs
	out     storage.Store
}

// Source implements storage.Places.
func (p *places) Source(uri string) (storage.Source, string, error) {
	if key, ok := strings.CutPrefix(uri, bucket); ok {
		return source{p}, key, nil
	}
	src, err := local.NewSource("/")
	return src, strings.TrimPrefix(uri, "/"), err
}

// Output implements storage.Places.
func (p *places) Output(string) (storage.Store, error) { return p.out, nil }

// source is a Source whose reads are refused or break off as a plan has it.
type source struct{ *places }

func (s source) info(key string) (storage.Info, error) {
	body, ok := s.objects[key]
	if !ok {
		return storage.Info{}, storage.Fail("stat", key, storage.ErrNotExist)
	}
	return storage.Info{Key: key, Size: int64(len(body)), Version: storage.Version("v" + strconv.Itoa(len(body)))}, nil
}

// Stat implements storage.Source.
func (s source) Stat(_ context.Context, key string) (storage.Info, error) { return s.info(key) }

// List implements storage.Source.
func (s source) List(_ context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		for _, key := range slices.Sorted(maps.Keys(s.objects)) {
			if info, err := s.info(key); strings.HasPrefix(key, prefix) && key > after && !yield(info, err) {
				return
			}
		}
	}
}

// Open implements storage.Source.
func (s source) Open(_ context.Context, key string, off, n int64, want storage.Version) (io.ReadCloser, storage.Info, error) {
	info, err := s.info(key)
	if err == nil && want != "" && want != info.Version {
		err = storage.Fail("open", key, storage.ErrPrecondition)
	}
	if err != nil {
		return nil, info, err
	}
	f := s.plan(faulty.Open, key)
	if f.Kind == faulty.Refuse {
		return nil, info, storage.Fail("open", key, errs.New(errs.Unavailable, "503 slow down"))
	}
	body := s.objects[key][min(off, info.Size):]
	if n >= 0 {
		body = body[:min(n, int64(len(body)))]
	}
	r := io.Reader(bytes.NewReader(body))
	if f.Kind == faulty.Cut {
		r = io.MultiReader(bytes.NewReader(body[:int(f.At*float64(len(body)))]), broken{key})
	}
	return io.NopCloser(r), info, nil
}

// broken is a connection that has been reset.
type broken struct{ key string }

func (b broken) Read([]byte) (int, error) {
	return 0, storage.Fail("read", b.key, errs.New(errs.Unavailable, "connection reset: %w", io.ErrUnexpectedEOF))
}
