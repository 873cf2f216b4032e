package jobstest

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/internal/shm"
)

// remote runs attempts over gRPC, through the same code on both sides as a worker and a plugin.
type remote struct {
	stage  *pluginv1.Stage
	server *grpc.Server
	conn   *grpc.ClientConn
	client pluginv1.PluginServiceClient
	done   chan error
	shared *boundary.Segments // nil: everything goes by the stream
	theirs *shm.Region        // the plugin's mapping of it
}

// smallSegment is too small for some batches of a test, and large enough for others.
const smallSegment = 4096

func dial(ctx context.Context, p boundary.Program, s setting) (*remote, error) {
	lis := bufconn.Listen(1 << 20)
	r := &remote{stage: p.Describe(), server: boundary.NewGRPCServer([]grpc.ServerOption{grpc.WaitForHandlers(true)}), done: make(chan error, 1)}
	about := &pluginv1.DescribeResponse{Protocol: boundary.Protocol, Stages: []*pluginv1.Stage{r.stage}}
	server := boundary.NewServer(about, p)
	pluginv1.RegisterPluginServiceServer(r.server, server)
	var err error
	if s.shared {
		if r.shared, err = boundary.NewSegments(max(s.splits, s.partitions, 1), smallSegment); err != nil {
			return nil, err
		}
		server.Share(func() (_ *shm.Region, err error) {
			r.theirs, err = r.shared.Region().Again()
			return r.theirs, err
		})
	}
	go func() { r.done <- r.server.Serve(lis) }()
	r.conn, err = grpc.NewClient("passthrough:laws", append(boundary.DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))...)
	if err != nil {
		r.server.Stop()
		<-r.done
		return nil, err
	}
	r.client = pluginv1.NewPluginServiceClient(r.conn)
	if s.shared {
		req := &pluginv1.DescribeRequest{Protocols: []uint32{boundary.Protocol}, Abilities: []string{boundary.Memfd}}
		if _, err := r.client.Describe(ctx, req); err != nil {
			r.close()
			return nil, err
		}
	}
	return r, nil
}

func (r *remote) close() {
	_ = r.conn.Close() // a connection within the process
	r.server.Stop()
	<-r.done
	r.shared.Close()
	if r.theirs != nil {
		_ = r.theirs.Close() // as the process would
	}
}

func (r *remote) mapTask(ctx context.Context, start *pluginv1.MapStart, in []rows.Records) (m mapped, err error) {
	s, err := boundary.NewMap(ctx, r.client, r.shared, start, nil)
	if err != nil {
		return m, err
	}
	defer s.Close()
	if r.stage.GetMapOnly() {
		if err := s.TakeNamed(r.stage.GetOutputs(), into(&m.named, r.stage)); err != nil {
			return m, err
		}
	}
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
			m.counters = s.Counters()
			return m, <-sent
		}
		if err != nil {
			<-sent
			return mapped{}, err
		}
		m.pairs = append(m.pairs, clone(b))
	}
}

// clone copies a batch that is valid until the next one comes.
func clone(b *boundary.Pairs) *boundary.Pairs {
	own := *b
	own.KeyOff, own.Keys = slices.Clone(b.KeyOff), slices.Clone(b.Keys)
	own.ValOff, own.Vals = slices.Clone(b.ValOff), slices.Clone(b.Vals)
	own.Parts = slices.Clone(b.Parts)
	return &own
}

func (r *remote) reduceTask(ctx context.Context, start *pluginv1.ReduceStart, in []*boundary.Group, put func(arrow.RecordBatch) error) (out []row, err error) {
	s, err := boundary.NewReduce(ctx, r.client, r.shared, r.stage, start, nil)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := s.TakeNamed(r.stage.GetOutputs(), into(&out, r.stage)); err != nil {
		return nil, err
	}
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
		out = append(out, rowsOf(rec)...)
		if err := put(rec); err != nil {
			return nil, err
		}
	}
}
