package jobstest

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/rows"
)

// remote runs attempts over gRPC, through the same code on both sides as a worker and a plugin.
type remote struct {
	stage  *pluginv1.Stage
	server *grpc.Server
	conn   *grpc.ClientConn
	client pluginv1.PluginServiceClient
	done   chan error
}

func dial(p boundary.Program) (*remote, error) {
	lis := bufconn.Listen(1 << 20)
	r := &remote{stage: p.Describe(), server: boundary.NewGRPCServer(nil), done: make(chan error, 1)}
	about := &pluginv1.DescribeResponse{Protocol: boundary.Protocol, Stages: []*pluginv1.Stage{r.stage}}
	pluginv1.RegisterPluginServiceServer(r.server, boundary.NewServer(about, p))
	go func() { r.done <- r.server.Serve(lis) }()
	var err error
	r.conn, err = grpc.NewClient("passthrough:laws", append(boundary.DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))...)
	if err != nil {
		r.server.Stop()
		<-r.done
		return nil, err
	}
	r.client = pluginv1.NewPluginServiceClient(r.conn)
	return r, nil
}

func (r *remote) close() {
	_ = r.conn.Close() // a connection within the process
	r.server.Stop()
	<-r.done
}

func (r *remote) mapTask(ctx context.Context, start *pluginv1.MapStart, in []rows.Records) (out []*boundary.Pairs, c *pluginv1.Counters, err error) {
	s, err := boundary.NewMap(ctx, r.client, start, nil)
	if err != nil {
		return nil, nil, err
	}
	defer s.Close()
	sent := make(chan error, 1)
	go func() {
		for i := range in {
			to := s.Buffer(len(in[i].Data))
			to.Data, to.Off = append(to.Data, in[i].Data...), append(to.Off, in[i].Off...)
			if err := s.Send(ctx, to); err != nil {
				sent <- err
				return
			}
		}
		sent <- s.CloseSend()
	}()
	for {
		b, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return out, s.Counters(), <-sent
		}
		if err != nil {
			<-sent
			return nil, nil, err
		}
		out = append(out, b)
	}
}

func (r *remote) reduceTask(ctx context.Context, start *pluginv1.ReduceStart, in []*boundary.Group) (out []arrow.RecordBatch, err error) {
	s, err := boundary.NewReduce(ctx, r.client, r.stage, start, nil)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	sent := make(chan error, 1)
	go func() {
		for _, g := range in {
			if err := s.Send(ctx, &g.Batch, g.Continues); err != nil {
				sent <- err
				return
			}
		}
		sent <- s.CloseSend()
	}()
	for {
		rec, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return out, <-sent
		}
		if err != nil {
			<-sent
			return nil, err
		}
		out = append(out, rec)
	}
}
