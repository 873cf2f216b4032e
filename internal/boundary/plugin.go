package boundary

import (
	"context"
	"unsafe"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/frame"
)

// Handshake is how a worker and a plugin know each other. The cookie is no secret: it tells a program that it was
// started by a worker and not by hand.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  Protocol,
	MagicCookieKey:   "MRCTL_PLUGIN",
	MagicCookieValue: "e3b5a1c07d2f4496",
}

// Name is the name of the one service of a plugin.
const Name = "job"

// Glue is the plugin as go-plugin knows it. Service is nil on the worker's side.
type Glue struct {
	plugin.NetRPCUnsupportedPlugin
	Service pluginv1.PluginServiceServer
}

// GRPCServer registers the service, in the plugin.
func (g *Glue) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pluginv1.RegisterPluginServiceServer(s, g.Service)
	return nil
}

// GRPCClient gives a pluginv1.PluginServiceClient, in the worker.
func (g *Glue) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return pluginv1.NewPluginServiceClient(c), nil
}

// Windows and buffers of the connection, in bytes. The stream window is also how far a sender can be ahead.
const (
	streamWindow = 4 << 20
	connWindow   = 16 << 20
	ioBuffer     = 256 << 10
)

// NewGRPCServer makes the plugin's server; without our limits grpc's own would refuse a batch of 4 MiB.
func NewGRPCServer(opts []grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(opts,
		grpc.MaxRecvMsgSize(frame.MaxMessage), grpc.MaxSendMsgSize(frame.MaxMessage),
		grpc.InitialWindowSize(streamWindow), grpc.InitialConnWindowSize(connWindow),
		grpc.ReadBufferSize(ioBuffer), grpc.WriteBufferSize(ioBuffer))...)
}

// DialOptions are the worker's side of the same.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(frame.MaxMessage), grpc.MaxCallSendMsgSize(frame.MaxMessage)),
		grpc.WithInitialWindowSize(streamWindow), grpc.WithInitialConnWindowSize(connWindow),
		grpc.WithReadBufferSize(ioBuffer), grpc.WithWriteBufferSize(ioBuffer),
	}
}

// aligned is b at an address that 8-byte values may lie at.
func aligned(b []byte) []byte {
	if uintptr(unsafe.Pointer(unsafe.SliceData(b)))%8 == 0 {
		return b
	}
	return append(make([]byte, 0, len(b)), b...)
}

// ParentPipe names the environment variable that holds the number of an inherited descriptor: the reading end of a pipe
// whose other end the worker keeps open. Its end is the worker's end, and the plugin must exit.
const ParentPipe = "MRCTL_PARENT_FD"

// MemoryLimit names the environment variable that holds how many bytes a plugin's buffers may take, those of all its
// attempts together. What the author's own functions hold is no concern of it.
const MemoryLimit = "MRCTL_MEMORY"

// ProfileFile names the environment variable that holds the path a plugin writes a CPU profile of itself to, when it ends
// in good order.
const ProfileFile = "MRCTL_CPU_PROFILE"
