package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/shm"
)

// Strings stay as they were when they came in shared segments too, which are written over many times meanwhile and are
// full of something else in the end. Every line is kept, and a part of it, while the collector runs all the time.
func TestStringsOutliveTheirSegments(t *testing.T) {
	const batches, size = 400, 16 << 10
	var kept []string
	p := compiled(t, wordJob{Name: "x", Map: func(_ context.Context, line string, emit func(string, int64)) error {
		kept = append(kept, line, line[len(line)/2:])
		emit(line, 1)
		return nil
	}})
	segments, err := boundary.NewSegments(1, size)
	if err != nil {
		t.Fatal(err)
	}
	defer segments.Close()
	server := boundary.NewServer(&pluginv1.DescribeResponse{Protocol: boundary.Protocol, Stages: []*pluginv1.Stage{p.Describe()}}, p)
	var theirs *shm.Region
	server.Share(func() (*shm.Region, error) {
		var err error
		theirs, err = segments.Region().Again()
		return theirs, err
	})
	client := overGRPC(t, server)
	if _, err := client.Describe(t.Context(), &pluginv1.DescribeRequest{Protocols: []uint32{boundary.Protocol}, Abilities: []string{boundary.Memfd}}); err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()

	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	defer func() { close(stop); <-stopped }()

	s, err := boundary.NewMap(t.Context(), client, segments, &pluginv1.MapStart{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var want []string
	sent := make(chan error, 1)
	go func() {
		for i := range batches {
			b := s.Buffer(size / 2)
			b.Off = append(b.Off, 0)
			for j := 0; len(b.Data) < size/4; j++ {
				line := fmt.Sprintf("line %d of batch %d", j, i)
				want = append(want, line, line[len(line)/2:])
				b.Data = append(b.Data, line...)
				b.Off = append(b.Off, int32(len(b.Data)))
			}
			if err := s.Send(t.Context(), b); err != nil {
				sent <- err
				return
			}
		}
		sent <- s.CloseSend()
	}()
	for err == nil {
		_, err = s.Recv()
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	for i := range segments.Region().Segments() {
		mem := segments.Region().Segment(uint32(i))
		for j := range mem {
			mem[j] = 0xee
		}
	}
	if len(kept) != len(want) {
		t.Fatalf("%d strings, want %d", len(kept), len(want))
	}
	for i := range kept {
		if kept[i] != want[i] {
			t.Fatalf("string %d became %q, was %q", i, kept[i], want[i])
		}
	}
}

// overGRPC serves and gives a client, within this process.
func overGRPC(t *testing.T, server pluginv1.PluginServiceServer) pluginv1.PluginServiceClient {
	lis, g, done := bufconn.Listen(1<<20), boundary.NewGRPCServer([]grpc.ServerOption{grpc.WaitForHandlers(true)}), make(chan error, 1)
	pluginv1.RegisterPluginServiceServer(g, server)
	go func() { done <- g.Serve(lis) }()
	conn, err := grpc.NewClient("passthrough:kept", append(boundary.DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))...)
	t.Cleanup(func() {
		if conn != nil {
			_ = conn.Close() // within this process
		}
		g.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return pluginv1.NewPluginServiceClient(conn)
}
