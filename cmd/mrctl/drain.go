package main

import (
	"context"
	"errors"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

// drainer is a server that others can be relieved by: Drain returns when its end costs nothing any more, or with what it
// will cost.
type drainer interface {
	Drain(ctx context.Context) error
}

// runServers runs servers until one of them fails or ctx ends. If it ends with SIGTERM, those that can drain do so before
// any is stopped: a worker hands over to a leader, which may be the one beside it.
func runServers(ctx context.Context, runners []runner, log *zap.Logger) error {
	running, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	g, running := errgroup.WithContext(running)
	for _, r := range runners {
		g.Go(func() error { return r.Run(running) })
	}
	told := make(chan struct{})
	go func() {
		defer close(told)
		select {
		case <-ctx.Done():
		case <-running.Done():
			return
		}
		if errors.Is(context.Cause(ctx), errTerminated) {
			for _, r := range runners {
				if d, ok := r.(drainer); ok {
					log.Info("draining")
					log.Info("drained", zap.Error(d.Drain(running)))
				}
			}
		}
		stop(context.Cause(ctx))
	}()
	err := g.Wait()
	stop(nil)
	<-told
	return err
}
