package stage

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/mrctl/mrctl/integration/chaos/clockjump"
	"github.com/mrctl/mrctl/integration/chaos/storefault"
	"github.com/mrctl/mrctl/integration/cluster"
)

// Node is a process of the cluster that may end and come back.
type Node struct {
	Name    string
	Scratch string // of a worker

	place place
	door  *storefault.Door // nil for a folder

	starting sync.Mutex // held while it is started

	mu     sync.Mutex
	proc   *cluster.Proc // guarded by mu; nil before the first start
	doomed bool          // guarded by mu; that it ends is our doing
	killed bool          // guarded by mu; and that it ends at once
}

// Start starts a node that does not run, and waits until it serves.
func (s *Stage) Start(ctx context.Context, n *Node) error {
	n.starting.Lock()
	defer n.starting.Unlock()
	if n.Alive() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	log := s.Local("logs/" + n.Name + ".log")
	began := sizeOf(log)
	args := []string{"serve", "coordinator", "--lease-ttl", s.Plan.LeaseTTL.String(), "--stall", s.Plan.Stall.String()}
	if strings.HasPrefix(n.Name, "worker") {
		args = []string{"serve", "worker", "--slots", fmt.Sprint(s.Plan.Slots), "--memory", fmt.Sprintf("%dMiB", 48*s.Plan.Slots), "--scratch", n.Scratch}
	}
	args = append(append(args, n.place.listen()...), "--log-level", "debug")
	env := s.environment(n.door)
	if s.Plan.MovesClocks() {
		env = append(env, clockjump.Variable+"="+s.clock(n))
	}
	proc, err := cluster.StartProcIn(n.place.enter(), n.Name, log, env, s.binary, args...)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.proc, n.doomed, n.killed = proc, false, false
	n.mu.Unlock()
	s.watches.Go(func() { s.watch(n, proc) }) // until the process ends, which Close sees to
	return cluster.Until(ctx, n.Name+" to serve", func() (bool, error) {
		addr, err := listening(log, began)
		if addr != "" {
			n.place.SetTarget(addr)
		}
		return addr != "" || !proc.Alive(), err
	})
}

// watch notes the end of a process that nobody asked for.
func (s *Stage) watch(n *Node, proc *cluster.Proc) {
	err := proc.Err()
	n.mu.Lock()
	doomed := n.doomed
	if n.proc == proc {
		n.place.SetTarget("")
	}
	n.mu.Unlock()
	if !doomed {
		s.note(fmt.Sprintf("%s ended by itself: %v", n.Name, endOf(err)))
	}
}

func (s *Stage) note(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends = append(s.ends, text)
}

func endOf(err error) string {
	if err == nil {
		return "exit code 0"
	}
	return err.Error()
}

// listening finds in what a log holds from byte on at which address its process serves; "" when it does not say yet.
func listening(log string, from int64) (string, error) {
	b, err := os.ReadFile(log)
	if err != nil {
		return "", err
	}
	for lines := bufio.NewScanner(bytes.NewReader(b[min(from, int64(len(b))):])); lines.Scan(); {
		var line struct{ Msg, Listen string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
			return line.Listen, nil
		}
	}
	return "", nil
}

func sizeOf(path string) int64 {
	if info, err := os.Stat(path); err == nil {
		return info.Size()
	}
	return 0
}

// Pid is the process id, 0 while there is no process.
func (n *Node) Pid() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc == nil || !n.proc.Alive() {
		return 0
	}
	return n.proc.Pid()
}

// Alive tells whether the process runs.
func (n *Node) Alive() bool { return n.Pid() != 0 }

// Addr is where others reach the process.
func (n *Node) Addr() string { return n.place.Addr() }

// doom says that the end that comes is our doing. It gives the process that is to end, nil if there is none.
func (n *Node) doom() *cluster.Proc {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc == nil || !n.proc.Alive() {
		return nil
	}
	n.doomed = true
	return n.proc
}

func (n *Node) kill() {
	if p := n.doom(); p != nil {
		n.mu.Lock()
		n.killed = true
		n.mu.Unlock()
		p.Kill()
	}
}

// Kill ends the process with SIGKILL, and holds it to its promise: what it started dies with it.
func (s *Stage) Kill(ctx context.Context, n *Node) {
	plugins := s.Plugins(n)
	n.kill()
	s.mustEnd(ctx, n, plugins)
}

// Signal sends a signal to the process, if there is one.
func (n *Node) Signal(sig syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc != nil {
		n.proc.Signal(sig)
	}
}
