package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
)

// After makes an input of the rows of an earlier stage: they are the records that fn maps, so its type is that stage's Out,
// a struct. The stage is known by its Name and stands before this one in jobs.Main.
func After[In, K0, V0, Mid, K, V any](stage Job[In, K0, V0, Mid], fn func(ctx context.Context, row Mid, emit func(K, V)) error) Input[K, V] {
	in := From(stage.Name, fn)
	in.after = true
	return in
}

// follower is a program some of whose inputs are rows of earlier stages.
type follower interface {
	boundary.Program
	follows() []int
}

// follows are the places of these inputs.
func (p *program[In, K, V, Out]) follows() []int { return p.after }

// Programs compiles the stages of a job as Main does, and finds for each the earlier ones whose rows it reads. It is for packages
// that run jobs. The error says what to change.
func Programs(stages ...Stage) ([]boundary.Program, error) { return programsOf(stages) }

// programsOf compiles the stages and finds for each the earlier ones whose rows it reads.
func programsOf(stages []Stage) (programs []boundary.Program, err error) {
	if len(stages) == 0 {
		return nil, errors.New("jobs.Main needs a job")
	}
	var names []string
	read := map[string]bool{}
	for _, s := range stages {
		p, err := s.Program()
		if err != nil {
			return nil, err
		}
		about := p.Describe()
		if slices.Contains(names, about.Name) {
			return nil, fmt.Errorf("two stages are called %s", about.Name)
		}
		if f, ok := p.(follower); ok {
			for _, i := range f.follows() {
				in := about.Inputs[i]
				at := slices.Index(names, in.Name)
				if at < 0 {
					return nil, fmt.Errorf("stage %s reads the rows of %s, which does not stand before it in jobs.Main", about.Name, in.Name)
				}
				if err := fits(programs[at].Describe(), in); err != nil {
					return nil, fmt.Errorf("stage %s cannot read the rows of %s: %w", about.Name, in.Name, err)
				}
				in.After, read[in.Name] = uint32(at+1), true
			}
		}
		programs, names = append(programs, p), append(names, about.Name)
	}
	for _, name := range names[:len(names)-1] {
		if !read[name] {
			return nil, fmt.Errorf("no stage reads the rows of %s: read them by jobs.After, or leave it out", name)
		}
	}
	return programs, nil
}

// fits says what is wrong with the rows of a stage as records of an input.
func fits(from *pluginv1.Stage, to *pluginv1.Input) error {
	if _, err := heapOf(from, to); err != nil {
		return fmt.Errorf("%w (the fields of a struct within its Out are columns of their own: give that stage an Out of your own, a struct with these fields)", err)
	}
	return nil
}

// described are the descriptions of programs.
func described(programs []boundary.Program) []*pluginv1.Stage {
	list := make([]*pluginv1.Stage, len(programs))
	for i, p := range programs {
		list[i] = p.Describe()
	}
	return list
}
