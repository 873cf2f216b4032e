package jobs

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
)

type person struct {
	ID   string
	Name string
}

// visits counts for each person the events of a log, whose lines begin with an id.
func visits() Job[any, string, string, Pair[string, string]] {
	return Job[any, string, string, Pair[string, string]]{
		Name: "visits",
		Inputs: []Input[string, string]{
			From("users", func(_ context.Context, p person, emit func(string, string)) error {
				emit(p.ID, p.Name)
				return nil
			}),
			From("events", func(_ context.Context, line []byte, emit func(string, string)) error {
				id, _, ok := strings.Cut(string(line), " ")
				if !ok {
					return BadRecord(fmt.Errorf("no event"))
				}
				emit(id, "+")
				return nil
			}),
		},
		Reduce: func(_ context.Context, id string, values iter.Seq[string], emit func(Pair[string, string])) error {
			emit(Pair[string, string]{id, strings.Join(slices.Sorted(values), "")})
			return nil
		},
	}
}

func TestInputsByHand(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	users := "users=" + file("users.csv", "name,id\nann,1\nbob,2\n")
	events, more := "events="+file("a.log", "1 came\n2 came\n1 went\n"), "events="+file("b.log", "3 came\r\nwhat\n")
	for name, c := range map[string]struct {
		args   []string
		code   int
		out    string
		stderr string
	}{
		"both":             {[]string{events, users}, 0, "1\t++ann\n2\t+bob\n", ""},
		"two of one":       {[]string{users, events, more}, 0, "1\t++ann\n2\t+bob\n3\t+\n", "b.log at byte 8: no event"},
		"one is missing":   {[]string{events}, 2, "", "input users is missing: give users=FILE"},
		"none is there":    {nil, 2, "", "input users is missing"},
		"no name":          {[]string{users, events, "x.log"}, 2, "", `"x.log" is not NAME=FILE, where NAME is an input of the job: users, events`},
		"no such name":     {[]string{users, events, "clicks=x.log"}, 2, "", `"clicks=x.log" is not NAME=FILE`},
		"no file":          {[]string{users, "events="}, 2, "", `"events=" is not NAME=FILE`},
		"not those rows":   {[]string{"users=" + file("x.csv", "a,b\n1,2\n"), events}, 1, "", "id"},
		"a file not there": {[]string{users, "events=" + filepath.Join(dir, "nope")}, 1, "", "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, stderr := hand(t, visits(), "", c.args...)
			if code != c.code || out != c.out || !strings.Contains(stderr, c.stderr) {
				t.Errorf("exit %d\nstdout %q\nstderr %q", code, out, stderr)
			}
		})
	}
}

func TestRefusedInputs(t *testing.T) {
	type in = Input[string, int64]
	good := From("a", countWords)
	for want, j := range map[string]wordJob{
		"both Inputs and a Map":     {Map: countWords, Inputs: []in{good}},
		`the input's name "A b"`:    {Inputs: []in{good, From("A b", countWords)}},
		"two inputs are called a":   {Inputs: []in{good, good}},
		"make it with jobs.From":    {Inputs: []in{{name: "a"}}},
		"input a: it has no func":   {Inputs: []in{From[string, string, int64]("a", nil)}},
		"input a: In: int is neith": {Inputs: []in{From("a", func(context.Context, int, func(string, int64)) error { return nil })}},
	} {
		j.Name = "x"
		if _, err := j.Program(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("refused with %v, want %q", err, want)
		}
	}
}

func TestDescribeInputs(t *testing.T) {
	p, err := visits().Program()
	if err != nil {
		t.Fatal(err)
	}
	d := p.Describe()
	users, events := boundary.InputOf(d, 0), boundary.InputOf(d, 1)
	if len(d.GetInputs()) != 2 || !d.GetHasMap() || d.GetRawLines() || len(d.GetInputSchema()) > 0 || boundary.InputOf(d, 2) != nil ||
		users.GetName() != "users" || users.GetInputKind() != pluginv1.Stage_INPUT_KIND_ROW || users.GetRawLines() ||
		events.GetName() != "events" || events.GetInputKind() != pluginv1.Stage_INPUT_KIND_BYTES || !events.GetRawLines() {
		t.Errorf("described as %v", d)
	}
	_, err = p.Map(t.Context(), &pluginv1.MapStart{Input: 2}, boundary.LocalMap{})
	if err == nil || !strings.Contains(err.Error(), "input 2") {
		t.Errorf("an input that is not there gives %v", err)
	}
}

// The inputs share what combines, and combining can be taken off all of them.
func TestInputsCombine(t *testing.T) {
	p, err := wordJob{Name: "x", Combine: Sum[int64](), Inputs: []Input[string, int64]{From("a", countWords), From("b", countWords)}}.Program()
	if err != nil {
		t.Fatal(err)
	}
	pairs := func(p boundary.Program, input uint32) (n int) {
		lines := &lineReader{files: []string{"-"}, stdin: strings.NewReader("to be or not to be\n")}
		if _, err := p.Map(t.Context(), &pluginv1.MapStart{Input: input}, boundary.LocalMap{
			Next: lines.next, Out: func(b *boundary.Pairs) error { n += b.Len(); return nil },
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	plain := p.(interface{ WithoutCombining() boundary.Program }).WithoutCombining()
	for input := range uint32(2) {
		if n, m := pairs(p, input), pairs(plain, input); n != 4 || m != 6 {
			t.Errorf("input %d gives %d pairs combined and %d not", input, n, m)
		}
	}
}
