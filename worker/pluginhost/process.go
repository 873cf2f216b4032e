package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/tempdir"
)

// Process is a running plugin, for one job. It is safe for concurrent use.
type Process struct {
	spec    Spec
	name    string
	sockets *tempdir.Dir
	tail    *tail
	plugin  *plugin.Client
	runner  *runner
	client  pluginv1.PluginServiceClient
	shared  *boundary.Segments // nil: everything goes by the stream
	about   *pluginv1.DescribeResponse

	threads sync.WaitGroup
	parked  chan struct{} // closed by Close: the starting thread may end
	exited  chan struct{} // closed when the process has ended and its words are read

	mu      sync.Mutex
	ended   string // guarded by mu; how, in words; set before exited is closed
	signal  bool   // guarded by mu; it ended by a signal; set with it
	closing bool   // guarded by mu
	once    sync.Once
}

// Describe is what the plugin said of itself.
func (p *Process) Describe() *pluginv1.DescribeResponse { return p.about }

// PID is the number of the process; 0 where it is none of its own.
func (p *Process) PID() int {
	if p.runner == nil || !p.runner.running() {
		return 0
	}
	return p.runner.cmd.Process.Pid
}

// Map opens the stream of a map attempt. It ends with ctx, and must be closed.
func (p *Process) Map(ctx context.Context, start *pluginv1.MapStart) (*boundary.MapStream, error) {
	return boundary.NewMap(ctx, p.client, p.shared, start, p.explain)
}

// Reduce opens the stream of a reduce attempt. It ends with ctx, and must be closed.
func (p *Process) Reduce(ctx context.Context, start *pluginv1.ReduceStart) (*boundary.ReduceStream, error) {
	list, n := p.about.GetStages(), start.GetId().GetStage()
	if n >= uint32(len(list)) {
		return nil, errs.New(errs.Invalid, "plugin %s has %d stages, none of number %d", p.name, len(list), n)
	}
	stage := list[n]
	return boundary.NewReduce(ctx, p.client, p.shared, stage, start, p.explain)
}

// Stderr is the last of what the plugin wrote to standard error (and output), at most 64 KiB.
func (p *Process) Stderr() []byte { return p.tail.bytes() }

// Said is how many bytes the plugin has written to standard error so far: a mark for StderrSince.
func (p *Process) Said() int64 { return p.tail.said() }

// StderrSince is what it wrote since a mark, the last 64 KiB of it.
func (p *Process) StderrSince(mark int64) []byte { return p.tail.since(mark) }

// Exited tells whether the process has ended, and how.
func (p *Process) Exited() (bool, string) {
	select {
	case <-p.exited:
		p.mu.Lock()
		defer p.mu.Unlock()
		return true, p.ended
	default:
		return false, ""
	}
}

// killed tells whether the process has ended by a signal.
func (p *Process) killed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.signal
}

// ErrDied is in the error of every stream that a process had when it ended by itself, whichever of them it was that killed it.
var ErrDied = errors.New("the process died")

// Kill ends a process that does not come back from the job's own code, and waits for its end. Its streams end as if it had
// died by itself; Close is still due.
func (p *Process) Kill() error {
	if p.runner == nil || !p.runner.running() {
		return nil
	}
	err := p.runner.Kill(context.Background())
	if !p.exitsWithin(noticing) && err == nil {
		err = errs.New(errs.Unavailable, "plugin %s was killed and has not ended within %v", p.name, noticing)
	}
	return err
}

// gone is called once, when the process has ended.
func (p *Process) gone(how string, signal bool) {
	p.mu.Lock()
	p.ended, p.signal = how, signal
	p.mu.Unlock()
	close(p.exited)
}

// noticing is how long a broken stream waits for the end of the process to be known: the socket closes a little before.
const noticing = 2 * time.Second

// explain turns an error of a stream into what became of the plugin: its death is the user's, with how it ended and its
// last words; what the plugin answered keeps its kind.
func (p *Process) explain(err error) error {
	switch status.Code(err) {
	case codes.Canceled, codes.DeadlineExceeded:
		return errs.FromStatus(err)
	case codes.Unavailable, codes.Internal, codes.Unknown:
		if !p.exitsWithin(noticing) {
			return errs.FromStatus(err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.closing {
			return errs.New(errs.Canceled, "the plugin was ended by the worker")
		}
		return errs.E(errs.UserCode, "plugin", "", withTail(fmt.Errorf("%w: %s", ErrDied, p.ended), p.tail))
	}
	return errs.FromStatus(err)
}

func (p *Process) exitsWithin(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-p.exited:
		return true
	case <-t.C:
		return false
	}
}

// withTail adds the plugin's last words to an error.
func withTail(err error, t *tail) error {
	if words := t.last(2 << 10); words != "" {
		return fmt.Errorf("%w; its last words:\n%s", err, words)
	}
	return err
}

// patience is how long a plugin may take to end by itself once it is told to.
const patience = time.Second

// Close ends the plugin and waits for it: politely at first, by closing the pipe it watches, then by force. Idempotent.
func (p *Process) Close() error {
	var err error
	p.once.Do(func() {
		p.mu.Lock()
		p.closing = true
		p.mu.Unlock()
		if r := p.runner; r != nil && r.running() {
			r.letGo()
			if !p.exitsWithin(patience) {
				err = r.Kill(context.Background())
				<-p.exited
			}
		}
		if p.plugin != nil {
			p.plugin.Kill() // the process is gone: this only waits for go-plugin's goroutines
		}
		close(p.parked)
		p.threads.Wait()
		p.tail.close()
		p.shared.Close()
		err = errors.Join(err, p.sockets.Remove())
	})
	return err
}
