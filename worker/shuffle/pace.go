package shuffle

import (
	"slices"
	"sync"
	"time"
)

// What makes a stream slow. A stream is looked at paceTicks times in Config.Stall; it is slow when slowStrikes looks in a
// row found it slowFactor times slower than half of its peers. The factor is far above what sharing a link unfairly or
// landing on disk makes of equals.
const (
	paceTicks   = 10
	slowStrikes = 2
	slowFactor  = 8
)

// pace compares the streams of one fetch. The zero value is ready; it is safe for concurrent use.
type pace struct {
	mu    sync.Mutex
	rates map[*lane]float64 // guarded by mu; bytes a second of the last look, or of the whole where it has ended
}

// note says how fast a stream is, in bytes a second.
func (p *pace) note(l *lane, rate float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rates == nil {
		p.rates = map[*lane]float64{}
	}
	p.rates[l] = rate
}

// slow notes the rate of a stream and tells whether its peers are far faster.
func (p *pace) slow(l *lane, rate float64) bool {
	p.note(l, rate)
	p.mu.Lock()
	defer p.mu.Unlock()
	var peers []float64
	for other, r := range p.rates {
		if other != l {
			peers = append(peers, r)
		}
	}
	if len(peers) == 0 {
		return false
	}
	slices.Sort(peers)
	return rate*slowFactor < peers[len(peers)/2]
}

// meter measures one lane's streams: bytes, and the time spent waiting for them. Time that the reader spends on landing
// them does not make a stream slow. It is safe for concurrent use.
type meter struct {
	mu      sync.Mutex
	waiting bool          // guarded by mu
	from    time.Time     // guarded by mu; since when, if waiting
	bytes   int64         // guarded by mu
	waited  time.Duration // guarded by mu; before from
}

// reading is the state of a meter at one moment.
type reading struct {
	bytes   int64
	waited  time.Duration
	silence time.Duration // of the present wait
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

// average is bytes a second of waiting, over all that was measured.
func (m *meter) average() float64 {
	rate, _ := m.read().since(reading{}, 0)
	return rate
}

// since is bytes a second of waiting between two readings. It is telling when the reader waited for half of the period.
func (r reading) since(before reading, period time.Duration) (rate float64, telling bool) {
	waited := r.waited - before.waited
	return float64(r.bytes-before.bytes) / max(waited, 1).Seconds(), waited >= period/2
}
