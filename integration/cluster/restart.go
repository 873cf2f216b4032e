package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Restart tells one process to end, as whoever updates a cluster does, waits until it has, and starts another in its place.
func (c *Cluster) Restart(ctx context.Context, p *Proc) (*Proc, error) {
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.Exited():
	case <-ctx.Done():
		return nil, fmt.Errorf("%s has not ended: %w", p.Name, ctx.Err())
	}
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("%s, told to end: %w", p.Name, err)
	}
	name := p.Name + "+"
	if i := slices.Index(c.Coordinators, p); i >= 0 {
		next, err := c.spawn(name, "serve", "coordinator", "--store", c.Store, "--lease-ttl", c.LeaseTTL.String())
		if err == nil {
			c.Coordinators[i] = next
		}
		return next, err
	}
	i := slices.Index(c.Workers, p)
	if i < 0 {
		return nil, fmt.Errorf("%s is none of this cluster", p.Name)
	}
	next, err := c.spawn(name, "serve", "worker", "--store", c.Store, "--slots", strconv.Itoa(c.Slots), "--memory", c.Memory,
		"--scratch", filepath.Join(c.Dir, name+".scratch"))
	if err == nil {
		c.Workers[i] = next
	}
	return next, err
}
