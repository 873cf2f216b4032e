package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"go.uber.org/zap"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/tempdir"
)

// Spec says which plugin to start, for what.
type Spec struct {
	Job     string
	Digest  string    // of a plugin in the store, or
	Path    string    // of a binary here
	Args    []string  // the plugin's own flags
	Scratch string    // a folder of its own to stand in; made here. What it writes to standard error goes to "stderr" in it
	Profile string    // a file for a CPU profile of the plugin; "" for none
	Slots   int       // attempts at once, for which memory is shared with the plugin; 0: none is
	Memory  int64     // bytes that worker and plugin together may hold for an attempt; 0: nobody has said
	Stderr  io.Writer // gets what it writes to standard error, as it comes; nil: nobody does
	// PlainStream shares no memory: everything goes by the stream, as it does with a plugin or on a platform that cannot.
	PlainStream bool
}

// ProfileIn is the file for a plugin's CPU profile in a folder for profiles; "" for none.
func ProfileIn(dir string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "plugin.cpu.pprof")
}

// longestSocketDir leaves room for the socket's name within the 108 bytes of a Unix address.
const longestSocketDir = 50

// Start starts a plugin, or takes one that is Ready, and asks what it is. A plugin that is none, or finds fault with its
// flags, is errs.Invalid: the same will happen elsewhere. One that was killed, or did not answer in time, is errs.UserCode: memory or time may have been
// short here and now, so it is tried again as often as any attempt.
func (h *Host) Start(ctx context.Context, s Spec) (*Process, error) {
	p := h.cfg.Ready.take(s)
	if p == nil {
		var err error
		if p, err = h.Open(ctx, s); err != nil {
			return nil, err
		}
	}
	var err error
	switch {
	case p.about.GetInvalid() != "":
		err = errs.E(errs.Invalid, "plugin", p.name, errors.New(p.about.GetInvalid()))
	case len(p.about.GetStages()) == 0:
		err = errs.E(errs.Invalid, "plugin", p.name, errors.New("it describes no stage"))
	default:
		if err = boundary.CheckStages(p.about.GetStages()); err == nil {
			return p, nil
		}
		err = errs.E(errs.Invalid, "plugin", p.name, err)
	}
	return nil, errors.Join(err, p.Close())
}

// Open starts a plugin, whatever it says of itself: it may find fault with its flags, see Describe.
func (h *Host) Open(ctx context.Context, s Spec) (*Process, error) {
	path := s.Path
	if s.Digest != "" {
		var err error
		if path, err = h.Fetch(ctx, s.Digest); err != nil {
			return nil, err
		}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, errs.E(errs.Invalid, "start plugin", s.Path, err)
	}
	if err := os.MkdirAll(s.Scratch, 0o700); err != nil {
		return nil, errs.E(errs.Unavailable, "start plugin", path, err)
	}
	sockets, err := socketDir()
	if err != nil {
		return nil, errs.E(errs.Unavailable, "start plugin", path, err)
	}
	p := &Process{spec: s, name: filepath.Base(path), sockets: sockets, tail: &tail{also: s.Stderr}, exited: make(chan struct{}), parked: make(chan struct{})}
	if s.Path != "" {
		p.name = s.Path
	}
	if err := p.tail.logTo(filepath.Join(s.Scratch, "stderr")); err != nil {
		return nil, errors.Join(errs.E(errs.Unavailable, "start plugin", path, err), sockets.Remove())
	}
	if s.Slots > 0 && !s.PlainStream {
		if p.shared, err = boundary.NewSegments(s.Slots, boundary.SegmentsWithin(s.Memory)); err != nil {
			h.cfg.Log.Debug("batches go by the stream", zap.Error(err))
		}
	}
	if err := p.launch(ctx, path, s, h.cfg.StartTimeout); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func socketDir() (*tempdir.Dir, error) {
	dir, err := tempdir.Make("", tempdir.Sockets)
	if err == nil && len(dir.Path) > longestSocketDir {
		_ = dir.Remove() // just made, empty
		dir, err = tempdir.Make("/tmp", tempdir.Sockets)
	}
	return dir, err
}

// launch starts the process from a thread that lives as long as the process may: Pdeathsig is sent when the starting
// thread ends, not when its process does.
func (p *Process) launch(ctx context.Context, path string, s Spec, timeout time.Duration) error {
	type started struct {
		client pluginv1.PluginServiceClient
		err    error
	}
	result := make(chan started, 1)
	p.threads.Go(func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		c, err := p.dial(path, s, timeout)
		result <- started{c, err}
		<-p.parked
	})
	var r started
	select {
	case r = <-result: // within timeout
	case <-ctx.Done():
		p.abort()
		<-result
		return fmt.Errorf("start plugin %s: %w", p.name, context.Cause(ctx))
	}
	if r.err != nil {
		return p.startError(r.err, timeout)
	}
	p.client = r.client
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req := &pluginv1.DescribeRequest{Protocols: []uint32{boundary.Protocol}}
	if p.shared != nil {
		req.Abilities = []string{boundary.Memfd}
	}
	about, err := p.client.Describe(ctx, req)
	if err != nil {
		if ctx.Err() != nil && context.Cause(ctx) == context.Canceled {
			return ctx.Err()
		}
		return p.startError(p.explain(err), timeout)
	}
	p.about = about
	if !slices.Contains(about.GetAbilities(), boundary.Memfd) {
		p.shared.Close()
		p.shared = nil
	}
	return nil
}

// dial runs the handshake of go-plugin.
func (p *Process) dial(path string, s Spec, timeout time.Duration) (pluginv1.PluginServiceClient, error) {
	p.plugin = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:     boundary.Handshake,
		Plugins:             plugin.PluginSet{boundary.Name: &boundary.Glue{}},
		AllowedProtocols:    []plugin.Protocol{plugin.ProtocolGRPC},
		SkipHostEnv:         true,
		StartTimeout:        timeout,
		GRPCDialOptions:     boundary.DialOptions(),
		UnixSocketConfig:    &plugin.UnixSocketConfig{TempDir: p.sockets.Path},
		Logger:              hclog.NewNullLogger(),
		Stderr:              p.tail,
		SyncStdout:          p.tail,
		SyncStderr:          p.tail,
		PluginLogBufferSize: 16 << 10,
		RunnerFunc:          p.newRunner(path, s),
	})
	conn, err := p.plugin.Client()
	if err != nil {
		return nil, err
	}
	raw, err := conn.Dispense(boundary.Name)
	if err != nil {
		return nil, err
	}
	client, ok := raw.(pluginv1.PluginServiceClient)
	if !ok {
		return nil, fmt.Errorf("it serves a %T", raw)
	}
	return client, nil
}

// abort ends a process that is starting, or keeps it from being started.
func (p *Process) abort() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing = true
	if p.runner != nil && p.runner.running() {
		_ = kill(p.runner.cmd.Process) // Close waits for its end
	}
}

// startError says why a plugin did not start, in words for its author.
func (p *Process) startError(err error, timeout time.Duration) error {
	const (
		late   = "timeout while waiting for plugin to start"
		ended  = "plugin exited before we could connect"
		silent = "Failed to read any lines from plugin's stdout"
		garble = "Unrecognized remote plugin message: "
		advice = "a plugin is a program for this platform whose main calls jobs.Main"
	)
	for _, scarce := range []error{syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE} {
		if errors.Is(err, scarce) {
			return errs.E(errs.Unavailable, "start plugin", p.name, err) // this worker's trouble, not the plugin's
		}
	}
	why, text, kind := err, err.Error(), errs.Invalid
	switch {
	case strings.Contains(text, late), errors.Is(err, context.DeadlineExceeded), errs.Is(err, errs.Unavailable):
		kind, why = errs.UserCode, fmt.Errorf("it did not answer within %v: does its main call jobs.Main before anything slow?", timeout)
	case strings.Contains(text, ended), strings.Contains(text, silent):
		how := "it closed its standard output"
		if p.exitsWithin(noticing) {
			_, how = p.Exited()
		}
		if p.killed() {
			kind, why = errs.UserCode, fmt.Errorf("%s before it said a word", how)
			break
		}
		why = fmt.Errorf("it is not a plugin: %s before it said a word; %s", how, advice)
	case strings.Contains(text, garble):
		_, said, _ := strings.Cut(text, garble)
		said, _, _ = strings.Cut(said, "\n")
		why = fmt.Errorf("it is not a plugin, or prints before jobs.Main is called: it said %q; %s", said, advice)
	}
	return errs.E(kind, "start plugin", p.name, withTail(why, p.tail))
}
