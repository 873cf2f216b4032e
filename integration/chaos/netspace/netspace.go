// Package netspace gives each process a network of its own, and stands between these: packets that vanish, one way or both,
// that are lost by chance, late or slow. Proxies cannot do that: their own kernel acknowledges what they hold back, and a
// connection through them ends with a goodbye.
//
// A Space is a network namespace of Linux whose only way out is a device (tun) that this process reads; a Net is the
// switch between them. It needs the right to make namespaces (root, or a user namespace in which one is) and /dev/net/tun, and
// nothing else: no command, no netem, no packet filter. No namespace has a name, and no device is seen from outside: all of it
// is gone when the processes in it and this one are, however they end, and any number of nets live side by side.
package netspace

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/mrctl/mrctl/integration/chaos/netfault"
)

// Net is a set of spaces that reach each other, and the rules between them. It is safe for concurrent use.
type Net struct {
	fate *fate

	mu     sync.Mutex
	spaces map[string]*Space  // guarded by mu; by name
	names  map[address]string // guarded by mu
	read   sync.WaitGroup     // the readers of devices
}

// New makes a net without spaces. The seed decides about chances.
func New(seed uint64) *Net {
	n := &Net{spaces: map[string]*Space{}, names: map[address]string{}}
	n.fate = newFate(seed, n.deliver)
	return n
}

// Set adds a rule for connections from one process to another, whichever way packets go, until it is lifted. Where several
// hold, all do. A connection that is cut is reset when it is next used. Rates are of each pair and direction.
func (n *Net) Set(match netfault.Match, r netfault.Rule) (lift func()) {
	return n.fate.set(rule{Rule: r, match: match})
}

// SetWay adds a rule for packets from one process to another, whoever dialed, until it is lifted.
func (n *Net) SetWay(match netfault.Match, r netfault.Rule) (lift func()) {
	return n.fate.set(rule{Rule: r, match: match, ways: true})
}

// Space makes the network of a process.
func (n *Net) Space(name string) (*Space, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	last := len(n.spaces) + 1
	if last > 254 || n.spaces[name] != nil {
		return nil, fmt.Errorf("there is a network called %q, or %d already", name, last-1)
	}
	s := &Space{name: name, addr: address{10, 77, 0, byte(last)}}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("make a network for %s: %w", name, err)
	}
	n.spaces[name], n.names[s.addr] = s, name
	n.read.Go(func() { n.forward(s) })
	return s, nil
}

// forward takes what a space sends on its way, until the device is closed.
func (n *Net) forward(s *Space) {
	buf := make([]byte, mtu)
	for {
		k, err := s.device.Read(buf)
		if err != nil {
			return
		}
		p := packet(buf[:k])
		if !p.ok() || p.source() != s.addr {
			continue
		}
		n.mu.Lock()
		to := n.names[p.target()]
		n.mu.Unlock()
		if to != "" {
			n.fate.pass(s.name, to, append(packet{}, p...))
		}
	}
}

// deliver hands a packet to the kernel of the space that it is for.
func (n *Net) deliver(to string, p packet) {
	n.mu.Lock()
	s := n.spaces[to]
	n.mu.Unlock()
	_, _ = s.device.Write(p) // it may be closed already; packets may be lost
}

// Close takes everything down. Processes that still live in a space reach nobody any more.
func (n *Net) Close() error {
	n.mu.Lock()
	var all []error
	for _, s := range n.spaces {
		all = append(all, s.close())
	}
	n.mu.Unlock()
	n.read.Wait()
	n.fate.close()
	return errors.Join(all...)
}

// Addr is the address of a port of the space.
func (s *Space) Addr(port int) string {
	return net.JoinHostPort(net.IP(s.addr[:]).String(), strconv.Itoa(port))
}

// Listen opens a port in the space, for this process to serve. It is below 32768: that tells servers from those who dial.
func (s *Space) Listen(port int) (l net.Listener, err error) {
	err = s.Do(func() (err error) {
		l, err = net.Listen("tcp4", s.Addr(port))
		return err
	})
	return l, err
}

// Dial connects from within the space; to an address of its own it meets no rule.
func (s *Space) Dial(ctx context.Context, addr string) (c net.Conn, err error) {
	err = s.Do(func() (err error) {
		c, err = (&net.Dialer{}).DialContext(ctx, "tcp4", addr)
		return err
	})
	return c, err
}

// Check says why there can be no spaces here; nil if there can.
func Check() error {
	n := New(0)
	_, err := n.Space("check")
	if closed := n.Close(); err == nil {
		err = closed
	}
	return err
}
