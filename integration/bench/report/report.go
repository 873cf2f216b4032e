// Package report holds the figures of a benchmark: as JSON for machines, as a table for people, and against a baseline
// of an earlier day. All that is judged are ratios of runs taken beside each other, never seconds.
package report

import (
	"encoding/json"
	"os"
	"slices"
	"time"
)

// Report is one run of the benchmark.
type Report struct {
	When    time.Time `json:"when"`
	Commit  string    `json:"commit,omitempty"`
	Machine string    `json:"machine,omitempty"`
	Cores   int       `json:"cores"`
	Size    int64     `json:"size"` // bytes of a case's usual input
	Memory  string    `json:"memory"`
	Slots   int       `json:"slots"`
	Quiet   float64   `json:"quiet"` // cores that others might use during a round; 0: nobody looked
	Results []Result  `json:"results"`
}

// Result is what a case came to. With an Error nothing else of it counts.
type Result struct {
	Row   int    `json:"row,omitempty"` // in the table of what must be reached; 0: not there
	Case  string `json:"case"`
	Title string `json:"title"`
	Bytes int64  `json:"bytes,omitempty"` // of the input of our side

	// Sides are all that were run, ours first.
	Sides  []Side  `json:"sides,omitempty"`
	Ratios []Ratio `json:"ratios,omitempty"`
	// LimitSeconds is what our median must not exceed; 0: there is no such limit.
	LimitSeconds float64 `json:"limit_s,omitempty"`
	// Memory is what our side was told to keep to, and MemoryLimit what its peak must not exceed, in bytes; 0: there is no
	// such limit.
	Memory      int64 `json:"memory,omitempty"`
	MemoryLimit int64 `json:"memory_limit,omitempty"`
	// Watched says that memory is all that was asked for: there are no times.
	Watched bool `json:"watched,omitempty"`
	// Noisy counts the rounds that were kept although other processes were busy.
	Noisy int `json:"noisy,omitempty"`

	Skipped []Skip `json:"skipped,omitempty"`
	Error   string `json:"error,omitempty"`
}

// Side is what one program took, all rounds together.
type Side struct {
	Name    string    `json:"name"`
	Seconds Spread    `json:"seconds"`
	CPU     Spread    `json:"cpu_s"`
	Rounds  []float64 `json:"rounds_s"`
	// Peak is what it held at most, in bytes, in a run of its own that was not timed.
	Peak      int64 `json:"peak"`
	Processes int   `json:"processes"`
}

// Ratio is our time by another's, by rounds: each ratio is of two runs taken one after the other, so that a machine that
// is slow for a while is slow for both.
type Ratio struct {
	Against string `json:"against"`
	Spread
	Must float64 `json:"must,omitempty"` // 0: nothing is asked for
	Aim  float64 `json:"aim,omitempty"`
}

// MemoryRatio is the peak of our side by its limit; 0 where there is no limit.
func (c Result) MemoryRatio() float64 {
	if c.MemoryLimit == 0 || len(c.Sides) == 0 {
		return 0
	}
	return float64(c.Sides[0].Peak) / float64(c.MemoryLimit)
}

// Skip is what was not run.
type Skip struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// Spread is a few figures by their middle and their ends.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// SpreadOf sums figures up. Of none it is zero.
func SpreadOf(figures []float64) Spread {
	if len(figures) == 0 {
		return Spread{}
	}
	s := slices.Sorted(slices.Values(figures))
	median := s[len(s)/2]
	if len(s)%2 == 0 {
		median = (s[len(s)/2-1] + median) / 2
	}
	return Spread{median, s[0], s[len(s)-1]}
}

// Save writes the report as JSON.
func (r Report) Save(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644) // meant to be read by others
}

// Load reads what Save wrote.
func Load(path string) (r Report, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(b, &r)
}
