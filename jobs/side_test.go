package jobs_test

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/jobs"
	"github.com/mrctl/mrctl/jobs/jobstest"
)

type country struct {
	Code string
	Name string
	Area *float64
}

var (
	countries = jobs.NewBroadcast("countries", func(c country) string { return c.Code })
	greeting  = jobs.NewSideFile("greeting")
)

// greet joins lines that are codes with countries, and greets them.
func greet() jobs.Job[string, string, int64, string] {
	return jobs.Job[string, string, int64, string]{
		Name: "greet", Sides: []jobs.SideData{countries, greeting}, Combine: jobs.Sum[int64](),
		Map: func(ctx context.Context, line string, emit func(string, int64)) error {
			names, err := countries.Load(ctx)
			if err != nil {
				return err
			}
			if c, ok := names[line]; ok {
				emit(c.Name, 1)
			}
			return nil
		},
		Reduce: func(ctx context.Context, name string, n iter.Seq[int64], emit func(string)) error {
			text, err := os.ReadFile(greeting.Path(ctx))
			if err != nil {
				return err
			}
			emit(strings.Repeat(string(text), int(jobs.Sum[int64]().Fold(n))) + name)
			return nil
		},
	}
}

func sideFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSides(t *testing.T) {
	lines := []string{"ch", "xx", "li", "ch"}
	hello := sideFile(t, "hello.txt", "hi ")
	for name, text := range map[string]string{
		"c.csv":   "name,code,ignored\nSwitzerland,ch,1\nLiechtenstein,li,2\n",
		"c.tsv":   "area\tcode\tname\n41.3\tch\tSwitzerland\n\tli\tLiechtenstein\n",
		"c.jsonl": `{"code":"ch","name":"Switzerland","area":41.3}` + "\n" + `{"code":"li","name":"Liechtenstein","area":null}`,
	} {
		if name == "c.csv" {
			text = strings.ReplaceAll(strings.ReplaceAll(text, "ignored", "area"), ",2\n", ",\n")
		}
		path := sideFile(t, name, text)
		jobstest.Laws(t, greet(), lines, jobstest.Side("countries", path), jobstest.Side("greeting", hello))
		got := jobs.ByHand(t, greet(), lines, "-side", "countries="+path, "-side", "greeting="+hello)
		if want := "hi Liechtenstein\nhi hi Switzerland\n"; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestSidesRefused(t *testing.T) {
	good, twice := sideFile(t, "c.csv", "code,name,area\nch,Switzerland,\n"), sideFile(t, "c.csv", "code,name,area\nch,a,\nch,b,\n")
	packed := sideFile(t, "c.csv.gz", "")
	for want, args := range map[string][]string{
		"needs the side file countries: say where it is with -side countries=FILE": {"-side", "greeting=" + good},
		"no side file \"nope\", only countries, greeting":                          {"-side", "nope=" + good},
		"it is NAME=FILE":                               {"-side", "countries"},
		"no such file":                                  {"-side", "countries=/nowhere/c.csv"},
		"it has to be unpacked first":                   {"-side", "countries=" + packed},
		"side file countries: two rows have the key ch": {"-side", "greeting=" + good, "-side", "countries=" + twice},
		"side file countries: ":                         {"-side", "countries=" + sideFile(t, "x.csv", "code\n"), "-side", "greeting=" + good},
	} {
		if got := jobs.ByHandFails(t, greet(), []string{"ch"}, args...); !strings.Contains(got, want) {
			t.Errorf("refused with %q, want %q", got, want)
		}
	}
	for want, sides := range map[string][]jobs.SideData{
		`the name "Big File" of a side file`:      {jobs.NewSideFile("Big File")},
		"two of Sides are named a":                {jobs.NewSideFile("a"), jobs.NewSideFile("a")},
		"broadcast a: its rows are to be structs": {jobs.NewBroadcast("a", func(s string) string { return s })},
	} {
		job := greet()
		job.Sides = sides
		if _, err := job.Program(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("refused with %v, want %q", err, want)
		}
	}
	if got := jobs.ByHandParsed(t, greet()); !strings.Contains(got, "leave flag.Parse to it") {
		t.Errorf("with its flags parsed by its own main it says %q", got)
	}
	defer func() {
		if r, _ := recover().(string); !strings.Contains(r, "not listed in Job.Sides") {
			t.Errorf("it panics with %q", r)
		}
	}()
	greeting.Path(t.Context())
}
