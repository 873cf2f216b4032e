package chaos_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/chaos"
	"github.com/mrctl/mrctl/integration/chaos/clockjump"
	"github.com/mrctl/mrctl/integration/chaos/plan"
	"github.com/mrctl/mrctl/integration/chaos/work"
	"github.com/mrctl/mrctl/internal/s3server"
)

// bin is mrctl, which starts everything and is the plugin too.
var bin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "mrctl-chaos-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bin = filepath.Join(dir, "mrctl")
	cmd := exec.Command("go", "build", "-o", bin, "github.com/mrctl/mrctl/cmd/mrctl")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	code := 1
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build mrctl: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir) // a temporary folder
	os.Exit(code)
}

// shortDir is a folder whose path leaves room for the names of sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mrc-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !t.Failed() {
			os.RemoveAll(dir)
		}
	})
	return dir
}

// fixed is what every test run goes through: a leader, a worker and a plugin killed, a leader paused beyond its lease, a
// cluster killed whole, links cut, a store that loses and delays, damaged runs. The campaign is `make chaos RUNS=300`.
var fixed = []struct {
	seed   uint64
	store  plan.Store
	faults string
	work   work.Kind // "": what the seed says
}{
	{1, plan.Folder, "none", ""},
	{5, plan.Folder, "kill-leader,kill-worker,kill-plugin", ""},
	{8, plan.VersityGW, "kill-at-write", ""},
	{1077, plan.VersityGW, "all", ""}, // kills all processes at a third of the maps
	{3118, plan.Folder, "all", ""},    // kills the leader at two thirds
	{21, plan.VersityGW, "cut-session,cut-shuffle,flip-run,delete-run", ""},
	{104, plan.VersityGW, "clock", ""},                                               // clocks that swing, far enough for the server to refuse them
	{102, plan.Folder, "clock", ""},                                                  // a clock that swings
	{4, plan.VersityGW, "kill-leader,kill-worker,kill-all,cut-shuffle", work.Stages}, // kills the leader in the second stage
	{604, plan.VersityGW, "flip-body", work.Stages},
	{33, plan.VersityGW, "storm,lost-request,lost-reply,cut-body,flip-body", ""},
}

func TestFixedSeeds(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	dir, built := shortDir(t), t.TempDir()
	clocked := sync.OnceValues(func() (string, error) { // a minute or two where nothing of it is in the build cache
		out := filepath.Join(built, "mrctl")
		return out, clockjump.Build(ctx, "github.com/mrctl/mrctl/cmd/mrctl", built, out)
	})
	slots := make(chan struct{}, 3) // runs mostly sleep
	t.Run("all", func(t *testing.T) {
		for _, c := range fixed {
			t.Run(fmt.Sprint(c.seed, " ", c.store, " ", c.faults), func(t *testing.T) {
				if c.store != plan.Folder && !slices.Contains(chaos.Available(), c.store) {
					s3server.ForTest(t, s3server.Kind(c.store)) // skips or fails, as is right
				}
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
				kinds, err := plan.Parse(c.faults)
				if err != nil {
					t.Fatal(err)
				}
				o := chaos.Options{Binary: bin, Dir: dir, Stores: []plan.Store{c.store}, Faults: kinds, List: c.faults}
				if c.work != "" {
					o.Work = []work.Kind{c.work}
				}
				if c.faults == "clock" {
					o.Clocked = func(context.Context) (string, error) { return clocked() }
				}
				res, err := o.Run(ctx, c.seed)
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%s\n%s\n%.1f s, bound %.0f s", res.Plan, strings.Join(res.Happened, "\n"), res.Seconds, res.Bound)
				for _, b := range res.Broken {
					t.Error(b)
				}
				if len(res.Broken) > 0 {
					t.Logf("logs: %s\nagain: %s", res.Logs, res.Replay)
				}
			})
		}
	})
}

// TestAWrongAnswerIsFound: a check that never fails proves nothing. Here the cluster is asked for one job and held to the
// answer of another.
func TestAWrongAnswerIsFound(t *testing.T) {
	res, err := chaos.Options{Binary: bin, Dir: shortDir(t), Stores: []plan.Store{plan.Folder}}.Deceived(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	broken := strings.Join(res.Broken, "\n")
	for _, want := range []string{"the output is wrong", "counter map.records_in"} {
		if !strings.Contains(broken, want) {
			t.Errorf("it was not found that %s, only\n%s", want, broken)
		}
	}
	if _, err := os.Stat(filepath.Join(res.Logs, "worker-0.log")); err != nil || !strings.Contains(res.Replay, "--seed 2 --runs 1 --store folder") {
		t.Errorf("logs in %q (%v), replayed by %q", res.Logs, err, res.Replay)
	}
}
