package jobstest

import (
	"context"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
)

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
