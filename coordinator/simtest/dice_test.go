package simtest

import (
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/ledger/ledgertest"
	"github.com/mrctl/mrctl/storage"
)

// dice is a source of chance that a seed repeats.
type dice struct{ *rand.Rand }

func roll(seed uint64, who string) dice {
	return dice{rand.New(rand.NewPCG(seed, xxh3.HashString(who)))}
}

func (d dice) chance(p float64) bool { return d.Float64() < p }

func (d dice) between(from, to time.Duration) time.Duration {
	return from + time.Duration(d.Int64N(int64(to-from)))
}

// campaign is what kind of trouble a run has. Each has that of those before it.
type campaign uint64

const (
	storms    campaign = iota // latency, and times when nearly everything is refused
	faults                    // lost requests, lost replies, late writes, wrong answers
	tampering                 // somebody meddles with the lease
	campaigns
)

func (c campaign) String() string { return [...]string{"storms", "faults", "tampering"}[c] }

var errRefused = errors.New("503 slow down")

// fate draws what befalls a call. It depends on nothing but the seed, the call and the time, so that a run can be
// repeated even where calls are made at the same moment.
func (w *world) fate(c ledgertest.Call) ledgertest.Fate {
	d := roll(w.seed^uint64(time.Now().UnixNano()), c.Client+string(c.Op)+c.Key)
	f := ledgertest.Fate{Before: d.between(time.Millisecond, 50*time.Millisecond), After: d.between(time.Millisecond, 50*time.Millisecond)}
	refusal := errRefused
	if c.Op == ledgertest.PutIf || c.Op == ledgertest.Delete {
		refusal = storage.ErrUnknown // from outside a refusal looks like any 5xx
	}
	switch p := d.Float64(); {
	case w.calm.Load():
	case w.unmarkable() && c.Op == ledgertest.PutIf && strings.HasPrefix(c.Key, ledger.EpochPrefix):
		f.Dropped, f.Silent = true, true
	case w.stormy() && p < 0.9:
		f.Dropped, f.Err = true, refusal
	case w.campaign == storms:
	case p < 0.05: // the request is lost
		f.Dropped, f.Silent = true, true
	case p < 0.12: // the reply is lost
		f.Silent = true
	case p < 0.17: // it arrives late, perhaps when another leads
		f.Before = d.between(time.Second, 50*time.Second)
	case p < 0.22:
		f.Dropped, f.Err = true, refusal
	case p < 0.25: // a 500 for what was done
		f.Err = refusal
	}
	return f
}

// stormy: in each two minutes there is a storm of up to half a minute.
func (w *world) stormy() bool {
	const cycle = 2 * time.Minute
	since := time.Since(w.begin)
	d := roll(w.seed+uint64(since/cycle), "storm")
	from := d.between(0, cycle-30*time.Second)
	return since%cycle >= from && since%cycle < from+d.between(5*time.Second, 30*time.Second)
}

// unmarkable: while somebody meddles with the lease there are also half minutes in which no epoch gets its marker. So several
// take the lease with one epoch, and nothing but the marker decides who leads in it.
func (w *world) unmarkable() bool {
	if w.campaign != tampering {
		return false
	}
	return roll(w.seed+uint64(time.Since(w.begin)/(30*time.Second)), "markers").chance(0.4)
}
