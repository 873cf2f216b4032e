package jobs

import (
	"context"
	"flag"
	"iter"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/codec"
)

func byNothing(string, int64) []byte { return nil }

func noReduce(context.Context, string, iter.Seq[int64], func(Pair[string, int64])) error { return nil }

func TestRefusedJobs(t *testing.T) {
	good := wordJob{Name: "x", Map: countWords}
	change := func(f func(*wordJob)) Stage {
		j := good
		f(&j)
		return j
	}
	type row struct{ Key string }
	for want, s := range map[string]Stage{
		`the name "Word Count"`: change(func(j *wordJob) { j.Name = "Word Count" }),
		"it has no Map":         change(func(j *wordJob) { j.Map = nil }),
		"both Map and MapBatch": change(func(j *wordJob) {
			j.MapBatch = func(context.Context, arrow.RecordBatch, *BatchEmitter) error { return nil }
		}),
		"Outputs are written by Reduce": change(func(j *wordJob) { j.Outputs = []NamedOutput{Output[string]("bad")} }),
		"set Reduce":                    change(func(j *wordJob) { j.SortBy = byNothing }),
		"SortBy cannot go with Combine": change(func(j *wordJob) { j.SortBy, j.Combine, j.Reduce = byNothing, Sum[int64](), noReduce }),
		"SortBy goes with Map": change(func(j *wordJob) {
			j.SortBy, j.Reduce, j.Map = byNothing, noReduce, nil
			j.MapBatch = func(context.Context, arrow.RecordBatch, *BatchEmitter) error { return nil }
		}),
		`Columns names "nope"`:      change(func(j *wordJob) { j.Columns = func() []string { return []string{"key", "nope"} } }),
		`Columns names "key" twice`: change(func(j *wordJob) { j.Columns = func() []string { return []string{"key", "key"} } }),
		"field C: a chan cannot travel": Job[struct{ C chan int }, string, int64, Pair[string, int64]]{Name: "x",
			Map: func(context.Context, struct{ C chan int }, func(string, int64)) error { return nil }},
		"neither string, []byte nor a struct": Job[int, string, int64, Pair[string, int64]]{Name: "x",
			Map: func(context.Context, int, func(string, int64)) error { return nil }},
		"K: []string": Job[string, []string, int64, Pair[string, int64]]{Name: "x",
			Map: func(context.Context, string, func([]string, int64)) error { return nil }},
		"V: chan int": Job[string, string, chan int, Pair[string, int64]]{Name: "x",
			Map: func(context.Context, string, func(string, chan int)) error { return nil }},
		"with no Reduce it must be": Job[string, string, int64, row]{Name: "x", Map: countWords},
		"both have a column key": Job[string, string, row, Pair[string, row]]{Name: "x",
			Map: func(context.Context, string, func(string, row)) error { return nil }},
	} {
		if _, err := s.Program(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("refused with %v, want %q", err, want)
		}
	}
	if _, err := programsOf([]Stage{good, good}); err == nil {
		t.Error("two stages are taken")
	}
}

func TestDescribe(t *testing.T) {
	type report struct {
		Word  string
		Tags  []string
		Share *float64
	}
	job := Job[[]byte, string, int64, report]{
		Name: "x", Combine: Min[int64](), Partition: func(string, int) int { return 0 },
		Map:     func(context.Context, []byte, func(string, int64)) error { return nil },
		Reduce:  func(context.Context, string, iter.Seq[int64], func(report)) error { return nil },
		Columns: func() []string { return []string{"share", "tags"} },
	}
	p, err := job.Program()
	if err != nil {
		t.Fatal(err)
	}
	d := p.Describe()
	if d.GetName() != "x" || d.GetFold() != pluginv1.Stage_FOLD_MIN || !d.GetHasReduce() || !d.GetHasPartition() || !d.GetRawLines() ||
		d.GetIdentity() || d.GetInputKind() != pluginv1.Stage_INPUT_KIND_BYTES {
		t.Errorf("described as %v", d)
	}
	for raw, want := range map[*[]byte]string{
		&d.InputSchema: "record: type=binary", &d.KeySchema: "key: type=utf8", &d.ValueSchema: "value: type=int64",
		&d.OutputSchema: "share: type=float64, nullable",
	} {
		s, err := codec.UnmarshalSchema(*raw)
		if err != nil || !strings.Contains(s.String(), want) {
			t.Errorf("a schema is %v, want %s (%v)", s, want, err)
		}
	}
	out, err := codec.UnmarshalSchema(d.GetOutputSchema())
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := out.Field(1).Metadata.GetValue(codec.JSONKey); out.NumFields() != 2 || v != "1" {
		t.Errorf("the output is %v", out)
	}
	picked, err := wordJob{Name: "x", Map: countWords, Combine: Sum[int64](), Columns: func() []string { return []string{"value"} }}.Program()
	if err != nil || !picked.Describe().GetHasReduce() {
		t.Errorf("columns are picked by the engine, which shows all: %v (%v)", picked, err)
	}
	id, err := Identity[[]byte]("sort").Program()
	if err != nil || !id.Describe().GetIdentity() || id.Describe().GetHasReduce() {
		t.Errorf("the identity is %v (%v)", id, err)
	}
	placed := Identity[string]("sort")
	placed.Partition = func(string, int) int { return 0 }
	mapped := Identity[string]("sort")
	mapped.Map = func(context.Context, string, func(string, struct{})) error { return nil }
	for _, j := range []Job[string, string, struct{}, Pair[string, struct{}]]{placed, mapped} {
		if p, err := j.Program(); err != nil || p.Describe().GetIdentity() {
			t.Errorf("an identity that was changed is one still (%v)", err)
		}
	}
}

func TestDescribeFlags(t *testing.T) {
	stages := []Stage{wordJob{Name: "x", Map: countWords}}
	for name, c := range map[string]struct {
		args    []string
		invalid string
	}{
		"none":       {nil, ""},
		"good":       {[]string{"-n", "3", "-lower"}, ""},
		"unknown":    {[]string{"-x"}, "not defined: -x"},
		"bad value":  {[]string{"-n", "many"}, "invalid value"},
		"help":       {[]string{"-h"}, "-lower"},
		"a file":     {[]string{"-lower", "file"}, "no arguments but flags"},
		"after dash": {[]string{"--", "-lower"}, "no arguments but flags"},
	} {
		fs := flag.NewFlagSet("x", flag.ExitOnError)
		n := fs.Int("n", 1, "how many")
		fs.Bool("lower", false, "fold case")
		fs.Int("test.v", 0, "of package testing")
		about, p := describe(fs, c.args, stages)
		if (about.GetInvalid() == "") != (c.invalid == "") || !strings.Contains(about.GetInvalid(), c.invalid) || (p == nil) != (c.invalid != "") {
			t.Errorf("%s: invalid is %q", name, about.GetInvalid())
		}
		if name == "good" && *n != 3 {
			t.Errorf("n is %d", *n)
		}
		if f := about.GetFlags(); len(f) != 2 || f[0].GetName() != "lower" || !f[0].GetIsBool() || f[1].GetDefaultValue() != "1" || f[1].GetUsage() != "how many" {
			t.Errorf("flags are %v", f)
		}
	}
	about, _ := describe(flag.NewFlagSet("x", flag.ContinueOnError), nil, []Stage{wordJob{Name: "X"}})
	if !strings.Contains(about.GetInvalid(), "the name") {
		t.Errorf("a wrong job is %q", about.GetInvalid())
	}
}
