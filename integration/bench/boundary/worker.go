package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/worker/pluginhost"
)

// attempt starts this program as a plugin and runs one map attempt.
func attempt(ctx context.Context, start *pluginv1.MapStart, run func(*boundary.MapStream) error) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "mrctl-boundary-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	p, err := pluginhost.New(pluginhost.Config{}).Start(ctx, pluginhost.Spec{Job: "boundary", Path: self, Scratch: scratch, Slots: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	s, err := p.Map(ctx, start)
	if err != nil {
		return err
	}
	defer s.Close()
	return run(s)
}

// toPlugin sends batches down.
func toPlugin(ctx context.Context, way string, batches int) (sum checksum, err error) {
	err = attempt(ctx, &pluginv1.MapStart{Id: &pluginv1.TaskID{Job: way}}, func(s *boundary.MapStream) error {
		sent := make(chan error, 1)
		go func() { sent <- send(ctx, s, batches) }()
		if _, err := s.Recv(); err != io.EOF {
			return errors.Join(fmt.Errorf("received: %w", err), <-sent)
		}
		sum = checksum(s.Counters().GetUser()["sum"])
		return <-sent
	})
	return sum, err
}

func send(ctx context.Context, s *boundary.MapStream, batches int) error {
	t := newTemplate()
	for n := range batches {
		b := s.Buffer(len(t.data))
		if b == nil {
			return errors.New("the stream has ended")
		}
		b.Data, b.Off = t.fill(b.Data, n), append(b.Off, t.off...)
		if err := s.Send(ctx, b); err != nil {
			return err
		}
	}
	return s.CloseSend()
}

// fromPlugin receives batches.
func fromPlugin(ctx context.Context, batches int) (sum checksum, err error) {
	err = attempt(ctx, &pluginv1.MapStart{Id: &pluginv1.TaskID{Task: uint32(batches)}}, func(s *boundary.MapStream) error {
		if err := s.CloseSend(); err != nil {
			return err
		}
		for {
			p, err := s.Recv()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			sum.add(p.Keys)
		}
	})
	return sum, err
}
