package main

import (
	"context"
	"slices"
	"sync"
	"testing"

	"go.uber.org/zap"
)

// sluggish is a server that says what is done to it.
type sluggish struct {
	name string
	tell func(what string)
}

func (s sluggish) Run(ctx context.Context) error {
	<-ctx.Done()
	s.tell(s.name + " ended")
	return ctx.Err()
}

func (s sluggish) Drain(context.Context) error {
	s.tell(s.name + " drained")
	return nil
}

// TestDrainBeforeTheEnd: SIGTERM drains what can drain while everything still runs; Ctrl-C does not.
func TestDrainBeforeTheEnd(t *testing.T) {
	for _, c := range []struct {
		cause error
		first string
		all   int
	}{
		{errTerminated, "worker drained", 3},
		{errInterrupted, "", 2},
	} {
		var mu sync.Mutex
		var said []string
		tell := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			said = append(said, what)
		}
		ctx, end := context.WithCancelCause(t.Context())
		end(c.cause)
		coordinator := server(func(ctx context.Context) error {
			<-ctx.Done()
			tell("coordinator ended")
			return nil
		})
		if err := runServers(ctx, []runner{coordinator, sluggish{"worker", tell}}, zap.NewNop()); err != nil && err != context.Canceled {
			t.Error(err)
		}
		if len(said) != c.all || c.first != "" && said[0] != c.first || c.first == "" && slices.Contains(said, "worker drained") {
			t.Errorf("after %v: %q", c.cause, said)
		}
	}
}
