package boundary

import (
	"context"
	"io"
	"sync"

	"google.golang.org/grpc"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
)

// InProcess reaches a server without any wire: messages are handed over as they are, with the buffers they point to. It is
// what the boundary is measured against, and it shares no segments.
type InProcess struct {
	server   *Server
	handlers sync.WaitGroup
}

// NewInProcess makes a client of a server in this process.
func NewInProcess(s *Server) *InProcess { return &InProcess{server: s} }

// Wait waits until no call is being served. Calls end with their contexts.
func (p *InProcess) Wait() { p.handlers.Wait() }

// Describe asks the server.
func (p *InProcess) Describe(ctx context.Context, req *pluginv1.DescribeRequest, _ ...grpc.CallOption) (*pluginv1.DescribeResponse, error) {
	return p.server.Describe(ctx, req)
}

// Map begins a map attempt.
func (p *InProcess) Map(ctx context.Context, _ ...grpc.CallOption) (pluginv1.PluginService_MapClient, error) {
	s := newPipe[pluginv1.MapRequest, pluginv1.MapResponse](ctx)
	p.handlers.Go(func() { s.end(p.server.Map(serverEnd[pluginv1.MapRequest, pluginv1.MapResponse]{pipe: s})) })
	return clientEnd[pluginv1.MapRequest, pluginv1.MapResponse]{pipe: s}, nil
}

// Reduce begins a reduce attempt.
func (p *InProcess) Reduce(ctx context.Context, _ ...grpc.CallOption) (pluginv1.PluginService_ReduceClient, error) {
	s := newPipe[pluginv1.ReduceRequest, pluginv1.ReduceResponse](ctx)
	p.handlers.Go(func() { s.end(p.server.Reduce(serverEnd[pluginv1.ReduceRequest, pluginv1.ReduceResponse]{pipe: s})) })
	return clientEnd[pluginv1.ReduceRequest, pluginv1.ReduceResponse]{pipe: s}, nil
}

// pipe is a call under way: a few messages in each direction.
type pipe[Req, Res any] struct {
	ctx   context.Context // of the call
	down  chan *Req       // closed by the client
	up    chan *Res
	ended chan struct{} // closed when the handler has returned
	err   error         // what it returned; io.EOF for nil. Set before ended is closed
}

func newPipe[Req, Res any](ctx context.Context) *pipe[Req, Res] {
	return &pipe[Req, Res]{ctx: ctx, down: make(chan *Req, perWay), up: make(chan *Res, perWay), ended: make(chan struct{})}
}

func (p *pipe[Req, Res]) end(err error) {
	if p.err = err; err == nil {
		p.err = io.EOF
	}
	close(p.ended)
}

// stopped is what an end of a call that was given up is told.
func (p *pipe[Req, Res]) stopped() error {
	return errs.ToStatus(errs.E(errs.Canceled, "", "", context.Cause(p.ctx)))
}

// clientEnd is the worker's end. What it embeds is never called.
type clientEnd[Req, Res any] struct {
	grpc.ClientStream
	*pipe[Req, Res]
}

func (e clientEnd[Req, Res]) Context() context.Context { return e.ctx }

func (e clientEnd[Req, Res]) Send(m *Req) error {
	select {
	case e.down <- m:
		return nil
	case <-e.ended:
	case <-e.ctx.Done():
	}
	return io.EOF // Recv knows why
}

func (e clientEnd[Req, Res]) CloseSend() error {
	close(e.down)
	return nil
}

func (e clientEnd[Req, Res]) Recv() (*Res, error) {
	select {
	case m := <-e.up:
		return m, nil
	case <-e.ctx.Done():
		return nil, e.stopped()
	case <-e.ended:
	}
	select {
	case m := <-e.up: // sent before the end
		return m, nil
	default:
		return nil, e.err
	}
}

// serverEnd is the plugin's end. What it embeds is never called.
type serverEnd[Req, Res any] struct {
	grpc.ServerStream
	*pipe[Req, Res]
}

func (e serverEnd[Req, Res]) Context() context.Context { return e.ctx }

func (e serverEnd[Req, Res]) Send(m *Res) error {
	select {
	case e.up <- m:
		return nil
	case <-e.ctx.Done():
		return e.stopped()
	}
}

func (e serverEnd[Req, Res]) Recv() (*Req, error) {
	select {
	case m, more := <-e.down:
		if !more {
			return nil, io.EOF
		}
		return m, nil
	case <-e.ctx.Done():
		return nil, e.stopped()
	}
}

var _ pluginv1.PluginServiceClient = (*InProcess)(nil)
