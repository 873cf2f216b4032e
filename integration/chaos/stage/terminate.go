package stage

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/mrctl/mrctl/integration/cluster"
)

// parting is how long a process may take to end in order: a worker drains for a minute at most.
const parting = 75 * time.Second

// Terminate asks a process to end, as an operator would. One that does not, or ends badly, is noted.
func (s *Stage) Terminate(ctx context.Context, n *Node) {
	plugins := s.Plugins(n)
	p := n.doom()
	if p == nil {
		return
	}
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.Exited():
		n.mu.Lock()
		killed := n.killed // meanwhile, by another fault
		n.mu.Unlock()
		if err := p.Err(); err != nil && !killed {
			s.note(fmt.Sprintf("%s, asked to end by SIGTERM, ended with %v", n.Name, err))
		}
	case <-time.After(parting):
		s.note(fmt.Sprintf("%s has not ended %v after SIGTERM", n.Name, parting))
		p.Kill()
	}
	s.mustEnd(ctx, n, plugins)
}

// mustEnd notes plugins that outlive their worker.
func (s *Stage) mustEnd(ctx context.Context, n *Node, pids []int) {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	left := 0
	err := cluster.Until(ctx, "the end of plugins", func() (bool, error) {
		left = 0
		for _, pid := range pids {
			if exists(pid) {
				left++
			}
		}
		return left == 0, nil
	})
	if err != nil {
		s.note(fmt.Sprintf("%d plugins of %s live %v after it ended", left, n.Name, patience))
	}
}

// Shutdown ends everything in order, workers first, and gives what was noted about how processes ended, from the start on.
func (s *Stage) Shutdown(ctx context.Context) []string {
	for _, nodes := range [][]*Node{s.Workers, s.Coordinators} {
		done := make(chan struct{})
		for _, n := range nodes {
			go func() {
				n.Signal(syscall.SIGCONT)
				s.Terminate(ctx, n)
				done <- struct{}{}
			}()
		}
		for range nodes {
			<-done
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ends
}
