package netfault

import (
	"net"
	"sync"
	"time"
)

// Front is the address at which others reach a process.
type Front struct {
	net      *Net
	name     string
	listener net.Listener

	mu     sync.Mutex
	target string // guarded by mu
}

// Front opens an address for the process of a name. Until it has a target, connections are refused.
func (n *Net) Front(name string) (*Front, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &Front{net: n, name: name, listener: l}
	n.mu.Lock()
	n.fronts[f] = true
	n.mu.Unlock()
	n.work.Go(f.accept)
	return f, nil
}

// Addr is the address to advertise.
func (f *Front) Addr() string { return f.listener.Addr().String() }

// SetTarget says where the process listens; "" while it does not.
func (f *Front) SetTarget(addr string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.target = addr
}

// Target is where the process listens.
func (f *Front) Target() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.target
}

func (f *Front) accept() {
	for {
		c, err := f.listener.Accept()
		if err != nil {
			return // closed
		}
		f.net.work.Go(func() { f.serve(c.(*net.TCPConn)) })
	}
}

// serve passes one connection on.
func (f *Front) serve(c *net.TCPConn) {
	p := &pair{net: f.net, from: f.net.whose(c), to: f.name, near: c, gone: make(chan struct{})}
	f.net.mu.Lock()
	f.net.conns[p] = true
	f.net.mu.Unlock()
	defer func() {
		f.net.mu.Lock()
		delete(f.net.conns, p)
		f.net.mu.Unlock()
		p.reset()
	}()
	if !p.pass(0) {
		return
	}
	far, err := net.DialTimeout("tcp", f.Target(), 5*time.Second)
	if err != nil || !p.dialed(far.(*net.TCPConn)) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.copy(p.far, p.near) })
	p.copy(p.near, p.far)
	both.Wait()
}

// pair is a connection and the one it is passed on by.
type pair struct {
	net      *Net
	from, to string
	near     *net.TCPConn
	gone     chan struct{} // closed when it is over

	mu   sync.Mutex
	far  *net.TCPConn // guarded by mu until it is set
	over bool         // guarded by mu
}

// dialed notes the second connection; false means that the first is over.
func (p *pair) dialed(far *net.TCPConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		_ = far.Close() // nothing was sent
		return false
	}
	p.far = far
	return true
}

// reset ends both connections without a goodbye.
func (p *pair) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	p.over = true
	close(p.gone)
	for _, c := range []*net.TCPConn{p.near, p.far} {
		if c != nil {
			_ = c.SetLinger(0) // closed already, then
			_ = c.Close()
		}
	}
}

// copy moves bytes one way until the connection ends. A half that is closed is closed at the other end too.
func (p *pair) copy(to, from *net.TCPConn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if !p.pass(n) {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				p.reset()
				return
			}
		}
		if err != nil {
			_ = to.CloseWrite() // it may be gone
			return
		}
	}
}

// pass waits until n bytes may go on; false means that they may not.
func (p *pair) pass(n int) bool {
	waited := false
	for {
		rule, changed := p.net.rule(p.from, p.to)
		if rule.Cut {
			p.reset()
			return false
		}
		wait := rule.Delay
		if rule.Rate > 0 {
			wait += time.Duration(n) * time.Second / time.Duration(rule.Rate)
		}
		if !rule.Hold && (waited || wait == 0) {
			return true
		}
		var late <-chan time.Time
		if !rule.Hold {
			late = time.After(wait)
		}
		select {
		case <-late:
			waited = true
		case <-changed:
		case <-p.gone:
			return false
		case <-p.net.closed:
			return false
		}
	}
}
