package main

import (
	"context"
	"net"
	"time"

	"go.uber.org/zap"

	"github.com/mrctl/mrctl/internal/mtls"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/locate"
	"github.com/mrctl/mrctl/worker/pluginhost"
)

// runner is a server. Run blocks until ctx ends, and it with it in order, or until it cannot go on.
type runner interface {
	Run(ctx context.Context) error
}

// servers makes the two kinds of server. The verbs know no more of them than this; wire.go joins the two sides.
type servers struct {
	coordinator func(coordinatorConfig) (runner, error)
	worker      func(workerConfig) (runner, error)
}

// coordinatorConfig is what the command line says about a coordinator.
type coordinatorConfig struct {
	Store     storage.Store    // the cluster's
	Resolver  *locate.Resolver // how inputs and outputs are reached
	Listener  net.Listener
	Advertise string            // address at which others reach Listener
	TLS       *mtls.Credentials // of the cluster; nil: plain text
	LeaseTTL  time.Duration     // how long a dead leader is waited for; 0: the default
	Stall     time.Duration     // an attempt without progress for so long has failed; 0: the default
	SlowStart float64           // share of the maps done before reduces may start; 0: the default
	NoBackup  bool              // no job's slow attempts get rivals
	Private   bool              // the store was made for this process alone
	Log       *zap.Logger
	Version   string
}

// workerConfig is what the command line says about a worker.
type workerConfig struct {
	coordinatorConfig
	Leader       string // address of a coordinator that is likely to lead, or ""
	Scratch      string // folder for runs and spills; made, and removed at the end
	Slots        int    // attempts at a time
	Memory       int64  // bytes, over the worker and its plugins
	Labels       map[string]string
	RunCodec     string            // of the runs that maps leave; "": the default
	DrainTimeout time.Duration     // for attempts to finish once it drains; 0: the default
	Ready        *pluginhost.Ready // plugins that are here already
	Profile      string            // folder for CPU profiles, or ""
}
