// Package cluster runs mrctl as a person would: separate processes of the built binary over a folder or a real S3
// server, each with a scratch folder of its own, to be watched and killed.
package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Options say what to start. Binary, Dir and Store are required.
type Options struct {
	Binary       string // a built mrctl
	Dir          string // logs and scratch go here
	Store        string // a folder or s3://bucket/prefix
	Env          []string
	Coordinators int
	Workers      int
	LeaseTTL     time.Duration // default 3 s
	Slots        int           // a worker; default 1
	Memory       string        // a worker; default 256MiB
}

// Cluster is a set of processes over one store.
type Cluster struct {
	Options
	Coordinators, Workers []*Proc
}

// Start starts everything and waits until a leader has all the workers; without coordinators it waits for nothing.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	if o.LeaseTTL == 0 {
		o.LeaseTTL = 3 * time.Second
	}
	if o.Slots == 0 {
		o.Slots = 1
	}
	if o.Memory == "" {
		o.Memory = "256MiB"
	}
	c := &Cluster{Options: o}
	for range o.Coordinators {
		if _, err := c.AddCoordinator(); err != nil {
			return c, errors.Join(err, c.Stop())
		}
	}
	for range o.Workers {
		if _, err := c.AddWorker(); err != nil {
			return c, errors.Join(err, c.Stop())
		}
	}
	if o.Coordinators == 0 {
		return c, nil
	}
	if err := c.WaitWorkers(ctx, o.Workers); err != nil {
		return c, errors.Join(err, c.Stop())
	}
	return c, nil
}

// AddCoordinator starts one more coordinator.
func (c *Cluster) AddCoordinator() (*Proc, error) {
	p, err := c.spawn(fmt.Sprintf("coordinator-%d", len(c.Coordinators)), "serve", "coordinator", "--store", c.Store, "--lease-ttl", c.LeaseTTL.String())
	if err == nil {
		c.Coordinators = append(c.Coordinators, p)
	}
	return p, err
}

// AddWorker starts one more worker.
func (c *Cluster) AddWorker() (*Proc, error) {
	name := fmt.Sprintf("worker-%d", len(c.Workers))
	p, err := c.spawn(name, "serve", "worker", "--store", c.Store, "--slots", strconv.Itoa(c.Slots), "--memory", c.Memory,
		"--scratch", filepath.Join(c.Dir, name+".scratch"))
	if err == nil {
		c.Workers = append(c.Workers, p)
	}
	return p, err
}

func (c *Cluster) spawn(name string, args ...string) (*Proc, error) {
	return StartProc(name, filepath.Join(c.Dir, name+".log"), c.Env, c.Binary, args...)
}

// Stop ends all processes, politely at first.
func (c *Cluster) Stop() error {
	all := append(append([]*Proc{}, c.Workers...), c.Coordinators...)
	for _, p := range all {
		p.Signal(syscall.SIGCONT)
		p.Signal(syscall.SIGINT)
	}
	deadline := time.After(10 * time.Second)
	for _, p := range all {
		select {
		case <-p.Exited():
		case <-deadline:
			p.Kill()
		}
	}
	return nil
}

// Result is what one run of the command line gave.
type Result struct {
	Out, Err string
	Code     int
}

// Mrctl runs the command line against the cluster's store.
func (c *Cluster) Mrctl(ctx context.Context, args ...string) (Result, error) {
	return Run(ctx, c.Binary, append(append([]string{}, c.Env...), "MRCTL_STORE="+c.Store), args...)
}

// JSON runs a command with --json and decodes what it prints.
func (c *Cluster) JSON(ctx context.Context, into any, args ...string) error {
	r, err := c.Mrctl(ctx, append([]string{args[0], "--json"}, args[1:]...)...)
	if err != nil {
		return err
	}
	if r.Code != 0 {
		return fmt.Errorf("mrctl %s: exit %d: %s", strings.Join(args, " "), r.Code, r.Err)
	}
	if err := json.Unmarshal([]byte(r.Out), into); err != nil {
		return fmt.Errorf("mrctl %s: %w in %q", strings.Join(args, " "), err, r.Out)
	}
	return nil
}

// Until asks again and again until ok says yes or ctx ends.
func Until(ctx context.Context, what string, ok func() (bool, error)) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		yes, err := ok()
		if yes {
			return nil
		}
		last = err
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("waiting for %s: %w", what, ctx.Err()), last)
		}
	}
}

// WaitWorkers waits until the leader knows n workers.
func (c *Cluster) WaitWorkers(ctx context.Context, n int) error {
	return Until(ctx, strconv.Itoa(n)+" workers", func() (bool, error) {
		r, err := c.Mrctl(ctx, "workers", "--json")
		if err == nil && r.Code != 0 {
			err = errors.New(r.Err)
		}
		return err == nil && strings.Count(r.Out, "\n") >= n, err
	})
}

// Status is what the tests ask of a job.
type Status struct {
	ID             string           `json:"id"`
	Phase          string           `json:"phase"`
	Error          string           `json:"error"`
	Epoch          uint64           `json:"epoch"`
	Counters       map[string]int64 `json:"counters"`
	TasksKept      int              `json:"tasks_kept"`
	AttemptsLost   int              `json:"attempts_lost"`
	AttemptsFailed int              `json:"attempts_failed"`
	Warnings       []string         `json:"warnings"`
	Stages         []struct {
		Name  string `json:"name"`
		Tasks int    `json:"tasks"`
		Done  int    `json:"done"`
		// Running tasks; of those that still fetch, the runs they have and those they need.
		Running     int `json:"running"`
		RunsFetched int `json:"runs_fetched"`
		RunsWanted  int `json:"runs_wanted"`
	} `json:"stages"`
}

// Event is an entry of a job's history.
type Event struct {
	Kind    string `json:"kind"`
	Task    string `json:"task"`
	Attempt int    `json:"attempt"`
	Worker  string `json:"worker"`
	Text    string `json:"text"`
}

// Redone tells whether reduces were run again because a map gave something else the second time.
func (s Status) Redone() bool {
	return slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, "not deterministic") })
}

// Ended tells whether the job is over.
func (s Status) Ended() bool {
	return s.Phase == "done" || s.Phase == "failed" || s.Phase == "cancelled"
}

// Done counts the tasks that are done, and all of them.
func (s Status) Done() (done, of int) {
	for _, st := range s.Stages {
		done += st.Done
		of += st.Tasks
	}
	return done, of
}

// Status asks for a job.
func (c *Cluster) Status(ctx context.Context, id string) (s Status, err error) {
	return s, c.JSON(ctx, &s, "status", id)
}

// Events is what has happened to a job so far under the present leader, who does not say that there is no more of it: the
// events of a second are taken.
func (c *Cluster) Events(ctx context.Context, id string) (all []Event, err error) {
	second, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	r, err := c.Mrctl(second, "watch", "--json", id)
	if err != nil && second.Err() == nil || ctx.Err() != nil {
		return nil, err
	}
	for line := range strings.Lines(r.Out) {
		var m struct{ Event *Event }
		if !strings.HasSuffix(line, "\n") {
			break // cut off
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			return nil, fmt.Errorf("mrctl watch %s: %w in %q", id, err, line)
		}
		if m.Event != nil {
			all = append(all, *m.Event)
		}
	}
	return all, nil
}

// Submit submits a job and gives its id.
func (c *Cluster) Submit(ctx context.Context, args ...string) (string, error) {
	var answer struct{ ID string }
	err := c.JSON(ctx, &answer, append([]string{"submit", "--detach"}, args...)...)
	return answer.ID, err
}

// WaitDone waits for the end of a job, which must be a good one.
func (c *Cluster) WaitDone(ctx context.Context, id string) (s Status, err error) {
	err = Until(ctx, "the end of job "+id, func() (ok bool, err error) {
		s, err = c.Status(ctx, id)
		return err == nil && s.Ended(), err
	})
	if err == nil && s.Phase != "done" {
		err = fmt.Errorf("job %s %s: %s", id, s.Phase, s.Error)
	}
	return s, err
}

// Leader finds the process that leads, by the process id in the name of the lease's holder.
func (c *Cluster) Leader(ctx context.Context) (*Proc, error) {
	var l struct {
		Holder string `json:"holder"`
	}
	if err := c.JSON(ctx, &l, "leader"); err != nil {
		return nil, err
	}
	for _, p := range c.Coordinators {
		if strings.Contains(l.Holder, "-"+strconv.Itoa(p.Pid())+"-") {
			return p, nil
		}
	}
	return nil, fmt.Errorf("the lease's holder %q is none of our processes", l.Holder)
}
