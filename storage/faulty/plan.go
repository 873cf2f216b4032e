package faulty

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Op names an operation of a store or of its streams.
type Op string

// The operations that can fail.
const (
	Get     Op = "get"
	Open    Op = "open"
	Stat    Op = "stat"
	PutIf   Op = "put"
	Create  Op = "create"
	Write   Op = "write"
	Stage   Op = "stage"
	Publish Op = "publish"
	Discard Op = "discard"
	List    Op = "list"
	Delete  Op = "delete"
	Pending Op = "pending"
)

// Kind is a way to fail.
type Kind uint8

// The ways. A writer to whom any of the first four happens learns nothing of the outcome, unless he waits a delay out.
const (
	None        Kind = iota
	LoseRequest      // the store never hears of it; the caller waits
	LoseReply        // it happens; the caller waits
	Delay            // it happens after the wait, even when the caller has gone by then
	Refuse           // 503 at once; it does not happen
	Cut              // the body of Open, or a listing, breaks off; other operations go well
	Corrupt          // one bit of the body of Get or Open is turned over; other operations go well
)

// Fault is what befalls one call. The zero value is none.
type Fault struct {
	Kind Kind
	Wait time.Duration // of LoseRequest, LoseReply and Delay; the end of the context ends the waiting
	At   float64       // where in the body Cut and Corrupt strike, as a share of it in [0, 1)
}

// Plan decides what befalls a call. Plans are called from many goroutines at once.
type Plan func(op Op, key string) Fault

// Rates are the shares of calls, from 0 to 1, that each kind of fault befalls; together they are 1 at most.
type Rates struct {
	LoseRequest, LoseReply, Delay, Refuse, Cut, Corrupt float64

	MaxWait time.Duration // waits are uniform up to this
}

// Random draws faults from a seed. The same calls in the same order meet the same faults.
func Random(seed uint64, r Rates) Plan {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 0x6d7263746c))
	kinds := []struct {
		kind Kind
		rate float64
	}{{LoseRequest, r.LoseRequest}, {LoseReply, r.LoseReply}, {Delay, r.Delay}, {Refuse, r.Refuse}, {Cut, r.Cut}, {Corrupt, r.Corrupt}}
	return func(Op, string) Fault {
		mu.Lock()
		defer mu.Unlock()
		// All is drawn each time, so that one rate does not shift what the others draw.
		x, f := rng.Float64(), Fault{At: rng.Float64(), Wait: time.Duration(rng.Float64() * float64(r.MaxWait))}
		for _, k := range kinds {
			if x -= k.rate; x < 0 {
				f.Kind = k.kind
				return f
			}
		}
		return Fault{}
	}
}

// Rule strikes some calls of one operation.
type Rule struct {
	Op     Op
	Prefix string // of the keys it is about
	Nth    int    // the first call to strike, counted from 1; zero means 1
	Count  int    // how many calls in a row; zero means 1, less means all from then on
	Fault  Fault
}

// Script strikes by rules, each counting for itself. Of several that strike one call the first is taken.
func Script(rules ...Rule) Plan {
	rules = slices.Clone(rules)
	var mu sync.Mutex
	seen := make([]int, len(rules))
	return func(op Op, key string) Fault {
		mu.Lock()
		defer mu.Unlock()
		var hit Fault
		for i, r := range rules {
			if r.Op != op || !strings.HasPrefix(key, r.Prefix) {
				continue
			}
			seen[i]++
			past := seen[i] - max(r.Nth, 1)
			if past >= 0 && (r.Count < 0 || past < max(r.Count, 1)) && hit.Kind == None {
				hit = r.Fault
			}
		}
		return hit
	}
}

// Only keeps a plan to some operations.
func Only(p Plan, ops ...Op) Plan {
	return func(op Op, key string) Fault {
		if slices.Contains(ops, op) {
			return p(op, key)
		}
		return Fault{}
	}
}

// First asks plan after plan and takes the first fault.
func First(plans ...Plan) Plan {
	return func(op Op, key string) Fault {
		for _, p := range plans {
			if f := p(op, key); f.Kind != None {
				return f
			}
		}
		return Fault{}
	}
}
