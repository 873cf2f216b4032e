// Package plugincheck puts a plugin through the wire's rules, whatever language it is written in: it starts the plugin as a
// worker does, speaks the plain stream to it, and says of each rule whether it holds. docs/plugin-protocol.md has the rules.
//
// It knows nothing of what the job computes, so it compares the plugin with itself: however records are cut into batches
// and bodies into messages, equal input gives equal output.
package plugincheck

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/worker/pluginhost"
)

// Config says what to check.
type Config struct {
	Path    string        // the plugin's binary
	Args    []string      // its own flags
	Scratch string        // a folder of the check's own
	Records [][]byte      // lines of a real input; none: made up ones
	Failing []byte        // a record at which the job's Map returns an error; nil: there is none to be had
	Timeout time.Duration // of a start and of an attempt; 0: DefaultTimeout
}

// DefaultTimeout is how long an attempt over a few thousand records may take.
const DefaultTimeout = 20 * time.Second

// State is how a check ended.
type State string

// A check that is skipped does not apply to the plugin, or needs something that was not given.
const (
	Passed  State = "pass"
	Failed  State = "fail"
	Skipped State = "skip"
)

// Result is one check.
type Result struct {
	Check    string `json:"check"`
	State    State  `json:"state"`
	Expected string `json:"expected"`
	Seen     string `json:"seen"`
}

// skip is why a check was not made.
type skip string

func (s skip) Error() string { return string(s) }

// checker is one run of all checks.
type checker struct {
	cfg     Config
	host    *pluginhost.Host
	mu      sync.Mutex
	process *pluginhost.Process // nil: it has to be started; guarded by mu while attempts run at once, as is starts
	starts  int
	about   *pluginv1.DescribeResponse
	tell    func(Result) error
}

// Run makes all checks and tells of each as it is made. It returns an error if the checks could not be made, or tell
// returned one; a plugin that breaks a rule is none.
func Run(ctx context.Context, cfg Config, tell func(Result) error) error {
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	c := &checker{cfg: cfg, tell: tell, host: pluginhost.New(pluginhost.Config{StartTimeout: cfg.Timeout})}
	err := c.run(ctx)
	if c.process != nil {
		err = errors.Join(err, c.process.Close())
	}
	return err
}

func (c *checker) run(ctx context.Context) error {
	err := c.check(ctx, "handshake", "a line on standard output, then a gRPC server that answers Describe", func(ctx context.Context) (string, error) {
		_, err := c.plugin(ctx)
		return "it answered", err
	})
	if err != nil || c.process == nil {
		return err
	}
	c.about = c.process.Describe()
	good := false
	err = c.check(ctx, "describe", "protocol 1, stages with a name of their own that a worker can run, schemas that are Arrow IPC messages", func(context.Context) (string, error) {
		seen, err := checkDescription(c.about)
		good = err == nil
		return seen, err
	})
	if err != nil || !good {
		return err
	}
	for i, s := range c.about.GetStages() {
		st, err := newStage(c, i)
		if err != nil {
			return fmt.Errorf("stage %s: %w", s.GetName(), err)
		}
		if err := st.run(ctx); err != nil {
			return err
		}
	}
	return c.check(ctx, "end", "the process ends by itself within a second once the worker lets go of the pipe", c.ends)
}

// check makes one check; f returns what was seen, or an error where the rule does not hold.
func (c *checker) check(ctx context.Context, name, expected string, f func(context.Context) (seen string, err error)) error {
	seen, err := f(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r := Result{Check: name, State: Passed, Expected: expected, Seen: seen}
	var s skip
	switch {
	case errors.As(err, &s):
		r.State, r.Seen = Skipped, string(s)
	case err != nil:
		r.State, r.Seen = Failed, err.Error()
	}
	return c.tell(r)
}

// plugin gives the running plugin; one that has died is started again.
func (c *checker) plugin(ctx context.Context) (*pluginhost.Process, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process != nil {
		if dead, _ := c.process.Exited(); !dead {
			return c.process, nil
		}
		if err := c.process.Close(); err != nil {
			return nil, err
		}
		c.process = nil
	}
	c.starts++
	p, err := c.host.Open(ctx, pluginhost.Spec{
		Job: "check", Path: c.cfg.Path, Args: c.cfg.Args, Scratch: filepath.Join(c.cfg.Scratch, fmt.Sprint(c.starts)),
	})
	if err != nil {
		return nil, err
	}
	c.process = p
	return p, nil
}

// hung ends a plugin that does not come back, so that the next check has another.
func (c *checker) hung() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil { // it died, and did not start again
		return nil
	}
	return c.process.Kill()
}

func (c *checker) ends(ctx context.Context) (string, error) {
	p, err := c.plugin(ctx)
	if err != nil {
		return "", err
	}
	if err := p.Close(); err != nil {
		return "", err
	}
	_, how := p.Exited()
	if !strings.HasPrefix(how, "it exited ") {
		return "", errs.New(errs.UserCode, "%s", how)
	}
	return how, nil
}

// checkDescription holds a description to what a worker relies on.
func checkDescription(d *pluginv1.DescribeResponse) (string, error) {
	if d.GetInvalid() != "" {
		return "", errs.New(errs.Invalid, "the plugin finds fault with its flags or its job: %s", d.GetInvalid())
	}
	if d.GetProtocol() != boundary.Protocol {
		return "", errs.New(errs.Invalid, "protocol %d", d.GetProtocol())
	}
	if len(d.GetStages()) == 0 {
		return "", errs.New(errs.Invalid, "no stage")
	}
	if len(d.GetAbilities()) > 0 {
		return "", errs.New(errs.Invalid, "abilities %v, of which none was offered", d.GetAbilities())
	}
	if err := boundary.CheckStages(d.GetStages()); err != nil {
		return "", err
	}
	names := map[string]bool{}
	for i, s := range d.GetStages() {
		if s.GetName() == "" || names[s.GetName()] {
			return "", errs.New(errs.Invalid, "stage %d has the name %q", i, s.GetName())
		}
		names[s.GetName()] = true
		if _, err := readSchemas(s); err != nil {
			return "", fmt.Errorf("stage %s: %w", s.GetName(), err)
		}
	}
	return fmt.Sprintf("%s, stages: %d, flags: %d", d.GetSdk(), len(d.GetStages()), len(d.GetFlags())), nil
}
