// Package plan draws from a seed what a chaos run is: the cluster, its store, the work, and what breaks when. It is pure:
// the same seed and choices are the same plan, on every machine.
package plan

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/mrctl/mrctl/integration/chaos/work"
)

// Store is where a cluster keeps its records, and where input and output lie.
type Store string

// The stores.
const (
	Folder    Store = "folder"
	VersityGW Store = "versitygw"
	MinIO     Store = "minio"
)

// Plan is one run.
type Plan struct {
	Seed         uint64
	Store        Store
	Coordinators int
	Workers      int
	Slots        int // a worker
	LeaseTTL     time.Duration
	Stall        time.Duration // an attempt without progress for so long has failed
	Partitions   int
	Work         work.Spec
	Faults       []Fault
}

// Fault is something that breaks, once.
type Fault struct {
	Kind Kind
	When When
	For  time.Duration
	Pick int     // chooses among what it could befall
	Dose float64 // how bad it is, from 0 to 1
}

// When is the moment of a fault: After the start of the submission, and not before a Share of the tasks of a Stage ("map"
// or "reduce", "2:map" or "2:reduce" of the second stage) is done.
type When struct {
	After time.Duration
	Stage string
	Share float64
}

// Choices narrow what a plan may be.
type Choices struct {
	Stores []Store // at least one
	Faults []Kind
	Work   []work.Kind // none: any
	Have   Need        // of Root, Linux, Clocks and Spaces, what there is
}

// dice gives chance for one aspect, so that narrowing one choice leaves the others as they were.
func dice(seed uint64, aspect string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(aspect))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// Make draws a plan.
func Make(seed uint64, c Choices) Plan {
	p := Plan{Seed: seed, Store: c.Stores[dice(seed, "store").IntN(len(c.Stores))]}
	d := dice(seed, "shape")
	p.Coordinators, p.Workers, p.Slots = 2+d.IntN(2), 2+d.IntN(3), 1+d.IntN(2)
	p.LeaseTTL, p.Stall = 2*s+between(d, 0, 2*s), 10*s
	p.Partitions = 1 + d.IntN(6)
	d = dice(seed, "work")
	tasks := 12 + d.IntN(24)
	kinds := c.Work
	if len(kinds) == 0 {
		kinds = work.Kinds
	}
	p.Work = work.Spec{Kind: kinds[d.IntN(len(kinds))], Seed: seed, Files: tasks, Lines: 300 + d.IntN(500)}
	// So that the maps alone take some seconds.
	wanted := between(d, 2*s, 5*s) * time.Duration(p.Workers*p.Slots)
	p.Work.Pace = wanted / time.Duration(tasks*p.Work.Lines)
	p.Faults = faults(dice(seed, "faults"), p, c)
	if p.Work.Kind == work.Picks { // there is no reduce to wait for
		for i := range p.Faults {
			if w := &p.Faults[i].When; w.Stage == "reduce" {
				w.Stage = "map"
			}
		}
	}
	if p.Work.Kind == work.Stages { // half of them in the second stage
		for d, i := dice(seed, "later"), 0; i < len(p.Faults); i++ {
			if w := &p.Faults[i].When; w.Stage != "" && d.IntN(2) == 0 {
				w.Stage = "2:" + w.Stage
			}
		}
	}
	return p
}

func faults(d *rand.Rand, p Plan, c Choices) []Fault {
	have := c.Have
	if p.Store != Folder {
		have |= S3
	}
	groups := map[string][]About{}
	var names []string
	for _, k := range c.Faults {
		a := Of(k)
		if a.Needs&^have != 0 {
			continue
		}
		if groups[a.Group] == nil {
			names = append(names, a.Group)
		}
		groups[a.Group] = append(groups[a.Group], a)
	}
	if len(names) == 0 {
		return nil
	}
	var out []Fault
	failures := 0
	for range 1 + d.IntN(4) {
		group := groups[names[d.IntN(len(names))]]
		a := group[d.IntN(len(group))]
		f := Fault{Kind: a.Kind, When: when(d), For: between(d, a.From, a.To), Pick: d.IntN(1000), Dose: d.Float64()}
		// A plugin that dies counts against its task: four times, and the job has rightly failed.
		if counts := a.Kind == KillPlugin || a.Kind == StopPlugin; counts {
			if failures++; failures > 2 {
				continue
			}
		}
		out = append(out, f)
	}
	return out
}

func when(d *rand.Rand) When {
	switch p := d.Float64(); {
	case p < 0.15:
		return When{After: between(d, 0, 3*s)}
	case p < 0.7:
		return When{Stage: "map", Share: float64(d.IntN(101)) / 100}
	default:
		return When{Stage: "reduce", Share: float64(d.IntN(100)) / 100}
	}
}

func between(d *rand.Rand, from, to time.Duration) time.Duration {
	return (from + time.Duration(d.Int64N(int64(to-from)))).Round(ms)
}

// Undisturbed is about what the job takes when nothing breaks.
func (p Plan) Undisturbed() time.Duration {
	return p.Work.Sleeps()/time.Duration(p.Workers*p.Slots) + 3*s
}

// Bound is how long the job may take: several times what it takes undisturbed, since this machine may have other things to
// do, and what each fault may cost.
func (p Plan) Bound() time.Duration {
	bound := 4 * p.Undisturbed()
	for _, f := range p.Faults {
		bound += 2 * (f.For + Of(f.Kind).Cost)
	}
	return bound
}

// Jump is how far a fault of the group clock moves a clock: from two minutes to forty days, short ones as often as long.
func (f Fault) Jump() time.Duration {
	const shortest, longest = 2 * time.Minute, 40 * 24 * time.Hour
	jump := time.Duration(float64(shortest) * math.Pow(float64(longest)/float64(shortest), f.Dose)).Round(s)
	if f.Kind == ClockBack {
		return -jump
	}
	return jump
}

// MovesClocks says that a fault of the group clock is planned.
func (p Plan) MovesClocks() bool {
	return p.Has(ClockAhead, ClockBack, ClockSwing)
}

// Has says that a fault of one of the kinds is planned.
func (p Plan) Has(kinds ...Kind) bool {
	return slices.ContainsFunc(p.Faults, func(f Fault) bool { return slices.Contains(kinds, f.Kind) })
}

// String tells the plan in one line.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d coordinators (lease %v), %d workers of %d slots; %s in %d splits and %d partitions",
		p.Store, p.Coordinators, p.LeaseTTL, p.Workers, p.Slots, p.Work.Kind, p.Work.Files, p.Partitions)
	for i, f := range p.Faults {
		b.WriteString([]string{"; ", ", "}[min(i, 1)] + f.String())
	}
	return b.String()
}

// String tells the fault.
func (f Fault) String() string {
	if Of(f.Kind).To < 10*ms {
		return fmt.Sprintf("%s %s", f.Kind, f.When)
	}
	return fmt.Sprintf("%s %s for %v", f.Kind, f.When, f.For)
}

// String tells the moment.
func (w When) String() string {
	if w.Stage != "" {
		return fmt.Sprintf("at %.0f%% of %s", 100*w.Share, w.Stage)
	}
	return "after " + w.After.String()
}
