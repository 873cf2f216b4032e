package chaos

import (
	"context"
	"errors"
	"syscall"

	"github.com/mrctl/mrctl/integration/chaos/plan"
	"github.com/mrctl/mrctl/integration/chaos/stage"
	"github.com/mrctl/mrctl/integration/cluster"
)

// errNothing says that there was nothing a fault could befall.
var errNothing = errors.New("there was nothing to break")

// inject breaks something when its moment has come, and mends it after its time or when the job has ended.
func (r *run) inject(ctx context.Context, f plan.Fault) {
	if !r.reached(ctx, f.When) {
		r.happened("%s: the job was over before", f.Kind)
		return
	}
	mend, err := r.strike(ctx, f)
	if err != nil {
		r.happened("%s: %v", f.Kind, err)
		return
	}
	if mend == nil {
		return
	}
	r.lasts(ctx, f.For)
	mend()
	r.happened("%s is over", f.Kind)
}

// strike breaks something; mend, if not nil, is called once.
func (r *run) strike(ctx context.Context, f plan.Fault) (mend func(), err error) {
	switch plan.Of(f.Kind).Group {
	case "network":
		return r.strikeNetwork(ctx, f)
	case "packets":
		return r.strikePackets(ctx, f)
	case "store":
		return r.strikeStore(f)
	case "disk":
		return r.strikeDisk(ctx, f)
	case "clock":
		return r.strikeClock(ctx, f)
	}
	switch f.Kind {
	case plan.KillAll:
		return r.killAll(ctx)
	case plan.KillAtWrite:
		return r.killAtWrite(ctx, f)
	case plan.KillPlugin, plan.StopPlugin:
		return r.strikePlugin(ctx, f)
	}
	n, err := r.victim(ctx, f)
	if err != nil {
		return nil, err
	}
	r.happened("%s: %s (pid %d)", f.Kind, n.Name, n.Pid())
	switch f.Kind {
	case plan.StopLeader, plan.StopStandby, plan.StopWorker:
		n.Signal(syscall.SIGSTOP)
		return func() { n.Signal(syscall.SIGCONT) }, nil
	case plan.TermLeader, plan.TermWorker:
		r.stage.Terminate(ctx, n)
	default:
		r.stage.Kill(ctx, n)
	}
	return r.revive(ctx, n), nil
}

// revive gives the function that starts nodes again that were killed.
func (r *run) revive(ctx context.Context, nodes ...*stage.Node) func() {
	return func() {
		for _, n := range nodes {
			if err := r.stage.Start(context.WithoutCancel(ctx), n); err != nil {
				r.broke("%s cannot be started again: %v", n.Name, err)
			}
		}
	}
}

// victim finds the node that a fault is for.
func (r *run) victim(ctx context.Context, f plan.Fault) (*stage.Node, error) {
	leader, err := r.stage.Leader(ctx)
	var from []*stage.Node
	switch f.Kind {
	case plan.KillLeader, plan.StopLeader, plan.TermLeader, plan.LoneLeader, plan.KillAtWrite:
		if err != nil {
			return nil, err
		}
		from = []*stage.Node{leader}
	case plan.KillStandby, plan.StopStandby:
		for _, n := range r.stage.Coordinators {
			if n != leader {
				from = append(from, n)
			}
		}
	case plan.NoStore, plan.Partition, plan.Deaf, plan.Mute, plan.StoreGone, plan.ClockAhead, plan.ClockBack, plan.ClockSwing:
		from = r.stage.Nodes()
	default:
		from = r.stage.Workers
	}
	for i := range from {
		if n := from[(f.Pick+i)%len(from)]; n.Alive() {
			return n, nil
		}
	}
	return nil, errNothing
}

func (r *run) killAll(ctx context.Context) (func(), error) {
	r.happened("kill-all")
	nodes := r.stage.Nodes()
	for _, n := range nodes {
		r.stage.Kill(ctx, n)
	}
	return r.revive(ctx, nodes...), nil
}

// strikePlugin befalls the first worker, from a chosen one on, that runs a plugin.
func (r *run) strikePlugin(ctx context.Context, f plan.Fault) (mend func(), err error) {
	var pid int
	err = cluster.Until(ctx, "a plugin", func() (bool, error) {
		for i := range r.stage.Workers {
			n := r.stage.Workers[(f.Pick+i)%len(r.stage.Workers)]
			if pids := r.stage.Plugins(n); len(pids) > 0 {
				pid = pids[f.Pick%len(pids)]
				r.happened("%s: of %s (pid %d)", f.Kind, n.Name, pid)
				return true, nil
			}
		}
		return r.isOver(), nil
	})
	switch {
	case err != nil || pid == 0:
		return nil, errNothing
	case f.Kind == plan.KillPlugin:
		return nil, syscall.Kill(pid, syscall.SIGKILL)
	}
	return func() { _ = syscall.Kill(pid, syscall.SIGCONT) }, syscall.Kill(pid, syscall.SIGSTOP) // the watchdog may have killed it
}

func (r *run) isOver() bool {
	select {
	case <-r.over:
		return true
	default:
		return false
	}
}
