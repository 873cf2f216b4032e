// Package netfault stands between processes: TCP proxies that pass everything on until told to cut, hold, delay or slow
// down what goes from one of them to another.
//
// Each server of the cluster advertises a Front of its own. Who dials is found out by the socket at the other end of the
// connection, so that a rule can hold for one pair alone; where that cannot be known, rules for anybody hold still.
package netfault

import (
	"net"
	"sync"
	"time"
)

// Rule is what happens to a connection. The zero value is nothing.
type Rule struct {
	Cut   bool          // connections are reset, and new ones too
	Hold  bool          // nothing gets through, and nobody is told: what is sent waits
	Delay time.Duration // each piece waits so long
	Rate  int           // bytes a second and direction; 0: as fast as it goes
	Loss  float64       // the share of packets that vanish; proxies, which see none, know nothing of it (package netspace does)
}

// Match says whether a rule holds for connections from one process to another. from is "" where it is not known.
type Match func(from, to string) bool

// Net is a set of fronts and the rules between them. It is safe for concurrent use.
type Net struct {
	// whose names the process that holds the other end of a connection, or "".
	whose func(net.Conn) string

	mu      sync.Mutex
	rules   map[int]entry   // guarded by mu
	next    int             // guarded by mu
	changed chan struct{}   // guarded by mu; closed and replaced when rules change
	conns   map[*pair]bool  // guarded by mu
	fronts  map[*Front]bool // guarded by mu
	work    sync.WaitGroup  // accepting and copying
	closed  chan struct{}   // closed by Close
	once    sync.Once
}

type entry struct {
	match Match
	rule  Rule
}

// New makes a net without rules.
func New(whose func(net.Conn) string) *Net {
	return &Net{whose: whose, rules: map[int]entry{}, changed: make(chan struct{}), conns: map[*pair]bool{},
		fronts: map[*Front]bool{}, closed: make(chan struct{})}
}

// Set adds a rule until it is lifted. Where several hold, all do.
func (n *Net) Set(match Match, rule Rule) (lift func()) {
	n.mu.Lock()
	id := n.next
	n.next++
	n.rules[id] = entry{match, rule}
	var cut []*pair
	if rule.Cut {
		for p := range n.conns {
			if match(p.from, p.to) {
				cut = append(cut, p)
			}
		}
	}
	n.wake()
	n.mu.Unlock()
	for _, p := range cut {
		p.reset()
	}
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.rules, id)
		n.wake()
	}
}

// wake tells the connections that rules have changed. mu is held.
func (n *Net) wake() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// rule adds up what holds for a pair; changed is closed when that may no longer be so.
func (n *Net) rule(from, to string) (sum Rule, changed <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.rules {
		if !e.match(from, to) {
			continue
		}
		sum.Cut = sum.Cut || e.rule.Cut
		sum.Hold = sum.Hold || e.rule.Hold
		sum.Delay += e.rule.Delay
		if e.rule.Rate > 0 && (sum.Rate == 0 || e.rule.Rate < sum.Rate) {
			sum.Rate = e.rule.Rate
		}
	}
	return sum, n.changed
}

// Close ends all fronts and connections and waits for what moved them.
func (n *Net) Close() {
	n.once.Do(func() { close(n.closed) })
	n.mu.Lock()
	for f := range n.fronts {
		_ = f.listener.Close() // nothing is lost with it
	}
	for p := range n.conns {
		p.reset()
	}
	n.mu.Unlock()
	n.work.Wait()
}
