package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"go.uber.org/zap"
)

// embed starts a coordinator and a worker within this process, reached over loopback as they would be from elsewhere.
// fail is called if one of them ends before stop is called. stop, which may be called twice, ends the worker and
// then the coordinator, and waits for both.
func (p *program) embed(fail context.CancelCauseFunc, cfg workerConfig) (stop func(), err error) {
	coordinator, addr, err := listenAnd(cfg.coordinatorConfig, p.servers.coordinator)
	if err != nil {
		return nil, err
	}
	worker, _, err := listenAnd(cfg.coordinatorConfig, func(cc coordinatorConfig) (runner, error) {
		cfg.coordinatorConfig, cfg.Leader = cc, addr
		return p.servers.worker(cfg)
	})
	if err != nil {
		return nil, err
	}
	stopCoordinator := start("coordinator", coordinator, fail, cfg.Log)
	stopWorker := start("worker", worker, fail, cfg.Log)
	return sync.OnceFunc(func() { stopWorker(); stopCoordinator() }), nil
}

// listenAnd makes a server that listens on a loopback port of its own.
func listenAnd(cfg coordinatorConfig, create func(coordinatorConfig) (runner, error)) (_ runner, addr string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	cfg.Listener, cfg.Advertise = l, l.Addr().String()
	if err := servesAs(cfg.TLS, cfg.Advertise); err != nil {
		return nil, "", errors.Join(err, l.Close())
	}
	r, err := create(cfg)
	if err != nil {
		return nil, "", errors.Join(err, l.Close())
	}
	return r, cfg.Advertise, nil
}

// start runs a server until stop is called, which waits for it.
func start(name string, r runner, fail context.CancelCauseFunc, log *zap.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := r.Run(ctx)
		if ctx.Err() == nil {
			if err == nil {
				err = errors.New("it ended by itself")
			}
			fail(fmt.Errorf("%s within this process: %w", name, err))
		} else if err != nil && !errors.Is(err, context.Canceled) {
			log.Warn("server ended badly", zap.String("server", name), zap.Error(err))
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}
