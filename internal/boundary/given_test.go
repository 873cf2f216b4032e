package boundary

import (
	"slices"
	"strings"
	"testing"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
)

// What the user gives to a job of stages: the inputs of all that are no rows of an earlier stage, each once, and the side
// files of all.
func TestGivenInputs(t *testing.T) {
	in := func(name string, after uint32) *pluginv1.Input { return &pluginv1.Input{Name: name, After: after} }
	stage := func(name string, inputs ...*pluginv1.Input) *pluginv1.Stage {
		return &pluginv1.Stage{Name: name, Inputs: inputs, Sides: []string{"words", name}}
	}
	rows := in("a", 0)
	rows.InputKind = pluginv1.Stage_INPUT_KIND_ROW
	for _, c := range []struct {
		what  string
		list  []*pluginv1.Stage
		given string // or what the error says
		bad   bool
	}{
		{"one stage, as it is", []*pluginv1.Stage{stage("s")}, "", false},
		{"a chain", []*pluginv1.Stage{stage("s"), stage("t", in("s", 1)), stage("u", in("t", 2))}, "", false},
		{"a DAG with inputs of its own", []*pluginv1.Stage{stage("s", in("a", 0)), stage("t", in("b", 0), in("s", 1)), stage("u", in("a", 0), in("s", 1), in("t", 2))}, "a b", false},
		{"nothing to read", []*pluginv1.Stage{stage("s"), stage("t")}, "stage t: a stage after the first", true},
		{"its own rows", []*pluginv1.Stage{stage("s"), stage("t", in("t", 2))}, "stage t: input t is of a stage that comes later", true},
		{"its own rows, the first", []*pluginv1.Stage{stage("s", in("s", 1)), stage("t", in("s", 1))}, "stage s: input s is of a stage that comes later", true},
		{"the first has no name", []*pluginv1.Stage{stage("s"), stage("t", in("b", 0), in("s", 1))}, "the input of stage s needs a name", true},
		{"two kinds", []*pluginv1.Stage{stage("s", in("a", 0)), stage("t", rows, in("s", 1))}, "stage t reads input a otherwise", true},
	} {
		got, err := GivenInputs(c.list)
		if c.bad {
			if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), c.given) {
				t.Errorf("%s: %v, want %q", c.what, err, c.given)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		var names, sides []string
		for _, in := range got.Inputs {
			names = append(names, in.Name)
		}
		sides = []string{"words"}
		for _, s := range c.list {
			sides = append(sides, s.Name)
		}
		if strings.Join(names, " ") != c.given || !slices.Equal(got.Sides, sides) {
			t.Errorf("%s: inputs %v, side files %v", c.what, names, got.Sides)
		}
	}
}
