package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Verdict says how a ratio stands to what is asked of it.
func (r Ratio) Verdict() string {
	switch {
	case r.Must == 0 && r.Aim == 0:
		return ""
	case r.Aim > 0 && r.Median <= r.Aim:
		return "aim reached"
	case r.Median <= r.Must:
		return "met"
	}
	return "MISSED"
}

// Table prints the report for people.
func (r Report) Table(w io.Writer) error {
	fmt.Fprintf(w, "%s, %d cores, commit %s, %s; %.3g GB unless said, --memory %s, --slots %d\n\n",
		r.Machine, r.Cores, orDash(r.Commit), r.When.Format("2006-01-02 15:04"), float64(r.Size)/1e9, r.Memory, r.Slots)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if slices.ContainsFunc(r.Results, func(c Result) bool { return !c.Watched }) {
		fmt.Fprintln(t, "#\tcase\tagainst\tratio\t(min..max)\tmust\taim\t\tours s\ttheirs s\tMB/s\tCPU s\tpeak MiB (processes)")
	}
	for _, c := range r.Results {
		if c.Error == "" && len(c.Sides) > 0 && !c.Watched {
			c.rows(t)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if err := r.watched(w); err != nil {
		return err
	}
	r.notes(w)
	return nil
}

// watched prints the cases in which only memory was looked at.
func (r Report) watched(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	first := true
	for _, c := range r.Results {
		if !c.Watched || c.Error != "" {
			continue
		}
		if first {
			fmt.Fprintln(t, "\nmemory of\tinput MB\t--memory\tpeak\tbound\tpeak/bound\t")
			first = false
		}
		verdict := "met"
		if c.MemoryRatio() > 1 {
			verdict = "MISSED"
		}
		fmt.Fprintf(t, "%s\t%.0f\t%d MiB\t%s\t%d MiB\t%.2f\t%s\n", c.Case, float64(c.Bytes)/1e6, c.Memory>>20, peak(c.Sides[0]),
			c.MemoryLimit>>20, c.MemoryRatio(), verdict)
	}
	return t.Flush()
}

func (c Result) rows(t io.Writer) {
	ours := c.Sides[0]
	row := ""
	if c.Row > 0 {
		row = fmt.Sprint(c.Row)
	}
	speed := "-"
	if c.Bytes > 0 && ours.Seconds.Median > 0 {
		speed = fmt.Sprintf("%.0f", float64(c.Bytes)/1e6/ours.Seconds.Median)
	}
	end := fmt.Sprintf("%s\t%.2f\t%s", speed, ours.CPU.Median, peak(ours))
	if c.LimitSeconds > 0 {
		verdict := "met"
		if ours.Seconds.Median > c.LimitSeconds {
			verdict = "MISSED"
		}
		fmt.Fprintf(t, "%s\t%s\tthe clock\t-\t(%.3f..%.3f s)\t%.3g s\t\t%s\t%.3f\t\t%s\n",
			row, c.Case, ours.Seconds.Min, ours.Seconds.Max, c.LimitSeconds, verdict, ours.Seconds.Median, end)
		row, end = "", ""
	}
	for i, ratio := range c.Ratios {
		name, oursSeconds := c.Case, fmt.Sprintf("%.3f", ours.Seconds.Median)
		if i > 0 {
			row, name, oursSeconds, end = "", "", "", "\t\t"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%.3f\t(%.3f..%.3f)\t%s\t%s\t%s\t%s\t%.3f\t%s\n", row, name, ratio.Against, ratio.Median, ratio.Min,
			ratio.Max, orNothing(ratio.Must), orNothing(ratio.Aim), ratio.Verdict(), oursSeconds, c.side(ratio.Against).Seconds.Median, end)
	}
}

// notes tells what the table does not show.
func (r Report) notes(w io.Writer) {
	var notes []string
	for _, c := range r.Results {
		if c.Error != "" {
			notes = append(notes, fmt.Sprintf("%s FAILED: %s", c.Case, c.Error))
		}
		if c.Noisy > 0 {
			notes = append(notes, fmt.Sprintf("%s: other processes were busy in %d rounds", c.Case, c.Noisy))
		}
		if c.MemoryRatio() > 1 {
			notes = append(notes, fmt.Sprintf("%s: held %s, above its limit of %d MiB", c.Case, peak(c.Sides[0]), c.MemoryLimit>>20))
		}
		notes = append(notes, c.skipped()...)
	}
	if len(notes) > 0 {
		fmt.Fprintf(w, "\n%s\n", strings.Join(notes, "\n"))
	}
}

// skipped names what was not run, all with one reason in one line.
func (c Result) skipped() (notes []string) {
	var reasons []string
	names := map[string][]string{}
	for _, s := range c.Skipped {
		if names[s.Why] == nil {
			reasons = append(reasons, s.Why)
		}
		names[s.Why] = append(names[s.Why], s.What)
	}
	for _, why := range reasons {
		notes = append(notes, fmt.Sprintf("%s: without %s: %s", c.Case, strings.Join(names[why], ", "), why))
	}
	return notes
}

func (c Result) side(name string) Side {
	for _, s := range c.Sides {
		if s.Name == name {
			return s
		}
	}
	return Side{}
}

func peak(s Side) string { return fmt.Sprintf("%d MiB (%d)", s.Peak>>20, s.Processes) }

func orNothing(f float64) string {
	if f == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", f)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
