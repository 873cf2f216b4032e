package main

import (
	"os"
	"time"

	"github.com/mrctl/mrctl/coordinator"
	"github.com/mrctl/mrctl/coordinator/lease"
	"github.com/mrctl/mrctl/worker"
)

// Where a cluster's store is this process's own (mrctl run), nobody else can want to lead and nothing is far away.
const ownHeartbeat = 500 * time.Millisecond

func main() {
	os.Exit(call(os.Args, os.Stdin, os.Stdout, os.Stderr, servers{coordinator: newCoordinator, worker: newWorker}))
}

func newCoordinator(c coordinatorConfig) (runner, error) {
	cfg := coordinator.Config{Store: c.Store, Resolver: c.Resolver, Listener: c.Listener, Advertise: c.Advertise, Log: c.Log,
		Version: c.Version, Lease: lease.Config{TTL: c.LeaseTTL}}
	if c.Own {
		cfg.Heartbeat, cfg.SkipProbe = ownHeartbeat, true
	}
	return coordinator.New(cfg)
}

func newWorker(c workerConfig) (runner, error) {
	return worker.New(worker.Config{Store: c.Store, Resolver: c.Resolver, Listener: c.Listener, Advertise: c.Advertise, Scratch: c.Scratch,
		Slots: c.Slots, Memory: c.Memory, Labels: c.Labels, Leader: c.Leader, Log: c.Log, Version: c.Version})
}
