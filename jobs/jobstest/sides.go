package jobstest

import (
	"context"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
)

// withSides is a program that is given the side files of the options, which must have all that it needs.
func withSides(t *testing.T, p boundary.Program, o options) boundary.Program {
	t.Helper()
	for _, name := range p.Describe().GetSides() {
		if !slices.ContainsFunc(o.sides, func(s *pluginv1.Side) bool { return s.GetName() == name }) {
			t.Fatalf("the job needs the side file %s: say where it is with jobstest.Side(%q, path)", name, name)
		}
	}
	return &sided{p, o.sides}
}

// sided is a program that is given side files in each attempt.
type sided struct {
	boundary.Program
	sides []*pluginv1.Side
}

// Map implements boundary.Program.
func (s *sided) Map(ctx context.Context, start *pluginv1.MapStart, port boundary.MapPort) (*pluginv1.Counters, error) {
	start = proto.CloneOf(start)
	start.Sides = s.sides
	return s.Program.Map(ctx, start, port)
}

// Reduce implements boundary.Program.
func (s *sided) Reduce(ctx context.Context, start *pluginv1.ReduceStart, port boundary.ReducePort) (*pluginv1.Counters, error) {
	start = proto.CloneOf(start)
	start.Sides = s.sides
	return s.Program.Reduce(ctx, start, port)
}

// WithoutCombining is the same with nothing folded before the reduce.
func (s *sided) WithoutCombining() boundary.Program {
	if plain, ok := s.Program.(interface{ WithoutCombining() boundary.Program }); ok {
		return &sided{plain.WithoutCombining(), s.sides}
	}
	return s
}
