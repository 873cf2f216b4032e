package report

import "fmt"

// Check compares with a baseline and says what is worse: a ratio above the baseline's by more than the tolerance (0.1 is
// a tenth), a peak of memory nearer to its bound by as much, or beyond it, a case that failed, and what was measured then
// and is not now. Cases of the baseline that nobody asked for are left out.
func Check(base, now Report, tolerance float64, asked func(name string) bool) []string {
	if base.Size != now.Size || base.Memory != now.Memory || base.Slots != now.Slots {
		return []string{fmt.Sprintf("the baseline is of %.3g bytes, memory %s and %d slots: take it again, or measure the same",
			float64(base.Size), base.Memory, base.Slots)}
	}
	var worse []string
	found := map[string]Result{}
	for _, r := range now.Results {
		found[r.Case] = r
		if r.Error != "" {
			worse = append(worse, fmt.Sprintf("%s: %s", r.Case, r.Error))
		}
		if r.Watched && r.MemoryRatio() > 1 {
			worse = append(worse, fmt.Sprintf("%s: the peak is %.2f of its bound", r.Case, r.MemoryRatio()))
		}
	}
	for _, b := range base.Results {
		r, ok := found[b.Case]
		if !asked(b.Case) || r.Error != "" {
			continue
		}
		if !ok {
			worse = append(worse, fmt.Sprintf("%s: it is in the baseline and was not run", b.Case))
			continue
		}
		if was, is := b.MemoryRatio(), r.MemoryRatio(); b.Watched && is > was*(1+tolerance) {
			worse = append(worse, fmt.Sprintf("%s: the peak is %.2f of its bound, in the baseline %.2f", b.Case, is, was))
		}
		for _, want := range b.Ratios {
			if w := compare(want, r, tolerance); w != "" {
				worse = append(worse, fmt.Sprintf("%s against %s: %s", b.Case, want.Against, w))
			}
		}
	}
	return worse
}

func compare(want Ratio, r Result, tolerance float64) string {
	for _, got := range r.Ratios {
		if got.Against != want.Against {
			continue
		}
		if got.Median > want.Median*(1+tolerance) {
			return fmt.Sprintf("the ratio is %.3f (%.3f to %.3f), in the baseline %.3f", got.Median, got.Min, got.Max, want.Median)
		}
		return ""
	}
	for _, s := range r.Skipped {
		if s.What == want.Against && want.Must == 0 {
			return "" // not here, and nothing hangs on it
		}
	}
	return "it is in the baseline and was not measured"
}
