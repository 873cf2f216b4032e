// Package meta holds the engine to its history-free answer: a job's result follows from its input and its functions
// alone, however the input is split, whatever memory, codec, partitions and workers there are, and whatever goes wrong
// on the way. Random jobs run in random clusters within this process, in which functions fail, workers and leaders are
// lost and stores lose requests and replies; a naive loop says what must come of it.
//
// `make test` tries as many as it can in seconds, `make metamorphic RUNS=n` exactly n. The seed is printed, and what fails
// is made as small as it gets.
package meta

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mrctl/mrctl/integration/reference"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage/mem"
)

// short is how long trials go on where no number of them is asked for.
const short = 8 * time.Second

// bound is how long a trial may take: no fault of it lasts longer than a moment, but taking over from a leader may.
const bound = time.Minute

func TestMain(m *testing.M) {
	flag.Parse()
	set := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { set[f.Name] = true })
	for name, value := range map[string]string{
		"rapid.seed": strconv.FormatUint(rand.Uint64N(1e9)+1, 10), "rapid.checks": "1000000", "rapid.nofailfile": "true", "rapid.shrinktime": "60s",
	} {
		if set[name] {
			continue
		}
		if err := flag.Set(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	os.Exit(m.Run())
}

func TestAnswersWithoutHistory(t *testing.T) {
	until := time.Now().Add(short)
	if runs := os.Getenv("MRCTL_META_RUNS"); runs != "" {
		if err := flag.Set("rapid.checks", runs); err != nil {
			t.Fatal(err)
		}
		until = time.Now().Add(24 * time.Hour)
	}
	t.Logf("seed %s", flag.Lookup("rapid.seed").Value)
	var tried, lost, failed int
	found := false // shrinking has no end of its own to keep to
	var slowest time.Duration
	var slow Trial
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		if time.Now().After(until) && !found {
			return
		}
		tr := trials(rt)
		tried++
		began := time.Now()
		j, wrong := tr.try(fmt.Sprint(dir, "/", tried), tr.reference)
		lost += j.AttemptsLost
		failed += j.AttemptsFailed
		if took := time.Since(began); took > slowest {
			slowest, slow = took, tr
		}
		if len(wrong) > 0 {
			found = true
			rt.Logf("%s\n%s", tr, strings.Join(wrong, "\n"))
			rt.Fatal("wrong") // always the same text: else rapid takes a smaller trial's failure for another one
		}
	})
	t.Logf("%d trials, in which %d attempts were lost and %d failed", tried, lost, failed)
	t.Logf("the slowest took %.1f s: %s", slowest.Seconds(), slow)
	if tried == 0 {
		t.Error("nothing was tried")
	}
}

// TestAWrongAnswerIsFound: a check that never fails proves nothing. Here a job is held to the answer of another.
func TestAWrongAnswerIsFound(t *testing.T) {
	tr := Trial{Kind: Sums, Input: Input{Files: 2, Lines: 50, Keys: 3}, SplitSize: 1000, Partitions: 2, Workers: 1, Slots: 1, Memory: 8 << 20}
	other := tr
	other.Kind, other.Bad = Most, 7
	_, wrong := tr.try(t.TempDir(), other.reference)
	found := strings.Join(wrong, "\n")
	for _, want := range []string{"line 1: got", "counter map.bad_records", "counter user.mapped"} {
		if !strings.Contains(found, want) {
			t.Errorf("%q is not found, only %q", want, found)
		}
	}
}

// try runs a trial and says what is wrong with what came of it, which is held against an answer.
func (tr Trial) try(dir string, expect func(files map[string]string) answer) (j ledger.Job, wrong []string) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), bound, errors.New("the trial took too long"))
	defer cancel()
	files := tr.Input.files()
	objects, err := tr.Input.stored(files)
	if err != nil {
		return j, []string{err.Error()}
	}
	w, err := newWorld(tr, dir, objects)
	if err != nil {
		return j, []string{err.Error()}
	}
	j, err = w.run(ctx)
	switch {
	case err != nil:
		return j, []string{err.Error()}
	case j.Phase != ledger.Done:
		return j, []string{fmt.Sprintf("the job %s: %s", j.Phase, j.Error)}
	}
	want := expect(files)
	got, err := parts(ctx, w.output, tr.Partitions)
	if err != nil {
		return j, []string{err.Error()}
	}
	if text := misplaced(got); tr.Sorted && text != "" {
		wrong = append(wrong, text)
	}
	slices.Sort(got)
	if diff := reference.Diff(got, want.rows); diff != "" {
		wrong = append(wrong, diff)
	}
	for _, name := range slices.Sorted(maps.Keys(want.counters)) {
		if j.Counters[name] != want.counters[name] {
			wrong = append(wrong, fmt.Sprintf("counter %s is %d, want %d", name, j.Counters[name], want.counters[name]))
		}
	}
	return j, wrong
}

// misplaced says which row of a result that is to be ordered overall has a key below that of the row before it. It takes the
// rows as they come.
func misplaced(rows []string) string {
	last := ""
	for i, row := range rows {
		key, _, _ := strings.Cut(row, "\t")
		if key = unescape.Replace(key); key < last {
			return fmt.Sprintf("row %d of all parts: key %q after %q", i, key, last)
		}
		last = key
	}
	return ""
}

// parts reads the rows of an output, part after part. Each part must be there, in key order, and _SUCCESS beside them.
func parts(ctx context.Context, out *mem.Store, n int) (rows []string, err error) {
	if _, _, err := out.Get(ctx, "_SUCCESS"); err != nil {
		return nil, err
	}
	for i := range n {
		r, _, err := out.Open(ctx, fmt.Sprintf("part-%05d.tsv", i), 0, -1)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(body)) {
			rows = append(rows, strings.TrimSuffix(line, "\n"))
		}
	}
	return rows, nil
}
