// Package dial makes connections to a coordinator that notice when nothing comes from it any more.
//
// A machine that has lost power, or a network that drops what is sent, says nothing: a stream that only listens would listen
// for ever, and TCP tries to connect for two minutes.
package dial

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

const (
	// Time without a word after which the other side is asked for one. Coordinators refuse to be asked more often than every 5 s.
	Time = 10 * time.Second
	// Patience is how long the answer may take. What was sent and is not acknowledged for so long ends the connection too, on Linux.
	Patience = 10 * time.Second
	// Connect is how long a connection may take to come about: by then a SYN has been sent three times. Who leads may have
	// changed meanwhile, so that gRPC's 20 s are too long.
	Connect = 5 * time.Second
)

// Coordinator prepares a connection to host:port. There is neither a resolver, since the address is one, nor a proxy.
func Coordinator(addr string, creds credentials.TransportCredentials, maxMessage int, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+addr, append([]grpc.DialOption{
		grpc.WithTransportCredentials(creds), grpc.WithNoProxy(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: Time, Timeout: Patience, PermitWithoutStream: true}),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: Connect}),
	}, opts...)...)
}
