package plugincheck

import (
	"context"

	"google.golang.org/grpc"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
)

// wire is a plugin's service, spoken to in ways that a worker may but mostly does not.
type wire struct {
	pluginv1.PluginServiceClient
	cut   int  // bytes of body in a message at most; 0: as they come
	noEnd bool // the stream is closed without End
}

// Map opens a stream.
func (w wire) Map(ctx context.Context, opts ...grpc.CallOption) (pluginv1.PluginService_MapClient, error) {
	s, err := w.PluginServiceClient.Map(ctx, opts...)
	return mapWire{s, w}, err
}

// Reduce opens a stream.
func (w wire) Reduce(ctx context.Context, opts ...grpc.CallOption) (pluginv1.PluginService_ReduceClient, error) {
	s, err := w.PluginServiceClient.Reduce(ctx, opts...)
	return reduceWire{s, w}, err
}

// pieces cuts a body, at least into one.
func (w wire) pieces(body []byte) (out [][]byte) {
	for w.cut > 0 && len(body) > w.cut {
		out, body = append(out, body[:w.cut]), body[w.cut:]
	}
	return append(out, body)
}

type mapWire struct {
	pluginv1.PluginService_MapClient
	w wire
}

func (s mapWire) Send(m *pluginv1.MapRequest) error {
	if s.w.noEnd && m.GetEnd() != nil {
		return nil
	}
	for i, piece := range s.w.pieces(m.GetBody()) {
		part := &pluginv1.MapRequest{Body: piece}
		if i == 0 {
			part.Kind = m.GetKind()
		}
		if err := s.PluginService_MapClient.Send(part); err != nil {
			return err
		}
	}
	return nil
}

type reduceWire struct {
	pluginv1.PluginService_ReduceClient
	w wire
}

func (s reduceWire) Send(m *pluginv1.ReduceRequest) error {
	if s.w.noEnd && m.GetEnd() != nil {
		return nil
	}
	for i, piece := range s.w.pieces(m.GetBody()) {
		part := &pluginv1.ReduceRequest{Body: piece}
		if i == 0 {
			part.Kind = m.GetKind()
		}
		if err := s.PluginService_ReduceClient.Send(part); err != nil {
			return err
		}
	}
	return nil
}
