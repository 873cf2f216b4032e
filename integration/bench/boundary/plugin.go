package main

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
)

// heap is what the SDK makes the heap of a plugin seem to hold.
const heap = 16 << 20

// servePlugin is the plugin's side, without the SDK above it.
func servePlugin() {
	defer runtime.KeepAlive(make([]byte, heap))
	go endWithWorker()
	p := &program{}
	s := boundary.NewServer(&pluginv1.DescribeResponse{Protocol: boundary.Protocol, Stages: []*pluginv1.Stage{p.Describe()}}, p)
	s.Share(boundary.Inherited)
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: boundary.Handshake,
		Plugins:         plugin.PluginSet{boundary.Name: &boundary.Glue{Service: s}},
		GRPCServer:      boundary.NewGRPCServer,
		Logger:          hclog.NewNullLogger(),
	})
}

// endWithWorker ends this process when the worker lets it go, as the SDK does; else the worker waits a second in vain, and
// that would be measured too.
func endWithWorker() {
	fd, err := strconv.Atoi(os.Getenv(boundary.ParentPipe))
	fail(err)
	_, err = io.Copy(io.Discard, os.NewFile(uintptr(fd), "parent"))
	fail(err)
	os.Exit(0)
}

// program is the least that can be at the other end. What it is to do is in the attempt's name.
type program struct{}

func (program) Describe() *pluginv1.Stage {
	key, err := codec.MarshalSchema(arrow.NewSchema([]arrow.Field{{Name: "line", Type: arrow.BinaryTypes.String}}, nil))
	if err != nil {
		panic(err) // a constant
	}
	return &pluginv1.Stage{Name: "boundary", HasMap: true, KeySchema: key}
}

func (program) Map(_ context.Context, start *pluginv1.MapStart, port boundary.MapPort) (*pluginv1.Counters, error) {
	if batches := start.GetId().GetTask(); batches > 0 {
		return nil, give(port, int(batches))
	}
	recv := port.Recv
	if start.GetId().GetJob() == inPlace {
		recv = port.Lend
	}
	var sum checksum
	for {
		in, err := recv()
		if errors.Is(err, io.EOF) {
			return &pluginv1.Counters{User: map[string]int64{"sum": int64(sum)}}, nil
		}
		if err != nil {
			return nil, err
		}
		sum.add(in.Data)
	}
}

// give sends batches up.
func give(port boundary.MapPort, batches int) error {
	if _, err := port.Recv(); err != io.EOF {
		return err
	}
	t := newTemplate()
	vals := make([]int32, len(t.off))
	p := &boundary.Pairs{}
	for n := range batches {
		if cap(p.Keys) < len(t.data) {
			p.Keys = make([]byte, 0, len(t.data))
		}
		p.Keys = t.fill(p.Keys, n)
		p.KeyOff, p.ValOff = append(p.KeyOff, t.off...), append(p.ValOff, vals...)
		if err := port.Send(p); err != nil {
			return err
		}
	}
	return nil
}

func (program) Reduce(context.Context, *pluginv1.ReduceStart, boundary.ReducePort) (*pluginv1.Counters, error) {
	return nil, errors.New("there is nothing to reduce")
}
