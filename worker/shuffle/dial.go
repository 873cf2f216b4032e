package shuffle

import (
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/keepalive"

	"github.com/mrctl/mrctl/internal/frame"
)

// Windows of HTTP/2 flow control: what a producer may have on the way to one reader, by stream and by connection. This is
// memory of the transport, beside an attempt's budget; gRPC's own 64 KiB would make a stream wait a round trip a frame.
const (
	streamWindow = 2 << 20
	connWindow   = 8 << 20
	socketBuffer = 256 << 10
)

// DialOptions make a connection fit for bulk data, and notice a peer that is gone. Credentials are the caller's.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		experimental.WithBufferPool(frame.Pool),
		grpc.WithNoProxy(), // workers are reached directly or not at all
		grpc.WithInitialWindowSize(streamWindow), grpc.WithInitialConnWindowSize(connWindow),
		grpc.WithReadBufferSize(socketBuffer), grpc.WithWriteBufferSize(socketBuffer),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(frame.MaxMessage), grpc.MaxCallSendMsgSize(frame.MaxMessage)),
		// Sooner than gRPC's second, so that tries find the connection tried as well.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}),
	}
}

// ServerOptions are their other half.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.WriteBufferSize(socketBuffer), grpc.ReadBufferSize(socketBuffer),
		grpc.MaxRecvMsgSize(frame.MaxMessage), grpc.MaxSendMsgSize(frame.MaxMessage),
		// A reader that is gone without a word while it takes nothing would keep its stream, and what that holds, for hours.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
	}
}

// Conns keeps connections to producers, lanes of them to each. It is safe for concurrent use.
type Conns struct {
	opts []grpc.DialOption

	mu    sync.Mutex
	conns map[string]*peer // guarded by mu; by address
}

// peer is what Conns keeps of one address.
type peer struct {
	conns  []*grpc.ClientConn
	routes []Route
}

// NewConns dials with DialOptions and then opts, which name the credentials.
func NewConns(opts ...grpc.DialOption) *Conns {
	return &Conns{opts: append(DialOptions(), opts...), conns: map[string]*peer{}}
}

// Routes gives the connections to an address. It does not wait for them to stand: each is made when first used.
func (c *Conns) Routes(addr string) ([]Route, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.conns[addr]; p != nil {
		return p.routes, nil
	}
	p := &peer{}
	for range lanes {
		conn, err := grpc.NewClient(addr, c.opts...)
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.conns = append(p.conns, conn)
		p.routes = append(p.routes, overConn{conn})
	}
	c.conns[addr] = p
	return p.routes, nil
}

// Close closes every connection.
func (c *Conns) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []error
	for addr, p := range c.conns {
		all = append(all, p.close())
		delete(c.conns, addr)
	}
	return errors.Join(all...)
}

func (p *peer) close() error {
	var all []error
	for _, conn := range p.conns {
		all = append(all, conn.Close())
	}
	return errors.Join(all...)
}
