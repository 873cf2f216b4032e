package pluginhost

import (
	"context"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
)

// InProcess makes a stand-in for a plugin's process: its program runs within this one. It cannot be killed, and what it
// does wrong befalls the worker, so it is nothing to run jobs with: it shows what it costs to do otherwise.
func InProcess(ctx context.Context, s *boundary.Server) (*Process, error) {
	inside := boundary.NewInProcess(s)
	about, err := inside.Describe(ctx, &pluginv1.DescribeRequest{Protocols: []uint32{boundary.Protocol}})
	if err != nil {
		return nil, err
	}
	p := &Process{name: "in process", tail: &tail{}, client: inside, about: about, exited: make(chan struct{}), parked: make(chan struct{})}
	p.threads.Go(func() {
		<-p.parked
		inside.Wait()
	})
	return p, nil
}
