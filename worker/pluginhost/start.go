package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/errs"
)

// Spec says which plugin to start, for what.
type Spec struct {
	Job     string
	Digest  string   // of a plugin in the store, or
	Path    string   // of a binary here
	Args    []string // the plugin's own flags
	Scratch string   // a folder of its own to stand in; made here
}

// longestSocketDir leaves room for the socket's name within the 108 bytes of a Unix address.
const longestSocketDir = 50

// Start starts a plugin and asks what it is. A plugin that is none, or does not answer in time, or finds fault with its
// flags, is errs.Invalid: the same will happen elsewhere.
func (h *Host) Start(ctx context.Context, s Spec) (*Process, error) {
	p, err := h.start(ctx, s)
	if err != nil {
		return nil, err
	}
	switch {
	case p.about.GetInvalid() != "":
		err = errs.E(errs.Invalid, "plugin", p.name, errors.New(p.about.GetInvalid()))
	case len(p.about.GetStages()) == 0:
		err = errs.E(errs.Invalid, "plugin", p.name, errors.New("it describes no stage"))
	default:
		return p, nil
	}
	return nil, errors.Join(err, p.Close())
}

// start starts a plugin, whatever it says of itself.
func (h *Host) start(ctx context.Context, s Spec) (*Process, error) {
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
	p := &Process{name: filepath.Base(path), sockets: sockets, tail: &tail{}, exited: make(chan struct{}), parked: make(chan struct{})}
	if s.Path != "" {
		p.name = s.Path
	}
	if err := p.launch(ctx, path, s, h.cfg.StartTimeout); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func socketDir() (string, error) {
	dir, err := os.MkdirTemp("", "mrp-")
	if err == nil && len(dir) > longestSocketDir {
		_ = os.Remove(dir) // just made, empty
		dir, err = os.MkdirTemp("/tmp", "mrp-")
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
		c, err := p.dial(ctx, path, s, timeout)
		result <- started{c, err}
		<-p.parked
	})
	r := <-result // within timeout, or soon after the end of ctx
	err := r.err
	if err == nil {
		p.client = r.client
		asking, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		p.about, err = p.client.Describe(asking, &pluginv1.DescribeRequest{Protocols: []uint32{boundary.Protocol}})
		if err != nil && ctx.Err() == nil {
			err = p.explain(err)
		}
	}
	if p.started != nil {
		p.started() // it lives on without ctx
	}
	switch {
	case ctx.Err() != nil: // it has been killed, or may have been
		return errs.E(errs.KindOf(ctx.Err()), "start plugin", p.name, ctx.Err())
	case err != nil:
		return p.startError(err, timeout)
	}
	return nil
}

// dial runs the handshake of go-plugin.
func (p *Process) dial(ctx context.Context, path string, s Spec, timeout time.Duration) (pluginv1.PluginServiceClient, error) {
	p.plugin = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:     boundary.Handshake,
		Plugins:             plugin.PluginSet{boundary.Name: &boundary.Glue{}},
		AllowedProtocols:    []plugin.Protocol{plugin.ProtocolGRPC},
		SkipHostEnv:         true,
		StartTimeout:        timeout,
		GRPCDialOptions:     boundary.DialOptions(),
		UnixSocketConfig:    &plugin.UnixSocketConfig{TempDir: p.sockets},
		Logger:              hclog.NewNullLogger(),
		Stderr:              p.tail,
		SyncStdout:          p.tail,
		SyncStderr:          p.tail,
		PluginLogBufferSize: 16 << 10,
		RunnerFunc:          p.newRunner(ctx, path, s),
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

// startError says why a plugin did not start, in words for its author.
func (p *Process) startError(err error, timeout time.Duration) error {
	for _, scarce := range []error{syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE} {
		if errors.Is(err, scarce) {
			return errs.E(errs.Unavailable, "start plugin", p.name, err) // this worker's trouble, not the plugin's
		}
	}
	why := err
	text := err.Error()
	_, said, unexpected := strings.Cut(text, "Unrecognized remote plugin message: ")
	said, _, _ = strings.Cut(said, "\n")
	switch {
	case unexpected && said != "":
		why = fmt.Errorf("it wrote %q to standard output where jobs.Main would have answered: it is not a plugin, or writes before its main calls jobs.Main", said)
	case strings.Contains(text, "timeout while waiting for plugin to start"), errors.Is(err, context.DeadlineExceeded), errs.Is(err, errs.Unavailable):
		why = fmt.Errorf("it did not answer within %v: does its main call jobs.Main before anything slow?", timeout)
	case strings.Contains(text, "exited before we could connect"), unexpected:
		why = errors.New("it is not a plugin: it must be a program for this platform whose main calls jobs.Main")
	}
	if p.runner != nil && p.runner.running() { // it has ended or been killed: how is known in a moment
		select {
		case <-p.exited:
		case <-time.After(noticing):
		}
	}
	if dead, how := p.Exited(); dead && how != "" {
		why = fmt.Errorf("%w (%s)", why, how)
	}
	return errs.E(errs.Invalid, "start plugin", p.name, withTail(why, p.tail))
}
