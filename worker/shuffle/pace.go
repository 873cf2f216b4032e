package shuffle

import (
	"slices"
	"sync"
	"time"
)

// What makes a stream slow. It is looked at paceTicks times in Config.Stall, each time at what came during the last
// paceWindow looks. That is slow if it is slowLag bytes behind what slowFactor times less than its peers bring would be.
// The factor is far above what sharing a link unfairly makes of equals; the lag is some frames, as frames come whole.
const (
	paceTicks  = 10
	paceWindow = 5
	slowFactor = 8
	slowLag    = 4 * bodySize
)

// reading is what came of a lane's streams in some time, or until some moment.
type reading struct {
	bytes   int64
	waited  time.Duration // for them, by the reader
	silence time.Duration // of the wait that is on
}

// rate is bytes a second of waiting.
func (r reading) rate() float64 { return float64(r.bytes) / max(r.waited, 1).Seconds() }

// pace compares the streams of one fetch. The zero value is ready; it is safe for concurrent use.
type pace struct {
	mu    sync.Mutex
	rates map[*lane]float64 // guarded by mu; of the last look, or of the whole where the lane has ended
}

// note says what came of a lane.
func (p *pace) note(l *lane, came reading) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rates == nil {
		p.rates = map[*lane]float64{}
	}
	p.rates[l] = came.rate()
}

// slow notes what came of a lane and tells whether half of the others are far faster.
func (p *pace) slow(l *lane, came reading) bool {
	p.note(l, came)
	p.mu.Lock()
	defer p.mu.Unlock()
	var peers []float64
	for other, rate := range p.rates {
		if other != l {
			peers = append(peers, rate)
		}
	}
	if len(peers) == 0 {
		return false
	}
	slices.Sort(peers)
	least := peers[len(peers)/2] / slowFactor * came.waited.Seconds()
	return float64(came.bytes+slowLag) < least
}

// window holds readings of the last looks, oldest first.
type window []reading

// slide takes a new reading and gives what came since the oldest one.
func (w *window) slide(now reading) reading {
	first := (*w)[0]
	*w = append(*w, now)
	if len(*w) > paceWindow {
		*w = slices.Delete(*w, 0, 1)
	}
	return reading{bytes: now.bytes - first.bytes, waited: now.waited - first.waited}
}

// meter measures one lane's streams. Time that the reader spends on landing bytes is not waited for them, so it makes no
// stream slow. The zero value is ready; it is safe for concurrent use.
type meter struct {
	mu      sync.Mutex
	waiting bool          // guarded by mu
	from    time.Time     // guarded by mu; since when, if waiting
	bytes   int64         // guarded by mu
	waited  time.Duration // guarded by mu; before from
}

// begin starts a wait, or a new one in place of the one that is on.
func (m *meter) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting, m.from = true, time.Now()
}

// end ends it with what it brought.
func (m *meter) end(bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waited += time.Since(m.from)
	m.waiting = false
	m.bytes += int64(bytes)
}

// read gives everything until now.
func (m *meter) read() reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := reading{bytes: m.bytes, waited: m.waited}
	if m.waiting {
		r.silence = time.Since(m.from)
		r.waited += r.silence
	}
	return r
}
