package simtest

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mrctl/mrctl/coordinator/lease"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/ledger/ledgertest"
)

// checker watches everything that takes effect, and hears from everybody what they believe.
type checker struct {
	zombies atomic.Int64  // writes they tried
	touched chan struct{} // has a value when the lease was written

	mu       sync.Mutex // guards all below
	found    []string   // violations
	terms    []lease.Term
	epochs   map[uint64]string // who led it
	overlaps int               // of leaders, where that is allowed
	leases   [][]byte          // bodies the lease had
	jobs     map[string]*chain
	wanted   map[string]bool // submissions that were acknowledged
	tasks    map[string]*race
	acks     int
	trace    []string // what took effect, without what differs from run to run
}

// chain is a job's record as it took effect.
type chain struct {
	now     link
	claimed uint64 // highest epoch whose claim was acknowledged
	acks    map[string]ack
}

// link is what the checker reads of a job's record.
type link struct {
	Epoch    uint64       `json:"epoch"`
	Seq      uint64       `json:"seq"`
	Phase    ledger.Phase `json:"phase"`
	Warnings []string     `json:"warnings"`
}

type ack struct{ sent, heard time.Time }

type race struct {
	nonce string // of the winner, as all were told
	owner string // who believes that he won
}

func newChecker() *checker {
	return &checker{touched: make(chan struct{}, 1), epochs: map[uint64]string{}, jobs: map[string]*chain{}, wanted: map[string]bool{}, tasks: map[string]*race{}}
}

func (c *checker) violated(invariant, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report(invariant, format, args...)
}

func (c *checker) report(invariant, format string, args ...any) {
	c.found = append(c.found, invariant+": "+fmt.Sprintf(format, args...))
}

func (c *checker) job(id string) *chain {
	if c.jobs[id] == nil {
		c.jobs[id] = &chain{acks: map[string]ack{}}
	}
	return c.jobs[id]
}

// applied is told of each write in the order in which they took effect.
func (c *checker) applied(a ledgertest.Applied) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trace = append(c.trace, fmt.Sprint(a.At.UnixNano(), a.Client, a.Op, a.Key))
	if a.Client == "" {
		return // the meddler's
	}
	if a.Op == ledgertest.Delete {
		c.deleted(a)
		return
	}
	if a.Key == ledger.LeaseKey {
		c.leases = append(c.leases, a.Body)
		select {
		case c.touched <- struct{}{}:
		default:
		}
	}
	if id, ok := strings.CutSuffix(strings.TrimPrefix(a.Key, "jobs/"), "/job"); ok {
		c.linked(id, a)
	}
}

// deleted: I9 and I10.
func (c *checker) deleted(a ledgertest.Applied) {
	id, ok := strings.CutPrefix(a.Key, ledger.InboxPrefix)
	if !ok {
		c.report("I10", "%s deletes %s", a.Client, a.Key)
	} else if !c.job(id).now.Phase.Ended() {
		c.report("I9", "%s deletes the entry of a job that is %s", a.Client, c.job(id).now.Phase)
	}
}

// linked: I2, I4, and of I3 that no link is replaced by one that was not built on it.
func (c *checker) linked(id string, a ledgertest.Applied) {
	j := c.job(id)
	was := j.now
	var now link
	if err := json.Unmarshal(a.Body, &now); err != nil {
		c.report("I3", "%s writes what is no record: %v", a.Client, err)
		return
	}
	j.now = now
	if now.Epoch < was.Epoch {
		c.report("I2", "job %s: epoch %d after %d, by %s", id, now.Epoch, was.Epoch, a.Client)
	}
	if now.Epoch < j.claimed {
		c.report("I4", "job %s: %s writes in epoch %d after the claim of epoch %d", id, a.Client, now.Epoch, j.claimed)
	}
	if now.Seq != was.Seq+1 || len(now.Warnings) < len(was.Warnings) {
		c.report("I3", "job %s: link %d by %s replaces link %d", id, now.Seq, a.Client, was.Seq)
	}
	if was.Phase.Ended() {
		c.report("I3", "job %s is changed by %s after its end", id, a.Client)
	}
}

// leads: I1 and I5. Times that overlap at all overlap when the later one begins.
func (c *checker) leads(who string, t lease.Term, tampered bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if before, ok := c.epochs[t.Epoch]; ok {
		c.report("I1", "epoch %d is led by %s and by %s", t.Epoch, before, who)
	}
	c.epochs[t.Epoch] = who
	for _, other := range c.terms {
		switch {
		case !other.Valid():
		case tampered:
			c.overlaps++
		default:
			c.report("I5", "%s begins epoch %d while epoch %d is valid", who, t.Epoch, other.Epoch)
		}
	}
	c.terms = append(c.terms, t)
}

func (c *checker) claimed(id string, epoch uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	j := c.job(id)
	j.claimed = max(j.claimed, epoch)
}

func (c *checker) acked(id, trace string, sent time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acks++
	c.job(id).acks[trace] = ack{sent, time.Now()}
}

func (c *checker) submitted(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted[id] = true
}

// raced: I8.
func (c *checker) raced(rec, won ledger.TaskRecord, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.tasks[rec.Key()]
	if r == nil {
		r = &race{nonce: won.Nonce}
		c.tasks[rec.Key()] = r
	}
	if r.nonce != won.Nonce {
		c.report("I8", "%s: two winners are told of", rec.Key())
	}
	if mine != (won.Worker == rec.Worker) {
		c.report("I8", "%s: %s is told %v of the record of %s", rec.Key(), rec.Worker, mine, won.Worker)
	}
	if mine && r.owner != "" {
		c.report("I8", "%s: won by %s and by %s", rec.Key(), r.owner, rec.Worker)
	}
	if mine {
		r.owner = rec.Worker
	}
}

// oldLease is a body that the lease once had.
func (c *checker) oldLease(d dice) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.leases) == 0 {
		return nil
	}
	return c.leases[d.IntN(len(c.leases))]
}

// end: what I3 asks of the final state, and that no submission was forgotten.
func (c *checker) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.wanted {
		if c.job(id).now.Seq == 0 {
			c.report("I3", "job %s was submitted and never taken", id)
		}
	}
	for id, j := range c.jobs {
		there := map[string]bool{}
		var latest time.Time // when the last of those so far was sent
		for _, trace := range j.now.Warnings {
			if there[trace] {
				c.report("I3", "job %s: %s is there twice", id, trace)
			}
			there[trace] = true
			a, ok := j.acks[trace]
			if !ok {
				continue // its writer never learnt
			}
			if a.heard.Before(latest) {
				c.report("I3", "job %s: %s was acknowledged before one that precedes it was sent", id, trace)
			}
			if a.sent.After(latest) {
				latest = a.sent
			}
		}
		for trace := range j.acks {
			if !there[trace] {
				c.report("I3", "job %s: the acknowledged write %s is lost", id, trace)
			}
		}
	}
}
