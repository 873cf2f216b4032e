package netspace

import (
	"container/heap"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/mrctl/mrctl/integration/chaos/netfault"
)

// backlog is the bytes that wait before a slow link; what comes while so many do is dropped, as a router would.
const backlog = 64 << 10

// dialed is below all ports that are dialed from: the end of a connection with a port below it is the server's.
const dialed = 32768

// fate decides what becomes of packets, and keeps those that wait. It knows nothing of devices.
type fate struct {
	deliver func(to string, p packet)

	mu     sync.Mutex
	rules  map[int]rule       // guarded by mu
	next   int                // guarded by mu; of rules
	chance *rand.Rand         // guarded by mu
	links  map[link]time.Time // guarded by mu; when a slow link has sent what it has
	queue  queue              // guarded by mu
	order  uint64             // guarded by mu; of what is queued
	more   chan struct{}      // told when the queue has a new head
	closed chan struct{}
	worker sync.WaitGroup
}

type rule struct {
	netfault.Rule
	match netfault.Match
	ways  bool // match is asked about the packet's way, not about who dialed
}

type link struct{ from, to string }

func newFate(seed uint64, deliver func(to string, p packet)) *fate {
	f := &fate{deliver: deliver, rules: map[int]rule{}, links: map[link]time.Time{}, chance: rand.New(rand.NewPCG(seed, 0x9ac4e7)),
		more: make(chan struct{}, 1), closed: make(chan struct{})}
	f.worker.Go(f.late)
	return f
}

func (f *fate) set(r rule) (lift func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := f.next
	f.next++
	f.rules[id] = r
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.rules, id)
	}
}

// pass takes a packet from one process to another, or does with it what rules say. p is its own from here on.
func (f *fate) pass(from, to string, p packet) {
	dialer, server := from, to
	if p.tcp() && p.segment().sourcePort() < dialed {
		dialer, server = to, from
	}
	f.mu.Lock()
	r := f.sum(from, to, dialer, server)
	lost := r.Hold || r.Loss > 0 && f.chance.Float64() < r.Loss
	switch {
	case r.Cut && p.tcp():
		f.mu.Unlock()
		back, on := p.resets()
		if back != nil {
			f.deliver(from, back)
		}
		if on != nil {
			f.deliver(to, on)
		}
	case lost:
		f.mu.Unlock()
	case r.Delay > 0 || r.Rate > 0:
		f.wait(link{from, to}, p, r.Rule)
		f.mu.Unlock()
	default:
		f.mu.Unlock()
		f.deliver(to, p)
	}
}

// sum adds up the rules that hold. mu is held.
func (f *fate) sum(from, to, dialer, server string) (all rule) {
	kept := 1.0
	for _, r := range f.rules {
		holds := false
		if r.ways {
			holds = r.match(from, to)
		} else {
			holds = r.match(dialer, server)
		}
		if !holds {
			continue
		}
		all.Cut = all.Cut || r.Cut
		all.Hold = all.Hold || r.Hold
		all.Delay += r.Delay
		if r.Rate > 0 && (all.Rate == 0 || r.Rate < all.Rate) {
			all.Rate = r.Rate
		}
		kept *= 1 - r.Loss
	}
	all.Loss = 1 - kept
	return all
}

// wait has a packet delivered when its time has come, unless too many wait before it. mu is held.
func (f *fate) wait(l link, p packet, r netfault.Rule) {
	now := time.Now()
	due := now
	if r.Rate > 0 {
		perByte := time.Second / time.Duration(r.Rate)
		if sent := f.links[l]; sent.After(due) {
			if due = sent; due.Sub(now) > backlog*perByte {
				return
			}
		}
		due = due.Add(time.Duration(len(p)) * perByte)
		f.links[l] = due
	}
	f.order++
	heap.Push(&f.queue, waiting{due.Add(r.Delay), f.order, l.to, p})
	select {
	case f.more <- struct{}{}:
	default: // it will look anyway
	}
}

// late delivers what has waited.
func (f *fate) late() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		f.mu.Lock()
		now := time.Now()
		var ripe []waiting
		for len(f.queue) > 0 && !f.queue[0].due.After(now) {
			ripe = append(ripe, heap.Pop(&f.queue).(waiting))
		}
		if len(f.queue) > 0 {
			timer.Reset(f.queue[0].due.Sub(now))
		}
		f.mu.Unlock()
		for _, w := range ripe {
			f.deliver(w.to, w.packet)
		}
		select {
		case <-timer.C:
		case <-f.more:
		case <-f.closed:
			return
		}
	}
}

func (f *fate) close() {
	close(f.closed)
	f.worker.Wait()
}

// waiting is a packet that is not there yet.
type waiting struct {
	due    time.Time
	order  uint64 // so that packets that are due at once keep their order
	to     string
	packet packet
}

// queue is a heap of them, the next one first.
type queue []waiting

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if !q[i].due.Equal(q[j].due) {
		return q[i].due.Before(q[j].due)
	}
	return q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(waiting)) }
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = waiting{}
	*q = old[:len(old)-1]
	return last
}
