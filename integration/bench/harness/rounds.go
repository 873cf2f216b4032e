package harness

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/mrctl/mrctl/integration/bench/measure"
	"github.com/mrctl/mrctl/integration/bench/report"
)

// round holds a sample of each side, taken one after the other.
type round []measure.Sample

// noise is the most that other processes used during any run of the round, in cores.
func (r round) noise() float64 {
	most := 0.0
	for _, s := range r {
		most = max(most, s.Foreign)
	}
	return most
}

// rounds takes rounds until enough were quiet, but not for ever: beyond three times as many it makes do with the
// quietest of the noisy ones and says how many those are.
func (r *run) rounds(ctx context.Context) (kept []round, noisy int, err error) {
	var loud []round
	for n := 1; len(kept) < r.Runs && n <= 3*r.Runs; n++ {
		this, err := r.round(ctx, n)
		if err != nil {
			return nil, 0, err
		}
		if r.Quiet > 0 && this.noise() > r.Quiet {
			r.logf("round %d: others used %.2f cores", n, this.noise())
			loud = append(loud, this)
			continue
		}
		kept = append(kept, this)
	}
	slices.SortStableFunc(loud, func(a, b round) int { return cmp.Compare(a.noise(), b.noise()) })
	noisy = r.Runs - len(kept)
	return append(kept, loud[:noisy]...), noisy, nil
}

func (r *run) round(ctx context.Context, n int) (round, error) {
	var this round
	line := fmt.Sprintf("round %d:", n)
	for _, s := range r.sides {
		out := r.out()
		sample, err := r.time(ctx, s.Command(out))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		if s.Took != nil {
			if sample.Wall, err = s.Took(out); err != nil {
				return nil, fmt.Errorf("%s: the time it took: %w", s.Name, err)
			}
		}
		if err := os.RemoveAll(out); err != nil {
			return nil, err
		}
		this = append(this, sample)
		line += fmt.Sprintf("  %s %.3f s", s.Name, sample.Wall.Seconds())
	}
	r.logf("%s", line)
	return this, nil
}

// figures sums rounds up.
func figures(sides []Side, watched []measure.Memory, rounds []round) (all []report.Side, ratios []report.Ratio) {
	for i, s := range sides {
		var wall, cpu, ratio []float64
		for _, r := range rounds {
			wall = append(wall, r[i].Wall.Seconds())
			cpu = append(cpu, r[i].CPU.Seconds())
			ratio = append(ratio, r[0].Wall.Seconds()/r[i].Wall.Seconds())
		}
		all = append(all, report.Side{
			Name: s.Name, Seconds: report.SpreadOf(wall), CPU: report.SpreadOf(cpu), Rounds: wall,
			Peak: watched[i].Peak, Processes: watched[i].Processes,
		})
		if i > 0 {
			ratios = append(ratios, report.Ratio{Against: s.Name, Spread: report.SpreadOf(ratio)})
		}
	}
	return all, ratios
}
