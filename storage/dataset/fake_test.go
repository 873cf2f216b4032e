package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/local"
)

// bucket is a Source in memory, and the Sources of all URIs mem://b/key.
type bucket struct {
	mu      sync.Mutex
	objects map[string]string
	opens   int
	fail    func(op, key string) error // nil: nothing fails
}

func newBucket(objects map[string]string) *bucket {
	b := &bucket{objects: map[string]string{}}
	maps.Copy(b.objects, objects)
	return b
}

func (b *bucket) Source(uri string) (storage.Source, string, error) {
	return b, strings.TrimPrefix(uri, "mem://b/"), nil
}

func (b *bucket) set(key, body string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.objects[key] = body
}

func (b *bucket) get(op, key string) (string, storage.Info, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		if err := b.fail(op, key); err != nil {
			return "", storage.Info{}, err
		}
	}
	body, ok := b.objects[key]
	if !ok {
		return "", storage.Info{}, fmt.Errorf("%s %s: %w", op, key, storage.ErrNotExist)
	}
	return body, storage.Info{Key: key, Size: int64(len(body)), Version: versionOf(body)}, nil
}

func versionOf(body string) storage.Version {
	if len(body) > 100 {
		return storage.Version(fmt.Sprintf("v%d-%x", len(body), body[:20]))
	}
	return storage.Version(fmt.Sprintf("v%x", body))
}

func (b *bucket) Stat(_ context.Context, key string) (storage.Info, error) {
	_, info, err := b.get("stat", key)
	return info, err
}

func (b *bucket) List(_ context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		b.mu.Lock()
		keys := slices.Sorted(maps.Keys(b.objects))
		b.mu.Unlock()
		for _, k := range keys {
			if strings.HasPrefix(k, prefix) && k > after {
				_, info, err := b.get("list", k)
				if !yield(info, err) || err != nil {
					return
				}
			}
		}
	}
}

func (b *bucket) Open(_ context.Context, key string, off, n int64, want storage.Version) (io.ReadCloser, storage.Info, error) {
	body, info, err := b.get("open", key)
	if err != nil {
		return nil, info, err
	}
	b.mu.Lock()
	b.opens++
	b.mu.Unlock()
	if want != "" && want != info.Version {
		return nil, info, fmt.Errorf("open %s: %w", key, storage.ErrPrecondition)
	}
	if off > int64(len(body)) {
		off = int64(len(body))
	}
	body = body[off:]
	if n >= 0 && n < int64(len(body)) {
		body = body[:n]
	}
	return io.NopCloser(strings.NewReader(body)), info, nil
}

// disk is the Sources of this machine.
type disk struct{}

var root = sync.OnceValues(func() (*local.Source, error) { return local.NewSource("/") })

func (disk) Source(uri string) (storage.Source, string, error) {
	src, err := root()
	return src, strings.TrimPrefix(uri, "/"), err
}

// object makes a planned object of what lies in the bucket.
func (b *bucket) object(t testing.TB, key string) Object {
	t.Helper()
	info, err := b.Stat(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return Object{URI: "mem://b/" + key, Size: info.Size, Version: info.Version}
}

// planAll plans objects and checks every split.
func planAll(t testing.TB, o PlanOptions, objects ...Object) []Split {
	t.Helper()
	seq := func(yield func(Object, error) bool) {
		for _, obj := range objects {
			if !yield(obj, nil) {
				return
			}
		}
	}
	var out []Split
	for s, err := range Plan(seq, o) {
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// record is what a reader gave, with the place it named.
type record struct {
	text   string
	object string
	off    int64
}

// readAll reads a split to its end.
func readAll(t testing.TB, src Sources, s Split, opt Options, tune tuning) ([]record, error) {
	t.Helper()
	r, err := open(t.Context(), src, s, opt, tune)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out []record
	for {
		rec, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			if r.Read() != s.Bytes {
				t.Errorf("Read() = %d at the end of a split of %d bytes", r.Read(), s.Bytes)
			}
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if rec.Len() == 0 {
			t.Error("an empty batch")
		}
		for i := range rec.Len() {
			object, off, ok := rec.Where(i)
			if !ok {
				t.Fatal("a record without an origin")
			}
			row := rec.Data[rec.Off[i]:rec.Off[i+1]]
			if rec.Terminated {
				row = bytes.TrimSuffix(row, []byte("\n"))
				if len(row) < int(rec.Off[i+1]-rec.Off[i]) {
					row = bytes.TrimSuffix(row, []byte("\r"))
				}
			}
			out = append(out, record{string(row), object, off})
		}
	}
}

// wantLines is the plain twin of the line reader.
func wantLines(object, body string) []record {
	var out []record
	off := int64(0)
	for body != "" {
		line, rest, ended := strings.Cut(body, "\n")
		n := int64(len(body) - len(rest))
		if ended {
			line = strings.TrimSuffix(line, "\r")
		}
		out = append(out, record{line, object, off})
		off += n
		body = rest
	}
	return out
}

func (r record) String() string { return fmt.Sprintf("%q@%s+%d", r.text, r.object, r.off) }
