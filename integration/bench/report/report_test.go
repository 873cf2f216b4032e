package report

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want Spread
	}{
		{nil, Spread{}},
		{[]float64{2}, Spread{2, 2, 2}},
		{[]float64{9, 1, 2}, Spread{2, 1, 9}},
		{[]float64{4, 1, 9, 2}, Spread{3, 1, 9}},
	} {
		if got := SpreadOf(c.in); got != c.want {
			t.Errorf("%v: %v, want %v", c.in, got, c.want)
		}
	}
}

func example() Report {
	return Report{
		When: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Machine: "a machine", Cores: 2, Size: 1e9, Memory: "1GiB", Slots: 2,
		Results: []Result{
			{
				Row: 1, Case: "words", Bytes: 1e9, MemoryLimit: 100 << 20,
				Sides: []Side{
					{Name: "ours", Seconds: Spread{4, 3, 5}, Peak: 200 << 20, Processes: 2},
					{Name: "theirs", Seconds: Spread{5, 5, 5}},
					{Name: "mawk", Seconds: Spread{40, 40, 40}},
				},
				Ratios:  []Ratio{{"theirs", Spread{0.8, 0.7, 0.9}, 0.95, 0.75}, {"mawk", Spread{0.1, 0.1, 0.1}, 0, 0}},
				Skipped: []Skip{{"duck", "not installed"}}, Noisy: 1,
			},
			{Case: "start", LimitSeconds: 0.08, Sides: []Side{{Name: "ours", Seconds: Spread{0.1, 0.1, 0.1}}}},
			{
				Case: "lean", Watched: true, Bytes: 1e9, Memory: 32 << 20, MemoryLimit: 160 << 20,
				Sides: []Side{{Name: "ours", Peak: 80 << 20, Processes: 2}},
			},
			{Case: "broken", Error: "the answers differ"},
		},
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	if err := example().Table(&b); err != nil {
		t.Fatal(err)
	}
	words := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{
		"1 words theirs 0.800 (0.700..0.900) 0.95 0.75 met 4.000 5.000 250", "200 MiB (2)", "mawk 0.100", "start the clock", "MISSED",
		"broken FAILED: the answers differ", "words: without duck: not installed", "busy in 1 rounds", "above its limit of 100 MiB",
		"lean 1000 32 MiB 80 MiB (2) 160 MiB 0.50 met",
	} {
		if !strings.Contains(words, want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		r    Ratio
		want string
	}{
		{Ratio{Spread: Spread{Median: 9}}, ""},
		{Ratio{Spread: Spread{Median: 0.7}, Must: 0.9, Aim: 0.7}, "aim reached"},
		{Ratio{Spread: Spread{Median: 0.8}, Must: 0.9, Aim: 0.7}, "met"},
		{Ratio{Spread: Spread{Median: 0.95}, Must: 0.9, Aim: 0.7}, "MISSED"},
		{Ratio{Spread: Spread{Median: 0.8}, Must: 0.9}, "met"},
	} {
		if got := c.r.Verdict(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.r, got, c.want)
		}
	}
}

func TestSaveAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	if err := example().Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if d := cmp.Diff(example(), got); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
}

func TestCheck(t *testing.T) {
	all := func(string) bool { return true }
	base := example()
	base.Results = base.Results[:3]
	change := func(f func(*Report)) Report {
		r := example()
		r.Results = r.Results[:3]
		f(&r)
		return r
	}
	for name, c := range map[string]struct {
		now  Report
		want string // "" means nothing is worse
	}{
		"same":       {change(func(*Report) {}), ""},
		"better":     {change(func(r *Report) { r.Results[0].Ratios[0].Median = 0.5 }), ""},
		"within":     {change(func(r *Report) { r.Results[0].Ratios[0].Median = 0.87 }), ""},
		"worse":      {change(func(r *Report) { r.Results[0].Ratios[0].Median = 0.89 }), "words against theirs: the ratio is 0.890"},
		"fatter":     {change(func(r *Report) { r.Results[2].Sides[0].Peak = 100 << 20 }), "lean: the peak is 0.62 of its bound, in the baseline 0.50"},
		"as lean":    {change(func(r *Report) { r.Results[2].Sides[0].Peak = 82 << 20 }), ""},
		"too fat":    {change(func(r *Report) { r.Results[2].Sides[0].Peak = 170 << 20 }), "lean: the peak is 1.06 of its bound"},
		"failed":     {change(func(r *Report) { r.Results[0] = Result{Case: "words", Error: "boom"} }), "words: boom"},
		"gone":       {change(func(r *Report) { r.Results = r.Results[1:] }), "words: it is in the baseline"},
		"rival gone": {change(func(r *Report) { r.Results[0].Ratios = r.Results[0].Ratios[1:] }), "words against theirs: it is in the baseline"},
		"optional rival": {change(func(r *Report) {
			r.Results[0].Ratios = r.Results[0].Ratios[:1]
			r.Results[0].Skipped = []Skip{{"mawk", "no"}}
		}), ""},
		"needed rival is no": {change(func(r *Report) {
			r.Results[0].Ratios = nil
			r.Results[0].Skipped = []Skip{{"mawk", ""}, {"theirs", ""}}
		}), "words against theirs"},
	} {
		got := strings.Join(Check(base, c.now, 0.1, all), "\n")
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	other := example()
	other.Size = 5
	if got := Check(base, other, 0.1, all); len(got) != 1 || !strings.Contains(got[0], "1e+09 bytes") {
		t.Errorf("figures of another size were compared: %v", got)
	}
	if got := Check(base, Report{Size: base.Size, Memory: base.Memory, Slots: base.Slots}, 0.1, func(n string) bool { return n == "start" }); len(got) != 1 {
		t.Errorf("a case nobody asked for is missed: %v", got)
	}
}
