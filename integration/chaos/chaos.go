// Package chaos runs clusters of real processes, breaks things in them from a seed, and holds what comes out against what
// must: the output is that of a plain program, counters are exact, there is one _SUCCESS, nothing is left running or lying
// about, no process ended by itself, and the job ended in time.
//
// A run: package plan draws it from the seed; package stage puts the processes up, with proxies between them (netfault) or
// each in a network of its own (netspace), and proxies before the store (storefault); package work says what the cluster is asked and what the answer is. Here is the rest: inject.go
// breaks things when their moment comes, check.go looks at the end.
//
// The engine is part of the tests and also behind the verb `mrctl chaos`, which starts everything it breaks itself.
package chaos

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mrctl/mrctl/integration/chaos/plan"
	"github.com/mrctl/mrctl/integration/chaos/stage"
	"github.com/mrctl/mrctl/integration/chaos/work"
	"github.com/mrctl/mrctl/internal/s3server"
)

// Options say what a campaign is.
type Options struct {
	Binary string // a built mrctl, which is also the plugin
	// Clocked gives a build of it whose clock package clockjump can move; runs that jump use it. Nil leaves those faults out.
	Clocked func(context.Context) (string, error)
	Dir     string       // an existing folder; a run that failed leaves its logs there
	Stores  []plan.Store // to choose from
	Faults  []plan.Kind  // to choose from
	// Spaces gives each process a network of its own (netspace.Check says whether that can be had); else there are proxies
	// between them, and faults of the group packets are left out.
	Spaces bool
	Work   []work.Kind // to choose from; none: all there are
	// List is how Faults was written by the user, for the command that replays a run.
	List string
}

// Result is how a run went.
type Result struct {
	Seed     uint64         `json:"seed"`
	Plan     string         `json:"plan"`
	Store    plan.Store     `json:"store"`
	Net      string         `json:"net"`
	Job      string         `json:"job,omitempty"`
	Happened []string       `json:"happened,omitempty"` // what was done, and when
	Seconds  float64        `json:"seconds"`            // from submission to the end of the job
	Bound    float64        `json:"bound"`              // seconds
	Broken   []string       `json:"broken,omitempty"`   // invariants
	Left     map[string]int `json:"left,omitempty"`     // what lies about and has no owner, by kind
	Logs     string         `json:"logs,omitempty"`     // where they are, if something was broken
	Replay   string         `json:"replay,omitempty"`   // the command that does it again
}

// Available are the stores that can be started here.
func Available() []plan.Store {
	stores := []plan.Store{plan.Folder}
	for _, s := range []plan.Store{plan.VersityGW, plan.MinIO} {
		if _, err := s3server.Binary(s3server.Kind(s)); err == nil {
			stores = append(stores, s)
		}
	}
	return stores
}

// Have is what this machine allows.
var Have = sync.OnceValue(func() plan.Need {
	var have plan.Need
	if runtime.GOOS == "linux" {
		have |= plan.Linux
	}
	if stage.CanMount() {
		have |= plan.Root
	}
	return have
})

// The ways in which processes reach each other, as users name them.
const (
	Namespaces = "namespaces"
	Proxies    = "proxies"
)

// Net names the one that is used.
func (o Options) Net() string {
	if o.Spaces {
		return Namespaces
	}
	return Proxies
}

// Plan is the run that a seed stands for.
func (o Options) Plan(seed uint64) plan.Plan {
	have := Have()
	if o.Clocked != nil {
		have |= plan.Clocks
	}
	if o.Spaces {
		have |= plan.Spaces
	}
	return plan.Make(seed, plan.Choices{Stores: o.Stores, Faults: o.Faults, Work: o.Work, Have: have})
}

// Replay is the command that does a run again.
func (o Options) Replay(p plan.Plan) string {
	cmd := "mrctl chaos --seed " + strconv.FormatUint(p.Seed, 10) + " --runs 1 --store " + string(p.Store) + " --net " + o.Net()
	if o.List != "" {
		cmd += " --faults " + o.List
	}
	for i, k := range o.Work {
		cmd += []string{" --work ", ","}[min(i, 1)] + string(k)
	}
	return cmd
}

// Run does one run. An error says that it could not be done, as when ctx ended; what the run found is in the Result.
func (o Options) Run(ctx context.Context, seed uint64) (Result, error) {
	return o.run(ctx, seed, work.Spec.Answer)
}

// run holds what comes out against answer.
func (o Options) run(ctx context.Context, seed uint64, answer func(work.Spec) work.Answer) (Result, error) {
	p := o.Plan(seed)
	res := Result{Seed: seed, Plan: p.String(), Store: p.Store, Net: o.Net(), Bound: p.Bound().Seconds(), Left: map[string]int{}}
	binary, err := o.Binary, error(nil)
	if p.MovesClocks() {
		if binary, err = o.Clocked(ctx); err != nil {
			return res, err
		}
	}
	dir, err := o.folder(seed)
	if err != nil {
		return res, err
	}
	st, err := stage.Open(ctx, binary, dir, p, o.Spaces)
	if err == nil {
		r := &run{stage: st, plan: p, answer: answer(p.Work), res: &res, began: time.Now(), over: make(chan struct{})}
		err = r.do(ctx)
	}
	if closed := st.Close(); err == nil {
		err = closed
	}
	if err == nil && len(res.Broken) == 0 {
		return res, os.RemoveAll(dir)
	}
	res.Logs, res.Replay = filepath.Join(dir, "logs"), o.Replay(p)
	note := fmt.Sprintf("%s\n%s\n%s\n\n%s\n\n%s\n", res.Replay, res.Plan, res.Job, strings.Join(res.Happened, "\n"), strings.Join(res.Broken, "\n"))
	if err := os.WriteFile(filepath.Join(res.Logs, "README"), []byte(note), 0o600); err != nil {
		res.Broken = append(res.Broken, err.Error())
	}
	return res, err
}

// folder makes the folder of a run. Its path is short: sockets lie in it.
func (o Options) folder(seed uint64) (string, error) {
	root, err := filepath.Abs(o.Dir)
	if err != nil {
		return "", err
	}
	for try := 0; ; try++ {
		dir := filepath.Join(root, strconv.FormatUint(seed, 10))
		if try > 0 {
			dir += "." + strconv.Itoa(try)
		}
		err := os.Mkdir(dir, 0o700)
		if err == nil || !os.IsExist(err) {
			return dir, err
		}
	}
}
