package jobs_test

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/jobs"
)

func here() int {
	_, _, line, _ := runtime.Caller(1)
	return line
}

var mapLine = here() + 2

func mapToSlices(context.Context, string, func([]string, int64)) error { return nil }

var reduceLine = here() + 2

func reduceToChan(context.Context, string, iter.Seq[int64], func(chan int)) error { return nil }

func words(context.Context, string, func(string, int64)) error { return nil }

// TestMistakesHavePlaces: the types of a job are written where its functions are, and what is wrong with them is said of there.
func TestMistakesHavePlaces(t *testing.T) {
	foldLine := here() + 1
	noNumbers := jobs.SumFields[struct{ Name string }]()
	for want, s := range map[string]jobs.Stage{
		fmt.Sprintf("place_test.go:%d: job x: K: []string", mapLine):      jobs.Job[string, []string, int64, struct{}]{Name: "x", Map: mapToSlices},
		fmt.Sprintf("place_test.go:%d: job x: Out: chan int", reduceLine): jobs.Job[string, string, int64, chan int]{Name: "x", Map: words, Reduce: reduceToChan},
		fmt.Sprintf("place_test.go:%d: SumFields: ", foldLine): jobs.Job[string, string, struct{ Name string }, struct{}]{
			Name: "x", Combine: noNumbers, Map: func(context.Context, string, func(string, struct{ Name string })) error { return nil },
		},
	} {
		if _, err := s.Program(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("refused with %v, want %q", err, want)
		}
	}
}

// TestColumnsNameTheirFields: an error about a column of the input can say what it is read for.
func TestColumnsNameTheirFields(t *testing.T) {
	job := jobs.Job[sale, string, int64, jobs.Pair[string, int64]]{
		Name: "x", Map: func(context.Context, sale, func(string, int64)) error { return nil },
	}
	p, err := job.Program()
	if err != nil {
		t.Fatal(err)
	}
	schema := string(p.Describe().GetInputSchema())
	for _, field := range []string{"place.Shop", "sale.Cents", "sale.Note"} {
		if !strings.Contains(schema, field) {
			t.Errorf("the schema of the input does not name %s", field)
		}
	}
}

type place struct {
	Shop string `mr:"store"`
}

type sale struct {
	place
	Cents int64
	Note  string `mr:",optional"`
}
