package jobs

import (
	"flag"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"github.com/mrctl/mrctl/internal/boundary"
)

// serve answers the worker that started this process until it is told to stop, or the worker is gone.
func serve(fs *flag.FlagSet, args []string, stages []Stage) {
	watchParent()
	about, program := describe(fs, args, stages)
	glue := &boundary.Glue{Service: boundary.NewServer(about)}
	if program != nil {
		glue.Service = boundary.NewServer(about, program)
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: boundary.Handshake,
		Plugins:         plugin.PluginSet{boundary.Name: glue},
		GRPCServer:      boundary.NewGRPCServer,
		Logger:          hclog.NewNullLogger(), // standard error is the job's own
	})
}

// watchParent ends this process as soon as the worker that started it has ended, however it did. The worker holds the
// other end of a pipe, which the kernel closes with it; where none was handed over, the parent's id is watched.
func watchParent() {
	if fd, err := strconv.Atoi(os.Getenv(boundary.ParentPipe)); err == nil && fd > 2 {
		pipe := os.NewFile(uintptr(fd), "parent")
		go func() {
			_, _ = io.Copy(io.Discard, pipe)
			os.Exit(1)
		}()
		return
	}
	parent := os.Getppid()
	go func() {
		for range time.Tick(time.Second) {
			if os.Getppid() != parent {
				os.Exit(1)
			}
		}
	}()
}
