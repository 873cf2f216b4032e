package boundary

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
	_ "github.com/mrctl/mrctl/internal/frame" // the codec that callers choose
)

// Server serves a plugin's programs, one for each stage.
type Server struct {
	pluginv1.UnimplementedPluginServiceServer
	about    *pluginv1.DescribeResponse
	programs []Program
}

// NewServer serves programs under the description given; a description with Invalid set needs no programs.
func NewServer(about *pluginv1.DescribeResponse, programs ...Program) *Server {
	return &Server{about: about, programs: programs}
}

// Describe gives the description to a worker that speaks our protocol.
func (s *Server) Describe(_ context.Context, req *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	if !slices.Contains(req.GetProtocols(), Protocol) {
		return nil, errs.ToStatus(errs.New(errs.Invalid,
			"this plugin speaks protocol %d and the worker %v: build it against the worker's version", Protocol, req.GetProtocols()))
	}
	return s.about, nil
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
	counters, err := p.Map(stream.Context(), start, &mapPort{stream: stream})
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
	counters, err := p.Reduce(stream.Context(), start, &reducePort{stream: stream})
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

// mapPort is the plugin's end of a map stream.
type mapPort struct {
	stream  pluginv1.PluginService_MapServer
	batches uint64
	ended   bool
}

func (p *mapPort) Recv() (*Input, error) {
	if p.ended {
		return nil, io.EOF
	}
	m, err := p.stream.Recv()
	if err != nil {
		return nil, cutOff(err)
	}
	switch k := m.GetKind().(type) {
	case *pluginv1.MapRequest_End:
		p.ended = true
		return nil, io.EOF
	case *pluginv1.MapRequest_Batch:
		bufs, err := join(k.Batch.GetBuffers().GetLengths(), k.Batch.GetBodyLength(), m.GetBody(), func() ([]byte, error) {
			m, err := p.stream.Recv()
			return m.GetBody(), cutOff(err)
		})
		if err != nil {
			return nil, err
		}
		recs, err := recordsOf(k.Batch, bufs)
		p.batches++
		return &Input{Number: p.batches - 1, Records: recs}, err
	}
	return nil, errs.New(errs.Invalid, "a %T in a map stream", m.GetKind())
}

func (p *mapPort) Send(b *Pairs) error {
	bufs := pairBuffers(b)
	lengths, total := lengthsOf(bufs...)
	bodies := cut(bufs...)
	head := &pluginv1.MapResponse{Body: bodies[0], Kind: &pluginv1.MapResponse_Batch{Batch: &pluginv1.PairBatch{
		Buffers: &pluginv1.Buffers{Rows: uint32(b.Len()), Lengths: lengths},
		Sorted:  b.Sorted, Partition: uint32(b.Partition), BodyLength: total,
	}}}
	if err := p.stream.Send(head); err != nil {
		return err
	}
	for _, body := range bodies[1:] {
		if err := p.stream.Send(&pluginv1.MapResponse{Body: body}); err != nil {
			return err
		}
	}
	return nil
}

func (p *mapPort) Progress(records uint64) error {
	return p.stream.Send(&pluginv1.MapResponse{Kind: &pluginv1.MapResponse_Progress{Progress: &pluginv1.Progress{Records: records}}})
}

// reducePort is the plugin's end of a reduce stream.
type reducePort struct {
	stream pluginv1.PluginService_ReduceServer
	ended  bool
}

func (p *reducePort) Recv() (*Group, error) {
	if p.ended {
		return nil, io.EOF
	}
	m, err := p.stream.Recv()
	if err != nil {
		return nil, cutOff(err)
	}
	switch k := m.GetKind().(type) {
	case *pluginv1.ReduceRequest_End:
		p.ended = true
		return nil, io.EOF
	case *pluginv1.ReduceRequest_Batch:
		bufs, err := join(k.Batch.GetBuffers().GetLengths(), k.Batch.GetBodyLength(), m.GetBody(), func() ([]byte, error) {
			m, err := p.stream.Recv()
			return m.GetBody(), cutOff(err)
		})
		if err != nil {
			return nil, err
		}
		b, err := batchOf(k.Batch.GetBuffers().GetRows(), bufs)
		return &Group{Batch: b, Continues: k.Batch.GetContinues()}, err
	}
	return nil, errs.New(errs.Invalid, "a %T in a reduce stream", m.GetKind())
}

func (p *reducePort) Send(rec arrow.RecordBatch) error {
	msg, err := batchMessage(rec)
	if err != nil {
		return err
	}
	bodies := cut(msg)
	head := &pluginv1.ReduceResponse{Body: bodies[0], Kind: &pluginv1.ReduceResponse_Batch{Batch: &pluginv1.OutputBatch{
		Rows: uint32(rec.NumRows()), BodyLength: uint64(len(msg)),
	}}}
	if err := p.stream.Send(head); err != nil {
		return err
	}
	for _, body := range bodies[1:] {
		if err := p.stream.Send(&pluginv1.ReduceResponse{Body: body}); err != nil {
			return err
		}
	}
	return nil
}

// cutOff turns the end of a stream where more was due into an error.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return errs.New(errs.Unavailable, "the worker closed the stream early")
	}
	return err
}
