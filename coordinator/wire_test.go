package coordinator

import (
	"context"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/mrctl/mrctl/internal/errs"
)

// wire is the network of a cluster in a bubble of testing/synctest, whose clock would stand still over real sockets.
type wire struct {
	mu    sync.Mutex
	hosts map[string]*host // guarded by mu
}

// host is a listener whose process can be cut off.
type host struct {
	*bufconn.Listener

	mu    sync.Mutex
	conns []net.Conn // guarded by mu
	cut   bool       // guarded by mu
}

func (w *wire) listen(addr string) *host {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hosts == nil {
		w.hosts = map[string]*host{}
	}
	h := &host{Listener: bufconn.Listen(1 << 20)}
	w.hosts[addr] = h
	return h
}

func (w *wire) dial(ctx context.Context, addr string) (net.Conn, error) {
	w.mu.Lock()
	h := w.hosts[addr]
	w.mu.Unlock()
	if h == nil {
		return nil, errs.New(errs.Unavailable, "connect to %s: refused", addr)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cut {
		return nil, errs.New(errs.Unavailable, "connect to %s: refused", addr)
	}
	conn, err := h.DialContext(ctx)
	if err == nil {
		h.conns = append(h.conns, conn)
	}
	return conn, err
}

// client makes a connection that finds its end on the wire.
func (w *wire) client(addr string) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+addr, grpc.WithContextDialer(w.dial),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// sever ends all connections to the host and lets no others in.
func (h *host) sever() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cut = true
	for _, c := range h.conns {
		_ = c.Close()
	}
}

// mend lets connections in again.
func (h *host) mend() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cut = false
}
