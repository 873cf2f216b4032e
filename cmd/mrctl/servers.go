package main

import (
	"context"
	"net"
	"time"

	"go.uber.org/zap"

	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/locate"
)

// runner is a server. Run blocks until ctx ends, by which it drains, or until it cannot go on.
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
	Advertise string // address at which others reach Listener
	Log       *zap.Logger
	Version   string
	LeaseTTL  time.Duration // 0: the default
	Own       bool          // the store is this process's own: nobody else leads, works or watches
}

// workerConfig is what the command line says about a worker.
type workerConfig struct {
	coordinatorConfig
	Scratch string // folder for runs and spills; created, and emptied at the start
	Slots   int    // attempts at a time
	Memory  int64  // bytes, over the worker and its plugins
	Labels  map[string]string
	Leader  string // address of a coordinator to try before the lease is read; "" where none is known
}
