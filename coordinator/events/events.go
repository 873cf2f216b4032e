// Package events keeps the history of a job while it runs: what the leader decided, in order, and who is waiting to
// hear of it.
package events

import (
	"strings"
	"sync"

	"github.com/mrctl/mrctl/internal/ledger"
)

// Event is one decision. Seq counts from 1 within a job and a leadership.
type Event = ledger.Event

// MaxText is the longest text of an event that is kept, in bytes; of longer ones the beginning is.
const MaxText = 16 << 10

// MaxKept is how many events of a job are kept; older ones are dropped and counted.
const MaxKept = 20_000

// Log is the history of one job. It is safe for concurrent use; the zero value is empty and ready.
type Log struct {
	mu      sync.Mutex
	events  []Event       // guarded by mu; the last MaxKept
	next    uint64        // guarded by mu; Seq of the last event
	changed chan struct{} // guarded by mu; closed at the next change, nil until somebody waits
}

// Add appends an event and wakes whoever waits.
func (l *Log) Add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	e.Seq = l.next
	e.Text = strings.ToValidUTF8(e.Text[:min(len(e.Text), MaxText)], "")
	if len(l.events) >= MaxKept {
		l.events = append(l.events[:0], l.events[MaxKept/10:]...)
	}
	l.events = append(l.events, e)
	l.wake()
}

// Touch wakes whoever waits, without an event: something else about the job has changed.
func (l *Log) Touch() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wake()
}

func (l *Log) wake() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// After gives the events past seq that are still kept, and a channel that is closed at the next change.
func (l *Log) After(seq uint64) ([]Event, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	i := len(l.events)
	for i > 0 && l.events[i-1].Seq > seq {
		i--
	}
	return append([]Event(nil), l.events[i:]...), l.changed
}
