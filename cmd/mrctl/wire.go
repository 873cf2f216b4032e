package main

import (
	"os"
	"runtime"

	"github.com/mrctl/mrctl/coordinator"
	"github.com/mrctl/mrctl/coordinator/lease"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/integration/chaos/work"
	"github.com/mrctl/mrctl/internal/pace"
	"github.com/mrctl/mrctl/jobs/streaming"
	"github.com/mrctl/mrctl/worker"
)

// This file joins the command line to the servers, and the process to both.

// ballast is what this process allocates before its memory is looked through: more than a small job takes in all.
const ballast = 16 << 20

func main() {
	if len(os.Args) > 1 && os.Args[1] == streaming.Verb { // a job of commands, as a worker starts it
		streaming.Main(os.Args[2:])
		return
	}
	if work.IsPlugin() { // of mrctl chaos, which needs a job and should need no compiler
		work.Main()
		return
	}
	late := pace.Late(ballast)
	code := call(os.Args, os.Stdin, os.Stdout, os.Stderr, servers{coordinator: newCoordinator, worker: newWorker})
	runtime.KeepAlive(late)
	os.Exit(code)
}

func newCoordinator(c coordinatorConfig) (runner, error) {
	return coordinator.New(coordinator.Config{
		Store: c.Store, Resolver: c.Resolver, Listener: c.Listener, Advertise: c.Advertise, TLS: c.TLS, Log: c.Log, Version: c.Version,
		Lease:     lease.Config{TTL: c.LeaseTTL},
		Sched:     sched.Config{AttemptStall: c.Stall, SlowStart: c.SlowStart, Backup: sched.Backup{Off: c.NoBackup}},
		SkipProbe: c.Private,
	})
}

func newWorker(c workerConfig) (runner, error) {
	boundHeap(c.Memory)
	return worker.New(worker.Config{
		Store: c.Store, Resolver: c.Resolver, Listener: c.Listener, Advertise: c.Advertise, TLS: c.TLS, Log: c.Log, Version: c.Version,
		Scratch: c.Scratch, Slots: c.Slots, Memory: c.Memory, Labels: c.Labels, RunCodec: c.RunCodec, Leader: c.Leader, Profile: c.Profile, Ready: c.Ready,
		DrainTimeout: c.DrainTimeout,
	})
}
