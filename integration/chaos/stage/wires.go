package stage

import (
	"context"
	"net"
	"os/exec"
	"sync"

	"github.com/mrctl/mrctl/integration/chaos/netfault"
	"github.com/mrctl/mrctl/integration/chaos/netspace"
	"github.com/mrctl/mrctl/integration/chaos/storefault"
)

// wires are what processes reach each other and the store by.
type wires interface {
	// Set breaks connections from one process to another until it is lifted.
	Set(netfault.Match, netfault.Rule) (lift func())
	// node prepares the place of a process that serves.
	node(name string) (place, error)
	// client prepares that of one that only dials.
	client(name string) (place, error)
	// door opens an endpoint of the store for the process of a name.
	door(to *storefault.Store, from string) (*storefault.Door, error)
	close() error
}

// place is where a process runs, and where it is reached.
type place interface {
	// listen is how it is told where to listen, and what to tell others.
	listen() (args []string)
	// Addr is where others reach it.
	Addr() string
	// Target is where it listens, "" while it does not; dial reaches that past all that may be broken.
	Target() string
	SetTarget(addr string)
	dial(ctx context.Context, addr string) (net.Conn, error)
	// enter puts a thread where the process belongs; nil where that is anywhere.
	enter() func() error
	start(cmd *exec.Cmd) error
}

// proxied are processes side by side with a proxy before each of them.
type proxied struct{ *netfault.Net }

type proxy struct{ *netfault.Front }

func (w proxied) node(name string) (place, error) {
	f, err := w.Front(name)
	return proxy{f}, err
}

func (w proxied) client(string) (place, error) { return proxy{}, nil }

func (w proxied) door(to *storefault.Store, from string) (*storefault.Door, error) {
	return to.Door(from)
}

func (w proxied) close() error { w.Close(); return nil }

func (p proxy) listen() []string { return []string{"--advertise", p.Addr()} }

func (p proxy) dial(ctx context.Context, addr string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
}

func (p proxy) enter() func() error { return nil }

func (p proxy) start(cmd *exec.Cmd) error { return cmd.Start() }

// Ports of servers in networks of their own.
const (
	servePort = 7000
	doorPort  = 9000 // of the first door
)

// apart are processes in networks of their own, with one more for the store's doors. The server itself stays outside.
type apart struct {
	*netspace.Net

	mu    sync.Mutex
	store *netspace.Space // guarded by mu; nil until there is a door
	doors int             // guarded by mu
}

// spot is the place of a process in a network of its own.
type spot struct {
	space *netspace.Space

	mu     sync.Mutex
	target string // guarded by mu
}

func (w *apart) node(name string) (place, error) {
	s, err := w.Space(name)
	return &spot{space: s}, err
}

func (w *apart) client(name string) (place, error) { return w.node(name) }

func (w *apart) door(to *storefault.Store, from string) (_ *storefault.Door, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.store == nil {
		if w.store, err = w.Space(StoreName); err != nil {
			return nil, err
		}
	}
	l, err := w.store.Listen(doorPort + w.doors)
	if err != nil {
		return nil, err
	}
	w.doors++
	return to.DoorAt(l, from), nil
}

func (w *apart) close() error { return w.Close() }

func (p *spot) listen() []string {
	return []string{"--listen", p.Addr(), "--insecure"} // who could hear it is in the same net
}

func (p *spot) Addr() string { return p.space.Addr(servePort) }

func (p *spot) Target() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.target
}

func (p *spot) SetTarget(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = addr
}

func (p *spot) dial(ctx context.Context, addr string) (net.Conn, error) {
	return p.space.Dial(ctx, addr)
}

func (p *spot) enter() func() error { return p.space.Enter }

func (p *spot) start(cmd *exec.Cmd) error { return p.space.Do(cmd.Start) }
