package jobs_test

import (
	"context"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/jobs"
	"github.com/mrctl/mrctl/jobs/jobstest"
)

type scored struct {
	Name  string
	Score float64
}

// scores reads lines such as "a x=3 y=4".
func scores(_ context.Context, line string, emit func(string, scored)) error {
	key, rest, _ := strings.Cut(line, " ")
	for pair := range jobs.Words(rest) {
		name, number, _ := strings.Cut(pair, "=")
		n, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return jobs.BadRecord(err)
		}
		emit(key, scored{name, n})
	}
	return nil
}

func TestTopK(t *testing.T) {
	job := jobs.TopK("best", 2, func(s scored) float64 { return s.Score }, scores)
	lines := []string{"a x=3 y=4", "b q=NaN", "a z=3 x=3", "a w=-1", "c", "b q=1 r=1 s=1", "a x=9"}
	jobstest.Laws(t, job, lines)
	for k, want := range map[int]string{1: "a x 9\nb q 1\n", 2: "a x 9\na y 4\nb q 1\nb r 1\n", 100: "a x 9\na y 4\na x 3\na x 3\na z 3\na w -1\nb q 1\nb r 1\nb s 1\nb q NaN\n"} {
		job := jobs.TopK("best", k, func(s scored) float64 { return s.Score }, scores)
		if got := jobs.ByHand(t, job, lines); got != strings.ReplaceAll(want, " ", "\t") {
			t.Errorf("the %d best are\n%s, want\n%s", k, got, want)
		}
	}
	all := jobs.TopK("all", 3, func(n float64) float64 { return -math.Abs(n) },
		func(_ context.Context, line string, emit func(struct{}, float64)) error {
			return scores(t.Context(), line, func(_ string, s scored) { emit(struct{}{}, s.Score) })
		})
	if got := jobs.ByHand(t, all, lines); got != "-1\n1\n1\n" {
		t.Errorf("the best of all are\n%s", got)
	}
}

func TestDistinct(t *testing.T) {
	job := jobs.Distinct("words", func(_ context.Context, line string, emit func(string)) error {
		for w := range jobs.Words(line) {
			emit(w)
		}
		return nil
	})
	lines := []string{"to be or", "not to be", "", "that is"}
	jobstest.Laws(t, job, lines)
	if got := jobs.ByHand(t, job, lines); got != "be\nis\nnot\nor\nthat\nto\n" {
		t.Errorf("the words are\n%s", got)
	}
}

func TestTopKRefused(t *testing.T) {
	for want, job := range map[string]jobs.Stage{
		"it finds the 0 best": jobs.TopK("x", 0, func(s scored) float64 { return s.Score }, scores),
		"a chan cannot travel": jobs.TopK("x", 1, func(chan int) int { return 0 },
			func(context.Context, string, func(string, chan int)) error { return nil }),
	} {
		if _, err := job.Program(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("refused with %v, want %q", err, want)
		}
	}
}
