package plugincheck

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/jobs"
)

// The test's own binary is the plugin: started with the handshake's cookie it behaves as its last argument says.
func TestMain(m *testing.M) {
	if os.Getenv(boundary.Handshake.MagicCookieKey) == "" {
		os.Exit(m.Run())
	}
	mode := os.Args[len(os.Args)-1]
	os.Args = os.Args[:1]
	if mode == "garbage" {
		fmt.Println("hello, world")
		return
	}
	job := jobs.Job[string, string, int64, jobs.Pair[string, int64]]{
		Name: "test",
		Map: func(_ context.Context, line string, emit func(string, int64)) error {
			switch {
			case mode == "exit" && strings.Contains(line, "\xff"):
				os.Exit(7)
			case mode == "hang" && strings.Contains(line, "\xff"):
				select {}
			case line == "BOOM":
				return errors.New("no good")
			case mode == "random":
				emit(fmt.Sprint(rand.Uint64()), 1)
			}
			for w := range jobs.Words(line) {
				emit(w, 1)
			}
			return nil
		},
	}
	if strings.HasPrefix(mode, "outputs") {
		jobs.Main(liar{mode})
		return
	}
	if mode == "reduce" {
		calls := 0
		job.Reduce = func(_ context.Context, key string, _ iter.Seq[int64], emit func(jobs.Pair[string, int64])) error {
			calls++
			emit(jobs.Pair[string, int64]{Key: key, Value: int64(calls)})
			return nil
		}
	} else {
		job.Combine = jobs.Sum[int64]()
	}
	jobs.Main(job)
}

// results runs the checks on a mode of the test's plugin and gives those that did not pass, by their names.
func results(t *testing.T, mode string) (failed, skipped []string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Path: exe, Args: []string{mode}, Scratch: t.TempDir(), Failing: []byte("BOOM"), Timeout: DefaultTimeout}
	if mode == "hang" {
		cfg.Timeout = 3 * time.Second
	}
	all := 0
	err = Run(t.Context(), cfg, func(r Result) error {
		all++
		switch r.State {
		case Failed:
			failed = append(failed, r.Check)
			t.Logf("%+v", r)
		case Skipped:
			skipped = append(skipped, r.Check)
		}
		if r.Seen == "" || r.Expected == "" {
			t.Errorf("a result that does not say what: %+v", r)
		}
		return nil
	})
	if err != nil || all == 0 {
		t.Fatalf("%d checks: %v", all, err)
	}
	return failed, skipped
}

func TestChecks(t *testing.T) {
	for mode, want := range map[string][]string{
		"good":    nil,
		"garbage": {"handshake"},
		"exit":    {"map, not UTF-8"},
		"hang":    {"map, not UTF-8"},
		"random":  {"map, batches", "map, messages", "map, again", "map, at once", "map, cancelled"},
		"reduce":  {"reduce, batches", "reduce, messages", "reduce, big group", "reduce, again"},
	} {
		t.Run(mode, func(t *testing.T) {
			failed, skipped := results(t, mode)
			if !slices.Equal(failed, want) {
				t.Errorf("these checks fail: %q, want %q", failed, want)
			}
			if len(skipped) > 0 {
				t.Errorf("these are skipped: %q", skipped)
			}
		})
	}
}
