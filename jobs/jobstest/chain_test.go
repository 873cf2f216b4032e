package jobstest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/jobs"
)

type buyer struct {
	ID   string
	City string
}

type bought struct {
	City  string
	Cents int64
}

// purchases joins lines "user cents" with buyers.
func purchases(fn func(ctx context.Context, id string, cents int64, of buyer, emit func(bought)) error) jobs.Job[any, string, jobs.Joined, bought] {
	return jobs.Join("purchases",
		jobs.From("lines", func(_ context.Context, line string, emit func(string, int64)) error {
			id, rest, ok := strings.Cut(line, " ")
			if !ok {
				return jobs.BadRecord(errors.New("no space"))
			}
			emit(id, int64(len(rest)))
			return nil
		}),
		jobs.From("buyers", func(_ context.Context, b buyer, emit func(string, buyer)) error {
			emit(b.ID, b)
			return nil
		}), fn)
}

func each(_ context.Context, _ string, cents int64, of buyer, emit func(bought)) error {
	emit(bought{of.City, cents})
	return nil
}

// byCity is a second stage over the rows of a first one.
func byCity(first jobs.Job[any, string, jobs.Joined, bought], reduce func(context.Context, string, iter.Seq[int64], func(bought)) error) jobs.Job[any, string, int64, bought] {
	return jobs.Job[any, string, int64, bought]{
		Name: "cities",
		Inputs: []jobs.Input[string, int64]{jobs.After(first, func(_ context.Context, b bought, emit func(string, int64)) error {
			emit(b.City, b.Cents)
			return nil
		})},
		Reduce: reduce,
	}
}

func sum(_ context.Context, city string, cents iter.Seq[int64], emit func(bought)) error {
	total := int64(0)
	for c := range cents {
		total += c
	}
	emit(bought{city, total})
	return nil
}

var (
	someLines  = []string{"ann 12", "bob 1", "ann 123", "cy 5", "none", "ann 1"}
	someBuyers = []buyer{{"ann", "Rome"}, {"bob", "Oslo"}, {"cy", "Rome"}, {"dan", "Lima"}}
)

// TestLawsOf: a join by itself, and with a stage after it, keep the laws.
func TestLawsOf(t *testing.T) {
	first := purchases(each)
	LawsOf(t, []jobs.Stage{first}, Records("lines", someLines), Records("buyers", someBuyers))
	LawsOf(t, []jobs.Stage{first, byCity(first, sum)}, Records("buyers", someBuyers), Records("lines", someLines))
}

// TestLawsOfOneMap: the input of a job with a Map is called "".
func TestLawsOfOneMap(t *testing.T) {
	words := jobs.Job[string, string, int64, bought]{
		Name: "words",
		Map: func(_ context.Context, line string, emit func(string, int64)) error {
			emit(line, 1)
			return nil
		},
		Reduce: sum,
	}
	LawsOf(t, []jobs.Stage{words}, Records("", someLines), Generated(5))
	got := OutputsOf(t, []jobs.Stage{words}, Records("", []string{"b", "a", "b"}))[""]
	if want := []string{"a\t1", "b\t2"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestOutputsOf: the rows of the last stage.
func TestOutputsOf(t *testing.T) {
	first := purchases(each)
	got := OutputsOf(t, []jobs.Stage{first, byCity(first, sum)}, Records("lines", someLines), Records("buyers", someBuyers))[""]
	if want := []string{"Oslo\t1", "Rome\t7"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestBrokenChains: a second stage that depends on the order of its values, and a join that keeps something between its calls,
// are found, and shown by few records of named inputs.
func TestBrokenChains(t *testing.T) {
	firstOnly := func(_ context.Context, city string, cents iter.Seq[int64], emit func(bought)) error {
		for c := range cents {
			emit(bought{city, c})
			break
		}
		return nil
	}
	calls := int64(0)
	counted := func(_ context.Context, _ string, _ int64, of buyer, emit func(bought)) error {
		calls++
		emit(bought{of.City, calls})
		return nil
	}
	plain := purchases(each)
	for name, x := range map[string]struct {
		stages []jobs.Stage
		law    string
		most   int
	}{
		"order of values": {[]jobs.Stage{plain, byCity(plain, firstOnly)}, "value order", 4},
		"state":           {[]jobs.Stage{purchases(counted)}, "retries", 2},
	} {
		c, given, o := chained(t, x.stages, []Option{Records("lines", someLines), Records("buyers", someBuyers)})
		var found *violation
		for _, l := range laws(len(given), 1) {
			if l.name == x.law {
				found = l.check(t.Context(), c, given, o)
			}
		}
		if found == nil {
			t.Errorf("%s: the law %q holds", name, x.law)
			continue
		}
		if text := found.String(); len(found.records) > x.most || !strings.Contains(text, `lines: "`) || !strings.Contains(text, "buyers: ") {
			t.Errorf("%s is shown by\n%s", name, text)
		}
	}
}

// TestRecordsThatDoNotFit: records of another type than the input's are told apart.
func TestRecordsThatDoNotFit(t *testing.T) {
	p, err := jobs.Programs(purchases(each))
	if err != nil {
		t.Fatal(err)
	}
	ins := p[0].Describe().GetInputs()
	of := func(opt Option) input {
		var o options
		opt(&o)
		return o.inputs[0]
	}
	for name, x := range map[string]struct {
		opt   Option
		input int
		fits  bool
	}{
		"text": {Records("lines", []string{}), 0, true}, "bytes for text": {Records("lines", [][]byte{}), 0, false},
		"rows": {Records("buyers", []buyer{}), 1, true}, "other rows": {Records("buyers", []bought{}), 1, false},
		"text for rows": {Records("buyers", []string{}), 1, false}, "rows for text": {Records("lines", []buyer{}), 0, false},
	} {
		if err := of(x.opt).fits(ins[x.input]); (err == nil) != x.fits {
			t.Errorf("%s: %v", name, err)
		}
	}
}
