package plan

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/dataset"
	"github.com/mrctl/mrctl/storage/local"
	"github.com/mrctl/mrctl/storage/mem"
	"github.com/mrctl/mrctl/storage/storagetest/crash"
)

// disk is the Sources of this machine.
type disk struct{}

func (disk) Source(uri string) (storage.Source, string, error) {
	src, err := local.NewSource("/")
	return src, strings.TrimPrefix(uri, "/"), err
}

// input writes files of the sizes given and returns their folder.
func input(t *testing.T, sizes map[string]int) string {
	dir := t.TempDir()
	for name, n := range sizes {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat("line of text\n", n/13+1)[:n]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBuild(t *testing.T) {
	dir := input(t, map[string]int{"a": 5 << 20, "b": 5 << 20, "c.gz": 5 << 20, "empty": 0, "_skip": 9})
	store := mem.New()
	stage := &pluginv1.Stage{Name: "wc", RawLines: true}
	h, err := Build(t.Context(), store, disk{}, "j", spec.Job{Inputs: []string{dir}}, Hints{Slots: 3, Stage: stage})
	if err != nil {
		t.Fatal(err)
	}
	if h.Maps != 3 || h.Partitions != 1 || h.Objects != 4 || h.Bytes != 15<<20 || h.SplitSize != 5<<20+5<<13+1 || len(h.Warnings) != 0 {
		t.Errorf("%+v", h)
	}
	var back pluginv1.Stage
	if err := proto.Unmarshal(h.Stage, &back); err != nil || !proto.Equal(&back, stage) {
		t.Errorf("stage %v, %v", &back, err)
	}
	// Planning again finds the plan, even where the input has changed since.
	if err := os.Remove(filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	again, err := Build(t.Context(), store, disk{}, "j", spec.Job{Inputs: []string{dir}}, Hints{})
	if err != nil || !reflect.DeepEqual(again, h) {
		t.Errorf("%+v, %v", again, err)
	}
	var sum int64
	for i := range h.Maps {
		s, err := dataset.ReadSplit(t.Context(), store, "j", i)
		if err != nil {
			t.Fatal(err)
		}
		sum += s.Bytes
	}
	if sum != h.Bytes {
		t.Errorf("the splits have %d bytes", sum)
	}
}

// Many small files make a split for each slot, and none of their rest.
func TestSmallFilesMakeNoRest(t *testing.T) {
	files := map[string]int{}
	for i := range 3000 {
		files[fmt.Sprintf("%04d", i)] = 4000 + i%997
	}
	h, err := Build(t.Context(), mem.New(), disk{}, "j", spec.Job{Inputs: []string{input(t, files)}}, Hints{Slots: 3})
	if err != nil || h.Maps != 3 || h.Objects != 3000 {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestSizes(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		job        spec.Job
		total      int64
		slots      int
		split      int64
		partitions int
	}{
		{spec.Job{}, 0, 0, minSplit, 1},
		{spec.Job{}, 5 << 20, 2, minSplit, 1},
		{spec.Job{}, 300 << 20, 2, 150<<20 + 150<<13 + 1, 4},
		{spec.Job{}, 8 * gib, 2, spec.DefaultSplitSize, 4},
		{spec.Job{}, gib, 100, gib/200 + gib/200/128 + 1, 16},
		{spec.Job{}, 1 << 50, 1 << 20, spec.DefaultSplitSize, spec.MaxPartitions},
		{spec.Job{SplitSize: 1, Partitions: 9}, gib, 2, 1, 9},
	} {
		if s, p := splitSize(c.job, c.total, Hints{Slots: c.slots, Share: 512 << 20}), partitions(c.job, c.total, Hints{Slots: c.slots}); s != c.split || p != c.partitions {
			t.Errorf("%d bytes on %d slots: splits of %d, %d partitions; want %d, %d", c.total, c.slots, s, p, c.split, c.partitions)
		}
	}
}

// A sort is cut so that its tasks sort in memory and fill all slots to the end.
func TestSizesOfSorts(t *testing.T) {
	const mib = 1 << 20
	sort := &pluginv1.Stage{Identity: true}
	for _, c := range []struct {
		job   spec.Job
		total int64
		h     Hints
		split int64
	}{
		{spec.Job{}, 0, Hints{Slots: 2, Share: 512 * mib, Stage: sort}, minSplit},
		{spec.Job{}, 100 * mib, Hints{Slots: 2, Share: 512 * mib, Stage: sort}, 50*mib + 50*mib/128 + 1},
		{spec.Job{}, 1000 * mib, Hints{Slots: 2, Share: 512 * mib, Stage: sort}, 125*mib + 1},
		{spec.Job{}, 1000 * mib, Hints{Slots: 3, Share: 512 * mib, Stage: sort}, 1000*mib/9 + 1},
		{spec.Job{}, 1000 * mib, Hints{Slots: 2, Share: mib, Stage: sort}, minSplit + 1},
		{spec.Job{}, 1000 * mib, Hints{Slots: 2, Stage: sort}, 500*mib + 500*mib/128 + 1},
		{spec.Job{}, 1000 * mib, Hints{Slots: 2, Share: 512 * mib}, 500*mib + 500*mib/128 + 1},
		{spec.Job{SplitSize: 7}, 1000 * mib, Hints{Slots: 2, Share: 512 * mib, Stage: sort}, 7},
	} {
		if got := splitSize(c.job, c.total, c.h); got != c.split {
			t.Errorf("%d bytes on %d slots of %d: splits of %d, want %d", c.total, c.h.Slots, c.h.Share, got, c.split)
		}
	}
}

// An input with nothing in it still has a task, so that the job has a map phase.
func TestBuildEmpty(t *testing.T) {
	store := mem.New()
	dir := input(t, map[string]int{"empty": 0})
	h, err := Build(t.Context(), store, disk{}, "j", spec.Job{Inputs: []string{dir}}, Hints{})
	if err != nil || h.Maps != 1 || h.Bytes != 0 || h.Partitions != 1 {
		t.Fatalf("%+v, %v", h, err)
	}
	if s, err := dataset.ReadSplit(t.Context(), store, "j", 0); err != nil || len(s.Pieces) != 0 {
		t.Errorf("%v, %v", s, err)
	}
}

func TestBuildRefuses(t *testing.T) {
	dir := input(t, map[string]int{"a": 1000, "big": 2 << 20})
	a, big := filepath.Join(dir, "a"), filepath.Join(dir, "big")
	for _, c := range []struct {
		job  spec.Job
		kind errs.Kind
		text string
	}{
		{spec.Job{}, errs.Invalid, "inputs"},
		{spec.Job{Inputs: []string{dir + "/none"}}, errs.NotFound, dir + "/none"},
		{spec.Job{Inputs: []string{a, dir + "/*.gz"}}, errs.NotFound, "*.gz"},
		{spec.Job{Inputs: []string{a}, InputFormat: "xml"}, errs.Invalid, "xml"},
		{spec.Job{Inputs: []string{a}, InputFormat: "records:3"}, errs.Invalid, a},
		{spec.Job{Inputs: []string{a, big}, InputFormat: "files", MaxRecord: 1 << 20}, errs.Invalid, big},
		{spec.Job{Inputs: []string{big}, SplitSize: 1}, errs.Invalid, "split_size"},
	} {
		store := mem.New()
		_, err := Build(t.Context(), store, disk{}, "j", c.job, Hints{})
		if !errs.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%+v: %v", c.job, err)
		}
		if _, err := dataset.ReadHead(t.Context(), store, "j"); !errs.Is(err, errs.NotFound) {
			t.Errorf("%+v: there is a plan: %v", c.job, err)
		}
	}
	// With bad records allowed, a file too large is only warned of.
	job := spec.Job{Inputs: []string{big}, InputFormat: "files", MaxBadRecords: -1}
	h, err := Build(t.Context(), mem.New(), disk{}, "j", job, Hints{Memory: 4 << 20})
	if err != nil || len(h.Warnings) != 1 || !strings.Contains(h.Warnings[0], big) {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestBuildBoundsWarnings(t *testing.T) {
	sizes := map[string]int{}
	for i := range 2 * maxWarnings {
		sizes[fmt.Sprintf("%02d.gz", i)] = 10
	}
	h, err := Build(t.Context(), mem.New(), disk{}, "j", spec.Job{Inputs: []string{input(t, sizes)}, SplitSize: 5}, Hints{})
	if err != nil || len(h.Warnings) != maxWarnings+1 || !strings.Contains(h.Warnings[maxWarnings], "20 more") {
		t.Errorf("%d warnings, %v", len(h.Warnings), err)
	}
}

// Two leaders may plan at once, and either may die: there is one plan.
func TestBuildCrash(t *testing.T) {
	dir := input(t, map[string]int{"a": 1000})
	job := spec.Job{Inputs: []string{dir}, SplitSize: 10}
	for _, how := range []crash.How{crash.Before, crash.After, crash.Unknown} {
		for at := 1; ; at++ {
			store := mem.New()
			first := crash.New(store, at, how)
			h1, err1 := Build(t.Context(), first, disk{}, "j", job, Hints{})
			h2, err2 := Build(t.Context(), store, disk{}, "j", job, Hints{})
			if err2 != nil || h2.Maps != 100 || err1 == nil && h1.Nonce != h2.Nonce {
				t.Fatalf("death %d at call %d: %v, %v", how, at, err1, err2)
			}
			if !first.Hit() {
				break
			}
		}
	}
}

// TestBuildRows: what the header of an input lacks is found before any work.
func TestBuildRows(t *testing.T) {
	type row struct{ Name, City string }
	c, err := codec.For[row]()
	if err != nil {
		t.Fatal(err)
	}
	stage := &pluginv1.Stage{Name: "x", InputKind: pluginv1.Stage_INPUT_KIND_ROW}
	if stage.InputSchema, err = codec.MarshalSchema(arrow.NewSchema(c.Fields(), nil)); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for text, want := range map[string]string{"name,x,city\n": "", "name,town\n": "no column city"} {
		name := filepath.Join(dir, "in.csv")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Build(t.Context(), mem.New(), disk{}, "j", spec.Job{Inputs: []string{name}}, Hints{Stage: stage})
		if (want == "") != (err == nil) || err != nil && (!errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := Build(t.Context(), mem.New(), disk{}, "j", spec.Job{Inputs: []string{name}, InputFormat: "lines"}, Hints{Stage: stage}); !errs.Is(err, errs.Invalid) {
			t.Errorf("rows of lines: %v", err)
		}
	}
}

// A stage of maps only has no partitions, and asking for some is refused.
func TestBuildMapOnly(t *testing.T) {
	job := spec.Job{Inputs: []string{input(t, map[string]int{"a": 10})}}
	h := Hints{Stage: &pluginv1.Stage{MapOnly: true}}
	head, err := Build(t.Context(), mem.New(), disk{}, "j", job, h)
	if err != nil || head.Partitions != 0 || head.Maps != 1 {
		t.Errorf("%+v %v", head, err)
	}
	for n, want := range map[int]string{1: "mrctl cat", 2: "--split-size"} {
		job.Partitions = n
		if _, err := Build(t.Context(), mem.New(), disk{}, "j", job, h); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%d partitions: %v", n, err)
		}
	}
}

// What cannot be ordered overall is refused, and nothing of a plan is left.
func TestBuildRefusesSorted(t *testing.T) {
	job := spec.Job{Inputs: []string{input(t, map[string]int{"a": 10})}, Sorted: true}
	for why, stage := range map[string]*pluginv1.Stage{"Partition": {HasPartition: true}, "only maps": {MapOnly: true}} {
		store := mem.New()
		_, err := Build(t.Context(), store, disk{}, "j", job, Hints{Stage: stage})
		if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), why) {
			t.Errorf("%v: %v", stage, err)
		}
		for info := range store.List(t.Context(), "", "") {
			t.Errorf("%v: %s is left", stage, info.Key)
		}
	}
	if _, err := Build(t.Context(), mem.New(), disk{}, "j", job, Hints{Stage: &pluginv1.Stage{}}); err != nil {
		t.Error(err)
	}
}
