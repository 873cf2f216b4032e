package stage

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/ledger"
)

// Progress is how far a job is.
type Progress struct {
	Phase ledger.Phase
	Done  map[string]float64 // share of the tasks of "map" and "reduce" that are done
}

// Leader is the coordinator that the lease names.
func (s *Stage) Leader(ctx context.Context) (*Node, error) {
	lease, err := ledger.ReadLease(ctx, s.Root)
	if err != nil {
		return nil, err
	}
	for _, n := range s.Coordinators {
		if n.Addr() == lease.Addr && lease.Led() {
			return n, nil
		}
	}
	return nil, fmt.Errorf("nobody of ours leads: %q holds the lease", lease.Holder)
}

// ask calls the leader itself, past all that may be broken.
func (s *Stage) ask(ctx context.Context, call func(context.Context, controlv1.ControlServiceClient) error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	n, err := s.Leader(ctx)
	if err != nil {
		return err
	}
	c, err := s.conns.get(n.place)
	if err != nil {
		return err
	}
	return call(ctx, c)
}

func (s *Stage) countWorkers(ctx context.Context) (n int, err error) {
	err = s.ask(ctx, func(ctx context.Context, c controlv1.ControlServiceClient) error {
		a, err := c.Workers(ctx, &controlv1.WorkersRequest{})
		n = len(a.GetWorkers())
		return err
	})
	return n, err
}

// Progress asks the leader how a job goes.
func (s *Stage) Progress(ctx context.Context, job string) (p Progress, err error) {
	err = s.ask(ctx, func(ctx context.Context, c controlv1.ControlServiceClient) error {
		a, err := c.Get(ctx, &controlv1.GetRequest{Job: job})
		if err != nil {
			return err
		}
		p.Done = map[string]float64{}
		for _, st := range a.Status.Stages {
			if st.Tasks > 0 {
				p.Done[st.Name] = float64(st.Done) / float64(st.Tasks)
			}
		}
		return nil
	})
	return p, err
}

// Ended asks the store whether a job is over.
func (s *Stage) Ended(ctx context.Context, job string) (ledger.Phase, bool) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	j, err := ledger.ReadJob(ctx, s.Root, job)
	return j.Phase, err == nil && j.Phase.Ended()
}

// conns are connections to coordinators by place.
type conns struct {
	mu sync.Mutex
	to map[place]conn // guarded by mu
}

type conn struct {
	*grpc.ClientConn
	addr string
}

func (c *conns) get(p place) (controlv1.ControlServiceClient, error) {
	addr := p.Target()
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.to[p]; known.ClientConn == nil || known.addr != addr {
		if known.ClientConn != nil {
			_ = known.Close() // nobody listens there any more, and somebody else may soon
		}
		fresh, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(p.dial),
			grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 200 * time.Millisecond, MaxDelay: time.Second}, MinConnectTimeout: time.Second}))
		if err != nil {
			return nil, err
		}
		c.to[p] = conn{fresh, addr}
	}
	return controlv1.NewControlServiceClient(c.to[p]), nil
}

func (c *conns) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.to {
		_ = conn.Close() // nothing of it is used any more
	}
}
