package jobs

import (
	"context"
	"flag"
	"io"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/pace"
	"github.com/mrctl/mrctl/internal/profile"
)

// serve answers the worker that started this process until it is told to stop, or the worker is gone.
func serve(fs *flag.FlagSet, args []string, stages []Stage) {
	defer watchParent(profiled())()
	defer runtime.KeepAlive(pace.Late(ballast(os.Getenv(boundary.MemoryLimit))))
	about, programs := describe(fs, args, stages)
	server := boundary.NewServer(about, programs...)
	if os.Getenv(boundary.SegmentsFile) != "" {
		server.Share(boundary.Inherited)
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: boundary.Handshake,
		Plugins:         plugin.PluginSet{boundary.Name: &boundary.Glue{Service: &service{Server: server, stderr: os.Stderr}}},
		GRPCServer:      boundary.NewGRPCServer,
		Logger:          hclog.NewNullLogger(), // standard error is the job's own
	})
}

// service is the server as go-plugin serves it. By then go-plugin has put pipes in the place of standard output and
// error, from which it sends what is printed by a call for each KiB; words printed just before an exit are lost that
// way. The first call, which is always Describe, puts the real standard error back, for both.
type service struct {
	*boundary.Server
	stderr *os.File
	once   sync.Once
}

// Describe is the server's.
func (s *service) Describe(ctx context.Context, req *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	s.once.Do(func() { os.Stdout, os.Stderr = s.stderr, s.stderr })
	return s.Server.Describe(ctx, req)
}

// profiled starts a profile of this process where the worker asks for one, and gives what ends it, once.
func profiled() (end func()) {
	finish, err := profile.Start(os.Getenv(boundary.ProfileFile))
	if err != nil {
		return func() {} // as a rule: none was asked for
	}
	return sync.OnceFunc(func() { _ = finish() }) // a profile that is cut short shows itself
}

// watchParent ends this process as soon as the worker that started it has ended, however it did. The worker holds the
// other end of a pipe, which the kernel closes with it; where none was handed over, the parent's id is watched. leave is
// called before this process ends, and given back for when it ends otherwise.
func watchParent(leave func()) func() {
	if fd, err := strconv.Atoi(os.Getenv(boundary.ParentPipe)); err == nil && fd > 2 {
		pipe := os.NewFile(uintptr(fd), "parent")
		go func() {
			_, _ = io.Copy(io.Discard, pipe)
			leave()
			os.Exit(1)
		}()
		return leave
	}
	parent := os.Getppid()
	go func() {
		for range time.Tick(time.Second) {
			if os.Getppid() != parent {
				leave()
				os.Exit(1)
			}
		}
	}()
	return leave
}
