package plan

import (
	"path/filepath"
	"strings"
	"testing"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage/dataset"
	"github.com/mrctl/mrctl/storage/mem"
)

// A split is of one input, in the order that the stage has them in, and the sizes are chosen over all of them.
func TestNamedInputs(t *testing.T) {
	dir := input(t, map[string]int{"a": 26, "b": 26, "c": 52, "d": 13})
	at := func(name string) string { return filepath.Join(dir, name) }
	stage := &pluginv1.Stage{Name: "join", Inputs: []*pluginv1.Input{{Name: "y"}, {Name: "x"}}}
	job := spec.Job{
		NamedInputs:  map[string][]string{"x": {at("a"), at("b"), at("d")}, "y": {at("c")}},
		NamedFormats: map[string]string{"y": "records:13"}, SplitSize: 40,
	}
	store := mem.New()
	h, err := Build(t.Context(), store, disk{}, "j", job, Hints{Stage: stage})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range h.Maps {
		s, err := dataset.ReadSplit(t.Context(), store, "j", i)
		if err != nil {
			t.Fatal(err)
		}
		text := stage.Inputs[s.Input].Name
		for _, p := range s.Pieces {
			text += " " + filepath.Base(p.URI)
		}
		got = append(got, text)
	}
	if all := strings.Join(got, ", "); all != "y c, y c, x a, x b d" || h.Objects != 4 || h.Bytes != 117 {
		t.Errorf("%s; %+v", all, h)
	}
	for says, change := range map[string]func(*spec.Job){
		"its input y is missing": func(j *spec.Job) { j.NamedInputs = map[string][]string{"x": {at("a")}} },
		"it has no input z": func(j *spec.Job) {
			j.NamedInputs = map[string][]string{"x": {at("a")}, "y": {at("c")}, "z": {at("d")}}
		},
		"its inputs have names (y, x)": func(j *spec.Job) { j.NamedInputs, j.Inputs = nil, []string{at("a")} },
		"input y: ":                    func(j *spec.Job) { j.NamedFormats = map[string]string{"y": "csv"} },
	} {
		bad := job
		change(&bad)
		_, err := Build(t.Context(), mem.New(), disk{}, "j", bad, Hints{Stage: stage})
		if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("refused with %v, want %q", err, says)
		}
	}
}
