// Package coordinator is a process that can lead: it campaigns for the lease and, while it holds it, accepts jobs, plans
// them, hands their tasks to workers and publishes their output. Any number of coordinators may run; one leads.
//
// Server.Run wires the rooms: lease (who leads), records (what is durable), plan (what the tasks are), sched (who runs
// what), events (what happened). A leader is one goroutine that owns the scheduler (see leader.go); everything slow -
// reading records, planning, publishing - happens beside it and comes back to it as a message.
package coordinator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/coordinator/gc"
	"github.com/mrctl/mrctl/coordinator/lease"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/frame"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/mtls"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/probe"
)

// Config is what a Server is made of. Store, Resolver and Listener are required; it must not be changed afterwards.
type Config struct {
	Store     storage.Store     // the cluster's root
	Resolver  storage.Places    // inputs and outputs of jobs
	Listener  net.Listener      // closed by Run
	Advertise string            // host:port others reach it at; empty: the listener's address
	TLS       *mtls.Credentials // for Listener; nil: plain text
	Lease     lease.Config      // Holder and Addr are filled in when empty
	Sched     sched.Config
	// Heartbeat is how often workers report; default 2 s. A worker silent for 5 of them is lost.
	Heartbeat time.Duration
	// InboxPoll is how often the leader looks for submissions nobody told it of; default 5 s.
	InboxPoll time.Duration
	// Solitude is how long a leader with live jobs goes without any worker, though it knows of some, before it lets another
	// coordinator lead; default 30 s.
	Solitude time.Duration
	// GCEvery is how often the leader removes what nobody owns any more; default 1 h, below 0 never. GC says how old it is.
	GCEvery time.Duration
	GC      gc.Limits
	// SkipProbe leaves out the test of the store before leading, for a private store that was just made.
	SkipProbe bool
	Log       *zap.Logger // nil: no log
	Version   string
}

func (c Config) withDefaults() (Config, error) {
	if c.Store == nil || c.Resolver == nil || c.Listener == nil {
		return c, errs.New(errs.Invalid, "coordinator: store, resolver and listener are required")
	}
	if c.Advertise == "" {
		c.Advertise = c.Listener.Addr().String()
	}
	if c.Heartbeat == 0 {
		c.Heartbeat = 2 * time.Second
	}
	if c.InboxPoll == 0 {
		c.InboxPoll = 5 * time.Second
	}
	if c.Solitude == 0 {
		c.Solitude = 30 * time.Second
	}
	if c.GCEvery == 0 {
		c.GCEvery = time.Hour
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.Lease.Holder == "" {
		c.Lease.Holder = ledger.NewIncarnation()
	}
	if c.Lease.Addr == "" {
		c.Lease.Addr = c.Advertise
	}
	c.Lease.Version = c.Version
	return c, nil
}

// Server is one coordinator. A non-nil Server is ready to Run, once.
type Server struct {
	sessionv1.UnimplementedSessionServiceServer
	controlv1.UnimplementedControlServiceServer

	cfg    Config
	log    *zap.Logger
	grpc   *grpc.Server
	health *health.Server
	// leader is the present leadership, nil while another coordinator leads or this one is still taking over.
	leader atomic.Pointer[leader]
	lonely atomic.Int64 // how often it has stepped aside for want of workers since it last saw one
}

// New checks cfg and makes a Server.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: cfg.Log.Named("coordinator"), health: health.NewServer()}
	s.grpc = grpc.NewServer(
		grpc.Creds(cfg.TLS.Server()),
		grpc.MaxRecvMsgSize(frame.MaxMessage),
		grpc.UnaryInterceptor(containUnary), grpc.StreamInterceptor(containStream),
		grpc.WaitForHandlers(true), // nothing of the server is alive after Run
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 10 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	)
	sessionv1.RegisterSessionServiceServer(s.grpc, s)
	controlv1.RegisterControlServiceServer(s.grpc, s)
	healthv1.RegisterHealthServer(s.grpc, s.health)
	return s, nil
}

// Addr is where the server is reached.
func (s *Server) Addr() string { return s.cfg.Advertise }

// Leads tells whether this coordinator leads and has taken over all live jobs.
func (s *Server) Leads() bool { return s.leader.Load() != nil }

// Run serves and campaigns until ctx ends; the lease is then released. It returns the first error that is not ctx's.
func (s *Server) Run(ctx context.Context) error {
	if !s.cfg.SkipProbe {
		if err := s.probe(ctx); err != nil {
			_ = s.cfg.Listener.Close() // the probe's error is the one to tell
			return fmt.Errorf("this store cannot hold a cluster's state: %w", err)
		}
	}
	elector := lease.New(s.cfg.Store, s.cfg.Lease, s.log)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		err := s.grpc.Serve(s.cfg.Listener)
		if gctx.Err() != nil || errors.Is(err, grpc.ErrServerStopped) {
			return nil
		}
		return fmt.Errorf("serve on %s: %w", s.cfg.Advertise, err)
	})
	g.Go(func() error {
		err := elector.Run(gctx, s.lead)
		s.grpc.Stop() // streams end here; workers look for the next leader
		if gctx.Err() != nil && errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	})
	return g.Wait()
}

// probePatience is how long a store that cannot be reached is asked again before it is given up: a coordinator that is
// started again in a storm outlives that, and one that was given a wrong address says so before its user has left.
const probePatience = 30 * time.Second

// probe tests the store. What the store does wrong is wrong at once; what could not be tried is tried again.
func (s *Server) probe(ctx context.Context) error {
	until := time.Now().Add(probePatience)
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := probe.Check(ctx, s.cfg.Store)
		if !errs.Is(err, errs.Unavailable) || time.Now().Add(pause).After(until) {
			return err
		}
		s.log.Warn("the store cannot be reached; trying again", zap.Error(err), zap.Duration("in", pause))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lead is one leadership, from winning the lease to losing it.
func (s *Server) lead(ctx context.Context, term lease.Term) error {
	l := newLeader(s, term)
	defer s.leader.CompareAndSwap(l, nil)
	err := l.run(ctx, func() { s.leader.Store(l) })
	if ctx.Err() != nil && err != nil && !errs.Is(err, errs.Fenced) {
		return context.Cause(ctx)
	}
	return err
}

// notLeading is the answer of a coordinator that does not lead. It names who does, when that is known.
func (s *Server) notLeading(ctx context.Context) error {
	text := "this coordinator does not lead"
	if rec, err := ledger.ReadLease(ctx, s.cfg.Store); err == nil && !rec.Free && rec.Holder != s.cfg.Lease.Holder {
		text += "; the leader is at " + rec.Addr
	}
	return errs.ToStatus(errs.New(errs.Unavailable, "%s", text))
}
