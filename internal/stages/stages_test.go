package stages_test

import (
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/stages"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/mem"
)

const id = "01234567-89ab-cdef-0123-456789abcdef"

// threeStages is a job whose last stage reads the rows of both others and an input of its own.
func threeStages(t *testing.T) spec.Job {
	t.Helper()
	list := [][]byte{}
	for _, s := range []*pluginv1.Stage{
		{Name: "first", Inputs: []*pluginv1.Input{{Name: "logs"}}, Sides: []string{"words"}},
		{Name: "second", Inputs: []*pluginv1.Input{{Name: "first", After: 1}}},
		{Name: "third", Inputs: []*pluginv1.Input{{Name: "users"}, {Name: "first", After: 1}, {Name: "second", After: 2}}, Sides: []string{"words", "model"}},
	} {
		b, err := proto.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	return spec.Job{
		Name: "j", Stage: list[0], Then: list[1:], Output: "file:///out", OutputFormat: "csv", Partitions: 7, Sorted: true, MaxBadRecords: 3,
		NamedInputs: map[string][]string{"logs": {"file:///logs"}, "users": {"file:///u1", "file:///u2"}}, NamedFormats: map[string]string{"users": "csv"},
		Sides: map[string]string{"words": "file:///w", "model": "file:///m"},
	}
}

func TestDescribe(t *testing.T) {
	job := threeStages(t)
	for i, name := range []string{"first", "second", "third"} {
		if s, err := stages.Describe(job, i); err != nil || s.Name != name {
			t.Errorf("stage %d is %v, %v", i, s, err)
		}
	}
	if _, err := stages.Describe(job, 3); !errs.Is(err, errs.Corrupt) {
		t.Errorf("a stage that is not: %v", err)
	}
	job.Then[0] = []byte{0xff}
	if _, err := stages.Describe(job, 1); !errs.Is(err, errs.Invalid) {
		t.Errorf("a description that is none: %v", err)
	}
}

func TestOf(t *testing.T) {
	job := threeStages(t)
	before := threeStages(t)
	between := func(stage string) []string { return []string{"stage://" + id + "/" + stage + "/"} }
	for i, want := range []spec.Job{
		{OutputFormat: "arrow", NamedInputs: map[string][]string{"logs": {"file:///logs"}}, NamedFormats: map[string]string{}, Sides: map[string]string{"words": "file:///w"}},
		{OutputFormat: "arrow", NamedInputs: map[string][]string{"first": between("0")}, NamedFormats: map[string]string{"first": "arrow"}, Sides: map[string]string{}},
		{Output: "file:///out", OutputFormat: "csv", Partitions: 7, Sorted: true,
			NamedInputs:  map[string][]string{"users": {"file:///u1", "file:///u2"}, "first": between("0"), "second": between("1")},
			NamedFormats: map[string]string{"users": "csv", "first": "arrow", "second": "arrow"}, Sides: job.Sides},
	} {
		want.Name, want.MaxBadRecords, want.Stage = "j", 3, append([][]byte{job.Stage}, job.Then...)[i]
		got, err := stages.Of(job, id, i)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("stage %d: %v\n%s", i, err, d)
		}
	}
	if d := cmp.Diff(before, job); d != "" {
		t.Errorf("the job itself was changed:\n%s", d)
	}
	one := spec.Job{Stage: []byte{0xff}, Inputs: []string{"x"}, Partitions: 2} // not even looked at
	if got, err := stages.Of(one, id, 0); err != nil || !cmp.Equal(got, one) {
		t.Errorf("a job of one stage is %+v, %v", got, err)
	}
}

// noOthers are the sources of a test that reads rows between stages alone.
type noOthers struct{}

func (noOthers) Source(uri string) (storage.Source, string, error) {
	return nil, "", errs.New(errs.NotFound, "others were asked for %s", uri)
}

func TestSources(t *testing.T) {
	store := mem.New()
	put := func(stage int, key, text string) {
		t.Helper()
		out, err := stages.Output(store, spec.Job{Then: make([][]byte, 11)}, id, stage, nil)
		if err != nil {
			t.Fatal(err)
		}
		w, err := out.Create(t.Context(), key, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		token, err := w.Stage(t.Context())
		if err == nil {
			_, err = out.Publish(t.Context(), token)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put(1, "part-0", "zero")
	put(1, "part-1", "one")
	put(10, "part-0", "of another stage")
	put(2, "part-0", "of the next")
	all := stages.Sources(store, noOthers{})
	src, prefix, err := all.Source("stage://" + id + "/1/")
	if err != nil || prefix != "1/" {
		t.Fatal(prefix, err)
	}
	seen := map[string]storage.Info{}
	for info, err := range src.List(t.Context(), prefix, "") {
		if err != nil {
			t.Fatal(err)
		}
		seen[info.Key] = info
	}
	if keys := slices.Sorted(maps.Keys(seen)); !slices.Equal(keys, []string{"1/part-0", "1/part-1"}) {
		t.Errorf("the parts are %q", keys)
	}
	for info, err := range src.List(t.Context(), prefix, "1/part-0") {
		if err != nil || info.Key != "1/part-1" {
			t.Errorf("after the first comes %s, %v", info.Key, err)
		}
	}
	// What stands before a key in the URI and the key make a URI of the part alone.
	src, key, err := all.Source("stage://" + id + "/" + "1/part-1")
	if err != nil || key != "1/part-1" {
		t.Fatal(key, err)
	}
	info, err := src.Stat(t.Context(), key)
	if err != nil || !cmp.Equal(info, seen[key]) {
		t.Errorf("it is %+v, %v, and was listed as %+v", info, err, seen[key])
	}
	body, opened, err := src.Open(t.Context(), key, 1, 2, info.Version)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(body)
	if err = errors.Join(err, body.Close()); string(text) != "ne" || opened.Key != key || err != nil {
		t.Errorf("read %q of %s, %v", text, opened.Key, err)
	}
	if _, _, err := src.Open(t.Context(), key, 0, 1, "of another"); !errors.Is(err, storage.ErrPrecondition) {
		t.Errorf("another version was asked for: %v", err)
	}
	for _, wrong := range []string{"stage://", "stage://" + id, "stage://" + id + "/1", "stage://" + id + "/x/", "stage://" + id + "/-1/", "stage://../1/", "stage:///1/"} {
		if _, _, err := all.Source(wrong); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	if _, _, err := all.Source("file:///x"); err == nil || !strings.Contains(err.Error(), "file:///x") {
		t.Errorf("a URI of another scheme: %v", err)
	}
}
