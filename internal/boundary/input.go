package boundary

import (
	"slices"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
)

// InputOf is input n of a stage, counted from 0. Where the inputs have no names there is one, whose name is "".
func InputOf(s *pluginv1.Stage, n int) *pluginv1.Input {
	if len(s.GetInputs()) == 0 {
		return &pluginv1.Input{InputSchema: s.GetInputSchema(), InputKind: s.GetInputKind(), RawLines: s.GetRawLines()}
	}
	if n < 0 || n >= len(s.GetInputs()) {
		return nil
	}
	return s.GetInputs()[n]
}

// GivenInputs describes the inputs that all stages of a job together are given by the user, as if it were of one stage. The
// error, an errs.Invalid, says which stage is wrong.
func GivenInputs(list []*pluginv1.Stage) (*pluginv1.Stage, error) {
	if len(list) == 1 {
		return list[0], nil
	}
	all := proto.CloneOf(list[0])
	all.Inputs = nil
	all.Sides = nil
	for i, s := range list {
		for _, name := range s.Sides {
			if !slices.Contains(all.Sides, name) {
				all.Sides = append(all.Sides, name)
			}
		}
		if len(s.Inputs) == 0 && i > 0 {
			return nil, errs.New(errs.Invalid, "stage %s: a stage after the first says what it reads: give it Inputs, by jobs.After and jobs.From", s.Name)
		}
		for _, in := range s.Inputs {
			j := slices.IndexFunc(all.Inputs, func(o *pluginv1.Input) bool { return o.Name == in.Name })
			switch {
			case int(in.After) > i:
				return nil, errs.New(errs.Invalid, "stage %s: input %s is of a stage that comes later", s.Name, in.Name)
			case in.After > 0:
			case len(list[0].Inputs) == 0:
				return nil, errs.New(errs.Invalid, "stage %s reads input %s, so the input of stage %s needs a name too: give it Inputs, by jobs.From", s.Name, in.Name, list[0].Name)
			case j < 0:
				all.Inputs = append(all.Inputs, in)
			case all.Inputs[j].InputKind != in.InputKind:
				return nil, errs.New(errs.Invalid, "stage %s reads input %s otherwise than an earlier stage: as text here, as rows there", s.Name, in.Name)
			}
		}
	}
	return all, nil
}
