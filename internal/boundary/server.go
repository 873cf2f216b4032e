package boundary

import (
	"context"
	"errors"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
	_ "github.com/mrctl/mrctl/internal/frame" // the codec that callers choose
	"github.com/mrctl/mrctl/internal/shm"
)

// Server serves a plugin's programs, one for each stage.
type Server struct {
	pluginv1.UnimplementedPluginServiceServer
	about    *pluginv1.DescribeResponse
	programs []Program
	attach   func() (*shm.Region, error) // nil: nothing can be shared
	once     sync.Once
	region   *shm.Region // nil: nothing is shared; set by Describe
}

// NewServer serves programs under the description given; a description with Invalid set needs no programs.
func NewServer(about *pluginv1.DescribeResponse, programs ...Program) *Server {
	return &Server{about: about, programs: programs}
}

// Share makes the server use memory that attach maps, where the worker can share it too. It is called before serving.
func (s *Server) Share(attach func() (*shm.Region, error)) { s.attach = attach }

// Describe gives the description to a worker that speaks our protocol.
func (s *Server) Describe(_ context.Context, req *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	if !slices.Contains(req.GetProtocols(), Protocol) {
		return nil, errs.ToStatus(errs.New(errs.Invalid,
			"this plugin speaks protocol %d and the worker %v: build it against the worker's version", Protocol, req.GetProtocols()))
	}
	if s.attach == nil || !slices.Contains(req.GetAbilities(), Memfd) {
		return s.about, nil
	}
	s.once.Do(func() { s.region, _ = s.attach() }) // without it everything goes by the stream
	about := proto.CloneOf(s.about)
	if s.region != nil {
		about.Abilities = append(about.Abilities, Memfd)
	}
	return about, nil
}

func (s *Server) program(stage uint32) (Program, error) {
	if s.about.GetInvalid() != "" {
		return nil, errs.New(errs.Invalid, "%s", s.about.GetInvalid())
	}
	if stage >= uint32(len(s.programs)) {
		return nil, errs.New(errs.Invalid, "stage %d of %d", stage, len(s.programs))
	}
	return s.programs[stage], nil
}

// Map runs one map attempt.
func (s *Server) Map(stream pluginv1.PluginService_MapServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	start := first.GetStart()
	if start == nil {
		return errs.ToStatus(errs.New(errs.Invalid, "a map stream that does not begin with its start"))
	}
	p, err := s.program(start.GetId().GetStage())
	if err != nil {
		return errs.ToStatus(err)
	}
	in, err := newInlet(stream.Recv, s.region, start.GetUp())
	if err != nil {
		return errs.ToStatus(err)
	}
	counters, err := p.Map(stream.Context(), start, newMapPort(stream, in, start))
	switch f := (*Failure)(nil); {
	case errors.As(err, &f):
		return stream.Send(&pluginv1.MapResponse{Kind: &pluginv1.MapResponse_Failure{Failure: f.wire()}})
	case err != nil:
		return errs.ToStatus(err)
	}
	return stream.Send(&pluginv1.MapResponse{Kind: &pluginv1.MapResponse_Done{Done: &pluginv1.MapDone{Counters: counters}}})
}

// Reduce runs one reduce attempt.
func (s *Server) Reduce(stream pluginv1.PluginService_ReduceServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	start := first.GetStart()
	if start == nil {
		return errs.ToStatus(errs.New(errs.Invalid, "a reduce stream that does not begin with its start"))
	}
	p, err := s.program(start.GetId().GetStage())
	if err != nil {
		return errs.ToStatus(err)
	}
	in, err := newInlet(stream.Recv, s.region, start.GetUp())
	if err != nil {
		return errs.ToStatus(err)
	}
	counters, err := p.Reduce(stream.Context(), start, &reducePort{stream: stream, in: in})
	switch f := (*Failure)(nil); {
	case errors.As(err, &f):
		return stream.Send(&pluginv1.ReduceResponse{Kind: &pluginv1.ReduceResponse_Failure{Failure: f.wire()}})
	case err != nil:
		return errs.ToStatus(err)
	}
	return stream.Send(&pluginv1.ReduceResponse{Kind: &pluginv1.ReduceResponse_Done{Done: &pluginv1.ReduceDone{Counters: counters}}})
}

// most bounds the texts of a failure on the wire, in bytes.
const most = 64 << 10

func (f *Failure) wire() *pluginv1.Failure {
	return &pluginv1.Failure{
		Error: clip(f.Text), Stack: clip(f.Stack), HasRecord: f.HasRecord, Batch: f.Batch, Row: f.Row, Key: f.Key[:min(len(f.Key), most)],
	}
}

// clip bounds a text and makes it valid UTF-8, which protobuf insists on.
func clip(s string) string { return validUTF8(s[:min(len(s), most)]) }
